// The vocabulary of service checks: what is known of each checked service on this node, what can happen, what is decided.
//
// Types, and how each begins. The whole is as the core is: step() (policy.ts) takes what has happened with its moment, and answers
// with the next state and what is to be done; the rows with their reasons are in table.ts. Milliseconds, monotonic.

import type { Duration, Instant } from "../base/time.ts";
import type { Checking } from "../config/config.ts";
import type { Index } from "../core/model.ts";

/** What a service that is checked is doing. stuck: failed, and neither its restarts nor the other node help just now. */
export const PHASES = ["well", "restarting", "leaving", "stuck"] as const;
export type Phase = (typeof PHASES)[number];

/** failing and passing: what its checks together say, after each answer. */
export const SIGNALS = ["passing", "failing", "restarted", "refused"] as const;
export type Signal = (typeof SIGNALS)[number];

export interface Checked {
  readonly name: string;
  readonly home: Index;
  /** Can it be started anew? */
  readonly startable: boolean;
  readonly checking: Checking;
}

export interface Plan {
  readonly hold: Duration;
  /** Those with checks. */
  readonly services: readonly Checked[];
}

export interface CheckState {
  /** null: not enough answers yet since the service was last started. */
  readonly failed: boolean | null;
  /** So many answers in a row have said `ok`. */
  readonly row: number;
  readonly ok: boolean;
  readonly said: string;
}

export interface ServiceState {
  readonly phase: Phase;
  readonly checks: readonly CheckState[];
  /** All its checks have passed since its identity is here. */
  readonly hasBeenWell: boolean;
  /** When it was started anew, of late. */
  readonly restarts: readonly Instant[];
  /** The last pause before another try; 0: none has been needed since it was last well. */
  readonly pause: Duration;
  readonly retryAt: Instant;
  /** What people were told once, since it was last well. */
  readonly told: readonly string[];
}

/** An identity held here. */
export interface Held {
  readonly epoch: number;
  readonly since: Instant;
  /** The other node had it before. */
  readonly cameOver: boolean;
  /** Its services have been started, and are not being stopped: only then an answer means something. */
  readonly active: boolean;
}

export interface State {
  readonly plan: Plan;
  readonly held: readonly [Held | null, Held | null];
  readonly services: Readonly<Record<string, ServiceState>>;
  /** The service for which something is being done: one thing at a time on the whole node. */
  readonly busy: string | null;
}

export type Observation =
  | { readonly kind: "held"; readonly at: Instant; readonly identity: Index; readonly held: Omit<Held, "since"> | null }
  | { readonly kind: "answer"; readonly at: Instant; readonly service: string; readonly check: number; readonly ok: boolean; readonly said: string }
  | { readonly kind: "restarted"; readonly at: Instant; readonly service: string; readonly ok: boolean; readonly said: string }
  /** The core has refused or given up the handover. One that succeeds shows in `held`. */
  | { readonly kind: "refused"; readonly at: Instant; readonly service: string; readonly said: string }
  | { readonly kind: "planned"; readonly at: Instant; readonly plan: Plan };

export type Decision =
  | { readonly kind: "restart"; readonly service: string; readonly identity: Index }
  /** As a person would ask for it: whether the other node can take it is the core's judgement. */
  | { readonly kind: "hand-over"; readonly service: string; readonly identity: Index; readonly because: string }
  | { readonly kind: "tell"; readonly level: "info" | "warn" | "alarm"; readonly event: string; readonly identity: Index; readonly because: string };

const UNKNOWN: CheckState = { failed: null, row: 0, ok: true, said: "" };

/** No answer counted yet: also after each start, since a service may take its time. */
export const unasked = ({ checking }: Checked): readonly CheckState[] => checking.checks.map(() => UNKNOWN);

export const newService = (service: Checked): ServiceState =>
  ({ phase: "well", checks: unasked(service), hasBeenWell: false, restarts: [], pause: 0, retryAt: 0, told: [] });

export const initialState = (plan: Plan): State => ({ plan, held: [null, null], services: {}, busy: null });

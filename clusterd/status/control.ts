// The control socket: one JSON object a line in each direction, over the unix socket /run/clusterd/clusterd.sock
// (mode 0600, root). The command line, the mirror process and the ssh side all ask the daemon here.

import type { Summary, Verb } from "../core/model.ts";
import type { Duration, WallTime } from "../base/time.ts";
import type { Phase } from "../checks/model.ts";
import type { Maintenance } from "../maintenance.ts";
import type { Facts } from "../preflight/facts.ts";

export type ControlRequest =
  /** `follow`: the connection stays, and a new line comes with each decision, and at least every few seconds. */
  | { readonly ask: "status"; readonly follow?: boolean }
  | { readonly ask: "command"; readonly verb: Verb; readonly node: string | null }
  /** The mirror reports a finished run; `inSync` = the peer now has every version of this node's jobs for that identity. */
  | { readonly ask: "mirror-report"; readonly identity: string; readonly epoch: number; readonly inSync: boolean; readonly job: string; readonly ok: boolean; readonly detail: string }
  /** `span`: it ends by itself after that time. */
  | { readonly ask: "maintenance"; readonly on: boolean; readonly span: Duration | null; readonly why: string }
  | { readonly ask: "reload" }
  /** Would it be taken? Nothing is done. A request of its own, so that a daemon that does not know it does nothing either. */
  | { readonly ask: "would-reload" }
  | { readonly ask: "stop" }
  /** SIGTERM for an upgrade: end without releasing, so that a new daemon can go on within the lease. */
  | { readonly ask: "restart" };

const VERBS: readonly Verb[] = ["switchover", "failback", "clear", "force-own", "leave", "confirm-dead", "handover"];
/** Who asks for these without a name means nothing: there would never be an answer. */
const NAMED: readonly Verb[] = ["switchover", "failback", "force-own", "handover"];
const isText = (value: unknown): value is string => typeof value === "string";

/** The request in a line's JSON, or a sentence that says what is wrong with it. Members that no request has are left out. */
export function readRequest(value: unknown): ControlRequest | string {
  const { ask, follow, verb, node, identity, epoch, inSync, job, ok, detail, on, span, why } = (value ?? {}) as Record<string, unknown>;
  switch (ask) {
    case "status": return follow === true ? { ask, follow } : { ask };
    case "reload": case "would-reload": case "stop": case "restart": return { ask };
    case "command": {
      const known = VERBS.find((one) => one === verb);
      if (known === undefined) return `the request's verb is none of ${VERBS.join(" ")}`;
      const about = node ?? null;
      if (about !== null && !isText(about)) return "the request's node is no name";
      return about === null && NAMED.includes(known) ? `${known} of what? The request names no node` : { ask, verb: known, node: about };
    }
    case "mirror-report":
      return isText(identity) && isText(job) && isText(detail) && Number.isSafeInteger(epoch) && typeof inSync === "boolean" && typeof ok === "boolean"
        ? { ask, identity, epoch: epoch as number, inSync, job, ok, detail } : "the mirror's report lacks a part, or has one of another kind";
    case "maintenance":
      return typeof on === "boolean" && (span === null || Number.isFinite(span)) && isText(why)
        ? { ask, on, span: span as Duration | null, why: why.slice(0, 500) } : "the order for maintenance lacks a part, or has one of another kind";
    default: return isText(ask) ? `this daemon does not know how to ${ask.slice(0, 60)}` : "the request asks nothing: `ask` is missing";
  }
}

export type ControlAnswer =
  | { readonly ok: true; readonly text: string; readonly status?: NodeStatus; /** Of the other node, for preflight. */ readonly facts?: Facts }
  /** `absent`: nobody listens, so no daemon runs here. One that is only slow may be doing anything. */
  | { readonly ok: false; readonly text: string; readonly absent?: true };

/** What one node knows, as `clusterd status --json` prints it for each node. */
export interface NodeStatus {
  readonly version: 1;
  readonly cluster: string;
  readonly node: string;
  readonly nodes: readonly [string, string];
  readonly wall: WallTime;
  readonly started: WallTime;
  readonly profile: string;
  readonly core: Summary;
  /** Milliseconds the peer's wall clock is ahead of ours; null = not known yet. */
  readonly offset: number | null;
  /** Newest last; the decisions with their reasons. */
  readonly history: readonly { readonly wall: WallTime; readonly level: string; readonly event: string; readonly identity: string | null; readonly because: string }[];
  /** `watchdog`: does the dead-man hold the machine's? Null: none is asked for. */
  readonly guards: { readonly deadman: boolean; readonly kernelLease: boolean; readonly watchdog: boolean | null };
  readonly configuration: { readonly digest: string; readonly loaded: WallTime; readonly problem: string | null };
  /** Planned work on this node, or null. */
  readonly maintenance: Omit<Maintenance, "told"> | null;
  /** Result of the last check of the local clock (crontab line), or null. */
  readonly clock: { readonly checked: WallTime; readonly disciplined: boolean; readonly detail: string } | null;
  /** The services with checks whose identity is held here; not there: an older clusterd. */
  readonly checks?: readonly {
    readonly service: string; readonly identity: string; readonly phase: Phase;
    /** They are being asked now. */
    readonly active: boolean;
    /** How often it was started anew within the time that `restarts` names. */
    readonly restarts: number;
    /** stuck: until the next try. */
    readonly retryIn: Duration | null;
    /** `row`: so many answers in a row have said `ok`. */
    readonly checks: readonly { readonly check: string; readonly state: "unknown" | "passing" | "failing"; readonly ok: boolean; readonly row: number; readonly said: string }[];
  }[];
  /** Each job's last good run, from the mirror's report files. */
  readonly jobs: readonly { readonly job: string; readonly identity: string; readonly lastGood: WallTime | null; readonly lastRun: WallTime | null; readonly lastResult: string | null }[];
}

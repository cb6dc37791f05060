// What a checked service makes of each signal, as data: the rows that log, history, `status` and `clusterd explain` speak from.
//
// As in core/table.ts: rows of a cell are tried from the top, the first whose guard holds is taken; leaving out a signal is a
// compile error, ignoring one a statement. Nothing here moves an identity: `hand-over` asks the core as a person would.

import type { Checked, Held, Observation, Phase, ServiceState, Signal, State } from "./model.ts";

export interface Scene {
  readonly state: State;
  readonly service: Checked;
  readonly own: ServiceState;
  readonly held: Held;
  readonly event: Observation;
}

/** How often it was started anew within the time that `restarts` names. */
export const recent = ({ service, own, event }: Pick<Scene, "service" | "own" | "event">): number => own.restarts.filter((at) => event.at - at < service.checking.restarts.within).length;

export const GUARDS = {
  otherwise: () => true,
  "one-thing-at-a-time": ({ state }) => state.busy !== null,
  pausing: ({ own, event }) => event.at < own.retryAt,
  "restarts-left": (scene) => scene.own.pause === 0 && recent(scene) < scene.service.checking.restarts.most,
  "never-well-here": ({ held, own }) => held.cameOver && !own.hasBeenWell,
  "held-here": ({ state, held, event }) => held.cameOver && event.at - held.since < state.plan.hold,
  "can-be-started": ({ service }) => service.startable,
  "restart-failed": ({ event }) => event.kind === "restarted" && !event.ok,
  "was-ill": ({ own }) => own.pause > 0 || own.told.length > 0,
} as const satisfies Readonly<Record<string, (scene: Scene) => boolean>>;

export const ACTIONS = ["restart", "hand-over", "pause", "recover", "count-anew"] as const;

export interface Row {
  readonly when: keyof typeof GUARDS;
  readonly to: Phase;
  readonly do: readonly (typeof ACTIONS)[number][];
  readonly because: string;
  /** Null: not worth a line. */
  readonly level: "info" | "warn" | "alarm" | null;
  /** Told once until the service is well again. */
  readonly once: boolean;
}
export type Cell = readonly Row[] | { readonly ignored: string };

const row = (when: Row["when"], to: Phase, actions: Row["do"], because: string, level: Row["level"] = null, { once = false } = {}): Row =>
  ({ when, to, do: actions, because, level, once });
const ignored = (because: string): { readonly ignored: string } => ({ ignored: because });
const ONCE = { once: true };

const NO_RESTART = ignored("no restart is under way");
const NO_HANDOVER = ignored("no handover was asked for");
const UNDER_WAY = ignored("what is being done now will show");

/** What stands against another handover, most of all. */
const STAYS = [
  row("never-well-here", "stuck", ["pause"], "it has not been well here since its identity came from the other node: it stays here, and is tried again after growing pauses", "alarm", ONCE),
  row("held-here", "stuck", ["pause"], "its identity came from the other node less than check_hold ago: it stays here, and is tried again after growing pauses", "alarm", ONCE),
] as const;

export const TABLE = {
  well: {
    passing: [row("was-ill", "well", ["recover"], "it is well again", "info"),
      row("otherwise", "well", ["recover"], "the normal case")],
    failing: [row("one-thing-at-a-time", "well", [], "something is being done for another service: one thing at a time"),
      row("restarts-left", "restarting", ["restart"], "it is started anew here", "warn"),
      ...STAYS,
      row("otherwise", "leaving", ["hand-over"], "its restarts are used up: its identity is to go to the other node", "alarm", ONCE)],
    restarted: NO_RESTART, refused: NO_HANDOVER,
  },
  restarting: {
    passing: UNDER_WAY, failing: UNDER_WAY,
    restarted: [row("restart-failed", "well", ["count-anew"], "it could not be started anew; its checks count from now on", "warn", ONCE),
      row("otherwise", "well", ["count-anew"], "it was started anew; its checks count from now on")],
    refused: NO_HANDOVER,
  },
  leaving: {
    passing: UNDER_WAY, failing: UNDER_WAY, restarted: NO_RESTART,
    refused: [row("otherwise", "stuck", ["pause"], "the other node cannot take its identity: it is tried again here after growing pauses", "alarm", ONCE)],
  },
  stuck: {
    passing: [row("otherwise", "well", ["recover"], "it is well again", "info")],
    failing: [row("one-thing-at-a-time", "stuck", [], "something is being done for another service: one thing at a time"),
      row("pausing", "stuck", [], "the pause before the next try is not over"),
      row("can-be-started", "restarting", ["restart"], "the pause is over: it is tried again here", "warn", ONCE),
      ...STAYS,
      row("otherwise", "leaving", ["hand-over"], "the pause is over: the other node is asked again", "warn", ONCE)],
    restarted: NO_RESTART, refused: NO_HANDOVER,
  },
} as const satisfies { readonly [P in Phase]: { readonly [S in Signal]: Cell } };

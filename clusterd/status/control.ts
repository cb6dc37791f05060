// The control socket: one JSON object a line in each direction, over the unix socket /run/clusterd/clusterd.sock
// (mode 0600, root). The command line, the mirror process and the ssh side all ask the daemon here.

import type { Summary, Verb } from "../core/model.ts";
import type { WallTime } from "../base/time.ts";
import type { Facts } from "../preflight/facts.ts";

export type ControlRequest =
  /** `follow`: the connection stays, and a new line comes with each decision, and at least every few seconds. */
  | { readonly ask: "status"; readonly follow?: boolean }
  | { readonly ask: "command"; readonly verb: Verb; readonly node: string | null }
  /** The mirror reports a finished run; `inSync` = the peer now has every version of this node's jobs for that identity. */
  | { readonly ask: "mirror-report"; readonly identity: string; readonly epoch: number; readonly inSync: boolean; readonly job: string; readonly ok: boolean; readonly detail: string }
  | { readonly ask: "reload" }
  | { readonly ask: "stop" }
  /** SIGTERM for an upgrade: end without releasing, so that a new daemon can go on within the lease. */
  | { readonly ask: "restart" };

export type ControlAnswer =
  | { readonly ok: true; readonly text: string; readonly status?: NodeStatus; /** Of the other node, for preflight. */ readonly facts?: Facts }
  | { readonly ok: false; readonly text: string };

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
  readonly guards: { readonly deadman: boolean; readonly kernelLease: boolean };
  readonly configuration: { readonly digest: string; readonly loaded: WallTime; readonly problem: string | null };
  /** Result of the last check of the local clock (crontab line), or null. */
  readonly clock: { readonly checked: WallTime; readonly disciplined: boolean; readonly detail: string } | null;
  /** Each job's last good run, from the mirror's report files. */
  readonly jobs: readonly { readonly job: string; readonly identity: string; readonly lastGood: WallTime | null; readonly lastRun: WallTime | null; readonly lastResult: string | null }[];
}

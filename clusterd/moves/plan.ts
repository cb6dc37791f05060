// What a planned move would do, step by step, how long that takes, and which files the other node does not have yet. Pure: this is
// what --dry-run prints.

import { formatDuration } from "../base/time.ts";
import type { Duration, WallTime } from "../base/time.ts";
import type { JobLedger } from "../../mirror/ledger.ts";
import { ledgerText } from "../../mirror/text.ts";
import { median } from "./past.ts";

export interface Handover {
  readonly identity: string;
  readonly from: string;
  readonly to: string;
  /** The NIC that carries it there. */
  readonly nic: string;
  /** In the order in which they are started. */
  readonly services: readonly string[];
  /** And how long the last good run of each took. */
  readonly jobs: readonly { readonly job: string; readonly took: Duration | null }[];
  /** Earlier ones of this identity, newest last. */
  readonly past: readonly Duration[];
  readonly ledgers: readonly JobLedger[];
  readonly keepalive: Duration;
  /** Why it would be refused as things are; null = nothing is known to stand against it. */
  readonly obstacle: string | null;
}

/** Who is asked by a person refuses when the other node cannot take it; who leaves lets go all the same. */
export type Manner = "asked" | "leaves";

/** Of so many paths of each job the name is shown. */
const SHOWN = 10;
const RECENT = 5;

export function handoverSteps({ identity, from, to, nic, services, jobs, obstacle }: Handover, manner: Manner = "asked"): readonly string[] {
  if (manner === "leaves" && obstacle !== null) return [
    ...(services.length === 0 ? [] : [`${from} stops ${services.toReversed().join(", ")}`]),
    `${from} lets go of ${identity}: its clients get no answer until somebody owns it`,
  ];
  return [
    ...(services.length === 0 ? [] : [`${from} stops ${services.toReversed().join(", ")}`]),
    ...(jobs.length === 0 ? [] : [`${from} mirrors once more: ${jobs.map(({ job, took }) => (took === null ? job : `${job} (last run ${formatDuration(Math.round(took))})`)).join(", ")}`]),
    `${from} lets go of ${identity}: link down, looked at, offered to ${to} at a new epoch`,
    `${to} takes it on ${nic}: MAC and address up, looked at, announced`,
    ...(services.length === 0 ? [] : [`${to} starts ${services.join(", ")}`]),
  ];
}

/** From the decision to the new owner; null = nobody knows. */
export function expectedTime({ past, services, jobs, keepalive }: Handover): { readonly ms: Duration | null; readonly text: string } {
  const recent = past.slice(-RECENT);
  const ms = median(recent);
  if (ms !== null) return { ms, text: `about ${formatDuration(ms)}, as ${recent.length === 1 ? "the last time" : `the last ${recent.length} times (${formatDuration(Math.min(...recent))} to ${formatDuration(Math.max(...recent))})`}` };
  const address = `not measured here yet; the address itself moves within about two keepalives (${formatDuration(2 * keepalive)})`;
  const rest = [...(services.length > 0 ? ["the services take to stop and start"] : []), ...(jobs.length > 0 ? ["the last mirror pass takes"] : [])];
  return { ms: rest.length === 0 ? 2 * keepalive : null, text: rest.length === 0 ? address : `${address}, and there is what ${rest.join(" and ")}` };
}

export function handoverText(verb: string, move: Handover, now: WallTime, manner: Manner = "asked"): string {
  const { identity, from, to, obstacle, ledgers, jobs } = move;
  const behind = ledgers.map((one) => ledgerText(one, now, SHOWN));
  const alone = manner === "leaves" && obstacle !== null;
  const asked = manner === "leaves" ? "would hand" : "would be asked to hand";
  return [
    alone ? `${verb}: ${from} would let go of ${identity}, and ${to} cannot take it: ${obstacle}` : `${verb}: ${from} ${asked} ${identity} over to ${to}${obstacle === null ? "" : `, and would refuse: ${obstacle}`}`,
    ...numbered(handoverSteps(move, manner)),
    ...(alone ? [] : [`  expected: ${expectedTime(move).text}`]),
    ...(jobs.length === 0 ? [] : [alone ? "  not on the other node now, and would stay behind:" : "  not on the other node now; the last pass brings it there, or nothing moves:", ...behind.flatMap((text) => text.split("\n")).map((line) => `    ${line}`)]),
  ].join("\n");
}

export const numbered = (steps: readonly string[]): readonly string[] => steps.map((step, at) => `  ${at + 1}. ${step}`);

export const handoverData = (move: Handover, manner: Manner = "asked"): Readonly<Record<string, unknown>> =>
  ({ identity: move.identity, from: move.from, to: move.to, obstacle: move.obstacle, steps: handoverSteps(move, manner), expected_ms: manner === "leaves" && move.obstacle !== null ? null : expectedTime(move).ms, past_ms: move.past, ledger: move.ledgers });

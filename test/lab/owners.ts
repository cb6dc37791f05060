// Who spoke for which identity, and were there ever two at once? Judged from the sniffer's log alone. Pure, but for `sniffed` and `owners`.
//
// A span is the time during which a port had the identity: from its first frame to its last, where two frames belong
// together if no other port spoke between them, or if they are at most `silence` apart. So an identity that moves away
// and comes back later gives two spans, but a port that goes on speaking beside another keeps one span open, and the two
// overlap. Each overlapping pair counts at least MOMENT, so that a single stray frame is never 0.
//
// `silence` is long because two owners may take turns: the switch sends the client's questions to the port that spoke
// last. The price: an identity that moves there and back within it is taken for an overlap. Who plans such moves waits
// longer between them, or gives a smaller one.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import type { Lab } from "./lab.ts";
import { now } from "./processes.ts";

/** All times: CLOCK_MONOTONIC, milliseconds. */
export interface Row {
  readonly identity: string;
  readonly port: string;
  readonly from: number;
  readonly to: number;
  readonly frames: number;
}

export interface Span {
  readonly port: string;
  readonly from_ms: number;
  readonly to_ms: number;
  readonly frames: number;
}

export interface Owners {
  readonly overlap_ms: number;
  readonly identities: Readonly<Record<string, readonly Span[]>>;
}

export interface Heartbeat {
  readonly port: string;
  readonly at: number;
  /** Bit i: the sender claims identity i. */
  readonly claims: number;
}

export interface Sniffed {
  readonly rows: readonly Row[];
  readonly heartbeats: readonly Heartbeat[];
}

const SILENCE = 2000;
const MOMENT = 1;
/** A row is written when its port has been silent for 50 ms, and what was seen is written every 20 ms. */
const WRITTEN_AFTER = 150;
/** On a machine too busy to run the sniffer; with both nodes off there is no later heartbeat to wait for. */
const PATIENCE = 2000;

/** The sniffer's log from `since` on. */
export function readSniffer(log: string, since = 0): Sniffed {
  const rows: Row[] = [];
  const heartbeats: Heartbeat[] = [];
  // The last line may be half written.
  for (const line of log.slice(0, log.lastIndexOf("\n") + 1).split("\n")) {
    const [kind, ...words] = line.split(" ");
    if (kind === "S") {
      const [identity, port, from, to, frames] = words as [string, string, string, string, string];
      if (Number(to) >= since) rows.push({ identity, port, from: Number(from), to: Number(to), frames: Number(frames) });
    } else if (kind === "H") {
      const [port, at, claims] = words as [string, string, string];
      if (Number(at) >= since) heartbeats.push({ port, at: Number(at), claims: Number(claims) });
    }
  }
  return { rows, heartbeats };
}

export function judgeOwners(rows: readonly Row[], identities: readonly string[], silence = SILENCE): Owners {
  const spans = identities.map((identity) => [identity, spansOf(rows.filter((row) => row.identity === identity), silence)] as const);
  const overlap = spans.reduce((sum, [, each]) => sum + overlapOf(each), 0);
  return { overlap_ms: round(overlap), identities: Object.fromEntries(spans) };
}

function spansOf(rows: readonly Row[], silence: number): Span[] {
  const sorted = [...rows].sort((a, b) => a.from - b.from);
  const open = new Map<string, Row>();
  const closed: Row[] = [];
  let latest: string | null = null;
  for (const row of sorted) {
    const mine = open.get(row.port);
    if (mine !== undefined && (latest === row.port || row.from - mine.to <= silence)) {
      open.set(row.port, { ...mine, to: row.to, frames: mine.frames + row.frames });
    } else {
      if (mine !== undefined) closed.push(mine);
      open.set(row.port, row);
    }
    latest = row.port;
  }
  return [...closed, ...open.values()]
    .sort((a, b) => a.from - b.from)
    .map(({ port, from, to, frames }) => ({ port, from_ms: round(from), to_ms: round(to), frames }));
}

export async function owners(lab: Lab, since = 0, silence = SILENCE): Promise<Owners> {
  return judgeOwners((await sniffed(lab.snifferLog, since)).rows, lab.nodes().map(({ name }) => name), silence);
}

/** A sniffer's log from `since` until now: waits until a later heartbeat is in it, or, where no node is on, as long as the sniffer may take. */
export async function sniffed(log: string, since = 0): Promise<Sniffed> {
  const asked = now();
  await sleep(WRITTEN_AFTER);
  for (;;) {
    const read = readSniffer(readFileSync(log, "utf8"), since);
    if ((read.heartbeats.at(-1)?.at ?? 0) > asked + WRITTEN_AFTER / 2 || now() - asked > PATIENCE) return read;
    await sleep(WRITTEN_AFTER);
  }
}

/** When serv2 last claimed serv1's identity aloud before `answered`, and for how long it had; null if it never did. */
export function lastClaim({ heartbeats }: Sniffed, answered: number): { readonly at: number; readonly lasted: number } | null {
  const claims = heartbeats.filter(({ port, at, claims }) => port.startsWith("serv2-") && (claims & 1) === 1 && at < answered);
  const [first, last] = [claims[0], claims.at(-1)];
  return first === undefined || last === undefined ? null : { at: last.at, lasted: last.at - first.at };
}

/** Spans of one port never overlap each other, so every overlapping pair is two owners. */
function overlapOf(spans: readonly Span[]): number {
  const pairs = spans.flatMap((a, at) => spans.slice(at + 1).filter((b) => b.port !== a.port).map((b) => [a, b] as const));
  return pairs.reduce((sum, [a, b]) => {
    const shared = Math.min(a.to_ms, b.to_ms) - Math.max(a.from_ms, b.from_ms);
    return shared < 0 ? sum : sum + Math.max(shared, MOMENT);
  }, 0);
}

const round = (ms: number): number => Math.round(ms * 1000) / 1000;

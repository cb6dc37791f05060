// How each job's changes travel right now, as the mirror's process says it: RUN/mirror/live/JOB.json. Read by `status` and `ledger`.
//
// The dirty paths themselves are in the journal (dirty-journal.ts), which outlives the process; this file counts only while it lives.

import { mkdirSync, readFileSync, rmSync, writeFileSync, renameSync } from "node:fs";
import { RUN } from "../clusterd/base/paths.ts";
import { monotonicNow } from "../clusterd/base/time.ts";
import type { Duration, Instant, WallTime } from "../clusterd/base/time.ts";
import { readDirty } from "./dirty-journal.ts";
import { startOf } from "./lock.ts";

export interface Lag { readonly changes: number; readonly p50: Duration; readonly p99: Duration; readonly max: Duration }

export interface LiveState {
  /** Which watcher tells of changes; null = none: they travel with passes. */
  readonly by: "chokidar" | "fatrace" | null;
  readonly because: string;
  /** Changes since then may be unknown; null = every one is. */
  readonly unlistedSince: WallTime | null;
  /** From hearing of a change to the peer having it, over the last thousand of them; null before the first. */
  readonly lag: Lag | null;
}

/** Written once a second: whoever has not for so long hears nothing either. */
const SILENT: Duration = 5000;
const FOLDER = `${RUN}/mirror/live`;
const file = (job: string): string => `${FOLDER}/${job}.json`;

export function writeState(job: string, state: LiveState): void {
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  writeFileSync(`${file(job)}.new`, `${JSON.stringify({ ...state, at: monotonicNow(), pid: process.pid, start: startOf(process.pid) })}\n`, { mode: 0o600 });
  renameSync(`${file(job)}.new`, file(job));
}

export const dropState = (job: string): void => rmSync(file(job), { force: true });

/** Null when no mirror process of this node looks after the job as its owner; one that stands still does not. */
export function readState(job: string): LiveState | null {
  try {
    const { pid, start, at, ...state } = JSON.parse(readFileSync(file(job), "utf8")) as LiveState & { pid: number; start: number; at: Instant };
    return startOf(pid) === start && monotonicNow() - at < SILENT ? state : null;
  } catch {
    return null;
  }
}

/** The same with how many changes are under way, and the time of the oldest. */
export interface LiveNow extends LiveState { readonly dirty: number; readonly oldest: WallTime | null }

export function liveNow(job: string): LiveNow | null {
  const state = readState(job);
  const times = state === null ? [] : [...readDirty(job).values()].map(({ since }) => since);
  return state === null ? null : { ...state, dirty: times.length, oldest: times.reduce<number | null>((least, time) => (least === null || time < least ? time : least), null) };
}

/** The last thousand lags. */
export class Lags {
  readonly #last: number[] = [];
  #count = 0;

  add(lag: Duration): void {
    this.#last[this.#count % 1000] = lag;
    this.#count += 1;
  }

  summary(): Lag | null {
    const sorted = [...this.#last].sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    return sorted.length === 0 ? null : { changes: this.#count, p50: at(0.5), p99: at(0.99), max: at(1) };
  }
}

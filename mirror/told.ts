// What the owner last said of its ledger, kept by the standby: should the owner die, this is what may be stale here, to the file.
//
// One file per job, STATE/mirror/told/JOB.json. Node core only.

import { mkdirSync, readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { writeDurably } from "../clusterd/base/files.ts";
import { STATE } from "../clusterd/base/paths.ts";
import type { WallTime } from "../clusterd/base/time.ts";
import { RECEIVE_EXIT } from "./exit-codes.ts";
import { readAll } from "./input.ts";

/** A path that is not on the peer yet; a folder with a slash at its end stands for names in it. Odd bytes as rsync prints them. */
export interface DirtyPath { readonly path: string; readonly since: WallTime }

export interface Ledger {
  /** When the owner last knew it to be so. */
  readonly at: WallTime;
  /** How changes travel: `live by chokidar`, `live by fatrace` or `passes`, and why. */
  readonly mode: string;
  readonly because: string;
  /** Changes since then may be missing in `dirty`, because nobody watched; null = it is complete. */
  readonly unlistedSince: WallTime | null;
  /** Oldest first; at most LISTED of them. */
  readonly dirty: readonly DirtyPath[];
  readonly total: number;
}

export interface Told extends Ledger { readonly epoch: number; readonly heard: WallTime }

export const LISTED = 10_000;
const LARGEST = 8 * 1024 * 1024;
const told = (job: string): string => `${STATE}/mirror/told/${job}.json`;

/** Takes the owner's word for its ledger, if it is one. */
export async function takeTold(job: string, epoch: number, input: Readable): Promise<{ readonly code: 0; readonly answer: null } | { readonly code: number; readonly because: string }> {
  const ledger = parseLedger((await readAll(input, LARGEST))?.toString("utf8") ?? "");
  if (ledger === null) return { code: RECEIVE_EXIT.forbidden, because: "that is no ledger" };
  mkdirSync(`${STATE}/mirror/told`, { recursive: true, mode: 0o700 });
  writeDurably(told(job), `${JSON.stringify({ ...ledger, epoch, heard: Date.now() } satisfies Told)}\n`);
  return { code: 0, answer: null };
}

export function readTold(job: string): Told | null {
  try {
    return JSON.parse(readFileSync(told(job), "utf8")) as Told;
  } catch {
    return null; // the owner has never said
  }
}

/** Only what a ledger has, and nothing of another type. Pure. */
export function parseLedger(text: string): Ledger | null {
  try {
    const { at, mode, because, unlistedSince, dirty, total } = JSON.parse(text) as Record<string, unknown>;
    if (!isTime(at) || typeof mode !== "string" || typeof because !== "string" || !(unlistedSince === null || isTime(unlistedSince)) || !isTime(total)) return null;
    if (!Array.isArray(dirty) || dirty.length > LISTED) return null;
    const paths = (dirty as unknown[]).map((one): DirtyPath => {
      const { path, since } = one as Record<string, unknown>;
      if (typeof path !== "string" || !isTime(since)) throw new TypeError("no path with a time");
      return { path, since };
    });
    return { at, mode: mode.slice(0, 100), because: because.slice(0, 1000), unlistedSince, dirty: paths, total };
  } catch {
    return null;
  }
}

const isTime = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value) && value >= 0;

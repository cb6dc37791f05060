// How far a job's scrub has come, and what the last one found: STATE/mirror/scrub/JOB.json. Node core only.

import { mkdirSync, readFileSync } from "node:fs";
import { writeDurably } from "../../clusterd/base/files.ts";
import { STATE } from "../../clusterd/base/paths.ts";
import type { WallTime } from "../../clusterd/base/time.ts";

/** One way through all of a job's files, perhaps in many sittings. */
export interface Round {
  readonly began: WallTime;
  /** Null: it is still under way. */
  readonly ended: WallTime | null;
  readonly files: number;
  readonly bytes: number;
  /** Paths of equal size and time whose content differed, as rsync prints them; and how many of them were sent again. */
  readonly rotten: readonly string[];
  readonly repaired: number;
  /** The last file compared: the entry's path, and the name below it (latin1). */
  readonly cursor: { readonly entry: string; readonly name: string | null } | null;
}

export interface ScrubState { readonly now: Round | null; readonly last: Round | null }

const FOLDER = `${STATE}/mirror/scrub`;
const file = (job: string): string => `${FOLDER}/${job}.json`;

export function readScrub(job: string): ScrubState {
  try {
    return toScrub(JSON.parse(readFileSync(file(job), "utf8")));
  } catch {
    return { now: null, last: null }; // never scrubbed here
  }
}

export function writeScrub(job: string, state: ScrubState): void {
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  writeDurably(file(job), `${JSON.stringify(state)}\n`);
}

/** What of the file is of the kind that we write. */
export function toScrub(value: unknown): ScrubState {
  const { now, last } = (value ?? {}) as Record<string, unknown>;
  return { now: toRound(now), last: toRound(last) };
}

function toRound(value: unknown): Round | null {
  const { began, ended, files, bytes, rotten, repaired, cursor } = (value ?? {}) as Record<string, unknown>;
  if (![began, files, bytes, repaired].every(Number.isFinite) || !Array.isArray(rotten)) return null;
  const { entry, name } = (cursor ?? {}) as Record<string, unknown>;
  return {
    began: began as number, ended: Number.isFinite(ended) ? ended as number : null, files: files as number, bytes: bytes as number, repaired: repaired as number,
    rotten: rotten.filter((one): one is string => typeof one === "string"),
    cursor: typeof entry === "string" ? { entry, name: typeof name === "string" ? name : null } : null,
  };
}

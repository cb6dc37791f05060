// How fast pushes of a job have been, and what followed for the last one: STATE/mirror/speeds/JOB.json. Losing it costs a few runs that measure anew.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { STATE } from "../clusterd/base/paths.ts";
import type { Choice, Speeds } from "./whole-file.ts";

const FOLDER = `${STATE}/mirror/speeds`;

export interface Measured { readonly speeds: Speeds; /** Of the last run that sent anything; null: none has. */ readonly last: Choice | null }

export function readSpeeds(job: string): Measured {
  try {
    return toMeasured(JSON.parse(readFileSync(`${FOLDER}/${job}.json`, "utf8")));
  } catch {
    return { speeds: {}, last: null };
  }
}

export function writeSpeeds(job: string, measured: Measured): void {
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  writeFileSync(`${FOLDER}/${job}.json.new`, `${JSON.stringify(measured)}\n`, { mode: 0o600 });
  renameSync(`${FOLDER}/${job}.json.new`, `${FOLDER}/${job}.json`);
}

/** What of it is of the kind that we write. */
export function toMeasured(value: unknown): Measured {
  const { speeds, last } = (value ?? {}) as { readonly speeds?: Speeds; readonly last?: Choice | null };
  const rate = (one: unknown): number | null => (typeof one === "number" && one > 0 ? one : null);
  return {
    speeds: Object.fromEntries(Object.entries(speeds ?? {}).map(([kind, speed]) => [kind, { whole: rate(speed?.whole), delta: rate(speed?.delta) }])),
    last: typeof last?.whole === "boolean" && typeof last.because === "string" ? { whole: last.whole, because: last.because } : null,
  };
}

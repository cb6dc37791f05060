// How far has the push that is going on come? RUN/mirror/progress/JOB.json, written once a second; read by `status` and `watch`. It counts only while a run of the job goes on.
//
// rsync's own share and time left are of all that the tree holds. What a dry run has counted is better: then they are of what is sent.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { RUN } from "../clusterd/base/paths.ts";
import type { Duration, WallTime } from "../clusterd/base/time.ts";
import { runGoesOn } from "./lock.ts";
import type { Progress } from "./rsync-outcome.ts";

export interface Going extends Progress { readonly path: string; readonly at: WallTime }

const FOLDER = `${RUN}/mirror/progress`;
const EVERY = 1000;

const file = (job: string): string => `${FOLDER}/${job}.json`;

/** Null: no run goes on, or it has not begun to send. */
export function readProgress(job: string): Going | null {
  try {
    return runGoesOn(job) ? JSON.parse(readFileSync(file(job), "utf8")) as Going : null;
  } catch {
    return null;
  }
}

export class ProgressNote {
  readonly #job: string;
  #at: WallTime = 0;

  constructor(job: string) {
    this.#job = job;
    this.drop();
  }

  write(path: string, progress: Progress): void {
    const at = Date.now();
    if (at - this.#at < EVERY) return;
    this.#at = at;
    mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
    writeFileSync(`${file(this.#job)}.new`, JSON.stringify({ ...progress, path, at } satisfies Going), { mode: 0o600 });
    renameSync(`${file(this.#job)}.new`, file(this.#job));
  }

  drop(): void {
    rmSync(file(this.#job), { force: true });
  }
}

/** The same, of `total` bytes that are to be sent in all, `elapsed` since the beginning. Pure. */
export function ofTotal(progress: Progress, total: number, elapsed: Duration): Progress {
  if (total <= 0 || progress.bytes <= 0) return progress;
  const seconds = Math.round((Math.max(0, total - progress.bytes) * elapsed) / progress.bytes / 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  return { ...progress, percent: Math.min(100, Math.floor((100 * progress.bytes) / total)), left: `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}` };
}

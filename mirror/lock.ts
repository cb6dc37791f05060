// One run at a time per job.
//
// A file created with O_EXCL that names the process and its start time (proc(5), stat field 22): after a crash the file
// stays, but nobody with that number and start time lives, so the next run takes it over. Process numbers alone come back.

import { mkdirSync, readFileSync, rmSync, writeFileSync, linkSync } from "node:fs";
import { dirname } from "node:path";
import { randomBytes } from "node:crypto";
import { RUN } from "../clusterd/base/paths.ts";

const PAUSE = 20;

export type Lock = { readonly ok: true; release(): void } | { readonly ok: false; readonly holder: number };

export const jobLock = (job: string): Lock => takeLock(`${RUN}/mirror/${job}.lock`);
/** Held by whoever sends something of the job: a run for its whole time, live mirroring for one batch. */
export const sendLock = (job: string): Lock => takeLock(`${RUN}/mirror/send-${job}.lock`);
/** Is a run going on, or waiting for the last live batch? */
export const runGoesOn = (job: string): boolean => { const [pid = 0, start] = read(`${RUN}/mirror/${job}.lock`).trim().split(" ").map(Number); return pid !== 0 && startOf(pid) === start; };
export const receiveLock = (job: string): Lock => takeLock(`${RUN}/mirror/receive-${job}.lock`);

/** Tries until `deadline` (wall milliseconds) and then says who holds it; `onWait` hears that once, at the first failure. */
export async function whenFree(take: () => Lock, deadline: number, onWait: (holder: number) => void = () => {}): Promise<Lock> {
  for (let tries = 0; ; tries += 1) {
    const lock = take();
    if (lock.ok || Date.now() >= deadline) return lock;
    if (tries === 0) onWait(lock.holder);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

export function takeLock(path: string): Lock {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const mine = `${process.pid} ${startOf(process.pid)}\n`;
  for (let attempt = 0; attempt < 5; attempt += 1) {
    if (create(path, mine)) return { ok: true, release: () => { if (read(path) === mine) rmSync(path, { force: true }); } };
    const found = read(path);
    const [pid = 0, start] = found.trim().split(" ").map(Number);
    if (found !== "" && startOf(pid) === start) return { ok: false, holder: pid };
    // Nobody alive holds it. If two notice at once, only one of them creates it anew.
    if (read(path) === found) rmSync(path, { force: true });
  }
  return { ok: false, holder: 0 };
}

/** The content is there as soon as the name is: a half-written lock would look abandoned. */
function create(path: string, text: string): boolean {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  writeFileSync(draft, text, { flag: "wx", mode: 0o600 });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Clock ticks after boot at which the process started; null = there is none. */
export function startOf(pid: number): number | null {
  const stat = read(`/proc/${pid}/stat`);
  // The name in parentheses may hold anything, spaces and parentheses too.
  const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return start === undefined ? null : Number(start);
}

const read = (path: string): string => {
  try { return readFileSync(path, "utf8"); } catch { return ""; }
};

// Which dated directories may go? Pure; prune() does it.
//
// Never the newest one, which is the only way back from a mistake of the last run; never a recovery's until a person has said that
// they have looked at it (`mirror confirm`); otherwise by age, number and size, oldest first.

import { lstatSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeDurably } from "../../clusterd/base/files.ts";
import type { Duration, WallTime } from "../../clusterd/base/time.ts";
import type { Kind, RunId } from "../backup-names.ts";
import { backupFolders } from "../kept.ts";
import { walk } from "../walk.ts";

export interface Keeping {
  /** A directory older than this may go; null = never for its age. */
  readonly age: Duration | null;
  readonly runs: number | null;
  /** Bytes of all directories of a job together. */
  readonly size: number | null;
}

export interface Directory { readonly name: string; readonly run: RunId; readonly kind: Kind; readonly wall: WallTime; readonly size: number; readonly confirmed: boolean }
export interface Verdict { readonly directory: Directory; readonly keep: boolean; readonly because: string }

/** `directories`: one job's, oldest first. */
export function judge(directories: readonly Directory[], { age, runs, size }: Keeping, now: WallTime): readonly Verdict[] {
  let left = directories.length;
  let bytes = directories.reduce((sum, directory) => sum + directory.size, 0);
  return directories.map((directory, at) => {
    const verdict = ((): Omit<Verdict, "directory"> => {
      if (at === directories.length - 1) return { keep: true, because: "the newest is always kept" };
      if (directory.kind === "recovery" && !directory.confirmed) return { keep: true, because: "of a recovery: kept until `mirror confirm`" };
      if (age !== null && now - directory.wall > age) return { keep: false, because: "older than keep_for" };
      if (runs !== null && left > runs) return { keep: false, because: "more than keep_runs" };
      if (size !== null && bytes > size) return { keep: false, because: "together larger than keep_size" };
      return { keep: true, because: "within the limits" };
    })();
    if (!verdict.keep) { left -= 1; bytes -= directory.size; }
    return { directory, ...verdict };
  });
}

/** One job's, oldest first. */
export function directories(backups: string, job: string): readonly Directory[] {
  const confirmed = confirmedRuns(backups, job);
  return backupFolders(backups, job).map(({ name, run, kind, wall }) => ({ name, run, kind, wall, size: sizeOf(join(backups, job, name)), confirmed: confirmed.has(run) }));
}

export function prune(backups: string, job: string, verdicts: readonly Verdict[]): void {
  for (const { keep, directory } of verdicts) if (!keep) rmSync(join(backups, job, directory.name), { recursive: true, force: true });
}

/** Blocks, not lengths: a sparse file costs what it holds. */
function sizeOf(folder: string): number {
  let size = 0;
  for (const { path } of walk(folder)) size += 512 * (lstatSync(path, { throwIfNoEntry: false })?.blocks ?? 0);
  return size;
}

const confirmFile = (backups: string, job: string): string => join(backups, job, "confirmed");

function confirmedRuns(backups: string, job: string): ReadonlySet<RunId> {
  try {
    return new Set(readFileSync(confirmFile(backups, job), "utf8").split("\n").filter((line) => line !== ""));
  } catch {
    return new Set(); // nobody has confirmed any
  }
}

/** A person has looked at what this recovery kept. False: there is no such recovery here. */
export function confirm(backups: string, job: string, run: RunId): boolean {
  if (!backupFolders(backups, job).some((one) => one.run === run && one.kind === "recovery")) return false;
  writeDurably(confirmFile(backups, job), [...new Set([...confirmedRuns(backups, job), run]), ""].join("\n"));
  return true;
}

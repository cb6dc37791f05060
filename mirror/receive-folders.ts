// Folders of the receiving side: where a push works, and where it keeps what it replaces. Node core only.
//
// No folder on the way may be a symbolic link: whoever may write there could turn it to any place while root works.

import { spawnSync } from "node:child_process";
import { closeSync, constants, existsSync, lstatSync, mkdirSync, openSync, readdirSync, readlinkSync, realpathSync, rmdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { BACKUPS, RUN } from "../clusterd/base/paths.ts";
import type { WallTime } from "../clusterd/base/time.ts";
import { backupDir, entryBackupDir, newRunId, parseBackupName } from "./backup-names.ts";
import type { RunId, RunKind } from "./backup-names.ts";
import type { Entry } from "./settings.ts";

/** Live changes share a dated directory for ten minutes (versions.ts); this much more for the clocks. */
const SHARED_MS = 900_000;

/** Where this push keeps what it replaces: the run's dated directory, or a new one if versions of this entry lie there already, since
 *  rsync would write over them. A run whose files vanish under it pushes again; a hostile owner may. Live batches come by the second and
 *  choose their runs so that nothing is lost that was promised: they share one while it is recent. */
export function freshBackupDir({ job, run, kind }: { readonly job: string; readonly run: RunId; readonly kind: RunKind }, entry: Entry, now: WallTime): string {
  const dir = backupDir(BACKUPS, job, run, kind);
  if (kind === "live" && Math.abs(now - (parseBackupName(`${run}.${kind}`)?.wall ?? 0)) < SHARED_MS) return dir;
  const kept = entryBackupDir(dir, entry);
  const taken = entry.kind === "tree" ? existsSync(kept) && readdirSync(kept).length > 0 : existsSync(join(kept, basename(entry.path)));
  return taken ? backupDir(BACKUPS, job, newRunId(now), kind) : dir;
}

/** Makes the folders that rsync does not make itself. A dry run changes nothing: a tree that is not there looks like an empty one. */
export function makeReady(entry: Entry, kept: string, dryRun: boolean): { readonly folder: string; /** As rsync, which stands in the folder, names it. */ readonly name: string } {
  const folder = entry.kind === "tree" ? entry.path : dirname(entry.path);
  const name = entry.kind === "tree" ? "./" : `./${basename(entry.path)}`;
  const there = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (dryRun && !there) {
    const empty = `${RUN}/mirror/empty`;
    mkdirSync(empty, { recursive: true, mode: 0o700 });
    return { folder: realpathSync(empty), name };
  }
  if (dryRun) return { folder, name };
  if (!there) makeFolder(folder, "/");
  makeFolder(kept, BACKUPS, 0o700);
  return { folder, name };
}

/** Like mkdir -p, but no folder on the way below `root` may be a symbolic link: it would lead out of what is ours. */
export function makeFolder(path: string, root: string, mode = 0o777): void {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const parts = path.slice(root.length).split("/").filter((part) => part !== "");
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const at = join(root, ...parts.slice(0, depth));
    const stats = lstatSync(at, { throwIfNoEntry: false });
    if (stats === undefined) mkdirSync(at, { mode });
    else if (!stats.isDirectory()) throw new Error(`${at} is ${stats.isSymbolicLink() ? "a symbolic link" : "no folder"}: nothing is written through it`);
  }
}

/** The folder itself, opened: whatever becomes of its name, rsync works in this one. Null when the way to it has a symbolic
 *  link, which whoever may write above the tree could turn to any place at any moment. */
export function openFolder(path: string): number | null {
  const folder = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  if (readlinkSync(`/proc/self/fd/${folder}`) === path.replace(/(?<=.)\/$/, "")) return folder;
  closeSync(folder);
  return null;
}

/** A run that replaced nothing leaves nothing. */
export function removeEmpty(folder: string): void {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) removeEmpty(join(folder, entry.name));
    rmdirSync(folder); // fails, rightly, when something is in it
  } catch { /* not empty, or never made */ }
}

/** A folder's time, to the nanosecond, which Node's own call cannot: otherwise the next run would find it changed. */
export const setTime = (folder: string, ns: bigint): void =>
  void spawnSync("touch", ["--time=modify", `--date=@${ns / 1_000_000_000n}.${String(ns % 1_000_000_000n).padStart(9, "0")}`, "."], { cwd: folder, timeout: 5000, env: { PATH: "/usr/bin:/bin" } });

// One rsync on just the listed paths of an entry, over a session that is open: a live batch, or a slice of a scrub.

import { lstatSync } from "node:fs";
import { basename, dirname } from "node:path";
import { BACKUPS } from "../clusterd/base/paths.ts";
import type { Duration } from "../clusterd/base/time.ts";
import type { JobConfig } from "../clusterd/config/config.ts";
import { backupDir, entryBackupDir } from "./backup-names.ts";
import type { RunId } from "./backup-names.ts";
import { leftOut } from "./left-out.ts";
import { REMOTE_PATH, senderOptions } from "./rsync-args.ts";
import { rsync, THROUGH } from "./rsync.ts";
import type { RsyncResult } from "./rsync.ts";
import type { Session } from "./session.ts";
import { entryKey } from "./settings.ts";
import type { Entry } from "./settings.ts";

export interface ListedWay { readonly job: JobConfig; readonly session: Session; readonly epoch: number; readonly timeout: Duration }
export interface Listed { readonly run: RunId; readonly dryRun: boolean; readonly maxDelete: number; readonly checksum?: boolean }

/** A path's bytes, one in each character. */
export const latin1 = (path: string): string => Buffer.from(path).toString("latin1");

/** With ./ before it the tree's own folder goes along (not what is in it), as folders on the way always do: replacing a file there changes the folder's
 *  time, and here nothing has changed it. */
const asListed = (name: string): string => (name.includes("/") ? name : `./${name}`);

/** For --files-from=- --from0; the names in latin1. */
export const asInput = (names: readonly string[]): Buffer => Buffer.from(names.map((name) => `${asListed(name)}\0`).join(""), "latin1");
/** Null: it is gone, and nobody knows what it was. */
function isFolder(tree: string, name: string): boolean | null {
  return name.endsWith("/") || (lstatSync(Buffer.from(latin1(tree) + name, "latin1"), { throwIfNoEntry: false })?.isDirectory() ?? null);
}

/** `names` are below the tree, in latin1; null for an entry that is a single file. */
export function pushListed({ job, session, epoch, timeout }: ListedWay, entry: Entry, { run, ...how }: Listed, names: readonly string[] | null, onNew?: (name: string) => void): Promise<RsyncResult> {
  const out = leftOut(job.exclude);
  const wanted = names?.filter((name) => !out(name.replace(/^\.?\/|\/$/g, ""), isFolder(entry.path, name))) ?? null;
  const kept = entryBackupDir(backupDir(BACKUPS, job.name, run, "live"), entry);
  const args = [
    ...senderOptions({ kind: entry.kind, special: job.special, whole: job.wholeFile === "yes", ...how, fsync: false, backupDir: kept, listed: names !== null }, job.exclude),
    "-e", THROUGH, `--rsync-path=clusterd-mirror v1 push ${job.name} ${epoch} ${run} ${entryKey(entry)} live`,
    names === null ? `./${basename(entry.path)}` : "./", `peer:${REMOTE_PATH}`,
  ];
  return rsync(args, {
    cwd: names === null ? dirname(entry.path) : entry.path, timeout, session,
    ...(onNew === undefined ? {} : { onNew }),
    ...(wanted === null ? {} : { input: asInput(wanted) }),
  });
}

// Which file versions lie in the dated directories? Node core only.

import { lstatSync, readdirSync } from "node:fs";
import type { Dirent } from "node:fs";
import { join } from "node:path";
import type { WallTime } from "../clusterd/base/time.ts";
import { asRsyncPrints, walk } from "./walk.ts";
import { parseBackupName } from "./backup-names.ts";
import type { Kind, RunId } from "./backup-names.ts";
import type { KeptFile } from "./report.ts";

const LISTED = 1000;

export interface Kept { readonly total: number; readonly files: readonly KeptFile[] }

/** Everything below one run's directory that is no folder, with the path it had (odd names as rsync prints them); the first
 *  thousand by name. `since`: versions written after that moment are told apart. */
export function keptFiles(folder: string, since: WallTime | null): Kept {
  const files: KeptFile[] = [];
  let total = 0;
  for (const { path, name, folder: inner } of walk(folder)) {
    if (inner) continue;
    total += 1;
    const stats = files.length < LISTED ? lstatSync(path, { throwIfNoEntry: false }) : undefined;
    if (stats !== undefined) files.push({ path: `/${asRsyncPrints(name)}`, size: stats.size, mtime: Math.round(stats.mtimeMs), unmirrored: since !== null && stats.mtimeMs > since });
  }
  return { total, files: files.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

export interface BackupRun { readonly job: string; readonly run: RunId; readonly kind: Kind; readonly wall: WallTime; readonly folder: string; readonly files: number }

/** The dated directories of one job or of all, oldest first. */
export function backupRuns(backups: string, jobs: readonly string[]): readonly BackupRun[] {
  const runs = jobs.flatMap((job) => backupFolders(backups, job).map(({ name, ...parsed }): BackupRun => {
    const folder = join(backups, job, name);
    return { job, ...parsed, folder, files: keptFiles(folder, null).total };
  }));
  return runs.sort((a, b) => a.wall - b.wall);
}

/** One job's dated directories, oldest first, not looked into. */
export function backupFolders(backups: string, job: string): readonly { readonly name: string; readonly run: RunId; readonly kind: Kind; readonly wall: WallTime }[] {
  return list(join(backups, job)).flatMap(({ name }) => {
    const parsed = parseBackupName(name);
    return parsed === null ? [] : [{ name, ...parsed }];
  });
}

function list(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return [];
  }
}

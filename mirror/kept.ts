// Which file versions lie in the dated directories? Node core only.

import { lstatSync, readdirSync } from "node:fs";
import type { Dirent } from "node:fs";
import { join } from "node:path";
import type { WallTime } from "../clusterd/base/time.ts";
import { parseBackupName } from "./backup-names.ts";
import type { Kind, RunId } from "./backup-names.ts";
import type { KeptFile } from "./report.ts";

const LISTED = 1000;

export interface Kept { readonly total: number; readonly files: readonly KeptFile[] }

/** Everything below one run's directory that is no folder, with the path it had; the first thousand by name. `since`: versions
 *  written after that moment are told apart. */
export function keptFiles(folder: string, since: WallTime | null): Kept {
  const files: KeptFile[] = [];
  let total = 0;
  const walk = (at: string): void => {
    for (const entry of list(at)) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) { walk(path); continue; }
      total += 1;
      if (files.length >= LISTED) continue;
      const { size, mtimeMs } = lstatSync(path);
      files.push({ path: path.slice(folder.length), size, mtime: Math.round(mtimeMs), unmirrored: since !== null && mtimeMs > since });
    }
  };
  walk(folder);
  return { total, files };
}

export interface BackupRun { readonly job: string; readonly run: RunId; readonly kind: Kind; readonly wall: WallTime; readonly folder: string; readonly files: number }

/** The dated directories of one job or of all, oldest first. */
export function backupRuns(backups: string, jobs: readonly string[]): readonly BackupRun[] {
  const runs = jobs.flatMap((job) => list(join(backups, job)).flatMap((entry): BackupRun[] => {
    const parsed = parseBackupName(entry.name);
    const folder = join(backups, job, entry.name);
    return parsed === null ? [] : [{ job, ...parsed, folder, files: keptFiles(folder, null).total }];
  }));
  return runs.sort((a, b) => a.wall - b.wall);
}

function list(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return [];
  }
}

// What recoveries of a returning node have kept on this node. Node core only.

import { BACKUPS } from "../clusterd/base/paths.ts";
import { backupRuns, keptFiles } from "./kept.ts";
import type { BackupRun } from "./kept.ts";
import type { KeptFile } from "./report.ts";

export interface Recovery extends Omit<BackupRun, "files"> { readonly total: number; /** The first thousand by name. */ readonly files: readonly KeptFile[] }

/** Oldest first. */
export const recoveries = (job: string): readonly Recovery[] =>
  backupRuns(BACKUPS, [job]).filter(({ kind }) => kind === "recovery").map((run) => ({ ...run, ...keptFiles(run.folder, null) }));

// What a run will do, in order: one rsync per entry. Pure; `mirror plan` prints it, run.ts carries it out.

import { basename, dirname } from "node:path";
import { BACKUPS } from "../clusterd/base/paths.ts";
import type { JobConfig } from "../clusterd/config/config.ts";
import { backupDir, entryBackupDir } from "./backup-names.ts";
import type { RunKind, RunId } from "./backup-names.ts";
import { REMOTE_PATH, senderOptions } from "./rsync-args.ts";
import { THROUGH } from "./rsync.ts";
import { entryKey } from "./settings.ts";
import type { Entry } from "./settings.ts";

export interface RunPlan { readonly job: JobConfig; readonly run: RunId; readonly kind: RunKind; readonly epoch: number; readonly remoteShell: string; readonly address: string }

export interface Step {
  readonly entry: Entry;
  /** rsync stands in the tree: while it does, the file system cannot be unmounted under it. */
  readonly cwd: string;
  /** Arguments of the dry run, which goes over a session. */
  readonly dry: readonly string[];
  /** … and of the real one, with rsync's own limit of deletions. */
  real(maxDelete: number, travel?: Travel): readonly string[];
}

export interface Travel {
  /** Only the names on standard input (listed.ts), not the whole tree. */
  readonly listed: boolean;
  /** Through the session that is open; else by a connection of its own, which is dearer to begin and cheaper for every byte. */
  readonly through: boolean;
  /** Changed files go whole (whole-file.ts). */
  readonly whole: boolean;
}

const PLAIN: Travel = { listed: false, through: false, whole: false };

export function planRun(plan: RunPlan): readonly Step[] {
  const kept = backupDir(BACKUPS, plan.job.name, plan.run, plan.kind);
  return plan.job.entries.map((entry): Step => {
    const tree = entry.kind === "tree";
    const host = plan.address.includes(":") ? `[${plan.address}]` : plan.address;
    const args = (dryRun: boolean, maxDelete: number, { listed, through, whole }: Travel): readonly string[] => [
      ...senderOptions({ kind: entry.kind, special: plan.job.special, dryRun, listed, whole, bwlimit: dryRun ? null : plan.job.bwlimit, fsync: plan.kind === "final", backupDir: entryBackupDir(kept, entry), maxDelete }, plan.job.exclude),
      ...(dryRun ? [] : ["--info=progress2"]),
      "-e", through ? THROUGH : plan.remoteShell, `--rsync-path=${requestPrefix(plan, entry)}`,
      tree ? "./" : `./${basename(entry.path)}`, `${host}:${REMOTE_PATH}`,
    ];
    return { entry, cwd: tree ? entry.path : dirname(entry.path), dry: args(true, UNLIMITED, { ...PLAIN, through: true }), real: (maxDelete, travel = PLAIN) => args(false, maxDelete, travel) };
  });
}

/** In a dry run nothing is deleted, but rsync counts only up to its limit. */
const UNLIMITED = 999_999_999;

const requestPrefix = ({ job, epoch, run, kind }: RunPlan, entry: Entry): string => `clusterd-mirror v1 push ${job.name} ${epoch} ${run} ${entryKey(entry)} ${kind}`;

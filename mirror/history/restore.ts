// Puts kept versions back: into place, or somewhere else.
//
// First they are gathered in a folder of their own, from this node's dated directories and the peer's; only when all are there,
// rsync moves them into place, each whole, and keeps what it replaces like any other run (`DATE.RUN.restore`). Folders that exist
// keep their own owner and mode.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { backupDir, newRunId } from "../backup-names.ts";
import type { Peer } from "../ssh.ts";
import { mayRead, packHere, packThere, unpack } from "./fetch.ts";
import type { Chosen } from "./versions.ts";

export interface Place {
  /** Null: into place. */
  readonly to: string | null;
  readonly backups: string;
  readonly self: string;
  readonly peer: Peer | null;
}

export interface Restored { readonly ok: boolean; readonly because: string; /** Where the versions went that were replaced, if any were. */ readonly replaced: string | null }

export async function restore(job: string, chosen: readonly Chosen[], place: Place, moved: (bytes: number) => void): Promise<Restored> {
  const fail = (because: string): Restored => ({ ok: false, because, replaced: null });
  mkdirSync(join(place.backups, job), { recursive: true, mode: 0o700 });
  const gathered = mkdtempSync(join(place.backups, job, "restoring-"));
  try {
    for (const group of Object.values(Object.groupBy(chosen, ({ node, run }) => `${node} ${run}`))) {
      const problem = await gather(job, group as Chosen[], place, gathered, moved);
      if (problem !== null) return fail(`${(group as Chosen[])[0]!.path}: ${problem}; nothing was restored`);
    }
    return await moveIntoPlace(job, chosen, place, gathered);
  } finally {
    rmSync(gathered, { recursive: true, force: true });
  }
}

async function gather(job: string, group: readonly Chosen[], { backups, self, peer }: Place, into: string, moved: (bytes: number) => void): Promise<string | null> {
  const { node, run, kind } = group[0]!;
  const names = group.map(({ name }) => Buffer.from(name, "base64url"));
  if (node === self) {
    const folder = backupDir(backups, job, run, kind);
    return mayRead(folder, names) ?? unpack(packHere(folder, names), into, moved);
  }
  return peer === null ? `${node} has it and cannot be reached` : unpack(packThere(peer, job, run, kind, group.map(({ name }) => name)), into, moved);
}

async function moveIntoPlace(job: string, chosen: readonly Chosen[], { to, backups }: Place, gathered: string): Promise<Restored> {
  const run = newRunId(Date.now());
  const kept = backupDir(backups, job, run, "restore");
  const target = to ?? "/";
  if (to !== null) mkdirSync(to, { recursive: true });
  // Named one by one: rsync must not touch any folder on the way. Whatever size and time say (-I): a version of equal length from the same second
  // looks the same to its quick check, and would not come back.
  const rsync = promisify(execFile)("rsync", [
    "-lptgoDHAXSI", "--numeric-ids", "--from0", "--files-from=-", "--no-implied-dirs",
    ...(to === null ? ["--backup", `--backup-dir=${kept}`] : []), `${gathered}/`, target.endsWith("/") ? target : `${target}/`,
  ], { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" } });
  rsync.child.stdin?.end(Buffer.concat(chosen.flatMap(({ name }) => [Buffer.from(name, "base64url"), Buffer.of(0)])));
  const problem = await rsync.then(() => null, (error: Error & { stderr?: string }) => (error.stderr ?? error.message).trim().split("\n").at(-1) ?? "rsync failed");
  if (problem !== null) return { ok: false, because: problem, replaced: kept };
  return { ok: true, because: `${chosen.length} versions are back${to === null ? "" : ` below ${to}`}`, replaced: to === null ? kept : null };
}

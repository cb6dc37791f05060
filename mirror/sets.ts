// Consistent sets (consistent = yes): trees whose files count only together. The receiving side gathers a run's tree beside the one that is there,
// with what has not changed as hard links, and exchanges the two when the run is complete; a run that is cut off has changed nothing.
//
//   /srv/.clusterd-sets/shop.next    what this run receives: its whole tree, from its first byte on a new folder
//   /srv/.clusterd-sets/shop.whole   the run that has received all of it
//   /srv/.clusterd-sets/shop.half    what an earlier run had received when it was cut off: linked from, so that it is not sent again
//   /srv/.clusterd-sets/shop.last    the tree that was there, until its replaced and deleted versions are in the dated directory
//
// Nobody but root may enter that folder. An exchange is two renames for each tree, announced by a file (STATE/mirror/sets/JOB.json) that is on
// disk before the first and goes after the last step; settle() goes on from wherever it was cut off. Node core only.

import { closeSync, existsSync, fsyncSync, lstatSync, mkdirSync, openSync, readFileSync, readlinkSync, renameSync, rmSync, rmdirSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { execFile } from "node:child_process";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { writeDurably } from "../clusterd/base/files.ts";
import { BACKUPS, JOURNAL, STATE } from "../clusterd/base/paths.ts";
import type { JobConfig } from "../clusterd/config/config.ts";
import { readJournal } from "../clusterd/journal.ts";
import { entryBackupDir, isRunId, isRunKind } from "./backup-names.ts";
import type { RunId, RunKind } from "./backup-names.ts";
import { receiveLock } from "./lock.ts";
import { freshBackupDir, makeFolder, setTime } from "./receive-folders.ts";
import { PARTIAL_DIR } from "./rsync-args.ts";
import { lookAtTree } from "./tree.ts";
import { walk } from "./walk.ts";

const FOLDER = ".clusterd-sets";
const ENV = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };
const run = promisify(execFile);

interface Places { readonly live: string; readonly sets: string; readonly next: string; readonly half: string; readonly last: string; readonly whole: string }

function placesOf(tree: string): Places {
  const live = tree.replace(/\/+$/, "");
  const sets = join(dirname(live), FOLDER);
  const at = (what: string): string => `${join(sets, basename(live))}.${what}`;
  return { live, sets, next: at("next"), half: at("half"), last: at("last"), whole: at("whole") };
}

export interface Staged { readonly folder: string; /** What has not changed is linked from these. */ readonly links: readonly string[]; /** The push has ended well. */ complete(): void }

/** A new folder for this push to receive into. Never the one of an earlier push: what is linked there is the live tree's, too, and rsync would change its attributes in place. */
export async function stage(tree: string, id: RunId): Promise<Staged> {
  const { live, sets, next, half, whole } = placesOf(tree);
  makeFolder(dirname(live), "/");
  makeFolder(sets, dirname(sets), 0o700);
  const { uid, mode } = lstatSync(sets);
  if (uid !== process.geteuid?.() || (mode & 0o077) !== 0) throw new Error(`${sets} is not ours alone: remove it`);
  rmSync(whole, { force: true });
  if (existsSync(next)) { await remove(half); renameSync(next, half); }
  mkdirSync(next, { mode: 0o700 });
  if (existsSync(join(half, PARTIAL_DIR))) renameSync(join(half, PARTIAL_DIR), join(next, PARTIAL_DIR));
  return { folder: next, links: [live, half].filter((folder) => existsSync(folder)), complete: () => writeDurably(whole, `${id}\n`) };
}

interface Exchange { readonly run: RunId; readonly kind: RunKind; readonly epoch: number; readonly trees: readonly string[] }

const stateFile = (job: string): string => `${STATE}/mirror/sets/${job}.json`;

/** The run is complete: its trees take the places of the old ones. Returns why not, or null. */
export async function exchange(job: JobConfig, { run: id, kind, epoch }: Omit<Exchange, "trees">): Promise<string | null> {
  const trees = job.entries.map(({ path }) => path).filter((tree) => read(placesOf(tree).whole).trim() === id);
  for (const tree of trees) {
    const { next } = placesOf(tree);
    const { mtimeNs } = lstatSync(next, { bigint: true });
    await remove(join(next, PARTIAL_DIR));
    setTime(next, mtimeNs);
    if (lookAtTree(`${next}/`, job.name).marker?.job !== job.name) return `the marker of ${tree} has not arrived`;
    await run("sync", ["-f", next], { env: ENV }); // a rename may reach the disk before the files do
  }
  if (trees.length === 0) return null; // nothing has changed
  mkdirSync(dirname(stateFile(job.name)), { recursive: true, mode: 0o700 });
  writeDurably(stateFile(job.name), JSON.stringify({ run: id, kind, epoch, trees } satisfies Exchange));
  return settle(job);
}

/** Ends an exchange that was begun, if one was. Under the receiving lock. Returns what stands in the way, or null. */
async function settle(job: JobConfig): Promise<string | null> {
  const begun = readExchange(job.name);
  if (begun === null) { rmSync(stateFile(job.name), { force: true }); return null; }
  const journal = readJournal(JOURNAL);
  const current = journal.ok && journal.record.identities[job.home].epoch === begun.epoch;
  for (const tree of begun.trees) put(placesOf(tree), current);
  try {
    for (const tree of begun.trees) {
      const { live, next, last, half, whole, sets } = placesOf(tree);
      for (const old of [last, next]) await setAside(job.name, begun, tree, old, live);
      await remove(half);
      rmSync(whole, { force: true });
      try { rmdirSync(sets); } catch { /* another tree's are in it */ }
    }
  } catch (error) {
    return `the set is in place, but what it replaced cannot be kept: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`;
  }
  rmSync(stateFile(job.name));
  return null;
}

/** The two renames, from wherever they were cut off. Once somebody else may have owned the tree, and it is there, it stays: what was about to
 *  take its place goes to the dated directory. */
function put({ live, next, last, sets }: Places, current: boolean): void {
  const [there, former] = [existsSync(live), existsSync(last)];
  if (!existsSync(next) || (there && (former || !current))) return;
  if (there) renameSync(live, last);
  renameSync(next, live);
  for (const folder of [dirname(live), sets]) { const fd = openSync(folder, "r"); fsyncSync(fd); closeSync(fd); }
}

/** What is in `old` and not as it is in `live` goes to the run's dated directory; the rest of `old` goes. */
async function setAside(job: string, { run: id, kind }: Exchange, tree: string, old: string, live: string): Promise<void> {
  if (!existsSync(old)) return;
  const names = [...walk(old, ({ name }) => name.toString() !== PARTIAL_DIR)].filter(({ folder, path, name }) => !folder && !same(path, Buffer.concat([Buffer.from(`${live}/`), name]))).map(({ name }) => name);
  if (names.length > 0) {
    const entry = { path: tree, kind: "tree" } as const;
    const kept = entryBackupDir(freshBackupDir({ job, run: id, kind }, entry, Date.now()), entry);
    makeFolder(kept, BACKUPS, 0o700);
    const copying = run("rsync", ["-lptgoDHAXS", "--numeric-ids", "--from0", "--files-from=-", `${old}/`, `${kept}/`], { env: ENV, maxBuffer: 1 << 20 });
    copying.child.stdin?.on("error", () => { /* it says why */ }).end(Buffer.concat(names.flatMap((name) => [name, Buffer.from([0])])));
    await copying;
  }
  await remove(old);
}

/** By what rsync would call unchanged: the same inode, or size and time of a file, or the target of a link. */
function same(one: Buffer, other: Buffer): boolean {
  const [a, b] = [one, other].map((path): BigIntStats | undefined => lstatSync(path, { bigint: true, throwIfNoEntry: false }));
  if (a === undefined || b === undefined) return a === undefined;
  if (a.dev === b.dev && a.ino === b.ino) return true;
  if ((a.mode & 0o170000n) !== (b.mode & 0o170000n)) return false;
  if (a.isSymbolicLink()) return readlinkSync(one, "buffer").equals(readlinkSync(other, "buffer"));
  return a.isFile() ? a.size === b.size && a.mtimeNs === b.mtimeNs : a.rdev === b.rdev;
}

/** What a receiver left that was killed in an exchange. Before any request of the job is served, and by the mirror's process as soon as clusterd says anything,
 *  so before a takeover starts services. Null: there was nothing. */
export async function settleLeft(job: JobConfig): Promise<{ readonly problem: string | null } | null> {
  if (!job.consistent || !existsSync(stateFile(job.name))) return null;
  const lock = receiveLock(job.name);
  if (!lock.ok) return null; // it is at work
  try {
    return { problem: await settle(job) };
  } finally {
    lock.release();
  }
}

function readExchange(job: string): Exchange | null {
  try {
    const { run: id, kind, epoch, trees } = JSON.parse(read(stateFile(job))) as Exchange;
    return isRunId(id) && isRunKind(kind) && Number.isFinite(epoch) && Array.isArray(trees) ? { run: id, kind, epoch, trees } : null;
  } catch {
    return null; // none was begun
  }
}

/** Not Node's own: rm(1) follows no link that is put in a folder's place while it works. */
const remove = async (path: string): Promise<void> => { await run("rm", ["-rf", "--", path], { env: ENV }); };

const read = (path: string): string => {
  try { return readFileSync(path, "utf8"); } catch { return ""; }
};

// Which versions of a file are kept, and which of them was current at a moment?
//
// A run keeps what it replaces or deletes, on the node it writes to; so a path's history lies on both nodes, and the kept
// version of a run was current until that run. The live file is the newest version.

import { lstatSync } from "node:fs";
import type { Stats } from "node:fs";
import { join } from "node:path";
import type { WallTime } from "../../clusterd/base/time.ts";
import type { Kind, RunId } from "../backup-names.ts";
import { backupFolders } from "../kept.ts";
import { asRsyncPrints, walk } from "../walk.ts";
import type { Found } from "../walk.ts";

export interface Version {
  readonly run: RunId;
  readonly kind: Kind;
  /** When the run replaced it. */
  readonly until: WallTime;
  /** The absolute path it had, as rsync prints it. */
  readonly path: string;
  /** The same as bytes without the first slash, in base64url: a name need not be text. */
  readonly name: string;
  readonly size: number;
  readonly mtime: WallTime;
  readonly type: "file" | "link" | "other";
}

export interface Kept { readonly node: string; readonly versions: readonly Version[]; /** There are more than MOST. */ readonly cut: boolean }

/** As many as are listed; beyond that a narrower path has to be asked for. */
const MOST = 50_000;

/** Versions kept on this node of `path`, or of all below it if it ends with a slash; null = of every path. Newest run first. */
export function keptHere(backups: string, job: string, path: Buffer | null): Omit<Kept, "node"> {
  const versions: Version[] = [];
  const wanted = path === null ? null : path.subarray(1);
  for (const { run, kind, wall, name: folder } of backupFolders(backups, job).toReversed()) {
    const top = join(backups, job, folder);
    const replaced = kind === "live" ? new Replaced(wall) : null;
    for (const found of walk(top, (inner) => { replaced?.enter(inner); return wanted === null || leadsTo(inner.name, wanted); })) {
      if (found.folder || (wanted !== null && !covers(wanted, found.name))) continue;
      const stats = lstatSync(found.path, { throwIfNoEntry: false });
      if (stats === undefined) continue;
      if (versions.length === MOST) return { versions, cut: true };
      const type = stats.isFile() ? "file" : stats.isSymbolicLink() ? "link" : "other";
      versions.push({ run, kind, until: replaced?.at(found, stats) ?? wall, path: `/${asRsyncPrints(found.name)}`, name: found.name.toString("base64url"), size: stats.size, mtime: Math.round(stats.mtimeMs), type });
    }
  }
  return { versions, cut: false };
}

/** When was each version replaced? Live changes share a directory for ten minutes, so its name says too little; the inode's own time is when it came there. */
class Replaced {
  readonly #wall: WallTime;
  /** Of folders that came as a whole (receive-aside.ts), and of those in them: when. What is in them has not been touched. */
  readonly #whole = new Map<string, WallTime>();

  constructor(wall: WallTime) {
    this.#wall = wall;
  }

  enter({ path, name }: Found): void {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    // In a folder that was made for the versions in it both times are those of the last that came.
    const at = this.#whole.get(above(name)) ?? (stats !== undefined && stats.ctimeMs !== stats.mtimeMs ? stats.ctimeMs : undefined);
    if (at !== undefined) this.#whole.set(name.toString("latin1"), at);
  }

  at({ name }: Found, { ctimeMs }: Stats): WallTime {
    return Math.max(this.#wall, this.#whole.get(above(name)) ?? ctimeMs);
  }
}

const above = (name: Buffer): string => name.toString("latin1", 0, Math.max(0, name.lastIndexOf("/")));

const SLASH = 0x2f;
const isFolder = (wanted: Buffer): boolean => wanted.length === 0 || wanted.at(-1) === SLASH;
const covers = (wanted: Buffer, name: Buffer): boolean => (isFolder(wanted) ? name.subarray(0, wanted.length).equals(wanted) : name.equals(wanted));
/** Can what is wanted lie in this folder, or the folder in what is wanted? */
function leadsTo(folder: Buffer, wanted: Buffer): boolean {
  const inner = Buffer.concat([folder, Buffer.from("/")]);
  const least = Math.min(inner.length, wanted.length);
  return inner.subarray(0, least).equals(wanted.subarray(0, least));
}

export type Chosen = Version & { readonly node: string };

/** Of each path the version that was current at `moment`: the one replaced first after it. Paths without one have not been replaced since. */
export function currentAt(kept: readonly Kept[], moment: WallTime): readonly Chosen[] {
  const best = new Map<string, Chosen>();
  for (const { node, versions } of kept) for (const version of versions) {
    const known = best.get(version.name);
    if (version.until > moment && (known === undefined || version.until < known.until)) best.set(version.name, { ...version, node });
  }
  return inOrder(best.values());
}

/** What one run kept. */
export const ofRun = (kept: readonly Kept[], run: RunId): readonly Chosen[] =>
  inOrder(kept.flatMap(({ node, versions }) => versions.filter((version) => version.run === run).map((version) => ({ ...version, node }))));

const inOrder = (versions: Iterable<Chosen>): readonly Chosen[] => [...versions].sort((a, b) => (a.path < b.path ? -1 : 1));

/** A version written after the moment it is asked for: what was there then had been overwritten before any run saw it. */
export const isLater = (version: Version, moment: WallTime | null): boolean => moment !== null && version.mtime > moment;

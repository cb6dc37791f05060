// From dirty paths to the list that rsync gets on its standard input, for one tree.
//
// What a path is, is looked at now, not when it was heard of: there, gone, a folder. A name at the end of the list's path stands for that
// entry alone; a folder with a slash for itself and the names in it, so that what is not in it here goes there too. Names are bytes (latin1).

import { lstatSync, readdirSync } from "node:fs";
import type { Stats } from "node:fs";
import type { Dirt } from "./dirty.ts";
import { walk } from "./walk.ts";

export interface Batch {
  /** Below the tree, sorted. */
  readonly names: readonly string[];
  /** A changed file has other names, which nobody has told of: only a full pass finds them. */
  readonly linked: boolean;
  /** How many of the dirty paths are gone. */
  readonly gone: number;
}

/** More names than this are a full pass's work. */
export const MOST_NAMES = 20_000;
/** The kernel's clock for inodes ticks every few milliseconds, and an event may come late. */
const SLACK_MS = 2000;

/** Null when there are too many. `tree` ends in a slash. */
export function toBatch(tree: string, dirty: Iterable<readonly [string, Dirt]>): Batch | null {
  const names = new Set<string>();
  let [linked, gone] = [false, 0];
  const add = (path: string, slash = ""): void => { names.add(path.length < tree.length ? "./" : `${path.slice(tree.length)}${slash}`); };
  for (const [path, { extent, since }] of dirty) {
    const stats = look(path);
    // The time of the tree's own folder changes with the names in it; rsync carries those of all other folders on the way.
    if (extent === "all" && `${parent(path)}/` === tree) names.add("./");
    if (stats === null) { gone += 1; add(highestGone(tree, path)); }
    else if (!stats.isDirectory()) { add(path); linked ||= stats.nlink > 1; }
    else if (extent === "self") add(path);
    else if (extent === "all") addAll(path, add);
    else {
      add(path, "/");
      for (const inner of freshIn(path, since - SLACK_MS)) if (inner.folder) addAll(inner.path, add); else add(inner.path);
    }
    if (names.size > MOST_NAMES) return null;
  }
  return { names: [...names].sort(), linked, gone };
}

/** A folder that came as a whole: itself, and the names in each folder of it. */
function addAll(folder: string, add: (path: string, slash?: string) => void): void {
  add(folder);
  add(folder, "/");
  for (const found of walk(Buffer.from(folder, "latin1"))) if (found.folder) add(found.path.toString("latin1"), "/");
}

/** The entries of a folder whose inode changed after that moment: made, moved or linked here. */
function* freshIn(folder: string, after: number): Generator<{ readonly path: string; readonly folder: boolean }> {
  for (const name of names(folder)) {
    const path = `${folder}${folder.endsWith("/") ? "" : "/"}${name.toString("latin1")}`;
    const stats = look(path);
    if (stats !== null && stats.ctimeMs >= after) yield { path, folder: stats.isDirectory() };
  }
}

/** Of a path that is gone, with perhaps some folders above it: the highest of them. */
function highestGone(tree: string, path: string): string {
  let gone = path;
  for (let above = parent(gone); above.length >= tree.length && look(above) === null; above = parent(above)) gone = above;
  return gone;
}

const parent = (path: string): string => path.slice(0, path.lastIndexOf("/"));

/** Null: it is not there. */
export function look(path: string): Stats | null {
  try {
    return lstatSync(Buffer.from(path, "latin1"));
  } catch {
    return null; // gone, or what was a folder above it no longer is one
  }
}

function names(folder: string): readonly Buffer[] {
  try {
    return readdirSync(Buffer.from(folder, "latin1"), { encoding: "buffer" });
  } catch {
    return [];
  }
}

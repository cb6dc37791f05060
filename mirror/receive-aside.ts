// Folders that are gone on the owner, set aside as they are: one rename of each into the dated directory, where rsync would move file by file.
//
// Only where that is the same: a folder on one file system with the dated directory, with no mount in it, and no more in it than may be
// deleted. Everything else is left to rsync. Each step down from the tree is taken from the opened folder before it, so no symbolic link is
// followed whatever becomes of the names meanwhile. Names are bytes (latin1). Node core only.

import { closeSync, constants, lstatSync, openSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { BACKUPS } from "../clusterd/base/paths.ts";
import { makeFolder, openFolder } from "./receive-folders.ts";
import { PARTIAL_DIR } from "./rsync-args.ts";
import { lookAtTree } from "./tree.ts";
import { walk } from "./walk.ts";

/** Returns those that are set aside: at most so many entries together. */
export function setAside(tree: string, kept: string, names: readonly string[], most: number): readonly string[] {
  const top = openFolder(tree);
  if (top === null) return [];
  const mounts = lookAtTree(tree, "").mounts.map((point) => Buffer.from(point).toString("latin1"));
  const path = (name: string): string => `${Buffer.from(tree).toString("latin1")}${name}`;
  let left = most;
  try {
    return names.filter((name) => {
      if (!isPlain(name) || mounts.some((point) => `${point}/`.startsWith(`${path(name)}/`))) return false;
      const took = moveOut(top, name, Buffer.from(kept).toString("latin1"), left);
      left -= took;
      return took > 0;
    });
  } finally {
    closeSync(top);
  }
}

const isPlain = (name: string): boolean => name.split("/").every((part) => !["", ".", "..", PARTIAL_DIR].includes(part));

/** How many entries have gone; 0 = it is left to rsync. */
function moveOut(top: number, name: string, kept: string, most: number): number {
  const parts = name.split("/");
  const open: number[] = [];
  try {
    for (const part of parts.slice(0, -1)) open.push(openSync(below(open.at(-1) ?? top, part), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW));
    const from = below(open.at(-1) ?? top, parts.at(-1) ?? "");
    const count = lstatSync(from).isDirectory() ? entriesOf(from, most) : null;
    if (count === null) return 0;
    const target = Buffer.from(`${kept}/${name}`, "latin1");
    makeFolder(dirname(target.toString()), BACKUPS, 0o700);
    if (lstatSync(target, { throwIfNoEntry: false }) !== undefined) return 0;
    renameSync(from, target);
    return count;
  } catch {
    return 0; // another file system, a link on the way, gone already: rsync knows what to do, or says what is wrong
  } finally {
    for (const folder of open) closeSync(folder);
  }
}

const below = (folder: number, part: string): Buffer => Buffer.concat([Buffer.from(`/proc/self/fd/${folder}/`), Buffer.from(part, "latin1")]);

/** The folder and all in it; null when there are more than `most`, or something half-received is among it. */
function entriesOf(folder: Buffer, most: number): number | null {
  let count = 1;
  for (const { path } of walk(folder)) if ((count += 1) > most || path.toString("latin1").endsWith(`/${PARTIAL_DIR}`)) return null;
  return count > most ? null : count;
}

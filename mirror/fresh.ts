// What did the returning node write after its last good run as owner? Nobody else ever had these, so that a recovery run moves
// them to its dated directory is expected, and they do not count against the limit of deletions. Node core only.

import { lstatSync } from "node:fs";
import type { WallTime } from "../clusterd/base/time.ts";
import { asRsyncPrints, walk } from "./walk.ts";

/** More than this are not told apart; the rest counts as deletions and a person is asked. */
const MOST = 100_000;

/** Entries below the trees changed since that moment, as `tree path + name` in rsync's spelling, folders with a slash. */
export function freshNames(trees: readonly string[], since: WallTime | null): readonly string[] {
  if (since === null) return [];
  const names: string[] = [];
  for (const tree of trees) for (const { path, name, folder } of walk(tree)) {
    // The inode's own time: a file that was moved in keeps its old mtime.
    if ((lstatSync(path, { throwIfNoEntry: false })?.ctimeMs ?? 0) >= since) names.push(`${tree}${asRsyncPrints(name)}${folder ? "/" : ""}`);
    if (names.length >= MOST) return names;
  }
  return names;
}

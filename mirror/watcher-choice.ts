// Which watcher for a job's trees: chokidar, fatrace, or none? Counted before anything is started. Pure but for the counting.
//
// chokidar keeps a watch for each folder and some 5 KB for each file: the watcher of small trees. fatrace (fanotify) keeps nothing, but must
// be installed, needs root, and does not tell of changed modes and attributes: those come with the next pass.

import { existsSync, readFileSync } from "node:fs";
import { walk } from "./walk.ts";

export const FATRACE = "/usr/sbin/fatrace";
/** Entries that chokidar may keep, over all jobs: 100 MB. */
export const CHOKIDAR_MOST = 20_000;
/** Watches are the machine's: others need some too. */
const SHARE_OF_WATCHES = 0.5;

export const WATCHERS = ["auto", "chokidar", "fatrace", "no"] as const;
export type Wanted = (typeof WATCHERS)[number];

export interface TreeCount { readonly entries: number; readonly folders: number; /** There are more: counting ended here. */ readonly more: boolean }
export type Choice = { readonly by: "chokidar" | "fatrace"; readonly because: string } | { readonly by: null; readonly because: string };

export function choose({ wanted, count, room, watches, fatrace }: {
  readonly wanted: Wanted; readonly count: TreeCount;
  /** Entries that chokidar may still take. */ readonly room: number;
  /** fs.inotify.max_user_watches. */ readonly watches: number; readonly fatrace: boolean;
}): Choice {
  const size = `${count.entries}${count.more ? " or more" : ""} entries in ${count.folders} folders`;
  const tooLarge = count.more || count.entries > room ? `${size} are more than chokidar may keep (${room})` : count.folders > watches * SHARE_OF_WATCHES ? `${count.folders} folders are more than half of fs.inotify.max_user_watches (${watches})` : null;
  const small = { by: "chokidar" as const, because: size };
  if (wanted === "no") return { by: null, because: "watch = no" };
  if (wanted === "fatrace") return fatrace ? { by: "fatrace", because: "watch = fatrace" } : { by: null, because: "watch = fatrace, and fatrace is not installed" };
  if (tooLarge === null) return small;
  if (wanted === "chokidar") return { by: null, because: `watch = chokidar, but ${tooLarge}` };
  return fatrace ? { by: "fatrace", because: tooLarge } : { by: null, because: `${tooLarge}, and fatrace is not installed` };
}

export function countTrees(trees: readonly string[], most: number): TreeCount {
  let [entries, folders] = [0, trees.length];
  for (const tree of trees) for (const { folder } of walk(tree)) {
    entries += 1;
    if (folder) folders += 1;
    if (entries > most) return { entries, folders, more: true };
  }
  return { entries, folders, more: false };
}

export const hasFatrace = (): boolean => existsSync(FATRACE);

export function maxWatches(): number {
  try {
    return Number(readFileSync("/proc/sys/fs/inotify/max_user_watches", "utf8"));
  } catch {
    return 0; // no inotify here
  }
}

// Two things that a person may do with an editor, and should hear about at once.
//
// (a) An edit in /etc/cluster.d: is the whole still sound? Taking it over stays the person's act (`clusterd reload`).
// (b) An edit in a tree on the standby: the owner's next run will undo it. Reported once a burst, told apart from what
//     rsync writes there by the marks that the receiving side leaves (receive.ts).
//
// chokidar keeps a watch for each folder and a record for each file (150 MB for 10,000 files), so the tree is counted first and
// left alone above a bound; that costs a warning to a person, never a mirrored file.

import { statSync } from "node:fs";
import type { FSWatcher } from "chokidar";
import { ETC, RUN } from "../clusterd/base/paths.ts";
import { MARKER } from "./tree.ts";
import { PARTIAL_DIR } from "./rsync-args.ts";
import { walk } from "./walk.ts";

export interface Watching { close(): Promise<void> }

const QUIET_MS = 500;
const TREE_QUIET_MS = 1500;
/** An event of rsync's own writing arrives within this after the receiving side's mark. */
const ECHO_MS = 1500;
export const WATCH_LIMIT = 20_000;

/** Calls `edited` when the folder has been quiet for half a second after an edit. */
export async function watchConfiguration(edited: () => void, problem: (text: string) => void, folder = ETC): Promise<Watching> {
  const bursts = new Bursts(QUIET_MS, () => edited());
  const watcher = await start([folder], (path) => bursts.add(path), problem);
  return { close: async () => { bursts.stop(); await watcher.close(); } };
}

/** Calls `edited` with the paths of one burst of edits that did not come from the owner's runs. `not`: it is not watched, and `problem`
 *  has said why; `later`: there is nothing there yet. */
export async function watchStandby(job: string, trees: readonly string[], edited: (paths: readonly string[]) => void, problem: (text: string) => void): Promise<Watching | "not" | "later"> {
  const there = trees.filter((tree) => statSync(tree, { throwIfNoEntry: false })?.isDirectory());
  if (there.length === 0) return "later";
  if (countEntries(there, WATCH_LIMIT) === null) {
    problem(`${job} has more than ${WATCH_LIMIT} entries: its trees are not watched for edits on the standby (mirroring itself does not depend on it)`);
    return "not";
  }
  const bursts = new Bursts(TREE_QUIET_MS, (paths, began) => { if (lastReceiving(job) < began - ECHO_MS) edited(paths); });
  const watcher = await start(there, (path) => { if (!path.includes(PARTIAL_DIR) && !path.endsWith(MARKER)) bursts.add(path); }, problem);
  return { close: async () => { bursts.stop(); await watcher.close(); } };
}

/** Where the receiving side leaves its mark at the beginning and the end of each push of a job. */
export const receivingMark = (job: string): string => `${RUN}/mirror/receiving-${job}`;

const lastReceiving = (job: string): number => statSync(receivingMark(job), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Entries below the folders, or null as soon as there are more than `most`. */
export function countEntries(folders: readonly string[], most: number): number | null {
  let count = 0;
  for (const folder of folders) for (const _ of walk(folder)) if ((count += 1) > most) return null;
  return count;
}

async function start(paths: readonly string[], changed: (path: string) => void, problem: (text: string) => void): Promise<FSWatcher> {
  const { watch } = await import("chokidar");
  const watcher = watch([...paths], { ignoreInitial: true, followSymlinks: false, ignorePermissionErrors: true });
  watcher.on("all", (_event, path) => changed(path)).on("error", (error) => problem(`watching ${paths.join(", ")}: ${error instanceof Error ? error.message : String(error)}`));
  await new Promise<void>((resolve) => watcher.on("ready", () => resolve()));
  return watcher;
}

/** Many events that come together, told once: when nothing has come for `quiet` milliseconds. */
class Bursts {
  #paths = new Set<string>();
  #began = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #quiet: number;
  readonly #told: (paths: readonly string[], began: number) => void;

  constructor(quiet: number, told: (paths: readonly string[], began: number) => void) {
    this.#quiet = quiet;
    this.#told = told;
  }

  add(path: string): void {
    if (this.#paths.size === 0) this.#began = Date.now();
    this.#paths.add(path);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const paths = [...this.#paths].sort();
      this.#paths.clear();
      this.#told(paths, this.#began);
    }, this.#quiet);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

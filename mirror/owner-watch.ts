// Hears of every change in the owner's trees, by chokidar or by fatrace, and knows when it no longer does.
//
// Both are silent when they miss something: a full kernel queue, watches that ran out, a stalled loop. So each tree's marker file is touched
// each second or so (its mode set to what it is: no content, no time of it changes) and must be heard of; otherwise `lost` is said, and nobody
// relies on what was heard until a full pass was good.
//
// Paths are absolute, their characters bytes (latin1).

import { spawn } from "node:child_process";
import { closeSync, constants, fchmodSync, fstatSync, lstatSync, openSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import type { Extent } from "./dirty.ts";
import { PARTIAL_DIR } from "./rsync-args.ts";
import { lookAtTree, MARKER } from "./tree.ts";
import { FATRACE } from "./watcher-choice.ts";

export interface Hearing {
  changed(path: string, extent: Extent): void;
  /** Something may have been missed; it hears on. */
  doubt(because: string): void;
  /** From now on something may be missing. Said once; the watcher is of no use afterwards. */
  lost(because: string): void;
}

export interface OwnerWatch { readonly by: "chokidar" | "fatrace"; close(): Promise<void> }

/** A touch that was not heard of when the next one is due: deaf. Twice this is less than 2 s. */
const PROBE_MS = 900;
/** Our own loop stood still for so long: the kernel's queue of 16,384 events may have run over meanwhile. */
const STALL_MS = 1000;
const START_MS = 15_000;

/** Bytes in one character each, from text that Node has decoded as UTF-8; null when it was none. */
const bytesOf = (text: string): string | null => (text.includes("\ufffd") ? null : Buffer.from(text, "utf8").toString("latin1"));

/** Resolves when it hears; throws with the reason when it cannot. */
export async function watchOwner(by: "chokidar" | "fatrace", entries: readonly { readonly path: string; readonly kind: "tree" | "file" }[], hearing: Hearing): Promise<OwnerWatch> {
  const trees = entries.filter(({ kind }) => kind === "tree").map(({ path }) => Buffer.from(path).toString("latin1"));
  const files = new Set(entries.filter(({ kind }) => kind === "file").map(({ path }) => Buffer.from(path).toString("latin1")));
  const probe = new Probe(trees.map((tree) => `${tree}${MARKER}`), hearing);
  const heard = (path: string, extent: Extent): void => {
    if (probe.heard(path) || path.includes(`/${PARTIAL_DIR}`)) return;
    if (files.has(path)) hearing.changed(path, "self");
    else if (trees.some((tree) => path.startsWith(tree) || `${path}/` === tree)) hearing.changed(path, extent);
  };
  const close = by === "chokidar" ? await chokidar(entries.map(({ path }) => path), heard, (because) => probe.lose(because)) : fatrace(entries, heard, (because) => probe.lose(because));
  try {
    await probe.start();
  } catch (error) {
    await close();
    throw error;
  }
  return { by, close: async () => { probe.stop(); await close(); } };
}

class Probe {
  readonly #markers: ReadonlySet<string>;
  readonly #hearing: Hearing;
  #waiting = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #beat = 0;
  /** Why it is over. Before the start is over, that is the start's failure. */
  #over: string | null = null;
  #started = false;

  constructor(markers: readonly string[], hearing: Hearing) {
    this.#markers = new Set(markers);
    this.#hearing = hearing;
  }

  /** Is it one of ours? Each touch counts for one event or more: all of the marker's are taken for the probe's; its content goes with passes. */
  heard(path: string): boolean {
    return this.#markers.has(path) && (this.#waiting.delete(path), true);
  }

  lose(because: string): void {
    if (this.#over !== null) return;
    this.stop(because);
    if (this.#started) this.#hearing.lost(because);
  }

  /** Until the first touch of each marker is heard. */
  async start(): Promise<void> {
    const deadline = performance.now() + START_MS;
    for (;;) {
      this.#touch();
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (this.#over !== null) throw new Error(this.#over);
      if (this.#waiting.size === 0) break;
      if (performance.now() > deadline) { this.stop(); throw new Error(`it does not hear of changes in ${[...this.#waiting.keys()].join(", ")}`); }
    }
    this.#started = true;
    this.#beat = performance.now();
    this.#timer = setInterval(() => this.#ask(), PROBE_MS);
  }

  stop(because = "stopped"): void {
    this.#over ??= because;
    clearInterval(this.#timer);
  }

  #ask(): void {
    const late = performance.now() - this.#beat - PROBE_MS;
    this.#beat = performance.now();
    if (late > STALL_MS) this.#hearing.doubt(`the mirror's process stood still for ${Math.round(late)} ms: events may have been dropped`);
    // What has come while this loop stood still is read before it is judged.
    setImmediate(() => setImmediate(() => this.#judge()));
  }

  #judge(): void {
    if (this.#over !== null) return;
    const [path] = this.#waiting.keys();
    if (path === undefined) this.#touch();
    else this.lose(`a touch of ${path} was not heard of within ${PROBE_MS} ms`);
  }

  #touch(): void {
    for (const marker of this.#markers) {
      try {
        this.#waiting.set(marker, performance.now());
        // Opened for writing: fatrace hears the close. The mode set to itself: inotify hears that.
        const fd = openSync(Buffer.from(marker, "latin1"), constants.O_WRONLY | constants.O_NOFOLLOW);
        fchmodSync(fd, fstatSync(fd).mode & 0o7777);
        closeSync(fd);
      } catch (error) {
        this.lose(`${marker} cannot be touched: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}

type Heard = (path: string, extent: Extent) => void;

async function chokidar(paths: readonly string[], heard: Heard, lost: (because: string) => void): Promise<() => Promise<void>> {
  const { watch } = await import("chokidar");
  const watcher = watch(paths.map((path) => path.replace(/\/$/, "")), { ignoreInitial: true, followSymlinks: false, ignorePermissionErrors: false });
  // `raw` is every event of the kernel, modes too; `all` adds what chokidar finds by looking into new folders.
  watcher.on("raw", (event, name, details) => {
    const { watchedPath } = details as { readonly watchedPath: string };
    const folder = bytesOf(watchedPath);
    const file = name === null ? null : bytesOf(name);
    if (folder === null) return lost(`${watchedPath} is a folder whose name is no UTF-8`);
    if (file === null) return heard(folder, "names");
    if (file === basename(folder)) heard(folder, "self"); // of a watched file, or of the folder itself
    else heard(join(folder, file), event === "rename" ? "all" : "self");
  });
  watcher.on("all", (event, path) => {
    const name = bytesOf(path);
    if (name === null) heard(Buffer.from(dirname(path)).toString("latin1"), "names");
    else heard(name, event === "addDir" ? "all" : "self");
  });
  watcher.on("error", (error) => lost(`chokidar: ${error instanceof Error ? error.message : String(error)}`));
  await new Promise<void>((resolve) => { watcher.on("ready", () => resolve()); });
  return () => watcher.close();
}

/** `mv(123): <>  /srv/www`. The program's name may hold anything; the types never do. */
/** What the kernel puts behind the name of an open file that is gone; a file may also be called so. */
const DELETED = " (deleted)";
const LINE = /^.*\(\d+\): ([A-Z+<>]+) +(\/.*)$/s;

/** One child for each file system. A folder's line says that names in it came, went or moved. */
function fatrace(entries: readonly { readonly path: string; readonly kind: "tree" | "file" }[], heard: Heard, lost: (because: string) => void): () => Promise<void> {
  const children = fileSystems(entries).map((folder) => {
    const child = spawn(FATRACE, ["--current-mount", "--filter=W+D<>"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let [rest, words, before] = ["", "", folder];
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const [, types, path] = LINE.exec(line) ?? [];
        if (types === undefined || path === undefined) { heard(dirname(before), "names"); continue; } // the rest of a name with a newline in it
        before = path;
        if (!path.endsWith(DELETED)) heard(path, /[+D<>]/.test(types) ? "names" : "self");
        else for (const one of [path, path.slice(0, -DELETED.length)]) if (lstatSync(Buffer.from(one, "latin1"), { throwIfNoEntry: false }) !== undefined) heard(one, "self");
      }
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => { words = (words + text).slice(-500); });
    child.on("error", (error) => lost(`fatrace: ${error.message}`));
    child.on("exit", (code, signal) => lost(`fatrace ended with ${signal ?? `exit ${code}`} ${words.trim()}`));
    return child;
  });
  return async () => { for (const child of children) { child.removeAllListeners("exit"); child.kill("SIGTERM"); } };
}

/** A folder on each file system that the entries reach into. */
function fileSystems(entries: readonly { readonly path: string; readonly kind: "tree" | "file" }[]): readonly string[] {
  const folders = entries.flatMap(({ kind, path }) => kind === "file" ? [dirname(path)] : [path, ...lookAtTree(path, "").mounts.filter((point) => `${point}/`.startsWith(path))]);
  return [...new Map(folders.map((folder) => [statSync(folder).dev, folder])).values()];
}

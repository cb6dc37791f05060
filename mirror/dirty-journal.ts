// The dirty paths of one job, on disk as they come: STATE/mirror/dirty/JOB. A crash of this process loses none that it has heard of.
//
// Append-only; emptied when nothing is dirty, written anew when most of its lines are over. It is not fsynced: after a power cut the
// watcher is not believed anyway until a full pass was good.

import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { STATE } from "../clusterd/base/paths.ts";
import type { WallTime } from "../clusterd/base/time.ts";
import { addDirt, addLine, cleanBefore, cleanLine, cleanSent, readLines } from "./dirty.ts";
import type { Dirt, DirtyPaths, Extent } from "./dirty.ts";

const FOLDER = `${STATE}/mirror/dirty`;
const file = (job: string): string => `${FOLDER}/${job}`;
/** Lines beyond those that still count, before the file is written anew. */
const SPARE_LINES = 20_000;

/** What the file says now; for whoever only looks. */
export function readDirty(job: string): ReadonlyMap<string, Dirt> {
  try {
    return readLines(readFileSync(file(job), "latin1"));
  } catch {
    return new Map(); // never watched here
  }
}

export class DirtyJournal {
  readonly #job: string;
  readonly #paths: DirtyPaths;
  /** Null: closed. A push that ends after that leaves its paths listed: sent twice is no harm, another file under the same number would be. */
  #fd: number | null;
  #lines = 0;

  constructor(job: string) {
    this.#job = job;
    mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
    this.#paths = new Map(readDirty(job));
    this.#fd = this.#writeAnew();
  }

  get paths(): ReadonlyMap<string, Dirt> {
    return this.#paths;
  }

  add(changes: Iterable<readonly [string, Extent]>, now: WallTime): void {
    let text = "";
    for (const [path, extent] of changes) { addDirt(this.#paths, path, extent, now); text += addLine(path, extent, now); this.#lines += 1; }
    this.#append(text);
  }

  /** What a batch has brought over. */
  sent(batch: ReadonlyMap<string, Dirt>): readonly (readonly [string, Dirt])[] {
    return this.#gone(cleanSent(this.#paths, batch));
  }

  /** A full run that began then has brought over everything from before. */
  before(began: WallTime): void {
    this.#gone(cleanBefore(this.#paths, began));
  }

  /** Too many to list, or the job is no longer this node's. */
  forget(): void {
    this.#paths.clear();
    this.#empty();
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  #empty(): void {
    if (this.#fd !== null) ftruncateSync(this.#fd, 0);
    this.#lines = 0;
  }

  #gone(gone: readonly (readonly [string, Dirt])[]): readonly (readonly [string, Dirt])[] {
    if (this.#paths.size === 0) { this.#empty(); return gone; }
    this.#lines += gone.length;
    this.#append(gone.map(([path]) => cleanLine(path)).join(""));
    return gone;
  }

  #append(text: string): void {
    if (this.#fd === null) return;
    if (text !== "") writeSync(this.#fd, Buffer.from(text, "latin1"));
    if (this.#lines > this.#paths.size + SPARE_LINES) { closeSync(this.#fd); this.#fd = this.#writeAnew(); }
  }

  #writeAnew(): number {
    let text = "";
    for (const [path, { extent, since, last }] of this.#paths) text += addLine(path, extent, since) + (last > since ? addLine(path, extent, last) : "");
    writeFileSync(`${file(this.#job)}.new`, Buffer.from(text, "latin1"), { mode: 0o600 });
    renameSync(`${file(this.#job)}.new`, file(this.#job));
    this.#lines = this.#paths.size;
    return openSync(file(this.#job), "a");
  }
}

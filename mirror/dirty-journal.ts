// The dirty paths of one job, on disk as they come: STATE/mirror/dirty/JOB. A crash of this process loses none that it has heard of.
//
// Append-only; emptied when nothing is dirty, written anew when most of its lines are over. It is not fsynced: after a power cut the
// watcher is not believed anyway until a full pass was good.

import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { reasonOf } from "../clusterd/base/errors.ts";
import { STATE } from "../clusterd/base/paths.ts";
import { monotonicNow } from "../clusterd/base/time.ts";
import type { Instant, WallTime } from "../clusterd/base/time.ts";
import { addDirt, addLine, cleanBefore, cleanLine, cleanSent, readLines } from "./dirty.ts";
import type { Dirt, DirtyPaths, Extent } from "./dirty.ts";

const FOLDER = `${STATE}/mirror/dirty`;
const file = (job: string): string => `${FOLDER}/${job}`;
/** Lines beyond those that still count, before the file is written anew. */
const SPARE_LINES = 20_000;

/** What the file says now; for whoever only looks. */
export function readDirty(job: string): ReadonlyMap<string, Dirt> {
  try {
    return readLines(readFileSync(file(job), "latin1"), monotonicNow());
  } catch {
    return new Map(); // never watched here
  }
}

export class DirtyJournal {
  readonly #job: string;
  readonly #paths: DirtyPaths;
  /** Null: closed, or it could not be written. A push that ends after the close leaves its paths listed: sent twice is no harm, another file under the same number would be. */
  #fd: number | null = null;
  #closed = false;
  #torn: string | null = null;
  #lines = 0;

  constructor(job: string) {
    this.#job = job;
    this.#paths = new Map(readDirty(job));
    this.#trying(() => this.#writeAnew());
  }

  /** Why the file does not say what `paths` does: a disk that is full, mostly. It is written anew with the next change that finds room. Null: it does. */
  get torn(): string | null {
    return this.#torn;
  }

  get paths(): ReadonlyMap<string, Dirt> {
    return this.#paths;
  }

  add(changes: Iterable<readonly [string, Extent]>, now: WallTime, heard: Instant): void {
    let text = "";
    for (const [path, extent] of changes) { addDirt(this.#paths, path, extent, now, heard); text += addLine(path, extent, now); this.#lines += 1; }
    this.#append(text);
  }

  /** What a batch has brought over. */
  sent(batch: ReadonlyMap<string, Dirt>): readonly (readonly [string, Dirt])[] {
    return this.#gone(cleanSent(this.#paths, batch));
  }

  /** A full run that began then has brought over everything from before. */
  before(began: Instant): void {
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
    this.#closed = true;
  }

  #empty(): void {
    this.#lines = 0;
    this.#trying(() => { if (this.#fd === null) this.#writeAnew(); else ftruncateSync(this.#fd, 0); });
  }

  #gone(gone: readonly (readonly [string, Dirt])[]): readonly (readonly [string, Dirt])[] {
    if (this.#paths.size === 0) { this.#empty(); return gone; }
    this.#lines += gone.length;
    this.#append(gone.map(([path]) => cleanLine(path)).join(""));
    return gone;
  }

  #append(text: string): void {
    this.#trying(() => {
      if (this.#fd === null || this.#torn !== null || this.#lines > this.#paths.size + SPARE_LINES) this.#writeAnew();
      else if (text !== "") writeFileSync(this.#fd, Buffer.from(text, "latin1"));
    });
  }

  /** Changes go over all the same when the file cannot be written; after a crash a full run is due in any case. */
  #trying(write: () => void): void {
    if (this.#closed) return;
    try {
      write();
      this.#torn = null;
    } catch (error) {
      this.#torn = reasonOf(error);
    }
  }

  #writeAnew(): void {
    let text = "";
    for (const [path, { extent, since, last }] of this.#paths) text += addLine(path, extent, since) + (last > since ? addLine(path, extent, last) : "");
    const draft = `${file(this.#job)}.new`;
    try {
      mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
      writeFileSync(draft, Buffer.from(text, "latin1"), { mode: 0o600 });
      renameSync(draft, file(this.#job));
    } catch (error) {
      rmSync(draft, { force: true });
      throw error;
    }
    this.#lines = this.#paths.size;
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
    this.#fd = openSync(file(this.#job), "a");
  }
}

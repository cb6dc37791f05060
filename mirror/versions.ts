// Under which run's name does a live push keep what it replaces?
//
// A dated directory holds one version of a path, and a later one in the same directory would take its place. So in each ten minutes there
// are two directories: the first keeps the version that was there when a path was first replaced, the second whatever was replaced
// after that, the last of it. Thus of a file written all day the first and the last version of every ten minutes are kept, and every one that
// a run has claimed to be mirrored: after each run there are new directories. What is found by comparing the names of a folder is not
// known beforehand: it has a third directory, and a new one as soon as something comes again. Pure.

import { newRunId } from "./backup-names.ts";
import type { RunId } from "./backup-names.ts";
import type { WallTime } from "../clusterd/base/time.ts";

const WINDOW_MS = 600_000;

export class Versions {
  #began = -Infinity;
  #first: RunId = "";
  #second: RunId = "";
  #names: RunId = "";
  /** What the first directory holds, as rsync prints names; and the folders above. */
  readonly #kept = new Set<string>();
  readonly #above = new Set<string>();
  /** What the third one holds. */
  readonly #keptByNames = new Set<string>();

  /** The names of one batch, each under the run that is to keep its old version. */
  split(names: readonly string[], printed: (name: string) => string, now: WallTime): readonly { readonly run: RunId; readonly names: readonly string[] }[] {
    // A whole folder, of which something is kept already: no telling what of it is replaced for the first time.
    if (Math.abs(now - this.#began) > WINDOW_MS || names.some((name) => this.#above.has(printed(name)))) this.#begin(now);
    const folders = names.filter((name) => name.endsWith("/"));
    const plain = names.filter((name) => !name.endsWith("/"));
    const again = (name: string): boolean => this.#kept.has(printed(name));
    return [{ run: this.#first, names: plain.filter((name) => !again(name)) }, { run: this.#second, names: plain.filter(again) }, { run: this.#names, names: folders }].filter((part) => part.names.length > 0);
  }

  /** For what is deleted once a batch has been pushed; its own first push has put versions of the same paths into the others. */
  get third(): RunId {
    return this.#names;
  }

  /** The run to keep what is about to be deleted under `run`: another one if something of it is kept there. */
  forDeletion(run: RunId, names: readonly string[], now: WallTime): RunId {
    const held = run === this.#names ? this.#keptByNames : run === this.#first ? this.#kept : new Set<string>();
    if (!names.some((name) => held.has(bare(name)))) return run;
    if (run === this.#first) { this.#begin(now); return this.#first; }
    this.#keptByNames.clear();
    this.#names = newRunId(now);
    return this.#names;
  }

  /** With what comes next, new directories begin: a run has claimed what lies there now, or nobody knows what a push that broke off has kept. */
  anew(): void {
    this.#began = -Infinity;
  }

  /** What a push under `run` has replaced or deleted. */
  kept(run: RunId, { replaced, deleted }: { readonly replaced: readonly string[]; readonly deleted: readonly string[] }): void {
    if (run === this.#names) for (const name of deleted) this.#keptByNames.add(bare(name));
    // A file that changed again while the names of its folder were compared: it may well do so once more.
    if (run === this.#names && replaced.length > 0) { this.#keptByNames.clear(); this.#names = newRunId(this.#began); }
    if (run !== this.#first) return;
    for (const name of [...replaced, ...deleted]) {
      const path = bare(name);
      this.#kept.add(path);
      for (let cut = path.lastIndexOf("/"); cut > 0; cut = path.lastIndexOf("/", cut - 1)) this.#above.add(path.slice(0, cut));
    }
  }

  #begin(now: WallTime): void {
    this.#began = now;
    [this.#first, this.#second, this.#names] = [newRunId(now), newRunId(now), newRunId(now)];
    this.#kept.clear();
    this.#above.clear();
    this.#keptByNames.clear();
  }
}

const bare = (name: string): string => name.replace(/\/$/, "");

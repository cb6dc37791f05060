// One job of an identity that this node owns: hears of changes, journals them, and says how far they may be relied on.
//
// The watcher is believed from the first full run on that began after it could hear. When it says that it may have missed something, it is
// started anew, and a full run is due. What is dirty stays in the journal until a run that began after the change was good.

import { statSync } from "node:fs";
import type { Log } from "../clusterd/base/log.ts";
import { monotonicNow } from "../clusterd/base/time.ts";
import type { Instant, WallTime } from "../clusterd/base/time.ts";
import type { JobConfig } from "../clusterd/config/config.ts";
import { DirtyJournal } from "./dirty-journal.ts";
import { MOST } from "./dirty.ts";
import type { Dirt, Extent } from "./dirty.ts";
import type { Since } from "./live-push.ts";
import { dropState, Lags, writeState } from "./live-state.ts";
import type { LiveState } from "./live-state.ts";
import { watchOwner } from "./owner-watch.ts";
import type { OwnerWatch } from "./owner-watch.ts";
import { instantOf } from "./moment.ts";
import { afterFailure, FRESH } from "./recovery.ts";
import type { Attempts } from "./recovery.ts";
import { readReport, reportFile } from "./report.ts";
import { Rest } from "./rest.ts";
import { LISTED } from "./told.ts";
import type { Ledger } from "./told.ts";
import { Versions } from "./versions.ts";
import { asRsyncPrints } from "./walk.ts";
import type { Choice } from "./watcher-choice.ts";

/** Events of one change come in a bunch. */
const GATHER_MS = 2;
/** New names, or many changes in one bunch: more is to come, and goes faster together. Waited for until nothing has come for a while. */
const MANY = 8;
const CALM_MS = 10;
const LONGEST_CALM = 100;
/** A watcher that has been heard for so long is no longer a failing one. */
const STEADY_MS = 10_000;
const SECOND = 1000;
const LONGEST_PAUSE = 8 * SECOND;

export class LiveJob {
  readonly job: JobConfig;
  readonly journal: DirtyJournal;
  readonly since: Since = { versions: new Versions(), deleted: new Set(), created: new Set() };
  readonly lags = new Lags();
  readonly rest = new Rest();
  heardAt: Instant = -Infinity;
  /** No batch before that: the last one failed. */
  notBefore: Instant = 0;
  /** No batch before that: changes are coming thick and fast. */
  calmAt: Instant = 0;
  trouble: string | null = null;
  /** How many entries chokidar keeps for it. */
  readonly entries: number;
  readonly #choice: Choice;
  readonly #log: Log;
  readonly #dirty: () => void;
  #watch: OwnerWatch | null = null;
  /** Since when the present watcher hears; null = it does not. */
  #hears: Instant | null = null;
  #deaf = "";
  #attempts: Attempts = FRESH;
  #heard = new Map<string, Extent>();
  /** Since the last batch began. */
  #rushSince: Instant | null = null;
  #gather: NodeJS.Timeout | null = null;
  #again: NodeJS.Timeout | null = null;
  #wantsPass: Instant | null = null;
  /** When the last good full run began. */
  #lastGood: Instant = -Infinity;
  /** The same for people, of an earlier boot too; 0: there was none. */
  #unlisted: WallTime = 0;
  #reportTime = 0;
  readonly #held = new Set<string>();
  #stopped = false;

  /** `dirty` is called when there is something to send. */
  constructor(job: JobConfig, choice: Choice, entries: number, log: Log, dirty: () => void) {
    this.job = job;
    this.journal = new DirtyJournal(job.name);
    this.entries = entries;
    this.#choice = choice;
    this.#log = log;
    this.#dirty = dirty;
    this.look();
    void this.#start();
  }

  /** Null: changes travel with passes. */
  get by(): "chokidar" | "fatrace" | null {
    return this.#hears === null ? null : this.#watch?.by ?? null;
  }

  /** May the list of dirty paths be believed to be complete? */
  get vouched(): boolean {
    return this.#hears !== null && this.#wantsPass === null && this.#lastGood >= this.#hears;
  }

  /** A full run is due: the first of all, or the watcher is new, has missed something, or a change can only go that way. */
  get passDue(): boolean {
    return this.#choice.by !== null && (this.#hears === null ? this.#unlisted === 0 : !this.vouched);
  }

  wantPass(because: string): void {
    if (this.#wantsPass === null) this.#log.info("mirror.live-pass", { job: this.job.name, because });
    this.#wantsPass = monotonicNow();
    this.trouble = because;
  }

  /** What may go now, and when to look again at what rests. Deletions that wait for a person, and what goes with them, wait. */
  due(now: Instant): { readonly paths: ReadonlyMap<string, Dirt>; readonly again: Instant } {
    const paths = new Map<string, Dirt>();
    let again = Infinity;
    for (const [path, dirt] of this.journal.paths) {
      const until = this.rest.until(path);
      if (until > now) again = Math.min(again, until);
      else if (!this.#held.has(path)) paths.set(path, dirt);
    }
    return { paths, again };
  }

  /** A batch begins with what has come so far. */
  taken(): void {
    this.#rushSince = null;
  }

  hold(paths: readonly string[], because: string): void {
    for (const path of paths) this.#held.add(path);
    this.wantPass(because);
  }

  /** A batch has arrived. */
  sent(batch: ReadonlyMap<string, Dirt>): void {
    const now = Date.now();
    for (const [, { since }] of this.journal.sent(batch)) this.lags.add(Math.max(0, now - since));
    if (this.#wantsPass === null) this.trouble = null;
  }

  /** Has a full run been good since we last looked? It covers every change from before it began. */
  look(): void {
    const time = statSync(reportFile(this.job.name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (time === this.#reportTime) return;
    this.#reportTime = time;
    const run = readReport(this.job.name)?.lastGood;
    this.#unlisted = run?.started ?? 0;
    const good = instantOf(run?.began);
    if (good <= this.#lastGood) return;
    this.#lastGood = good;
    this.journal.before(good);
    this.#held.clear();
    this.since.deleted.clear();
    this.since.created.clear();
    this.since.versions.anew();
    if (this.#again !== null) { clearTimeout(this.#again); this.#again = null; void this.#start(); } // what was in the watcher's way may be gone
    if (this.#wantsPass !== null && this.#wantsPass < good) { this.#wantsPass = null; this.trouble = null; }
  }

  state(): LiveState {
    const { torn } = this.journal;
    const because = torn === null ? this.trouble ?? this.#because() : `the list of what waits cannot be written: ${torn}`;
    return { by: this.by, because, unlistedSince: this.vouched && torn === null ? null : this.#unlisted, lag: this.lags.summary() };
  }

  /** For the other node, which may have to go on without this one. */
  ledger(): Ledger {
    const { by, because, unlistedSince } = this.state();
    return { at: Date.now(), mode: by === null ? "passes" : `live by ${by}`, because, unlistedSince, ...listed(this.journal.paths) };
  }

  /** Once a second, changed or not: that also says that this process does not stand still. */
  publish(): void {
    writeState(this.job.name, this.state());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#again !== null) clearTimeout(this.#again);
    this.#flush();
    await this.#watch?.close();
    this.journal.close();
    dropState(this.job.name);
  }

  #because(): string {
    if (this.#hears === null) return this.#deaf !== "" ? this.#deaf : this.#choice.because;
    return this.vouched ? this.#choice.because : "a full run is due before the watcher is believed";
  }

  async #start(): Promise<void> {
    const { name, entries } = this.job;
    if (this.#choice.by === null) { this.#log.info("mirror.live", { job: name, by: "passes", because: this.#choice.because }); return; }
    try {
      const began = monotonicNow();
      const watch = await watchOwner(this.#choice.by, entries, { changed: (path, extent) => this.#changed(path, extent), doubt: (because) => this.wantPass(because), lost: (because) => this.#lost(because) });
      if (this.#stopped) { await watch.close(); return; }
      this.#watch = watch;
      this.#hears = monotonicNow();
      this.#deaf = "";
      this.#log.info("mirror.live", { job: name, by: watch.by, ready: Math.round(monotonicNow() - began), because: this.#choice.because });
    } catch (error) {
      this.#lost(error instanceof Error ? error.message : String(error));
    }
  }

  #changed(path: string, extent: Extent): void {
    if (extent !== "self" || !this.#heard.has(path)) this.#heard.set(path, this.#heard.get(path) === "all" ? "all" : extent);
    this.#gather ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  #flush(): void {
    if (this.#gather !== null) clearTimeout(this.#gather);
    this.#gather = null;
    if (this.#heard.size === 0) return;
    const heard = this.#heard;
    this.#heard = new Map();
    this.heardAt = monotonicNow();
    this.journal.add(heard, Date.now(), this.heardAt);
    if (heard.size >= MANY || [...heard.values()].some((extent) => extent !== "self")) {
      this.#rushSince ??= this.heardAt;
      this.calmAt = Math.min(this.#rushSince + LONGEST_CALM, this.heardAt + CALM_MS);
    }
    if (this.journal.paths.size > MOST) { this.journal.forget(); this.wantPass(`more than ${MOST} changes wait`); }
    this.#dirty();
  }

  /** The watcher is of no use any more: passes, until a new one hears. */
  #lost(because: string): void {
    if (this.#stopped) return;
    if (this.#hears !== null && monotonicNow() - this.#hears > STEADY_MS) this.#attempts = FRESH;
    this.#hears = null;
    this.#deaf = because;
    void this.#watch?.close();
    this.#watch = null;
    this.#attempts = afterFailure(this.#attempts, monotonicNow());
    const pause = Math.round(Math.min(LONGEST_PAUSE, Math.max(SECOND, this.#attempts.notBefore - monotonicNow())));
    this.#log.warn("mirror.live-lost", { job: this.job.name, because, again: pause });
    this.#again = setTimeout(() => { this.#again = null; void this.#start(); }, pause);
    this.publish();
  }
}

/** Oldest first, as people and rsync write names. */
export function listed(paths: ReadonlyMap<string, Dirt>): Pick<Ledger, "dirty" | "total"> {
  const sorted = [...paths].sort(([, a], [, b]) => a.since - b.since).slice(0, LISTED);
  return { total: paths.size, dirty: sorted.map(([path, { extent, since }]) => ({ path: `${asRsyncPrints(Buffer.from(path, "latin1"))}${extent !== "names" || path.endsWith("/") ? "" : "/"}`, since })) };
}

// Live mirroring: changes of the identities that this node owns reach the peer while they happen.
//
// One connection is kept (session.ts), one batch goes at a time. Full runs remain the truth: they are started from here when a watcher is new
// or has missed something, and no batch goes while one is going on. Once a second each job's ledger is told to the peer.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { reasonOf } from "../clusterd/base/errors.ts";
import type { Log } from "../clusterd/base/log.ts";
import { monotonicNow } from "../clusterd/base/time.ts";
import { otherNode } from "../clusterd/config/config.ts";
import type { Config, JobConfig } from "../clusterd/config/config.ts";
import type { NodeStatus } from "../clusterd/status/control.ts";
import { newRunId } from "./backup-names.ts";
import type { Dirt } from "./dirty.ts";
import { candidateLinks, chooseLink } from "./links.ts";
import { LiveJob } from "./live-job.ts";
import { pushLive } from "./live-push.ts";
import { runGoesOn, sendLock } from "./lock.ts";
import { afterFailure, FRESH } from "./recovery.ts";
import type { Attempts } from "./recovery.ts";
import { Session } from "./session.ts";
import { CHOKIDAR_MOST, choose, countTrees, hasFatrace, maxWatches } from "./watcher-choice.ts";

const MIRROR = join(import.meta.dirname, "bin/mirror");
const SECOND = 1000;
/** Said again although nothing has changed, so that the peer knows how old its knowledge may be. */
const TELL_AGAIN = 10_000;
const AFTER_RUN = 50;
const AFTER_REFUSAL = 500;
const AFTER_PASS_WANTED = 2000;
/** A connection that has lasted so long was a good one. */
const STEADY = 60_000;
const TELL_TIMEOUT = 10_000;
const RUN_TIMEOUT = 6 * 3_600_000;

interface Of { readonly live: LiveJob; run: { readonly going: boolean; readonly attempts: Attempts }; told: { readonly text: string; readonly at: number } }

export class Live {
  readonly #log: Log;
  readonly #jobs = new Map<string, Of>();
  #config: Config;
  #status: NodeStatus | null = null;
  #session: Session | null = null;
  #connect: Attempts = FRESH;
  #wake: () => void = () => undefined;
  #stopped = false;
  readonly #beat: NodeJS.Timeout;
  readonly #over: Promise<void>;

  constructor(config: Config, log: Log) {
    this.#config = config;
    this.#log = log;
    this.#beat = setInterval(() => this.#second(), SECOND);
    this.#over = this.#work();
  }

  /** clusterd has said something new, or does not answer. */
  async follow(config: Config, status: NodeStatus | null): Promise<void> {
    const changed = this.#config !== config;
    this.#config = config;
    this.#status = status;
    const ours = status === null ? [] : config.jobs.filter(({ home }) => ["owner", "freezing"].includes(status.core.identities[home].role));
    for (const [name, { live }] of this.#jobs) if ((changed || !ours.some((job) => job.name === name)) && status !== null) { this.#jobs.delete(name); await live.stop(); }
    for (const job of ours) if (!this.#jobs.has(job.name)) this.#begin(job);
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#beat);
    this.#wake();
    await Promise.race([this.#over, new Promise((resolve) => setTimeout(resolve, SECOND).unref())]);
    this.#session?.close();
    for (const { live } of this.#jobs.values()) await live.stop();
  }

  #begin(job: JobConfig): void {
    const trees = job.entries.filter(({ kind }) => kind === "tree").map(({ path }) => path);
    // What a hook prepares counts as a whole: it goes with runs, unless the job itself asks for more.
    const wanted = job.watch ?? (job.before.length > 0 || job.consistent ? "no" : this.#config.cluster.watch);
    // Counting is a walk: not for a job that is not to be watched.
    const room = CHOKIDAR_MOST - [...this.#jobs.values()].reduce((sum, { live }) => sum + live.entries, 0);
    const count = wanted === "no" ? { entries: 0, folders: 0, more: false } : countTrees(trees, Math.max(0, room));
    const choice = choose({ wanted, count, room, watches: maxWatches(), fatrace: hasFatrace() });
    const live = new LiveJob(job, choice, choice.by === "chokidar" ? count.entries : 0, this.#log, () => this.#wake());
    this.#jobs.set(job.name, { live, run: { going: false, attempts: FRESH }, told: { text: "", at: 0 } });
  }

  #second(): void {
    for (const of of this.#jobs.values()) {
      of.live.look();
      of.live.publish();
      this.#runIfDue(of);
    }
    this.#wake();
  }

  /** A peer that is not in sync gets its recovery run from elsewhere (daemon.ts); that counts as well. */
  #runIfDue(of: Of): void {
    const { live, run } = of;
    if (!live.passDue || run.going || monotonicNow() < run.attempts.notBefore || !this.#peerReady(live.job) || runGoesOn(live.job.name)) return;
    of.run = { going: true, attempts: run.attempts };
    execFile(MIRROR, ["run", live.job.name, "--quiet"], { timeout: RUN_TIMEOUT, maxBuffer: 1 << 20 }, (error, _stdout, stderr) => {
      of.run = { going: false, attempts: error === null ? FRESH : afterFailure(run.attempts, monotonicNow()) };
      if (error !== null && !this.#stopped) this.#log.warn("mirror.live-pass-failed", { job: live.job.name, because: stderr.trim().split("\n").at(-1) ?? error.message });
      live.look();
      this.#wake();
    });
  }

  #peerReady(job: JobConfig): boolean {
    const status = this.#status;
    if (status === null || this.#stopped) return false;
    const { peer, identities } = status.core;
    const { role, peerInSync } = identities[job.home];
    return role === "owner" && peerInSync && (peer.state === "alive" || peer.state === "late");
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      let wake = (): void => undefined;
      const woken = new Promise<void>((resolve) => { wake = resolve; });
      this.#wake = wake;
      let pause = Infinity;
      for (const of of this.#jobs.values()) {
        if (!this.#peerReady(of.live.job)) continue;
        pause = Math.min(pause, await this.#turn(of));
        await this.#tell(of);
      }
      if (pause === 0) continue;
      const timer = Number.isFinite(pause) ? setTimeout(wake, pause) : null;
      await woken;
      if (timer !== null) clearTimeout(timer);
    }
  }

  /** One batch of one job, if there is something to send; says in how many milliseconds to come again. */
  async #turn({ live }: Of): Promise<number> {
    const { job } = live;
    live.look(); // a run that has just ended counts: what it saw is not new any more
    if (live.by === null) return Infinity;
    const { paths: due, again } = live.due(monotonicNow());
    if (due.size === 0) return Math.max(1, again - monotonicNow());
    const early = Math.max(live.notBefore, live.calmAt) - monotonicNow();
    if (early > 0) return early;
    if (runGoesOn(job.name)) return AFTER_RUN;
    const session = await this.#connected();
    if (session === null) return Math.max(AFTER_RUN, this.#connect.notBefore - monotonicNow());
    const lock = sendLock(job.name);
    if (!lock.ok) return AFTER_RUN;
    live.look(); // one may have ended while the connection was made: its deletions count, and what it claims is to be kept
    try {
      await this.#push(live, session, due);
    } catch (error) { // a disk that answers no more, say: the other jobs go on
      live.trouble = reasonOf(error);
      live.notBefore = monotonicNow() + AFTER_PASS_WANTED;
    } finally {
      lock.release();
    }
    return Math.max(0, live.notBefore - monotonicNow());
  }

  async #push(live: LiveJob, session: Session, dirty: ReadonlyMap<string, Dirt>): Promise<void> {
    live.taken();
    const began = monotonicNow();
    const status = this.#status;
    if (status === null) return;
    const pushed = await pushLive({ config: this.#config, job: live.job, status, session, since: live.since, heardAt: () => live.heardAt }, dirty);
    const took = monotonicNow() - began;
    if (pushed.kind === "sent") {
      live.sent(new Map([...dirty].filter(([path]) => !pushed.left.has(path))));
      if (pushed.held !== null) live.hold([...pushed.left], pushed.held);
      if (pushed.linked) live.wantPass("a changed file has several names");
      live.rest.sent(dirty.keys(), took, monotonicNow());
      live.notBefore = 0;
    } else {
      live.notBefore = pushed.kind === "later" && pushed.atOnce ? 0 : monotonicNow() + AFTER_REFUSAL;
      live.trouble = pushed.because;
      if (pushed.kind === "pass") { live.wantPass(pushed.because); live.notBefore = monotonicNow() + AFTER_PASS_WANTED; }
    }
  }

  /** When the list has changed, or has not been said for a while. */
  async #tell(of: Of): Promise<void> {
    const { live, told } = of;
    const age = monotonicNow() - told.at;
    if (live.by === null && told.text === "" || age < SECOND) return;
    const ledger = live.ledger();
    const text = JSON.stringify({ ...ledger, at: 0 });
    if (text === told.text && age < TELL_AGAIN) return;
    const session = await this.#connected();
    const status = this.#status;
    if (session === null || status === null) return;
    const epoch = status.core.identities[live.job.home].epoch;
    const answer = await session.ask(["clusterd-mirror", "v1", "ledger", live.job.name, String(epoch), newRunId(Date.now())], TELL_TIMEOUT, JSON.stringify(ledger));
    of.told = { text: answer.code === 0 ? text : "refused", at: monotonicNow() };
  }

  async #connected(): Promise<Session | null> {
    if (this.#session?.open === true) return this.#session;
    if (monotonicNow() < this.#connect.notBefore) return null;
    const config = this.#config;
    const link = await chooseLink(candidateLinks(config, this.#status), config.cluster.sshPort);
    if (link === null) { this.#connect = afterFailure(this.#connect, monotonicNow()); return null; }
    const session = new Session({ node: otherNode(config).name, address: link.address, port: config.cluster.sshPort });
    const began = monotonicNow();
    this.#session = session;
    void session.ended.then((because) => {
      this.#connect = monotonicNow() - began > STEADY ? FRESH : afterFailure(this.#connect, monotonicNow());
      if (!this.#stopped) this.#log.info("mirror.live-connection", { there: false, because });
      this.#wake();
    });
    return session;
  }
}

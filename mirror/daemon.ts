// The mirror's own process: sends changes while they happen (live.ts), brings a returned peer up to date, runs the schedule if there is no cron, watches for edits.
//
// It holds no state that matters. Runs are processes of their own (`mirror pass`, `mirror run`), so this one stays small, and
// whether a run may happen is decided there. clusterd tells of each of its decisions; when it is not there, nothing is done.

import { execFile } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createLog } from "../clusterd/base/log.ts";
import type { Log } from "../clusterd/base/log.ts";
import { monotonicNow } from "../clusterd/base/time.ts";
import { peerOf } from "../clusterd/config/config.ts";
import type { Config, JobConfig } from "../clusterd/config/config.ts";
import type { Index } from "../clusterd/core/model.ts";
import { leaveMotd, motdText } from "../clusterd/names/motd.ts";
import { followDaemon } from "../clusterd/status/control-client.ts";
import type { ControlAnswer, NodeStatus } from "../clusterd/status/control.ts";
import { candidateLinks } from "./links.ts";
import type { PassResult } from "./pass.ts";
import { afterFailure, behind, FRESH } from "./recovery.ts";
import type { Attempts } from "./recovery.ts";
import { CRONTAB, startScheduler } from "./scheduler.ts";
import type { Scheduler } from "./scheduler.ts";
import { Live } from "./live.ts";
import { settleLeft } from "./sets.ts";
import { settings } from "./settings.ts";
import { controlPath, dropConnections } from "./ssh.ts";
import { watchConfiguration, watchStandby } from "./watch.ts";
import type { Watching } from "./watch.ts";

const AGAIN_MS = 500;
const PASS_LIMIT = 6 * 3_600_000;
const MIRROR = join(import.meta.dirname, "bin/mirror");
const SHOWN = 5;

export async function daemon(): Promise<void> {
  const log = createLog();
  const read = await settings();
  if (!read.ok) { log.error("mirror.configuration", { because: read.text }); await log.flush(); process.exitCode = 2; return; }
  const keeper = new Keeper(read.config, log);
  await keeper.start();
  const stop = (): void => void keeper.stop().then(() => log.flush()).then(() => process.exit(0));
  process.once("SIGTERM", stop).once("SIGINT", stop);
}

class Keeper {
  #config: Config;
  readonly #log: Log;
  #loaded = 0;
  #reachable = true;
  #clusterd: boolean | null = null;
  #attempts: [Attempts, Attempts] = [FRESH, FRESH];
  #running: [ChildProcess | null, ChildProcess | null] = [null, null];
  #watched = new Map<string, Watching | "not">();
  /** Of the trees that are watched. */
  readonly #inodes = new Map<string, string>();
  #configuration: Watching | null = null;
  #scheduler: Scheduler | null = null;
  #status: NodeStatus | null = null;
  readonly #live: Live;
  readonly #stopping = new AbortController();

  constructor(config: Config, log: Log) {
    this.#config = config;
    this.#log = log;
    this.#live = new Live(config, log);
  }

  async start(): Promise<void> {
    this.#log.info("mirror.started", { jobs: this.#config.jobs.length, scheduler: this.#config.cluster.scheduler });
    this.#configuration = await watchConfiguration(() => void this.#configurationEdited(), (text) => this.#log.warn("mirror.watch", { because: text }));
    await this.#schedule();
    void this.#listen();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const child of this.#running) child?.kill("SIGTERM");
    await this.#live.stop();
    await this.#scheduler?.stop();
    await this.#configuration?.close();
    await leaveMotd("").catch(() => undefined);
    for (const watching of this.#watched.values()) if (watching !== "not") await watching.close();
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #listen(): Promise<void> {
    while (!this.#stopped) {
      for await (const answer of followDaemon({ signal: this.#stopping.signal })) await this.#heard(answer);
      await this.#heard({ ok: false, text: "clusterd does not answer" });
      await sleep(AGAIN_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }

  async #heard(answer: ControlAnswer): Promise<void> {
    if (this.#stopped) return;
    this.#status = answer.ok ? answer.status ?? null : null;
    const there = this.#status !== null;
    if (this.#clusterd !== there) this.#log.info("mirror.clusterd", { there, because: there ? "answers" : answer.text });
    this.#clusterd = there;
    await leaveMotd(motdText(this.#config, this.#status)).catch((error: Error) => this.#log.warn("mirror.motd", { because: error.message }));
    if (this.#status !== null) await this.#look(this.#status);
    await this.#live.follow(this.#config, this.#status);
  }

  async #look(status: NodeStatus): Promise<void> {
    await this.#follow(status.configuration.loaded);
    await this.#noticePeer(status);
    this.#recoverAll();
    for (const job of this.#config.jobs) await this.#settle(job);
    for (const job of this.#config.jobs) await this.#watch(job, status.core.identities[job.home].role === "standby");
  }

  /** clusterd has taken over another configuration: so do we. */
  async #follow(loaded: number): Promise<void> {
    if (this.#loaded !== 0 && this.#loaded !== loaded) {
      const read = await settings();
      if (read.ok) { this.#config = read.config; await this.#schedule(); this.#log.info("mirror.reloaded", { jobs: read.config.jobs.length }); }
    }
    this.#loaded = loaded;
  }

  async #schedule(): Promise<void> {
    const wanted = this.#config.cluster.scheduler === "builtin";
    if (!wanted) { await this.#scheduler?.stop(); this.#scheduler = null; }
    if (!wanted || this.#scheduler !== null) return;
    this.#scheduler = await startScheduler((text) => this.#log.warn("mirror.schedule", { because: text }));
    this.#log.info("mirror.scheduling", { file: CRONTAB, lines: this.#scheduler.lines.length });
  }

  /** A kept connection to a node that went silent would hold up the next run until ssh has noticed. */
  async #noticePeer(status: NodeStatus): Promise<void> {
    const reachable = status.core.peer.state === "alive" || status.core.peer.state === "late";
    if (this.#reachable && !reachable) {
      const { name } = this.#config.nodes[peerOf(this.#config)];
      const peers = candidateLinks(this.#config, null).map(({ address }) => ({ node: name, address, port: this.#config.cluster.sshPort }));
      await dropConnections(peers.filter((peer) => existsSync(controlPath(peer))));
    }
    if (!this.#reachable && reachable) this.#attempts = [FRESH, FRESH];
    this.#reachable = reachable;
  }

  #recoverAll(): void {
    if (this.#status !== null && !this.#stopped) for (const identity of behind(this.#status)) this.#recover(identity);
  }

  #recover(identity: Index): void {
    if (this.#running[identity] !== null || monotonicNow() < this.#attempts[identity].notBefore) return;
    const { name } = this.#config.nodes[identity];
    this.#log.info("mirror.recovery", { identity: name, because: "the peer does not have everything yet" });
    this.#running[identity] = execFile(MIRROR, ["pass", "--identity", name, "--recovery", "--within", `${PASS_LIMIT}ms`, "--json"], { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      this.#running[identity] = null;
      if (!this.#stopped) this.#recovered(identity, parsePass(stdout) ?? stderr.trim().split("\n").at(-1) ?? error?.message ?? "no answer");
    });
  }

  #recovered(identity: Index, result: PassResult | string): void {
    const ok = typeof result !== "string" && result.ok;
    const because = typeof result === "string" ? result : result.detail;
    this.#attempts[identity] = ok ? { ...FRESH, notBefore: monotonicNow() + 2 * AGAIN_MS } : afterFailure(this.#attempts[identity], monotonicNow());
    setTimeout(() => this.#recoverAll(), this.#attempts[identity].notBefore - monotonicNow() + 1).unref();
    this.#log.say(ok ? "info" : "warn", ok ? "mirror.recovered" : "mirror.recovery-failed", { identity: this.#config.nodes[identity].name, because });
    if (typeof result === "string") return;
    for (const { job, report } of result.jobs) if (report.kept > 0)
      this.#log.warn("mirror.kept", { job, files: report.kept, where: report.backups, only_there: report.keptFiles.filter((file) => file.unmirrored).length, because: "versions of the returning node were replaced or deleted there" });
  }

  /** Its set may be half in place, if the receiver was killed just then; services must not start on that. */
  async #settle(job: JobConfig): Promise<void> {
    const settled = await settleLeft(job).catch((error: Error) => ({ problem: error.message }));
    if (settled !== null) this.#log.say(settled.problem === null ? "info" : "warn", "mirror.set", { job: job.name, because: settled.problem ?? "an exchange of its set that was cut off is complete now" });
  }

  async #watch(job: JobConfig, standby: boolean): Promise<void> {
    const [before, inodes] = [this.#inodes.get(job.name), job.consistent ? String(job.entries.map(({ path }) => statSync(path, { throwIfNoEntry: false })?.ino)) : ""];
    const watched = this.#watched.get(job.name);
    // A set that was exchanged is another folder.
    if (before !== undefined && before !== inodes && watched !== undefined && watched !== "not") { this.#watched.delete(job.name); await watched.close(); }
    this.#inodes.set(job.name, inodes);
    const now = this.#watched.get(job.name);
    if (standby && now === undefined) {
      const trees = job.entries.filter(({ kind }) => kind === "tree").map(({ path }) => path);
      const watching = await watchStandby(job.name, trees, (paths) => this.#standbyEdited(job.name, paths), (text) => this.#log.warn("mirror.watch", { job: job.name, because: text }));
      if (watching === "later") return;
      this.#watched.set(job.name, watching);
      if (watching !== "not") this.#log.info("mirror.watching", { job: job.name, because: "standby: an edit here would be undone by the owner's next run" });
    } else if (!standby && now !== undefined) {
      this.#watched.delete(job.name);
      if (now !== "not") await now.close();
    }
  }

  #standbyEdited(job: string, paths: readonly string[]): void {
    this.#log.warn("mirror.edited-on-standby", { job, files: paths.length, paths: paths.slice(0, SHOWN), because: "this node is standby: the owner's next run undoes it and keeps the version in its dated directory" });
  }

  async #configurationEdited(): Promise<void> {
    const read = await settings();
    if (read.ok) this.#log.info("mirror.configuration-edited", { digest: read.config.digest, because: "the files are sound; `clusterd reload` takes them over, on both nodes" });
    else this.#log.warn("mirror.configuration-edited", { because: `the files have problems and are not in use: ${read.text}` });
  }
}

function parsePass(text: string): PassResult | null {
  try {
    return JSON.parse(text) as PassResult;
  } catch {
    return null; // it ended before it could report
  }
}

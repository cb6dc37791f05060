// The daemon put together: the only file that knows every part.
//
// NICs at rest, links, control socket, then the first tick.

import { randomBytes } from "node:crypto";
import { flushCompileCache } from "node:module";
import { fileURLToPath } from "node:url";
import type { WitnessClient } from "./arbiter/witness-client.ts";
import { run, describe } from "./base/exec.ts";
import type { Log } from "./base/log.ts";
import { CONTROL_SOCKET, STATE } from "./base/paths.ts";
import { monotonicNow } from "./base/time.ts";
import { createChecks, type Checks } from "./checks/checks.ts";
import { otherNode } from "./config/config.ts";
import type { Config } from "./config/config.ts";
import { loadConfig } from "./config/load.ts";
import { coreConfigOf } from "./core-config.ts";
import type { Effect, Heartbeat, Index } from "./core/model.ts";
import { begin } from "./core/step.ts";
import { underWay } from "./core/state.ts";
import { summaryOf } from "./core/summary.ts";
import { Driver, type Rim, type ServicesDone } from "./driver.ts";
import type { deriveKeys } from "./heartbeat/key.ts";
import { createLinks, type Links } from "./heartbeat/links.ts";
import { leave, makeWay, type Parts } from "./ending.ts";
import { createHistory } from "./history.ts";
import type { Journal, JournalRead } from "./journal.ts";
import { MaintenanceKeeper } from "./maintenance.ts";
import { Teller } from "./notify/teller.ts";
import { Postponed } from "./postponed.ts";
import { serveRequest } from "./requests.ts";
import { heldBy, takeRestart } from "./restart.ts";
import { follow, runsHere } from "./services/follow.ts";
import { createServices } from "./services/services.ts";
import { Settings } from "./settings.ts";
import type { ControlAnswer, ControlRequest, NodeStatus } from "./status/control.ts";
import { serveControl, type ControlServer } from "./status/socket-server.ts";
import { createFence, type Fence } from "./takeover/fence.ts";
import { createNetwork } from "./takeover/network.ts";
import { lastClockReport } from "./timesync/clock-report.ts";
import { offsetProblem } from "./timesync/peer-offset.ts";
import { ordinaryAgain } from "./urgency.ts";
import { readReports } from "../mirror/report.ts";

const OFFSET_LOOK = 2_000;
/** After a restart for an upgrade: until the lease has surely been renewed. */
const URGENT_START = 300;
/** Who follows this node's status hears something at least so often, and after a decision so soon: several often come together. */
const NEWS_EVERY = 10_000;
const NEWS_AFTER = 10;
/** The core gives a frozen handover up after two minutes; the pass itself is bounded by its jobs. */
const PASS_LIMIT = 110_000;
const MIRROR = fileURLToPath(new URL("../mirror/bin/mirror", import.meta.url));

export class Daemon {
  readonly #settings: Settings;
  readonly #journal: Journal;
  readonly #witness: WitnessClient | null;
  readonly #fence: Fence | null;
  readonly #log: Log;
  readonly #started = Date.now();
  readonly #history = createHistory(STATE);
  readonly #teller: Teller;
  readonly #services: ReturnType<typeof createServices>;
  readonly #network: ReturnType<typeof createNetwork>;
  #checks: Checks | null = null;
  #links: Links | null = null;
  #driver: Driver | null = null;
  #control: ControlServer | null = null;
  #newsDue = false;
  #ending = false;
  #clocksDiffer = false;
  readonly #reloads = new Postponed(() => (this.#driver as Driver).state, () => this.#takeConfiguration());
  readonly #maintenance = new MaintenanceKeeper((on) => this.#driver?.happened({ kind: "maintenance", on }), (told) => this.#tell({ kind: "tell", identity: null, ...told }));

  constructor(config: Config, journal: Journal, witness: WitnessClient | null, log: Log) {
    this.#settings = new Settings(config);
    this.#journal = journal;
    this.#witness = witness;
    this.#fence = createFence(otherNode(config));
    this.#log = log;
    this.#teller = new Teller(config, log);
    this.#services = createServices(config, log);
    const happened = (event: Parameters<Driver["happened"]>[0], at?: number): void => this.#driver?.happened(event, at);
    this.#network = createNetwork(config, {
      carrier: (nic, up, at) => happened({ kind: "carrier", nic, up }, at),
      ownMacHeard: (identity, at) => happened({ kind: "own-mac-heard", identity }, at),
      exchanged: (because) => this.#tell({ kind: "tell", level: "alarm", event: "network.exchanged", identity: config.self, because }),
      guardLost: (reason) => happened({ kind: "guard", present: false, reason }),
      guardBack: () => happened({ kind: "guard", present: true, reason: "" }),
    }, { info: (text) => log.info("network", { because: text }), warn: (text) => log.warn("network", { because: text }) });
  }

  async begin(before: JournalRead, keys: ReturnType<typeof deriveKeys>): Promise<void> {
    // Who answers here already keeps its NICs: nothing is touched before the socket is ours.
    this.#control = await serveControl(CONTROL_SOCKET, (request) => this.#serve(request));
    const core = coreConfigOf(this.#config);
    const left = takeRestart(core);
    const { found, problems, kept } = await this.#network.prepare(left === null ? [] : heldBy(left));
    for (const each of found) this.#log.warn("network.found-raised", { because: each });
    for (const each of problems) this.#log.warn("network.problem", { because: each });
    const resumed = left !== null && heldBy(left).length === kept.length ? left : null;
    if (resumed === null) for (const identity of kept) await this.#network.release(identity);
    const driver = new Driver(this.#rim(), resumed !== null ? { state: resumed, effects: [] } : begin(core, {
      kind: "start", at: monotonicNow(), wall: Date.now(), boot: randomBytes(16).toString("hex"),
      journal: before.ok ? before.record : null, fresh: !before.ok && before.missing,
    }));
    this.#driver = driver;
    if (resumed !== null) driver.reconfigure(core);
    const guards = this.#network.guards();
    driver.happened({ kind: "guard", present: guards.deadman, reason: guards.deadman ? "" : "the dead-man process did not start" });
    this.#links = createLinks(this.#config, keys, this.#log, {
      heard: (link, beat, wall) => driver.happened({ kind: "heard", link, beat, wall }),
      foreign: () => driver.happened({ kind: "foreign" }),
      roleOf: (identity) => driver.state.holdings[identity].role,
    });
    await this.#links.start();
    this.#checks = createChecks(this.#config, {
      state: () => driver.state,
      restart: (identity, service) => this.#restartService(driver, identity, service),
      handOver: (identity, because) => driver.command("handover", identity, because),
      tell: (told) => this.#tell(told), warn: (because) => this.#log.warn("checks", { because }),
    });
    this.#listenToSignals();
    this.#maintenance.take();
    driver.run();
    setTimeout(() => void ordinaryAgain(), URGENT_START);
    setInterval(() => { this.#watchOffset(); this.#maintenance.look(); }, OFFSET_LOOK);
    setInterval(() => { this.#control?.news(); this.#teller.look(this.#status(driver)); }, NEWS_EVERY);
    // Node would write it when it exits, which a daemon that is killed never does: 40 MB less resident from the next start on.
    flushCompileCache();
    this.#log.info("daemon.started", { cluster: this.#config.cluster.name, node: this.#name(core.self), profile: this.#config.cluster.profile });
  }

  #rim(): Rim {
    return {
      network: this.#network, eye: this.#network.eye,
      sendBeat: (beat: Heartbeat) => this.#links?.send(beat),
      askWitness: (question, voted) => this.#witness?.ask(question, voted),
      fence: () => this.#fence?.off() ?? Promise.resolve({ ok: false, reason: "no fence is configured" }),
      persist: (record) => this.#journal.write(record),
      startServices: (identity) => this.#services.start(identity).then((done) => this.#toldIfFailed(identity, done)),
      stopServices: (identity) => this.#services.stop(identity).then((done) => this.#toldIfFailed(identity, done)),
      finalPass: (identity) => this.#finalPass(identity),
      tell: (told) => this.#tell(told),
    };
  }

  get #config(): Config {
    return this.#settings.config;
  }

  #name(index: Index): string {
    return this.#config.nodes[index].name;
  }

  async #finalPass(identity: Index): Promise<{ ok: boolean; detail: string }> {
    const ran = await run([MIRROR, "pass", "--identity", this.#name(identity), "--final", "--json"], { timeout: PASS_LIMIT, ordinary: true });
    return { ok: ran.failure === null, detail: ran.failure === null ? "" : describe(ran) };
  }

  /** For `history`: why services that came or went with their identity did not do so. */
  #toldIfFailed<T extends ServicesDone>(identity: Index, done: T): T {
    if (!done.ok) this.#tell({ kind: "tell", level: "alarm", event: "service.failed", identity, because: done.detail });
    return done;
  }

  /** What failed to start with its identity may run after another try. */
  async #restartService(driver: Driver, identity: Index, service: string): Promise<ServicesDone> {
    const done = await this.#services.restart(identity, service);
    const failed = (): boolean => driver.state.holdings[identity].role === "owner" && driver.state.holdings[identity].services === "failed";
    const now = done.ok && failed() ? await this.#services.check(identity) : null;
    if (now?.ok === true && failed()) driver.happened({ kind: "services-started", identity, ok: true, detail: now.detail });
    return done;
  }

  #tell({ level, event, identity, because }: Effect & { kind: "tell" }): void {
    const name = identity === null ? null : this.#name(identity);
    this.#log.say(level, event, { ...(name === null ? {} : { identity: name }), because });
    this.#history.add({ wall: Date.now(), level, event, identity: name, because });
    this.#news();
    this.#teller.happened({ level, event, because }, name ?? "-");
  }

  #news(): void {
    if (this.#newsDue) return;
    this.#newsDue = true;
    setTimeout(() => { this.#newsDue = false; this.#control?.news(); }, NEWS_AFTER);
  }

  #offsetProblem(): string | null {
    return offsetProblem(this.#links?.offset() ?? null, this.#config.cluster.offsetLimit);
  }

  #watchOffset(): void {
    const problem = this.#offsetProblem();
    if ((problem === null) === !this.#clocksDiffer) return;
    this.#clocksDiffer = problem !== null;
    this.#tell({ kind: "tell", level: problem === null ? "info" : "alarm", event: "clock.offset", identity: null,
      because: problem ?? "the clocks of the two nodes agree again" });
  }

  #serve(request: ControlRequest): Promise<ControlAnswer> {
    const driver = this.#driver;
    if (driver === null) return Promise.resolve({ ok: false, text: "the daemon is still starting" });
    return serveRequest({
      config: this.#config, driver,
      status: () => this.#status(driver), reload: () => this.#reload(), wouldRefuse: () => this.#settings.wouldRefuse(), restart: () => makeWay(this.#parts(), (config) => this.#followServices(config ?? this.#config)), leave: (why) => void this.#leave(why), takeMaintenance: () => this.#maintenance.take(),
      warn: (event, identity, because) => this.#tell({ kind: "tell", level: "warn", event, identity, because }),
      noteCommand: (verb, node) => this.#log.info("command", { verb, identity: node ?? undefined }),
    }, request);
  }

  #status(driver: Driver): NodeStatus {
    const { cluster, self, digest } = this.#config;
    const summary = summaryOf({ ...driver.state, now: Math.max(driver.state.now, monotonicNow()) }, this.#network.absent());
    const more = [this.#offsetProblem(), this.#network.exchanged(), ...this.#links?.problems() ?? []].filter((problem) => problem !== null);
    return {
      version: 1, cluster: cluster.name, node: this.#name(self),
      nodes: [this.#name(0), this.#name(1)], wall: Date.now(), started: this.#started, profile: cluster.profile,
      core: more.length === 0 ? summary : { ...summary, problems: [...summary.problems, ...more] },
      offset: this.#links?.offset() ?? null, history: this.#history.newest(), guards: this.#network.guards(),
      configuration: { digest, loaded: this.#settings.loaded, problem: this.#settings.problem },
      maintenance: this.#maintenance.now, clock: lastClockReport(), checks: this.#checks?.status() ?? [], jobs: readReports(this.#config.jobs.map(({ name }) => name)),
    };
  }

  #listenToSignals(): void {
    process.on("SIGTERM", () => void this.#leave("SIGTERM"));
    process.on("SIGINT", () => void this.#leave("SIGINT"));
    process.on("SIGHUP", () => this.#reload());
  }

  /** A second signal ends at once; the dead-man lets go then. */
  #leave(why: string): Promise<never> {
    if (this.#ending) process.exit(1);
    this.#ending = true;
    return leave(this.#parts(), why);
  }

  #parts(): Parts {
    return {
      config: this.#config, driver: this.#driver, checks: this.#checks, links: this.#links, witness: this.#witness,
      network: this.#network, journal: this.#journal, history: this.#history, log: this.#log,
    };
  }

  /** In the middle of a takeover or handover it waits; what is wrong with the files is said at once. */
  #reload(): ControlAnswer {
    const busy = this.#driver === null ? null : underWay(this.#driver.state);
    if (busy === null) return this.#takeConfiguration();
    const loaded = loadConfig();
    if (!loaded.ok) return this.#takeConfiguration();
    this.#reloads.ask();
    this.#log.info("configuration.waits", { digest: loaded.config.digest, because: `this node is ${busy}` });
    return { ok: true, text: `this node is ${busy}: configuration ${loaded.config.digest} is taken when that is over` };
  }

  /** A bad configuration changes nothing. */
  #takeConfiguration(): ControlAnswer {
    const refusal = this.#settings.reload();
    if (refusal !== null) {
      this.#log.error("configuration.refused", { because: refusal });
      return { ok: false, text: `the old configuration stays in force: ${refusal}` };
    }
    const config = this.#config;
    this.#teller.use(config);
    // What is started or stopped meanwhile is not asked how it is.
    void this.#followServices(config).then(() => this.#checks?.use(this.#config));
    this.#driver?.reconfigure(coreConfigOf(config));
    const waits = this.#driver?.state.awaited == null ? "" : "; until the other node has it too, the more cautious of old and new times count";
    this.#log.info("configuration.loaded", { digest: config.digest });
    this.#news();
    return { ok: true, text: `configuration ${config.digest} is in force${waits}` };
  }

  /** By the state before the configuration: what has had no services until now is known by that. */
  async #followServices(config: Config): Promise<void> {
    const driver = this.#driver;
    const here = driver === null ? [] : ([0, 1] as const).filter((identity) => runsHere(driver.state, identity));
    await follow({
      addresses: (next) => this.#network.use(next), services: this.#services, state: () => (driver as Driver).state,
      stand: (identity, ok, detail) => driver?.happened({ kind: "services-started", identity, ok, detail }),
      tell: (level, event, identity, because) => this.#tell({ kind: "tell", level, event, identity, because }),
    }, config, here);
  }
}

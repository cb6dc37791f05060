// The daemon put together: the only file that knows every part.
//
// Start: configuration, key, journal, NICs at rest, links, control socket, then the first tick. Whatever makes starting
// impossible ends with exit code 2 and all reasons at once; after that nothing ends the daemon but a person or a bug.

import { randomBytes } from "node:crypto";
import { flushCompileCache } from "node:module";
import { fileURLToPath } from "node:url";
import { run, describe } from "./base/exec.ts";
import { createLog, type Level, type Log } from "./base/log.ts";
import { CONTROL_SOCKET, ETC, HEARTBEAT_KEY, JOURNAL, STATE, WITNESS_KEY } from "./base/paths.ts";
import { formatDuration, monotonicNow } from "./base/time.ts";
import type { Config } from "./config/config.ts";
import { formatProblem, loadConfig } from "./config/load.ts";
import { coreConfigOf } from "./core-config.ts";
import type { Effect, Heartbeat, Index, Verb } from "./core/model.ts";
import { inContact } from "./core/liveness.ts";
import { summaryOf } from "./core/summary.ts";
import { begin } from "./core/step.ts";
import { createWitnessClient, type WitnessClient } from "./arbiter/witness-client.ts";
import { deriveWitnessKeys } from "./arbiter/witness-packet.ts";
import { Driver, type CommandAnswer, type Rim } from "./driver.ts";
import { deriveKeys, loadKey } from "./heartbeat/key.ts";
import { createLinks, type Links } from "./heartbeat/links.ts";
import { createHistory } from "./history.ts";
import { Journal, readJournal, type JournalRead } from "./journal.ts";
import { createNotifier } from "./notify.ts";
import { heldBy, leaveForRestart, takeRestart } from "./restart.ts";
import { createServices } from "./services/services.ts";
import type { ControlAnswer, ControlRequest, NodeStatus } from "./status/control.ts";
import { serveControl, type ControlServer } from "./status/socket-server.ts";
import { createFence, parametersPath, readParameters, type Fence } from "./takeover/fence.ts";
import { createNetwork } from "./takeover/network.ts";
import { lastClockReport } from "./timesync/clock-report.ts";
import { readReports } from "../mirror/report.ts";

const EXIT_CONFIGURATION = 2;
/** Asks systemd or the init script for a new daemon at once (RestartForceExitStatus). */
const EXIT_RESTART = 75;
/** The core gives a frozen handover up after two minutes; the pass itself is bounded by its jobs. */
const OFFSET_LOOK = 2_000;
/** Who follows this node's status hears something at least so often, and after a decision so soon: several often come together. */
const NEWS_EVERY = 10_000;
const NEWS_AFTER = 10;
const PASS_LIMIT = 110_000;
/** CLUSTERD_NODE: for a machine whose host name is not its node's name. */
const WHO = { etc: ETC, ...(process.env["CLUSTERD_NODE"] === undefined ? {} : { self: process.env["CLUSTERD_NODE"] }) };
const LAUNCHER = fileURLToPath(new URL("bin/clusterd", import.meta.url));
const MIRROR = fileURLToPath(new URL("../mirror/bin/mirror", import.meta.url));

export interface DaemonOptions {
  readonly json?: boolean;
  readonly level?: Level;
}

/** Resolves when the daemon has begun its work, or has set the exit code and said why it cannot. */
export async function runDaemon({ json = false, level = "info" }: DaemonOptions = {}): Promise<void> {
  const log = createLog({ json, level });
  const started = await start(log).catch((error: Error) => [error.message]);
  if (!Array.isArray(started)) return;
  for (const reason of started) log.error("daemon.cannot-start", { because: reason });
  await log.flush();
  process.exit(EXIT_CONFIGURATION);
}

/** The running daemon's parts are held by its timers and sockets; problems are returned. */
async function start(log: Log): Promise<readonly string[] | null> {
  const loaded = loadConfig(WHO);
  if (!loaded.ok) return loaded.problems.map(formatProblem);
  const { config } = loaded;
  for (const warning of loaded.warnings) log.warn("configuration.warning", { because: formatProblem(warning) });
  const key = loadKey(HEARTBEAT_KEY);
  if (!key.ok) return [key.reason];
  const { witness } = config.cluster;
  const witnessKey = witness === null ? null : loadKey(WITNESS_KEY);
  if (witnessKey?.ok === false) return [`${witnessKey.reason} Without it the witness cannot be asked`];
  const peer = config.nodes[config.self === 0 ? 1 : 0];
  const parameters = peer.fence === null ? null : readParameters(parametersPath(peer.name));
  if (parameters?.ok === false) return [`${parameters.reason}. Without them ${peer.name} cannot be switched off`];
  const before = readJournal(JOURNAL);
  if (before.ok && (before.record.cluster !== config.cluster.name || before.record.node !== config.self))
    return [`${JOURNAL} belongs to node ${before.record.node} of cluster ${before.record.cluster}: move it away if this node was renamed`];
  const asked = witness === null || witnessKey === null ? null : createWitnessClient(witness, config.self, deriveWitnessKeys(witnessKey.key, config.cluster.name));
  const daemon = new Daemon(config, await Journal.open(JOURNAL), asked, log);
  await daemon.begin(before, deriveKeys(key.key, config.cluster.name));
  return null;
}

class Daemon {
  #config: Config;
  readonly #journal: Journal;
  readonly #witness: WitnessClient | null;
  readonly #fence: Fence | null;
  readonly #log: Log;
  readonly #started = Date.now();
  #loaded = Date.now();
  #problem: string | null = null;
  readonly #history = createHistory(STATE);
  #notifier: ReturnType<typeof createNotifier>;
  readonly #services: ReturnType<typeof createServices>;
  readonly #network: ReturnType<typeof createNetwork>;
  #links: Links | null = null;
  #driver: Driver | null = null;
  #control: ControlServer | null = null;
  #newsDue = false;
  #ending = false;
  #clocksDiffer = false;

  constructor(config: Config, journal: Journal, witness: WitnessClient | null, log: Log) {
    this.#config = config;
    this.#journal = journal;
    this.#witness = witness;
    this.#fence = createFence(config.nodes[config.self === 0 ? 1 : 0]);
    this.#log = log;
    this.#notifier = createNotifier(config.cluster.notify, log);
    this.#services = createServices(config, log);
    const happened = (event: Parameters<Driver["happened"]>[0], at?: number): void => this.#driver?.happened(event, at);
    this.#network = createNetwork(config, {
      carrier: (nic, up, at) => happened({ kind: "carrier", nic, up }, at),
      ownMacHeard: (identity, at) => happened({ kind: "own-mac-heard", identity }, at),
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
    this.#links = createLinks(this.#config, keys, this.#log, (link, beat, wall) => driver.happened({ kind: "heard", link, beat, wall }),
      (identity) => driver.state.holdings[identity].role);
    await this.#links.start();
    this.#listenToSignals();
    driver.run();
    setInterval(() => this.#watchOffset(), OFFSET_LOOK);
    setInterval(() => this.#control?.news(), NEWS_EVERY);
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
      startServices: (identity) => this.#services.start(identity),
      stopServices: (identity) => this.#services.stop(identity),
      finalPass: (identity) => this.#finalPass(identity),
      tell: (told) => this.#tell(told),
    };
  }

  #name(index: Index): string {
    return this.#config.nodes[index].name;
  }

  async #finalPass(identity: Index): Promise<{ ok: boolean; detail: string }> {
    const ran = await run([MIRROR, "pass", "--identity", this.#name(identity), "--final", "--json"], { timeout: PASS_LIMIT, ordinary: true });
    return { ok: ran.failure === null, detail: ran.failure === null ? "" : describe(ran) };
  }

  #tell({ level, event, identity, because }: Effect & { kind: "tell" }): void {
    const name = identity === null ? null : this.#name(identity);
    this.#log.say(level, event, { ...(name === null ? {} : { identity: name }), because });
    this.#history.add({ wall: Date.now(), level, event, identity: name, because });
    this.#news();
    if (level !== "info" || event === "identity.owner") this.#notifier.tell({ event, about: name ?? "-", because });
  }

  #news(): void {
    if (this.#newsDue) return;
    this.#newsDue = true;
    setTimeout(() => { this.#newsDue = false; this.#control?.news(); }, NEWS_AFTER);
  }

  /** The peer's clock against ours: beyond the limit there is an alarm, and the mirror refuses runs that would compare times. */
  #offsetProblem(): string | null {
    const offset = this.#links?.offset() ?? null;
    const { offsetLimit } = this.#config.cluster;
    if (offset === null || Math.abs(offset) <= offsetLimit) return null;
    return `the clocks of the two nodes differ by ${formatDuration(Math.abs(offset))}, more than offset_limit (${formatDuration(offsetLimit)})`;
  }

  #watchOffset(): void {
    const problem = this.#offsetProblem();
    if ((problem === null) === !this.#clocksDiffer) return;
    this.#clocksDiffer = problem !== null;
    this.#tell({ kind: "tell", level: problem === null ? "info" : "alarm", event: "clock.offset", identity: null,
      because: problem ?? "the clocks of the two nodes agree again" });
  }

  // ---- the control socket --------------------------------------------------------------------------------------

  async #serve(request: ControlRequest): Promise<ControlAnswer> {
    const driver = this.#driver;
    if (driver === null) return { ok: false, text: "the daemon is still starting" };
    switch (request.ask) {
      case "status": return { ok: true, text: "", status: this.#status(driver) };
      case "command": return this.#command(driver, request.verb, request.node);
      case "mirror-report": {
        const identity = this.#config.nodes.findIndex((node) => node.name === request.identity);
        if (identity !== 0 && identity !== 1) return { ok: false, text: `no node is named ${request.identity}` };
        if (request.inSync) driver.happened({ kind: "in-sync", identity, epoch: request.epoch });
        if (!request.ok) this.#tell({ kind: "tell", level: "warn", event: "mirror.run-failed", identity, because: `${request.job}: ${request.detail}` });
        return { ok: true, text: "noted" };
      }
      case "reload": return this.#reload();
      case "stop":
        void this.#leave("asked over the control socket");
        return { ok: true, text: "handing over, then ending" };
      case "restart": return this.#restart(driver);
    }
  }

  #command(driver: Driver, verb: Verb, node: string | null): Promise<CommandAnswer> {
    const identity = node === null ? null : this.#config.nodes.findIndex((each) => each.name === node);
    if (identity === -1) return Promise.resolve({ ok: false, text: `no node is named ${node}; the nodes are ${this.#name(0)} and ${this.#name(1)}` });
    this.#log.info("command", { verb, identity: node ?? undefined });
    return driver.command(verb, identity as Index | null);
  }

  #summary(driver: Driver): NodeStatus["core"] {
    const summary = summaryOf({ ...driver.state, now: Math.max(driver.state.now, monotonicNow()) });
    const problem = this.#offsetProblem();
    return problem === null ? summary : { ...summary, problems: [...summary.problems, problem] };
  }

  #status(driver: Driver): NodeStatus {
    return {
      version: 1, cluster: this.#config.cluster.name, node: this.#name(this.#config.self),
      nodes: [this.#name(0), this.#name(1)], wall: Date.now(), started: this.#started, profile: this.#config.cluster.profile,
      core: this.#summary(driver),
      offset: this.#links?.offset() ?? null, history: this.#history.newest(), guards: this.#network.guards(),
      configuration: { digest: this.#config.digest, loaded: this.#loaded, problem: this.#problem },
      clock: lastClockReport(), jobs: readReports(),
    };
  }

  // ---- signals -------------------------------------------------------------------------------------------------

  #listenToSignals(): void {
    process.on("SIGTERM", () => void this.#leave("SIGTERM"));
    process.on("SIGINT", () => void this.#leave("SIGINT"));
    process.on("SIGHUP", () => this.#reload());
  }

  /** Reads the files again; a bad configuration changes nothing. NICs and nodes are fixed for the life of the daemon. */
  #reload(): ControlAnswer {
    const loaded = loadConfig(WHO);
    const refusal = !loaded.ok ? loaded.problems.map(formatProblem).join("\n")
      : JSON.stringify(loaded.config.nodes) !== JSON.stringify(this.#config.nodes) || loaded.config.cluster.name !== this.#config.cluster.name
        || !sameArbiter(loaded.config, this.#config) || loaded.config.cluster.timing.release < this.#config.cluster.timing.release
        ? "the NICs, addresses or names of the nodes, the reference hosts or the witness have changed, or the release time is shorter: that needs a restart of clusterd" : null;
    this.#problem = refusal;
    if (refusal !== null || !loaded.ok) {
      this.#log.error("configuration.refused", { because: refusal ?? "" });
      return { ok: false, text: `the old configuration stays in force: ${refusal}` };
    }
    this.#config = loaded.config;
    this.#loaded = Date.now();
    this.#services.use(loaded.config);
    this.#notifier = createNotifier(loaded.config.cluster.notify, this.#log);
    this.#driver?.reconfigure(coreConfigOf(loaded.config));
    const waits = this.#driver?.state.awaited == null ? "" : "; until the other node has it too, the more cautious of old and new times count";
    this.#log.info("configuration.loaded", { digest: loaded.config.digest });
    this.#news();
    return { ok: true, text: `configuration ${loaded.config.digest} is in force${waits}` };
  }

  /** For an upgrade: becomes the next daemon without letting go. What is held stays up until its lease ends, unless that one goes on before. */
  async #restart(driver: Driver): Promise<ControlAnswer> {
    const loaded = loadConfig(WHO);
    if (!loaded.ok) return { ok: false, text: `the next daemon could not start with this configuration:\n${loaded.problems.map(formatProblem).join("\n")}` };
    // The peer may count on the old reference hosts until it has heard that ours are others.
    if (!sameArbiter(loaded.config, this.#config) && !inContact(driver.state))
      return { ok: false, text: "the reference hosts or the witness have changed, and the other node cannot be told: not while it is unreachable" };
    await leaseRenewed(driver);
    const refusal = leaveForRestart(driver.state);
    if (refusal !== null) return { ok: false, text: refusal };
    driver.stop();
    this.#network.leave();
    this.#log.info("daemon.restarting", { because: "asked over the control socket; what is held stays up within its lease" });
    setTimeout(becomeNext, 8);
    return { ok: true, text: "starting anew without letting go" };
  }

  /** Hand over what is held, promise, say good-bye, end. A second signal ends at once; the dead-man lets go then. */
  async #leave(why: string): Promise<void> {
    if (this.#ending) process.exit(1);
    this.#ending = true;
    this.#log.info("daemon.leaving", { because: why });
    await this.#driver?.command("leave", null);
    // The good-bye may be lost: a few more heartbeats repeat it.
    await new Promise((resolve) => setTimeout(resolve, 4 * this.#config.cluster.timing.keepalive));
    this.#driver?.stop();
    await this.#links?.close();
    this.#witness?.close();
    await this.#network.close();
    await this.#journal.close();
    await this.#history.flush();
    this.#log.info("daemon.ended", {});
    await this.#log.flush();
    process.exit(0);
  }
}

const sameArbiter = ({ cluster: one }: Config, { cluster: other }: Config): boolean =>
  JSON.stringify([one.references, one.witness]) === JSON.stringify([other.references, other.witness]);

/** Waits, at most a quarter of a second, until what is held has just been renewed: so the next daemon has the whole lease to start in. */
async function leaseRenewed(driver: Driver): Promise<void> {
  const ends = (): string => JSON.stringify(heldBy(driver.state));
  const before = ends();
  for (let tries = 0; before !== "[]" && ends() === before && tries < 125; tries += 1) await new Promise((resolve) => setTimeout(resolve, 2));
}

/**
 * The same process, a new program: systemd's restart timer alone may take 250 ms (its accuracy, whatever RestartSec says),
 * half of the default lease. Where Node cannot, the init system starts the next one.
 */
function becomeNext(): void {
  try {
    process.execve?.(LAUNCHER, [LAUNCHER, ...process.argv.slice(2)]);
  } finally {
    process.exit(EXIT_RESTART);
  }
}

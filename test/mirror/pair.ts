// Two nodes for the mirror's tests: real sshd, real rsync, real journal, one machine.
//
// serv1 is this mount namespace, serv2 one of its own, in which the shared path DATA is another directory; so both nodes
// have "the same" tree at the same place, as real ones do. root's .bashrc, which bash reads for whatever sshd runs, is empty there:
// a developer's may start a dozen programs. All commands and sshd run in one network namespace of our own,
// whose loopback holds serv2's addresses. In place of the two daemons small servers answer on the control sockets with a
// status that the test can change.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { execFile } from "node:child_process";
import { appendFileSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { IdentityRecord, IdentitySummary, Index, JournalRecord, Role } from "../../clusterd/core/model.ts";
import type { Special } from "../../clusterd/config/config.ts";
import type { ControlRequest, NodeStatus } from "../../clusterd/status/control.ts";
import { serveControl } from "../../clusterd/status/socket-server.ts";
import { senderOptions } from "../../mirror/rsync-args.ts";
import { entryKey } from "../../mirror/settings.ts";
import { lacks, needsRoot } from "../needs.ts";

const PROJECT = join(import.meta.dirname, "../..");
const SSHD = "/usr/sbin/sshd";
const PORT = 2222;
const exec = promisify(execFile);

export const needsPair = (): string | false => needsRoot("for sshd and a mount namespace") || lacks("sshd");

export interface Result { readonly code: number; readonly stdout: string; readonly stderr: string }

export class Node {
  readonly name: string;
  readonly index: Index;
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  /** What this node's stand-in for clusterd was told. */
  readonly told: ControlRequest[] = [];
  role!: [Role, Role];
  epoch!: number;
  status!: Partial<NodeStatus>;
  peerInSync!: boolean;
  close: () => Promise<void> = async () => undefined;

  constructor(name: string, index: Index, home: string) {
    this.name = name;
    this.index = index;
    this.root = join(home, name);
    this.reset();
    const folder = (part: string): string => join(this.root, part);
    for (const part of ["state/keys", "run", "backups"]) mkdirSync(folder(part), { recursive: true, mode: 0o700 });
    this.env = { CLUSTERD_ETC: join(home, "etc"), CLUSTERD_STATE: folder("state"), CLUSTERD_RUN: folder("run"), CLUSTERD_BACKUPS: folder("backups"), CLUSTERD_NODE: name };
  }

  /** serv1 owns its identity at epoch 12, serv2 its own at 13, and all is well. */
  reset(): void {
    this.role = this.index === 0 ? ["owner", "standby"] : ["standby", "owner"];
    this.epoch = 12;
    this.status = {};
    this.peerInSync = true;
  }

  /** A journal that says who owns identity 0 (serv1's) at which epoch. Written by the journal's own code. */
  async journal(epoch: number, owner: Index | null): Promise<void> {
    const identity = (own: Index | null, at: number): IdentityRecord => ({ epoch: at, owner: own, offered: 0, stale: false, standing: false, promised: false, locked: false, lineage: [] });
    const record: JournalRecord = { format: 1, cluster: "pair", node: this.index, identities: [identity(owner, epoch), identity(1, 13)] };
    const script = `const { Journal } = await import(${JSON.stringify(join(PROJECT, "clusterd/journal.ts"))}); const j = await Journal.open(${JSON.stringify(join(this.root, "state/journal"))}); await j.write(${JSON.stringify(record)}); await j.close();`;
    await exec(process.execPath, ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script]);
  }

  async serve(): Promise<void> {
    const server = await serveControl(join(this.root, "run/clusterd.sock"), async (request) => {
      if (request.ask === "status") return { ok: true, text: "", status: this.#status() };
      this.told.push(request);
      return { ok: true, text: "" };
    });
    const news = setInterval(() => server.news(), 200);
    this.close = async () => { clearInterval(news); await server.close(); };
  }

  #status(): NodeStatus {
    const identity = (index: Index): IdentitySummary => ({
      identity: index, role: this.role[index], owner: this.role[index] === "owner" ? this.index : 1 - this.index as Index, epoch: index === 0 ? this.epoch : 13, since: 0, because: "", leaseLeft: null,
      stale: false, locked: false, standing: false, peerInSync: this.peerInSync, services: "stopped", waitsFor: null,
    });
    return {
      version: 1, cluster: "pair", node: this.name, nodes: ["serv1", "serv2"], wall: Date.now(), started: 0, profile: "balanced", offset: 0, history: [], guards: { deadman: true, kernelLease: false, watchdog: null },
      configuration: { digest: "", loaded: 0, problem: null }, clock: null, jobs: [],
      core: {
        self: this.index, boot: "", peer: { state: "alive", heardAgo: 0, sameConfiguration: true }, links: [], references: { answered: 0, of: 0, majority: false, ago: null },
        carrier: { main: true, heartbeat: true, redundant: true }, stalls: { count: 0, worst: 0 }, identities: [identity(0), identity(1)], problems: [],
      },
      ...this.status,
    } as NodeStatus;
  }
}

export class Pair {
  readonly home: string;
  readonly one: Node;
  readonly two: Node;
  #sshd: ChildProcess | null = null;
  readonly #network: ChildProcess;

  private constructor(home: string, network: ChildProcess) {
    this.home = home;
    this.#network = network;
    this.one = new Node("serv1", 0, home);
    this.two = new Node("serv2", 1, home);
  }

  /** The path of the trees, the same on both nodes; and where serv2's lies as seen from here. */
  get data(): string { return join(this.home, "data"); }
  get dataTwo(): string { return join(this.home, "data-of-serv2"); }

  /** `oneMount`: serv2's dated directories are on the same mount as its trees, as on a server with one disk. */
  static async make(mirrorSection: (data: string) => string, { oneMount = false } = {}): Promise<Pair> {
    const pair = new Pair(mkdtempSync("/tmp/cm-"), await ownNetwork());
    try {
      await pair.#setUp(mirrorSection, oneMount);
    } catch (error) {
      await pair.close();
      throw error;
    }
    return pair;
  }

  async #setUp(mirrorSection: (data: string) => string, oneMount: boolean): Promise<void> {
    for (const folder of [this.data, this.dataTwo, join(this.home, "etc/serv1"), join(this.home, "etc/serv2")]) mkdirSync(folder, { recursive: true });
    if (oneMount) this.#backupsBesideTrees();
    this.#configuration(mirrorSection(this.data));
    await this.#startSshd();
    for (const node of [this.one, this.two]) { await node.journal(12, 0); await node.serve(); }
  }

  #backupsBesideTrees(): void {
    const [theirs, real] = [join(this.data, ".backups"), join(this.dataTwo, ".backups")];
    rmdirSync(this.two.env["CLUSTERD_BACKUPS"] ?? "");
    mkdirSync(real, { mode: 0o700 });
    for (const name of [theirs, join(this.two.root, "backups")]) symlinkSync(real, name); // as seen from here
    this.two.env["CLUSTERD_BACKUPS"] = theirs;
  }

  #configuration(section: string): void {
    const etc = join(this.home, "etc");
    writeFileSync(join(etc, "cluster.conf"), `[cluster]\nname = pair\nnodes = serv1 serv2\nreferences = 192.168.77.9\nssh_port = ${PORT}\n`);
    for (const n of [1, 2]) writeFileSync(join(etc, `serv${n}.conf`), `MAIN_INTERFACE=eth0\nMAIN_IPADDR=192.168.77.${n}\nMAIN_PREFIX=24\nMAIN_MACADDR=02:00:5e:50:00:0${n}\nHEARTBEAT_INTERFACE=eth1\nHEARTBEAT_IPADDR=10.77.0.${n}\nHEARTBEAT_PREFIX=24\nREDUNDANT_INTERFACE=eth2\nADMIN_IPADDR=192.168.77.1${n}\n`);
    writeFileSync(join(etc, "serv1/www.conf"), section);
  }

  async #startSshd(): Promise<void> {
    const at = (name: string): string => join(this.home, name);
    await exec("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at("hostkey")]);
    const keys = await this.mirror("setup-keys");
    if (keys.code !== 0) throw new Error(keys.stderr);
    const { authorizedKeysLine } = await import("../../mirror/keys.ts");
    const words = Object.entries(this.two.env).map(([key, value]) => `${key}=${value}`).join(" ");
    const publicKey = readFileSync(join(this.one.root, "state/keys/mirror_ed25519.pub"), "utf8");
    writeFileSync(at("authorized"), `${authorizedKeysLine({ publicKey, from: ["10.77.0.0/24", "192.168.77.0/24"], program: `env ${words} ${PROJECT}/mirror/bin/mirror receive` })}\n`, { mode: 0o600 });
    copyFileSync(at("hostkey.pub"), at("pin"));
    appendFileSync(join(this.one.root, "state/keys/known_hosts"), `serv2 ${readFileSync(at("pin"), "utf8")}`);
    writeFileSync(at("sshd_config"), `ListenAddress 10.77.0.2\nListenAddress 192.168.77.12\nPort ${PORT}\nHostKey ${at("hostkey")}\nAuthorizedKeysFile ${at("authorized")}\nStrictModes no\nPidFile none\nUsePAM no\nPermitRootLogin forced-commands-only\nPasswordAuthentication no\nAcceptEnv LANG LC_*\nSubsystem sftp internal-sftp\n`);
    mkdirSync("/run/sshd", { recursive: true, mode: 0o755 }); // sshd(8) wants it; empty and root's
    this.#sshd = spawn("nsenter", [...this.inside, "unshare", "--mount", "sh", "-eu", "-c", 'mount --bind "$1" "$2"; [ ! -e /root/.bashrc ] || mount --bind /dev/null /root/.bashrc; exec "$3" -D -e -f "$4"', "sh", this.dataTwo, this.data, SSHD, at("sshd_config")], { stdio: ["ignore", "ignore", "pipe"], detached: true });
    let log = "";
    await new Promise<void>((resolve, reject) => {
      this.#sshd?.stderr?.on("data", (text) => { log += String(text); if (/listening on 192.168.77.12/.test(log)) resolve(); });
      this.#sshd?.on("exit", (code) => reject(new Error(`sshd ended with ${code}: ${log}`)));
    });
  }

  /** The process whose mount namespace is serv2's. */
  get sshdPid(): number { return this.#sshd?.pid ?? 0; }

  /** Words before a command that put it into the pair's network. */
  get inside(): readonly string[] { return ["--net", "--target", String(this.#network.pid), "--"]; }

  /** Runs a command of serv1 (or serv2) with that node's folders. */
  mirror(...words: readonly string[]): Promise<Result> { return this.run(this.one, "mirror/bin/mirror", words); }

  run(node: Node, program: string, words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
    return result("nsenter", [...this.inside, join(PROJECT, program), ...words], { ...process.env, ...node.env, ...env });
  }

  /** What a thief of the mirror's key could send: any words, through the real sshd. */
  ssh(...words: readonly string[]): Promise<Result> {
    const key = join(this.one.root, "state/keys");
    return result("nsenter", [...this.inside, "ssh", "-F", "none", "-T", "-p", String(PORT), "-i", `${key}/mirror_ed25519`, "-o", "BatchMode=yes", "-o", `UserKnownHostsFile=${key}/known_hosts`, "-o", "HostKeyAlias=serv2", "-o", `ControlPath=${this.home}/c`, "-o", "ControlMaster=auto", "-o", "ControlPersist=60", "root@10.77.0.2", ...words], process.env);
  }

  /** One push by rsync through the forced command, as `mirror run` does it, under a run's name of the caller's choice. */
  push(run: string, tree: string, special: Special = "keep", change: (options: readonly string[]) => readonly string[] = (options) => options): Promise<Result> {
    const key = join(this.one.root, "state/keys");
    const entry = entryKey({ kind: "tree", path: `${tree}/` });
    const shell = `ssh -F none -T -p ${PORT} -l root -i ${key}/mirror_ed25519 -o BatchMode=yes -o UserKnownHostsFile=${key}/known_hosts -o HostKeyAlias=serv2`;
    const options = senderOptions({ kind: "tree", special, dryRun: false, fsync: false, backupDir: "/unused", maxDelete: 100 }, []);
    return result("nsenter", [...this.inside, "rsync", ...change(options), "-e", shell, `--rsync-path=clusterd-mirror v1 push www ${this.one.epoch} ${run} ${entry} normal`, `${tree}/`, "10.77.0.2:entry"], process.env);
  }

  /** One command line of `ip` and the like, in the pair's network. */
  async network(line: string): Promise<void> {
    const done = await result("nsenter", [...this.inside, ...line.split(" ")], process.env);
    if (done.code !== 0) throw new Error(done.stderr);
  }

  async close(): Promise<void> {
    for (const node of [this.one, this.two]) await node.close();
    for (const path of [`${this.home}/c`, ...["10.77.0.2", "192.168.77.12"].map((address) => join(this.one.root, `run/mirror/${address}-${PORT}`))])
      if (existsSync(path)) await result("ssh", ["-O", "exit", "-S", path, "x"], process.env);
    await this.stopSshd();
    this.#network.kill("SIGKILL");
    rmSync(this.home, { recursive: true, force: true });
  }

  /** The group is sshd and its children, all started here. */
  async stopSshd(): Promise<void> {
    const sshd = this.#sshd;
    this.#sshd = null;
    if (sshd?.pid === undefined || sshd.exitCode !== null) return;
    process.kill(-sshd.pid, "SIGTERM");
    await once(sshd, "exit");
  }
}

export async function result(program: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<Result> {
  try {
    const running = exec(program, [...words], { env, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 });
    running.child.stdin?.end();
    const { stdout, stderr } = await running;
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout = "", stderr = "" } = error as { code?: number; stdout?: string; stderr?: string };
    return { code: typeof code === "number" ? code : -1, stdout, stderr };
  }
}

/** An unnamed network namespace that lives as long as the process in it. */
async function ownNetwork(): Promise<ChildProcess> {
  const script = "ip link set lo up; for a in 10.77.0.1 10.77.0.2 192.168.77.11 192.168.77.12; do ip addr add $a/32 dev lo; done; echo up; exec cat";
  const child = spawn("unshare", ["--net", "sh", "-eu", "-c", script], { stdio: ["pipe", "pipe", "inherit"] }); // cat ends with our end of its input
  await Promise.race([once(child.stdout, "data"), once(child, "exit").then(() => { throw new Error("no network namespace of our own"); })]);
  return child;
}

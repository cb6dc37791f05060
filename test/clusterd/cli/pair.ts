// Two nodes for the command line's tests: real `clusterd` programs, control sockets and an sshd on the loopback; in place of
// the two daemons the test itself answers on the sockets, with a status that it can change.

import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Index } from "../../../clusterd/core/model.ts";
import type { ControlAnswer, ControlRequest, NodeStatus } from "../../../clusterd/status/control.ts";
import { serveControl } from "../../../clusterd/status/socket-server.ts";
import type { ControlServer } from "../../../clusterd/status/socket-server.ts";
import { authorizedKeysLine } from "../../../mirror/keys.ts";
import { lacks, needsRoot } from "../../needs.ts";
import { identity, status, summary } from "../status/sample.ts";

export const PROJECT = join(import.meta.dirname, "../../..");
const PORT = 2222;
const CLUSTERD = join(PROJECT, "clusterd/bin/clusterd");

export const needsSshd = (): string | false => needsRoot("for an sshd that root logs in to") || lacks("sshd");

export interface Said { readonly code: number; readonly out: string; readonly err: string }

export class Node {
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly asked: ControlRequest[] = [];
  status: NodeStatus;
  /** Words in front of a program that must run in the pair's network. */
  inside: readonly string[] = [];
  /** What the daemon says to anything but `status`. */
  answer: (request: ControlRequest) => Promise<ControlAnswer> = async () => ({ ok: true, text: "done" });
  server: ControlServer | null = null;

  constructor(home: string, self: Index) {
    this.status = status(self);
    this.folder = join(home, `serv${self + 1}`);
    mkdirSync(join(this.folder, "state/keys"), { recursive: true, mode: 0o700 });
    this.env = {
      CLUSTERD_ETC: join(home, "etc"), CLUSTERD_STATE: join(this.folder, "state"), CLUSTERD_RUN: join(this.folder, "run"),
      CLUSTERD_BACKUPS: join(this.folder, "backups"), CLUSTERD_NODE: `serv${self + 1}`,
    };
  }

  async start(): Promise<void> {
    this.server = await serveControl(join(this.folder, "run/clusterd.sock"), async (request) => {
      if (request.ask === "status") return { ok: true, text: "", status: this.status };
      this.asked.push(request);
      return this.answer(request);
    });
  }

  async stop(): Promise<void> {
    await this.server?.close();
    this.server = null;
  }

  /** Says of identity 0 (serv1's) who holds it. */
  holds(owner: Index): void {
    const self = this.status.core.self;
    this.status = status(self, { core: summary(self, { identities: [identity(0, self, { owner, role: owner === self ? "owner" : "standby" }), identity(1, self)] }) });
  }

  clusterd(...words: string[]): Promise<Said> {
    return run(words, this.env, this.inside);
  }
}

/** Runs the real program. */
export const run = (words: readonly string[], env: Readonly<Record<string, string>> = {}, inside: readonly string[] = []): Promise<Said> => runProgram([...inside, CLUSTERD, ...words], env);

export function runProgram([program = "", ...words]: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Said> {
  return new Promise((resolve) => {
    const child = spawn(program, words, { env: { PATH: process.env["PATH"] ?? "", NODE_COMPILE_CACHE: join(tmpdir(), "clusterd-test-cache"), ...env }, stdio: ["ignore", "pipe", "pipe"] });
    let [out, err] = ["", ""];
    child.stdout.on("data", (data) => { out += data; });
    child.stderr.on("data", (data) => { err += data; });
    child.on("close", (code) => resolve({ code: code ?? -1, out, err }));
  });
}

export class Pair {
  readonly home = mkdtempSync(join(tmpdir(), "clusterd-cli-"));
  readonly nodes: readonly [Node, Node];
  #network: ChildProcess | null = null;
  #sshd: ChildProcess | null = null;

  constructor() {
    mkdirSync(join(this.home, "etc"));
    this.nodes = [new Node(this.home, 0), new Node(this.home, 1)];
  }

  /** Both daemons' sockets and the configuration. */
  async start(): Promise<this> {
    const etc = join(this.home, "etc");
    writeFileSync(join(etc, "cluster.conf"), `[cluster]\nname = sample\nnodes = serv1 serv2\nreferences = 192.168.77.9\nssh_port = ${PORT}\n`);
    for (const n of [1, 2]) writeFileSync(join(etc, `serv${n}.conf`), `MAIN_INTERFACE=eth0\nMAIN_IPADDR=192.168.77.${n}\nMAIN_MACADDR=02:00:5e:50:00:0${n}\nHEARTBEAT_INTERFACE=eth1\nHEARTBEAT_IPADDR=10.77.0.${n}\nREDUNDANT_INTERFACE=eth2\nADMIN_IPADDR=192.168.77.1${n}\n`);
    for (const node of this.nodes) await node.start();
    return this;
  }

  /** A network of our own, whose loopback holds serv2's addresses. */
  async #startNetwork(): Promise<readonly string[]> {
    const network = spawn("unshare", ["--net", "sh", "-euc", "ip link set lo up; ip address add 10.77.0.2/24 dev lo; ip address add 192.168.77.12/24 dev lo; echo ready; exec sleep 600"], { stdio: ["ignore", "pipe", "inherit"] });
    this.#network = network;
    await new Promise<void>((resolve, reject) => { network.stdout.on("data", () => resolve()); network.on("exit", () => reject(new Error("no network namespace"))); });
    return ["nsenter", `--net=/proc/${network.pid}/ns/net`];
  }

  /** Cuts serv2's private address off; `mend` brings it back. */
  cutPrivate(): void { this.#ip("delete"); }
  mendPrivate(): void { this.#ip("add"); }
  #ip(verb: string): void {
    const [program = "", ...words] = this.nodes[0].inside;
    spawnSync(program, [...words, "ip", "address", verb, "10.77.0.2/24", "dev", "lo"]);
  }

  /** serv2's sshd: root's key of serv1 may run `clusterd answer` with serv2's folders, and nothing else. */
  async startSshd(): Promise<void> {
    const inside = await this.#startNetwork();
    for (const node of this.nodes) node.inside = inside;
    const at = (name: string): string => join(this.home, name);
    const keygen = (path: string): void => { spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path]); };
    keygen(at("hostkey"));
    keygen(this.controlKey);
    this.pin(readFileSync(at("hostkey.pub"), "utf8"));
    const words = Object.entries(this.nodes[1].env).map(([key, value]) => `${key}=${value}`).join(" ");
    writeFileSync(at("authorized"), `${authorizedKeysLine({ publicKey: readFileSync(`${this.controlKey}.pub`, "utf8"), from: ["10.77.0.0/24", "192.168.77.0/24"], program: `env ${words} ${CLUSTERD} answer` })}\n`);
    writeFileSync(at("sshd_config"), `ListenAddress 10.77.0.2\nListenAddress 192.168.77.12\nPort ${PORT}\nHostKey ${at("hostkey")}\nAuthorizedKeysFile ${at("authorized")}\nStrictModes no\nPidFile none\nUsePAM no\nPermitRootLogin forced-commands-only\nPasswordAuthentication no\n`);
    mkdirSync("/run/sshd", { recursive: true, mode: 0o755 }); // sshd(8) wants it; empty and root's
    const sshd = spawn("nsenter", [...inside.slice(1), "/usr/sbin/sshd", "-D", "-e", "-f", at("sshd_config")], { stdio: ["ignore", "ignore", "pipe"] });
    this.#sshd = sshd;
    await new Promise<void>((resolve, reject) => {
      let log = "";
      sshd.stderr.on("data", (data) => { log += data; if (/listening on 10/.test(log)) resolve(); });
      sshd.on("exit", () => reject(new Error(`sshd ended: ${log}`)));
    });
  }

  get controlKey(): string { return join(this.nodes[0].folder, "state/keys/control_ed25519"); }
  get knownHosts(): string { return join(this.nodes[0].folder, "state/keys/known_hosts"); }

  /** serv1 pins this public key as serv2's host key. */
  pin(publicKey: string): void {
    writeFileSync(this.knownHosts, `serv2 ${publicKey.trim().split(" ").slice(0, 2).join(" ")}\n`);
  }

  freezeSshd(): void { this.#sshd?.kill("SIGSTOP"); }
  thawSshd(): void { this.#sshd?.kill("SIGCONT"); }

  async close(): Promise<void> {
    this.#sshd?.kill("SIGKILL");
    this.#network?.kill("SIGKILL");
    for (const node of this.nodes) await node.stop();
    rmSync(this.home, { recursive: true, force: true });
  }
}

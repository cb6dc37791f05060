// The lab: two real nodes, a switch, a crossover cable, a serial line if the configuration names one, three reference hosts, two clients and a witness on the switch.
//
// One folder holds a lab's state, one cgroup all its processes; nothing on the machine has a name of the lab's. A Lab
// object keeps nothing in memory, so that the command line, a test and another terminal can use the same lab.

import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname } from "node:path";

import { execa } from "execa";
import type { Options } from "execa";

import * as cables from "./cables.ts";
import type { Nic, NicWord } from "./cables.ts";
import { Cgroup } from "./cgroup.ts";
import { installDisks } from "./disk.ts";
import { childrenOf, identify, inNetworkOf, isAlive, JOIN, startInGroup, until } from "./processes.ts";
import type { Process } from "./processes.ts";
import { readHeartbeatPort, readNodes, readReferences, readSerialBaud, readWitness } from "./sample.ts";
import type { NodeFacts, WitnessFacts } from "./sample.ts";

const PROJECT = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const HERE = `${PROJECT}/test/lab`;
const LABS = process.env["CLUSTERD_LAB"] ?? "/var/tmp/clusterd-lab";

/** Of the project, what the nodes see read-only as /usr/lib/clusterd; node_modules besides. */
const PROGRAMS = ["clusterd", "mirror", "network-scripts", "cluster.d", "crontab", "package.json", "package-lock.json", "test/lab"];

/** All nodes' compile cache, of which an installation fills each its own: the programs lie at the same path in every lab, and Node knows by their contents what fits. */
const COMPILED = `${LABS}/compiled`;

/** Who sits on the LAN beside the nodes: a client with an ordinary ARP cache, and one whose ARP entries never change. */
const CLIENTS = { client: "192.168.50.100", "client-frozen": "192.168.50.99" } as const;
export type Client = keyof typeof CLIENTS;

export interface UpOptions {
  /** Folder that becomes /etc/cluster.d; default the project's sample. */
  readonly configuration?: string;
  /** Replaces the profile in cluster.conf. */
  readonly profile?: string | null;
  /** false: clusterd and mirror are not started at boot. */
  readonly daemon?: boolean;
  /** Secret files that a node has from its first boot on, by node and path below its root. */
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

interface State {
  readonly configuration: string;
  readonly daemon: boolean;
  /** The process that keeps each host's network namespace: the switch, the clients, the references. */
  readonly hosts: Readonly<Record<string, Process>>;
  readonly unplugged: readonly string[];
  /** The pair's third voter, which runs on the reference host with its address. */
  readonly witness: WitnessFacts | null;
}

export class Lab {
  readonly name: string;
  readonly folder: string;
  /** Where a configuration may be put that is this lab's own (configuration.ts); not /tmp, which others clean: it is read as long as the lab is up. */
  readonly ownConfiguration: string;
  readonly #group: Cgroup;

  constructor(name: string) {
    if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(name)) throw new Error(`${name}: a lab's name is made of small letters, digits and dashes`);
    this.name = name;
    this.folder = `${LABS}/labs/${name}`;
    this.ownConfiguration = `${LABS}/configuration-${name}`;
    // Two users' labs of one name, in different folders, must not meet in one group.
    this.#group = Cgroup.named(`clusterd-lab-${name}-${createHash("sha256").update(this.folder).digest("hex").slice(0, 6)}`);
  }

  /** Builds everything anew: what a lab of this name had left behind, running or not, is removed first. */
  async up(options: UpOptions = {}): Promise<void> {
    await this.#remove();
    const configuration = options.configuration ?? `${PROJECT}/cluster.d`;
    const nodes = readNodes(configuration);
    this.#makeFolders(nodes);
    this.#installPrograms();
    const profile = options.profile ?? null;
    const witness = readWitness(configuration, profile);
    this.#save({ configuration, daemon: options.daemon ?? true, hosts: {}, unplugged: [], witness });
    if (witness !== null) await execa(...this.#witnessCommand(["--draw-key"]));
    const installing = installDisks(nodes, [this.disk(nodes[0].name), this.disk(nodes[1].name)],
      { configuration, profile, witness: witness === null ? null : { ...witness, key: `${this.folder}/witness.key` } });
    await this.#buildNetwork(nodes, readReferences(configuration));
    if (witness !== null) await this.startWitness();
    await this.#startSniffer(nodes);
    await this.#laySerialLine(nodes);
    await installing;
    for (const [node, files] of Object.entries(options.secrets ?? {}))
      for (const [path, text] of Object.entries(files)) writeFileSync(`${this.disk(node)}/${path}`, text, { mode: 0o600 });
    await Promise.all(nodes.map(({ name }) => this.powerOn(name)));
  }

  /** Removes the lab with everything in it, disks and its own configuration included. Does nothing if there is none. */
  async down(): Promise<void> {
    await this.#remove();
    rmSync(this.ownConfiguration, { recursive: true, force: true });
  }

  async #remove(): Promise<void> {
    await this.#group.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get isUp(): boolean {
    const state = this.#load();
    return state?.hosts["switch"] !== undefined && isAlive(state.hosts["switch"]);
  }

  // ---- power -----------------------------------------------------------------------------------------------------

  /** Boots the node; returns when its boot is over (the daemons are started, not yet settled). */
  async powerOn(node: string): Promise<void> {
    const { at, facts } = this.#node(node);
    if (this.isOn(node)) throw new Error(`${node} is already on`);
    await until(`the ports of ${node}'s last life to vanish`, 5000, async () => {
      const ports = await this.#switch(["ip", "-o", "link"]);
      return !cables.NICS.some((nic) => ports.includes(` ${cables.portOf(node, nic)}@`));
    });
    const run = `${this.folder}/${node}/run`;
    rmSync(`${run}/ready`, { force: true });
    writeFileSync(`${run}/options`, `daemon=${this.#state().daemon ? "yes" : "no"}\n`);
    const shell = startInGroup(this.group(node), `${this.folder}/${node}/console.log`, [
      "unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child", "--propagation", "private",
      "sh", `${HERE}/node/boot`, node, `${this.folder}/${node}`, `${LABS}/root`, `${this.folder}/programs`, `${PROJECT}/node_modules`, COMPILED,
    ]);
    const pid = await until(`${node}'s first process`, 5000, () => childrenOf(shell.pid)[0] ?? null);
    const first = identify(pid);
    writeFileSync(this.#firstFile(node), JSON.stringify(first));
    await this.#switchBatch(cables.nodeCableLines(facts, at, pid, new Set(this.#state().unplugged)));
    await until(`${node} to boot (see ${this.folder}/${node}/console.log)`, 20_000, () => {
      if (!isAlive(first)) throw new Error(`${node} did not boot: see ${this.folder}/${node}/console.log`);
      return existsSync(`${run}/ready`);
    });
  }

  /** Pulls the mains plug: ports dark and every process killed. Returns the moments (CLOCK_MONOTONIC, ms) around it. */
  async powerOff(node: string): Promise<{ readonly from_ms: number; readonly to_ms: number }> {
    const first = this.#first(node);
    const out = await this.#switch(["perl", `${HERE}/wire/cut-power.pl`, String(first.pid), ...cables.NICS.map((nic) => cables.portOf(node, nic))]);
    await until(`${node} to be dead`, 5000, () => !isAlive(first));
    // TCP connections cut in mid-flight can keep the dead network namespace, and so its NICs, for minutes.
    await this.#switch(["ip", "-force", "-batch", "-"], cables.NICS.map((nic) => `link del ${cables.portOf(node, nic)}\n`).join("")).catch(ignoreVanishedPort);
    const [from, to] = out.trim().split(" ").map(Number);
    return { from_ms: from!, to_ms: to! };
  }

  isOn(node: string): boolean {
    const file = this.#firstFile(node);
    return existsSync(file) && isAlive(JSON.parse(readFileSync(file, "utf8")) as Process);
  }

  /** Stops all processes of the node; its kernel lives on and answers ping. */
  async freeze(node: string): Promise<void> {
    this.#first(node);
    await this.group(node).freeze();
  }

  async thaw(node: string): Promise<void> {
    await this.group(node).thaw();
  }

  // ---- cables ----------------------------------------------------------------------------------------------------

  async unplug(node: string, nic: Nic): Promise<void> {
    await this.#setPort(node, nic, false);
  }

  async plug(node: string, nic: Nic): Promise<void> {
    await this.#setPort(node, nic, true);
  }

  /** One way: nothing that `from` sends by its NIC reaches `to`. */
  async cut(from: string, to: string, nic: NicWord): Promise<void> {
    const names = this.nodes().map(({ name }) => name);
    const known = [...names, ...Object.keys(this.#state().hosts).filter((host) => host !== "switch"), "references"];
    for (const end of [from, to]) if (!known.includes(end)) throw new Error(`${end}: unknown; one of ${known.join(", ")}`);
    await this.#switch(["nft", "-f", "-"], cables.cutRule(names, from, to, nic));
  }

  /** How the serial line is from now on: the words of wire/serial-line.pl, such as `cut` or `noise=0.01`; "" = whole. */
  setSerialLine(mode: string): void {
    if (this.nodes().some(({ serial }) => serial === null)) throw new Error("this lab has no serial line: SERIAL_DEVICE in both node files lays one");
    writeFileSync(this.#serialMode, mode);
  }

  /** One line of nft on the switch. What is not in the chain of the cuts, mend() leaves alone. */
  async rule(line: string): Promise<void> {
    await this.#switch(["nft", "-f", "-"], `${line}\n`);
  }

  /** Undoes all cuts and plugs all cables in. */
  async mend(): Promise<void> {
    rmSync(this.#serialMode, { force: true });
    await this.#switch(["nft", "flush chain bridge lab cuts"]);
    for (const port of this.#state().unplugged) await this.#switch(["ip", "link", "set", port, "up"]).catch(ignoreVanishedPort);
    this.#save({ ...this.#state(), unplugged: [] });
  }

  // ---- the pair's third voter ------------------------------------------------------------------------------------

  async startWitness(): Promise<void> {
    const { witness, hosts, configuration } = this.#state();
    if (witness === null) throw new Error(`lab ${this.name} has no witness: cluster.conf names none`);
    const host = `reference${readReferences(configuration).indexOf(witness.address) + 1}`;
    const holder = hosts[host];
    if (holder === undefined) throw new Error(`the witness ${witness.address} is none of the lab's reference hosts`);
    const log = `${this.folder}/witness.log`;
    const lines = (): number => existsSync(log) ? readFileSync(log, "utf8").split("witness.started").length : 1;
    const before = lines();
    const [program, words] = this.#witnessCommand([witness.cluster, "--port", witness.port, "--state", `${this.folder}/witness-state`]);
    this.remember("witness", startInGroup(this.#group.child("rig"), log, ["nsenter", "-t", String(holder.pid), "-n", "--", program, ...words]));
    await until(`the witness (see ${log})`, 10_000, () => lines() > before);
  }

  /** As by a power cut. */
  async stopWitness(): Promise<void> {
    const running = this.recall("witness");
    if (running === null || !isAlive(running)) return;
    process.kill(running.pid, "SIGKILL");
    await until("the witness to be dead", 5000, () => !isAlive(running));
  }

  #witnessCommand(words: readonly string[]): [string, string[]] {
    return [`${PROJECT}/clusterd/bin/clusterd`, ["witness", "--key", `${this.folder}/witness.key`, ...words]];
  }

  // ---- programs --------------------------------------------------------------------------------------------------

  /** The command that runs a program on a node, in the node's cgroup: a frozen node runs nothing. */
  onNode(node: string, command: readonly string[]): [string, string[]] {
    const pid = String(this.#first(node).pid);
    const environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", `TERM=${process.env["TERM"] ?? "dumb"}`];
    return ["sh", ["-c", JOIN, this.group(node).joinFile, "nsenter", "-t", pid, "-a", "--", "env", "-i", ...environment, ...command]];
  }

  /** The command that runs a program of this machine on the LAN, as a client. */
  onHost(host: string, command: readonly string[]): [string, string[]] {
    const holder = this.#state().hosts[host];
    if (holder === undefined) throw new Error(`${host}: unknown; one of ${Object.keys(this.#state().hosts).join(", ")}`);
    return ["sh", ["-c", JOIN, this.#group.child("rig").joinFile, "nsenter", "-t", String(holder.pid), "-n", "--", ...command]];
  }

  /** Runs a program on a node and returns its standard output; throws if it fails. */
  async exec(node: string, command: readonly string[], options: Options = {}): Promise<string> {
    const { stdout } = await execa(...this.onNode(node, command), quietly(options));
    return String(stdout ?? "");
  }

  async client(command: readonly string[], options: Options & { readonly as?: Client } = {}): Promise<string> {
    const { as = "client", ...rest } = options;
    const { stdout } = await execa(...this.onHost(as, command), quietly(rest));
    return String(stdout ?? "");
  }

  /** Starts a program as a client that outlives us; it ends with the lab. */
  startOnClient(as: Client, log: string, command: readonly string[]): Process {
    const holder = this.#state().hosts[as]!;
    return startInGroup(this.#group.child("rig"), log, ["nsenter", "-t", String(holder.pid), "-n", "--", ...command]);
  }

  /** Processes that one command starts and another ends. */
  remember(what: string, process: Process): void {
    writeFileSync(`${this.folder}/${what}.json`, JSON.stringify(process));
  }

  recall(what: string): Process | null {
    const file = `${this.folder}/${what}.json`;
    return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) as Process : null;
  }

  // ---- facts -----------------------------------------------------------------------------------------------------

  nodes(): readonly [NodeFacts, NodeFacts] {
    return readNodes(this.#state().configuration);
  }

  /** The node's disk as seen from outside: only what differs from the Debian tree. Write to it only while the node is off. */
  disk(node: string): string {
    return `${this.folder}/${node}/disk`;
  }

  /** A path of the node's own, its /run and /proc included, as this machine reaches it while the node is on. */
  inside(node: string, path: string): string {
    return `/proc/${this.#first(node).pid}/root${path}`;
  }

  get snifferLog(): string {
    return `${this.folder}/sniffer.log`;
  }

  // ---- building --------------------------------------------------------------------------------------------------

  #makeFolders(nodes: readonly [NodeFacts, NodeFacts]): void {
    for (const { name } of nodes) {
      for (const part of ["disk", "work", "mnt", "run"]) mkdirSync(`${this.folder}/${name}/${part}`, { recursive: true });
      this.group(name).create();
    }
    this.#group.child("rig").create();
  }

  /** The nodes run a copy, so that work on the project while a lab is up does not reach it half done. */
  #installPrograms(): void {
    mkdirSync(COMPILED, { recursive: true });
    for (const part of PROGRAMS) cpSync(`${PROJECT}/${part}`, `${this.folder}/programs/${part}`, { recursive: true });
    mkdirSync(`${this.folder}/programs/node_modules`);
  }

  async #buildNetwork(nodes: readonly [NodeFacts, NodeFacts], references: readonly string[]): Promise<void> {
    const addresses: Record<string, string> = { ...CLIENTS };
    for (const [at, address] of references.entries()) addresses[`reference${at + 1}`] = address;
    const hosts: Record<string, Process> = {};
    for (const host of ["switch", ...Object.keys(addresses)]) hosts[host] = await this.#startHost();
    this.#save({ ...this.#state(), hosts });

    await this.#switch(["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"]);
    await this.#switchBatch([
      ...cables.bridgeLines(),
      ...Object.keys(addresses).flatMap((host, at) => cables.hostCableLines(host, `02:00:5e:60:00:0${at + 1}`, hosts[host]!.pid)),
    ]);
    await this.#switch(["nft", "-f", "-"], cables.CUT_TABLE);
    for (const [host, address] of Object.entries(addresses)) {
      const frozen = host !== "client-frozen" ? [] : nodes.flatMap((node) =>
        node.addresses.map((each) => `neighbour add ${each} lladdr ${node.mac} dev eth0 nud permanent`));
      const lines = ["link set lo up", `address add ${address}/${nodes[0].prefix} dev eth0`, "link set eth0 up", ...frozen];
      await inNetworkOf(hosts[host]!, ["ip", "-batch", "-"], lines.join("\n"));
    }
  }

  /** A network namespace without a name, held by a process that sleeps in it. */
  async #startHost(): Promise<Process> {
    const holder = startInGroup(this.#group.child("rig"), `${this.folder}/hosts.log`, ["unshare", "--net", "sleep", "infinity"]);
    await until("a network namespace", 5000, () => readFileSync(`/proc/${holder.pid}/comm`, "utf8").trim() === "sleep");
    return holder;
  }

  async #startSniffer(nodes: readonly [NodeFacts, NodeFacts]): Promise<void> {
    const ports = nodes.flatMap((node, at) => cables.NICS.map((nic) => `${cables.portIndex(at as 0 | 1, nic)}=${cables.portOf(node.name, nic)}`));
    const identities = nodes.map((node) => `${node.name}=${[node.mac, ...node.addresses].join(",")}`);
    const port = readHeartbeatPort(this.#state().configuration);
    startInGroup(this.#group.child("rig"), `${this.folder}/hosts.log`, [
      "nsenter", "-t", String(this.#state().hosts["switch"]!.pid), "-n", "--",
      "perl", `${HERE}/wire/sniffer.pl`, this.snifferLog, port, ...ports, ...identities,
    ]);
    await until(`the sniffer (see ${this.folder}/hosts.log)`, 5000, () => existsSync(this.snifferLog) && readFileSync(this.snifferLog, "utf8") !== "");
  }

  get #serialMode(): string {
    return `${this.folder}/serial-line.mode`;
  }

  /** Its ends lie in the folder that each node binds into its /dev when it boots. */
  async #laySerialLine(nodes: readonly [NodeFacts, NodeFacts]): Promise<void> {
    const ends = nodes.flatMap(({ name, serial }) => (serial === null ? [] : [`${this.folder}/${name}/dev/${serial.replace(/^\/dev\//, "")}`]));
    if (ends.length !== 2) return;
    for (const end of ends) mkdirSync(dirname(end), { recursive: true });
    startInGroup(this.#group.child("rig"), `${this.folder}/hosts.log`, ["perl", `${HERE}/wire/serial-line.pl`, readSerialBaud(this.#state().configuration), this.#serialMode, ...ends]);
    await until(`the serial line (see ${this.folder}/hosts.log)`, 5000, () => ends.every((end) => existsSync(end)));
  }

  async #setPort(node: string, nic: Nic, up: boolean): Promise<void> {
    this.#node(node);
    const port = cables.portOf(node, nic);
    const others = this.#state().unplugged.filter((each) => each !== port);
    this.#save({ ...this.#state(), unplugged: up ? others : [...others, port] });
    if (this.isOn(node)) await this.#switch(["ip", "link", "set", port, up ? "up" : "down"]);
  }

  #switch(command: readonly string[], input = ""): Promise<string> {
    const holder = this.#state().hosts["switch"];
    if (holder === undefined || !isAlive(holder)) throw new Error(`lab ${this.name} is not up: lab up`);
    return inNetworkOf(holder, command, input);
  }

  #switchBatch(lines: readonly string[]): Promise<string> {
    return this.#switch(["ip", "-batch", "-"], `${lines.join("\n")}\n`);
  }

  // ---- state -----------------------------------------------------------------------------------------------------

  /** The node's processes. */
  group(node: string): Cgroup {
    return this.#group.child(node);
  }

  #node(name: string): { readonly at: 0 | 1; readonly facts: NodeFacts } {
    const nodes = this.nodes();
    const at = nodes.findIndex((node) => node.name === name);
    if (at === -1) throw new Error(`${name}: no such node; one of ${nodes.map((node) => node.name).join(", ")}`);
    return { at: at as 0 | 1, facts: nodes[at as 0 | 1] };
  }

  #firstFile(node: string): string {
    return `${this.folder}/${node}/first-process.json`;
  }

  /** The node's pid 1, as the machine numbers it. */
  #first(node: string): Process {
    this.#node(node);
    if (!this.isOn(node)) throw new Error(`${node} is off: lab power-on ${node}`);
    return JSON.parse(readFileSync(this.#firstFile(node), "utf8")) as Process;
  }

  #state(): State {
    const state = this.#load();
    if (state === null) throw new Error(`there is no lab ${this.name}: lab up`);
    return state;
  }

  #load(): State | null {
    const file = `${this.folder}/state.json`;
    return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) as State : null;
  }

  #save(state: State): void {
    writeFileSync(`${this.folder}/state.json`, JSON.stringify(state, null, 2));
  }
}

/** Standard input is ours only if somebody says so. */
const quietly = (options: Options): Options => options.input === undefined ? { stdin: "ignore", ...options } : options;

function ignoreVanishedPort(error: Error): void {
  if (!/Cannot find device|Command failed -:/.test(error.message)) throw error;
}

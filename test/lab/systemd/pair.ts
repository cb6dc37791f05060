// Two servers as an administrator gets them: Debian with systemd as pid 1, sshd, cron, persistent journal, eth0 to eth2, and
// nothing of clusterd's but the unpacked release in /usr/src/clusterd. Around them the lab's switch, crossover cable, three
// reference hosts, a client and the witness.
//
// Everything is in one folder and one cgroup; nothing has a name on the machine. A node is systemd-nspawn in a network
// namespace without a name, so that killing its pid 1 is a power cut.

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import { execa } from "execa";

import { CONTROL_SOCKET } from "../../../clusterd/base/paths.ts";
import { askDaemon } from "../../../clusterd/status/control-client.ts";
import type { NodeStatus } from "../../../clusterd/status/control.ts";
import * as cables from "../cables.ts";
import { Cgroup } from "../cgroup.ts";
import { judgeOutage } from "../outage.ts";
import type { Outage } from "../outage.ts";
import { judgeOwners, sniffed } from "../owners.ts";
import type { Owners } from "../owners.ts";
import { childrenOf, identify, inNetworkOf, isAlive, startInGroup, until } from "../processes.ts";
import type { Process } from "../processes.ts";
import { readNodes, readReferences } from "../sample.ts";
import type { NodeFacts } from "../sample.ts";

const PROJECT = new URL("../../..", import.meta.url).pathname.replace(/\/$/, "");
const LAB = `${PROJECT}/test/lab`;
const FOLDER = process.env["CLUSTERD_LAB"] ?? "/var/tmp/clusterd-lab";
const CLIENT = "192.168.50.100";

/** pid 1 of a node without systemd. It reaps what its parents have left behind; nothing ends it but the power cut. */
const SYSV = `ip link set lo up; ifup -a; mkdir -p /run/sshd
for script in /etc/rc2.d/S*; do [ "\${script##*S01}" = chrony ] || "$script" start; done
chrt -f 20 /usr/local/sbin/lab-echo $(cat /etc/lab-echo-addresses) &
: >/run/booted
while :; do sleep 3600 & wait; done
`;

/** What came of a program on a node. */
export interface Said { readonly code: number; readonly out: string; readonly err: string }

/** Two servers' names and addresses are the sample configuration's. */
export class Pair {
  readonly folder: string;
  readonly nodes: readonly [NodeFacts, NodeFacts] = readNodes(`${PROJECT}/cluster.d`);
  readonly #name: string;
  readonly #group: Cgroup;
  readonly #tree: string;
  /** Nodes whose pid 1 is a shell that runs the init scripts of run level 2, as before systemd. */
  readonly #sysv: readonly string[];
  readonly #hosts: Record<string, Process> = {};
  /** The node's pid 1 and the nspawn around it. */
  readonly #running = new Map<string, { readonly first: Process; readonly around: Process }>();

  constructor(name: string, { sysv = [] }: { readonly sysv?: readonly string[] } = {}) {
    this.#sysv = sysv;
    this.folder = `${FOLDER}/labs/${name}`;
    this.#name = `clusterd-systemd-${name}`;
    this.#group = Cgroup.named(this.#name);
    this.#tree = execFileSync(`${LAB}/debian-tree`, ["systemd", `${LAB}/systemd/finish-tree`, `${LAB}/node-packages`, `${LAB}/systemd/node-packages`], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
  }

  async up(): Promise<void> {
    await this.down();
    this.#group.child("rig").create();
    mkdirSync(this.folder, { recursive: true });
    this.#unpackRelease();
    await this.#buildNetwork();
    for (const { name } of this.nodes) this.#prepareDisk(name);
    await Promise.all(this.nodes.map(({ name }) => this.powerOn(name)));
  }

  async down(): Promise<void> {
    await this.#group.remove();
    // Where cgroup v1 is mounted too, systemd-nspawn keeps a second tree of groups there.
    await new Cgroup(`/sys/fs/cgroup/systemd/${this.#name}`).remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  // ---- power -----------------------------------------------------------------------------------------------------

  /** Boots a node; returns when systemd has reached its target, or the last init script has run. Milliseconds that took. */
  async powerOn(node: string): Promise<number> {
    const began = performance.now();
    const at = this.nodes.findIndex(({ name }) => name === node) as 0 | 1;
    const { disk, work, root, log } = this.#places(node);
    await until(`the ports of ${node}'s last life to vanish`, 5000, async () => !(await this.#switch(["ip", "-o", "link"])).includes(` ${node}-eth`));
    const group = this.#group.child(node);
    group.create();
    const cradle = startInGroup(group, log, ["unshare", "--net", "sleep", "60"]);
    await until("a network namespace", 5000, () => commandOf(cradle.pid) === "sleep");
    await this.#switch(["ip", "-batch", "-"], `${cables.nodeCableLines(this.nodes[at], at, cradle.pid, new Set()).join("\n")}\n`);
    const sysv = this.#sysv.includes(node);
    const mount = `mount -t overlay ${node} -o lowerdir=${this.#tree},upperdir=${disk},workdir=${work} ${root} && exec "$@"`;
    const around = startInGroup(group, log, [
      "unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "node",
      "systemd-nspawn", "--quiet", ...(sysv ? [] : ["--boot"]), "--console=pipe", `--directory=${root}`, `--machine=${node}-${process.pid}`, `--hostname=${node}`,
      "--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off", "--timezone=off", "--capability=CAP_NET_ADMIN",
      `--network-namespace-path=/proc/${cradle.pid}/ns/net`, `--bind-ro=${this.folder}/release:/usr/src/clusterd`,
      ...(sysv ? ["/bin/sh", "/usr/local/sbin/lab-init"] : []),
    ]);
    const pid = await until(`pid 1 of ${node} (see ${log})`, 10_000, () => commandOf(around.pid) === "systemd-nspawn" && (childrenOf(around.pid).find((child) => commandOf(child) === (sysv ? "sh" : "systemd")) ?? null));
    this.#running.set(node, { first: identify(pid), around });
    process.kill(cradle.pid, "SIGKILL");
    await until(`${node} to boot (see ${log})`, 30_000, async () => sysv ? (await this.exec(node, ["test", "-e", "/run/booted"])).code === 0 : /^(running|degraded)/.test((await this.exec(node, ["systemctl", "is-system-running"])).out));
    return performance.now() - began;
  }

  /** Pulls the mains plug. Returns the moment (CLOCK_MONOTONIC, ms) just before. */
  async powerCut(node: string): Promise<number> {
    const { first, around } = this.#node(node);
    const ports = cables.NICS.map((nic) => cables.portOf(node, nic));
    const out = await this.#switch(["perl", `${LAB}/wire/cut-power.pl`, String(first.pid), ...ports]);
    await until(`${node} to be dead`, 10_000, () => !isAlive(first) && !isAlive(around));
    await this.#pullOut(node);
    return Number(out.split(" ")[0]);
  }

  /** Waits for a node that shuts down by itself. */
  async ended(node: string, patience: number): Promise<void> {
    const { around } = this.#node(node);
    await until(`${node} to shut down`, patience, () => !isAlive(around));
    await this.#pullOut(node);
  }

  /** TCP connections that ended in mid-flight can keep a dead network namespace, and so its NICs, for minutes. */
  async #pullOut(node: string): Promise<void> {
    const lines = cables.NICS.map((nic) => `link del ${cables.portOf(node, nic)}\n`).join("");
    await this.#switch(["ip", "-force", "-batch", "-"], lines).catch(() => { /* gone already */ });
  }

  // ---- programs --------------------------------------------------------------------------------------------------

  /** Runs a program on a node, for at most 2 minutes. */
  async exec(node: string, command: readonly string[], input = ""): Promise<Said> {
    const { first } = this.#node(node);
    const environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"];
    const words = ["-t", String(first.pid), "-a", "--wdns=/root", "--", "env", "-i", ...environment, ...command];
    const { exitCode, stdout, stderr } = await execa("nsenter", words, { input, reject: false, timeout: 120_000 });
    return { code: exitCode ?? -1, out: String(stdout), err: String(stderr) };
  }

  /** The same, when only success is of use: its standard output; throws what it said otherwise. */
  async must(node: string, command: readonly string[], input = ""): Promise<string> {
    const { code, out, err } = await this.exec(node, command, input);
    if (code !== 0) throw new Error(`${node}: ${command.join(" ")} ended with exit code ${code}: ${err}${out}`);
    return out;
  }

  /** What a node's daemon says of itself, by its control socket: the command line takes its time to start. Null: no answer. */
  async status(node: string): Promise<NodeStatus | null> {
    const { first } = this.#node(node);
    const answer = await askDaemon({ ask: "status" }, { timeout: 2000, socket: `/proc/${first.pid}/root${CONTROL_SOCKET}` });
    return answer.ok ? answer.status ?? null : null;
  }

  client(command: readonly string[], input = ""): Promise<string> {
    return inNetworkOf(this.#hosts["client"]!, command, input);
  }

  // ---- what the world sees ---------------------------------------------------------------------------------------

  /** Asks an identity's UDP echo every 2 ms from now on. */
  ask(identity: string): () => Outage {
    const log = `${this.folder}/asker-${identity}-${randomBytes(3).toString("hex")}.log`;
    const address = this.nodes.find(({ name }) => name === identity)!.addresses[0];
    startInGroup(this.#group.child("rig"), `${this.folder}/hosts.log`, ["nsenter", "-t", String(this.#hosts["client"]!.pid), "-n", "--", "chrt", "-f", "30", "perl", `${LAB}/wire/asker.pl`, log, address]);
    return () => judgeOutage(existsSync(log) ? readFileSync(log, "utf8") : "", 0, 30);
  }

  /** By the witness on the switch, since a moment (CLOCK_MONOTONIC, ms): which node, not which of its NICs, spoke for whom. */
  async owners(since = 0): Promise<Owners> {
    const { rows } = await sniffed(`${this.folder}/sniffer.log`, since);
    return judgeOwners(rows.map((row) => ({ ...row, port: row.port.replace(/-eth.*/, "") })), this.nodes.map(({ name }) => name), 500);
  }

  // ---- building --------------------------------------------------------------------------------------------------

  #places(node: string): { readonly disk: string; readonly work: string; readonly root: string; readonly log: string } {
    const folder = `${this.folder}/${node}`;
    for (const part of ["disk", "work", "root"]) mkdirSync(`${folder}/${part}`, { recursive: true });
    return { disk: `${folder}/disk`, work: `${folder}/work`, root: `${folder}/root`, log: `${folder}/console.log` };
  }

  /** What `npm ci --omit=dev` leaves is a part of what this machine has; install picks it out. */
  #unpackRelease(): void {
    for (const part of ["clusterd", "mirror", "network-scripts", "cluster.d", "crontab", "package.json", "package-lock.json", "README.md", "node_modules"])
      cpSync(`${PROJECT}/${part}`, `${this.folder}/release/${part}`, { recursive: true, mode: 2 });
  }

  #prepareDisk(node: string): void {
    const { disk } = this.#places(node);
    const put = (path: string, text: string, mode = 0o644): void => {
      mkdirSync(dirname(`${disk}/${path}`), { recursive: true });
      writeFileSync(`${disk}/${path}`, text, { mode });
    };
    const { addresses: [address], prefix, privateAddress, privatePrefix } = this.nodes.find(({ name }) => name === node)!;
    const names = this.nodes.flatMap((each) => [`${each.addresses[0]} ${each.name}`, `${each.privateAddress} ${each.name}-private`]);
    put("etc/hostname", `${node}\n`);
    put("etc/hosts", ["127.0.0.1 localhost", ...names, ""].join("\n"));
    put("etc/machine-id", `${randomBytes(16).toString("hex")}\n`);
    put("etc/network/interfaces", [
      "auto lo eth0 eth1", "iface lo inet loopback",
      "iface eth0 inet static", `  address ${address}/${prefix}`,
      "iface eth1 inet static", `  address ${privateAddress}/${privatePrefix}`, "",
    ].join("\n"));
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", node, "-f", folderFor(`${disk}/etc/ssh/ssh_host_ed25519_key`)]);
    // The administrator's own key, known on both servers.
    const key = `${this.folder}/admin`;
    if (!existsSync(key)) execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "admin", "-f", key]);
    mkdirSync(`${disk}/root/.ssh`, { recursive: true, mode: 0o700 });
    put("root/.ssh/id_ed25519", readFileSync(key, "utf8"), 0o600);
    put("root/.ssh/authorized_keys", readFileSync(`${key}.pub`, "utf8"), 0o600);
    put("root/.ssh/config", "StrictHostKeyChecking accept-new\nLogLevel ERROR\n", 0o600);
    // The client's counterpart: answers on every address that is here just now.
    put("usr/local/sbin/lab-echo", readFileSync(`${LAB}/node/echo.pl`, "utf8"), 0o755);
    put("usr/local/sbin/lab-init", SYSV);
    const every = this.nodes.flatMap(({ addresses }) => addresses).join(" ");
    put("etc/lab-echo-addresses", every);
    put("etc/systemd/system/lab-echo.service", `[Unit]\nBefore=clusterd.service\n[Service]\nExecStart=chrt -f 20 /usr/local/sbin/lab-echo ${every}\nKillMode=mixed\n`);
    symlinkSync("../lab-echo.service", folderFor(`${disk}/etc/systemd/system/multi-user.target.wants/lab-echo.service`));
  }

  async #buildNetwork(): Promise<void> {
    const references = readReferences(`${PROJECT}/cluster.d`);
    const addresses = Object.fromEntries([["client", CLIENT] as const, ...references.map((address, at) => [`reference${at + 1}`, address] as const)]);
    for (const host of ["switch", ...Object.keys(addresses)]) {
      const holder = startInGroup(this.#group.child("rig"), `${this.folder}/hosts.log`, ["unshare", "--net", "sleep", "infinity"]);
      await until("a network namespace", 5000, () => commandOf(holder.pid) === "sleep");
      this.#hosts[host] = holder;
    }
    await this.#switch(["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"]);
    const hosts = Object.keys(addresses).flatMap((host, at) => cables.hostCableLines(host, `02:00:5e:60:00:0${at + 1}`, this.#hosts[host]!.pid));
    await this.#switch(["ip", "-batch", "-"], `${[...cables.bridgeLines(), ...hosts].join("\n")}\n`);
    for (const [host, address] of Object.entries(addresses))
      await inNetworkOf(this.#hosts[host]!, ["ip", "-batch", "-"], ["link set lo up", `address add ${address}/24 dev eth0`, "link set eth0 up"].join("\n"));
    const ports = this.nodes.flatMap((node, at) => cables.NICS.map((nic) => `${cables.portIndex(at as 0 | 1, nic)}=${cables.portOf(node.name, nic)}`));
    const identities = this.nodes.map((node) => `${node.name}=${[node.mac, ...node.addresses].join(",")}`);
    startInGroup(this.#group.child("rig"), `${this.folder}/hosts.log`, ["nsenter", "-t", String(this.#hosts["switch"]!.pid), "-n", "--", "perl", `${LAB}/wire/sniffer.pl`, `${this.folder}/sniffer.log`, "694", ...ports, ...identities]);
    await until("the witness", 5000, () => existsSync(`${this.folder}/sniffer.log`) && readFileSync(`${this.folder}/sniffer.log`, "utf8") !== "");
  }

  #switch(command: readonly string[], input = ""): Promise<string> {
    return inNetworkOf(this.#hosts["switch"]!, command, input);
  }

  #node(name: string): { readonly first: Process; readonly around: Process } {
    const node = this.#running.get(name);
    if (node === undefined || !isAlive(node.first)) throw new Error(`${name} is off`);
    return node;
  }
}

function folderFor(path: string): string {
  mkdirSync(dirname(path), { recursive: true });
  return path;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}

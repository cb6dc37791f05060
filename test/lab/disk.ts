// A node's disk as it is after the installation and before the first boot: configuration, names, keys.
//
// It is the upper layer of the node's overlay, so it is written from outside, as plain files in a folder.

import { randomBytes } from "node:crypto";
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import { execa } from "execa";

import { createKey } from "../../clusterd/heartbeat/key.ts";
import { authorizedKeysLine } from "../../mirror/keys.ts";
import type { NodeFacts } from "./sample.ts";

const KEYS = "var/lib/clusterd/keys";

/** Installs both nodes at once, because each gets the other's public keys. `configuration` is copied to /etc/cluster.d. */
export async function installDisks(nodes: readonly [NodeFacts, NodeFacts], disks: readonly [string, string], configuration: string, profile: string | null): Promise<void> {
  for (const [at, node] of nodes.entries()) {
    const disk = disks[at]!;
    installNames(disk, node, nodes);
    cpSync(configuration, `${disk}/etc/cluster.d`, { recursive: true });
    if (profile !== null) setProfile(`${disk}/etc/cluster.d/cluster.conf`, profile);
  }
  await Promise.all(disks.map((disk, at) => makeKeys(disk, nodes[at]!.name)));
  exchangeKeys(nodes, disks);
}

function installNames(disk: string, node: NodeFacts, nodes: readonly [NodeFacts, NodeFacts]): void {
  const lines = nodes.flatMap(({ name, addresses, privateAddress }) => [`${addresses[0]} ${name}`, `${privateAddress} ${name}-private`]);
  write(disk, "etc/hosts", ["127.0.0.1 localhost", ...lines, ""].join("\n"));
  write(disk, "etc/hostname", `${node.name}\n`);
  write(disk, "etc/machine-id", `${randomBytes(16).toString("hex")}\n`);
  write(disk, "etc/lab-echo-addresses", nodes.flatMap(({ addresses }) => addresses).join(" "));
  write(disk, "etc/sysconfig/network-scripts/ifcfg-eth1",
    `DEVICE=eth1\nIPADDR=${node.privateAddress}\nPREFIX=${node.privatePrefix}\nONBOOT=yes\n`);
}

function setProfile(file: string, profile: string): void {
  const text = readFileSync(file, "utf8");
  if (!/^profile\s*=/m.test(text)) throw new Error(`${file}: there is no line "profile =" to change`);
  writeFileSync(file, text.replace(/^profile\s*=.*$/m, `profile = ${profile}`));
}

async function makeKeys(disk: string, name: string): Promise<void> {
  mkdirSync(`${disk}/${KEYS}`, { recursive: true });
  chmodSync(`${disk}/${KEYS}`, 0o700);
  mkdirSync(`${disk}/etc/ssh`, { recursive: true });
  const keygen = (file: string, comment: string) => execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", file]);
  await keygen(`${disk}/etc/ssh/ssh_host_ed25519_key`, name);
  await keygen(`${disk}/${KEYS}/mirror_ed25519`, `clusterd-mirror@${name}`);
}

function exchangeKeys(nodes: readonly [NodeFacts, NodeFacts], disks: readonly [string, string]): void {
  const drawn = createKey(`${disks[0]}/${KEYS}/heartbeat.key`);
  if (!drawn.ok) throw new Error(drawn.reason);
  cpSync(`${disks[0]}/${KEYS}/heartbeat.key`, `${disks[1]}/${KEYS}/heartbeat.key`);
  for (const at of [0, 1] as const) {
    const disk = disks[at];
    const peerDisk = disks[at === 0 ? 1 : 0];
    const peer = nodes[at === 0 ? 1 : 0];
    const hostKey = readFileSync(`${peerDisk}/etc/ssh/ssh_host_ed25519_key.pub`, "utf8").split(" ");
    write(disk, `${KEYS}/known_hosts`, `${peer.name} ${hostKey[0]} ${hostKey[1]}\n`);
    const publicKey = readFileSync(`${peerDisk}/${KEYS}/mirror_ed25519.pub`, "utf8");
    write(disk, "root/.ssh/authorized_keys", `${authorizedKeysLine({ publicKey, from: [], program: "/usr/sbin/mirror receive" })}\n`);
    chmodSync(`${disk}/root`, 0o700);
    chmodSync(`${disk}/root/.ssh`, 0o700);
  }
}

function write(disk: string, path: string, text: string): void {
  mkdirSync(dirname(`${disk}/${path}`), { recursive: true });
  writeFileSync(`${disk}/${path}`, text);
}

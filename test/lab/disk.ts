// A node's disk as it is after the installation and before the first boot: configuration, names, keys.
//
// It is the upper layer of the node's overlay, so it is written from outside, as plain files in a folder.

import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import { execa } from "execa";

import { formatProblem, loadConfig } from "../../clusterd/config/load.ts";
import { exportBundle, importSteps, ownKeySteps } from "../../clusterd/install/keys.ts";
import type { NodeFacts, WitnessFacts } from "./sample.ts";

const CRONTAB = new URL("../../crontab", import.meta.url);

const FOLDERS = [["var/lib", 0o755], ["etc/ssh", 0o755], ["root", 0o700], ["root/.ssh", 0o700]] as const;

export interface Installation {
  /** Folder that is copied to /etc/cluster.d. */
  readonly configuration: string;
  readonly profile: string | null;
  readonly witness: (WitnessFacts & { readonly key: string }) | null;
}

/** Installs both nodes at once, because each gets the other's public keys. */
export async function installDisks(nodes: readonly [NodeFacts, NodeFacts], disks: readonly [string, string], { configuration, profile, witness }: Installation): Promise<void> {
  for (const [at, node] of nodes.entries()) {
    const disk = disks[at]!;
    // A folder of the upper layer decides the mode of the merged one.
    for (const [folder, mode] of FOLDERS) mkdirSync(`${disk}/${folder}`, { recursive: true, mode });
    installNames(disk, node, nodes);
    cpSync(configuration, `${disk}/etc/cluster.d`, { recursive: true });
    write(disk, "etc/cron.d/clusterd", readFileSync(CRONTAB, "utf8"));
    if (profile !== null) setProfile(`${disk}/etc/cluster.d/cluster.conf`, profile);
    if (witness !== null) setWitness(disk, witness);
  }
  write(disks[0], "srv/www/index.html", "<title>sample</title><p>A page of serv1's web server.</p>\n");
  write(disks[1], "srv/files/README", "What serv2 serves.\n");
  await makeKeys(nodes, disks);
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

function setWitness(disk: string, { address, port, key }: NonNullable<Installation["witness"]>): void {
  const file = `${disk}/etc/cluster.d/cluster.conf`;
  const text = readFileSync(file, "utf8");
  if (!/^witness\s*=/m.test(text)) writeFileSync(file, text.replace(/^\[cluster\]$/m, `[cluster]\nwitness = ${address}:${port}`));
  mkdirSync(`${disk}/var/lib/clusterd/keys`, { recursive: true, mode: 0o700 });
  cpSync(key, `${disk}/var/lib/clusterd/keys/witness.key`);
}

/** As an administrator does it: each node's own keys, then each takes the other's bundle. */
async function makeKeys(nodes: readonly [NodeFacts, NodeFacts], disks: readonly [string, string]): Promise<void> {
  await Promise.all(disks.map((disk, at) =>
    execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", nodes[at]!.name, "-f", `${disk}/etc/ssh/ssh_host_ed25519_key`])));
  for (const [at, disk] of disks.entries()) {
    for (const { act } of ownKeySteps(disk, nodes[at]!.name, at > 0)) await act();
    // The second gets the cluster's secret with the first one's bundle.
    await takeKeys(disks[1 - at]!, nodes[1 - at]!.name, disk, nodes[at]!.name);
  }
}

async function takeKeys(disk: string, node: string, fromDisk: string, from: string): Promise<void> {
  const exported = exportBundle(fromDisk, from);
  if (!exported.ok) throw new Error(`keys of ${from}: ${exported.text}`);
  const loaded = loadConfig({ etc: `${disk}/etc/cluster.d`, self: node });
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join("\n"));
  const planned = importSteps(exported.bundle, { root: disk, config: loaded.config, replaceHeartbeat: false });
  if (!planned.ok) throw new Error(`keys of ${from} on ${node}: ${planned.text}`);
  for (const { act } of planned.steps) await act();
}

function write(disk: string, path: string, text: string): void {
  mkdirSync(dirname(`${disk}/${path}`), { recursive: true });
  writeFileSync(`${disk}/${path}`, text);
}

// The pair that is measured: how it is built, brought home between runs as a person would do it, and what is kept of it
// when a run went wrong. Milliseconds.

import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Index } from "../../clusterd/core/model.ts";
import type { NodeStatus } from "../../clusterd/status/control.ts";
import type { Lab } from "../lab/lab.ts";

const SAMPLE = new URL("../../cluster.d", import.meta.url).pathname;
const SETTLED = 2000;
const PATIENCE = 60_000;
const POLL = 400;

export interface Setting {
  readonly profile: string;
  /** A folder from makeConfiguration(); it must stay as long as the lab is up. */
  readonly configuration: string;
}

/** The sample; without services there is nothing to start and nothing to mirror, so that the failover alone is measured. */
export function makeConfiguration(lab: Lab, withServices: boolean): string {
  const folder = `${besideLabs(lab)}/configuration-${lab.name}`;
  rmSync(folder, { recursive: true, force: true });
  cpSync(SAMPLE, folder, { recursive: true });
  if (!withServices) for (const node of ["serv1", "serv2"]) rmSync(`${folder}/${node}`, { recursive: true });
  return folder;
}

/** Builds the pair anew and waits until it has settled at home, its nodes in possession of each other's files and past
 *  `initdead`, during which a daemon that has just started claims nothing. */
export async function freshPair(lab: Lab, setting: Setting): Promise<void> {
  await lab.up(setting);
  await settle(lab, false);
  for (const { name } of lab.nodes()) await lab.exec(name, ["mirror", "run", "--all"], { timeout: PATIENCE });
  await sleep(setting.profile === "safety" ? 10_000 : 3000);
  await settle(lab);
}

/** Waits until both nodes have been at home and without a problem for two seconds, doing what a person would do about it.
 *  Throws after a minute, with the reason. */
export async function settle(lab: Lab, inSync = true): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  let since: number | null = null;
  for (;;) {
    const seen = await statusOfBoth(lab);
    const obstacle = unsettled(seen, inSync);
    const now = performance.now();
    since = obstacle === null ? since ?? now : null;
    if (since !== null && now - since >= SETTLED) return;
    if (obstacle !== null && now > deadline) throw new Error(`not settled at home after ${PATIENCE / 1000} s: ${obstacle}`);
    if (obstacle !== null) await help(lab, seen);
    await sleep(POLL);
  }
}

type Both = readonly [NodeStatus | null, NodeStatus | null];

/** Each node's own view; null for a node that does not answer. */
export async function statusOfBoth(lab: Lab): Promise<Both> {
  const [first, second] = await Promise.all(lab.nodes().map(({ name }) => statusOf(lab, name)));
  return [first ?? null, second ?? null];
}

async function statusOf(lab: Lab, node: string): Promise<NodeStatus | null> {
  const out = await lab.exec(node, ["clusterd", "status", "--local", "--json"], { timeout: 10_000, reject: false });
  try {
    const { nodes } = JSON.parse(out) as { readonly nodes: readonly Partial<NodeStatus>[] };
    return nodes[0]?.core === undefined ? null : nodes[0] as NodeStatus;
  } catch {
    return null;
  }
}

/** Why the pair is not settled at home; null = it is. */
function unsettled(seen: Both, inSync: boolean): string | null {
  for (const self of [0, 1] as const) {
    const core = seen[self]?.core;
    if (core === undefined) return `the daemon of node ${self + 1} does not answer`;
    const [own, other] = [core.identities[self], core.identities[1 - self as Index]];
    const name = seen[self]!.node;
    if (own.role !== "owner") return `${name} is ${own.role} of its own identity${own.waitsFor === null ? "" : ` and waits for ${own.waitsFor}`}`;
    if (other.role !== "standby") return `${name} is ${other.role} of the other identity`;
    if (!["started", "stopped"].includes(own.services)) return `services of ${name}: ${own.services}`;
    if (inSync && !own.peerInSync) return `${name} holds its peer for not in sync`;
    if (core.problems.length > 0) return `${name}: ${core.problems.join("; ")}`;
  }
  return null;
}

/** What a person would do: clear a standby lock, and send home an identity whose home has all files again. */
async function help(lab: Lab, seen: Both): Promise<void> {
  for (const self of [0, 1] as const) {
    const status = seen[self];
    const away = status?.core.identities[1 - self as Index];
    if (status?.core.identities.some(({ locked }) => locked)) await lab.exec(status.node, ["clusterd", "clear"], { timeout: 30_000, reject: false });
    if (away?.role === "owner" && away.peerInSync) await lab.exec(status!.nodes[1 - self as Index], ["clusterd", "failback"], { timeout: 30_000, reject: false });
  }
}

/** Copies the logs of both nodes, the sniffer's and the clients' to a folder beside the labs, and returns its path. */
export function keepEvidence(lab: Lab, run: string, facts: object): string {
  const kept = `${besideLabs(lab)}/kept/${lab.name}-${run}-${Date.now()}`;
  mkdirSync(kept, { recursive: true });
  for (const { name } of lab.nodes()) cpSync(`${lab.disk(name)}/var/log/clusterd`, `${kept}/${name}`, { recursive: true });
  const clients = ["client", "client-frozen"].map((client) => `asker-serv1-${client}.log`);
  for (const log of ["sniffer.log", ...clients].filter((each) => existsSync(`${lab.folder}/${each}`))) cpSync(`${lab.folder}/${log}`, `${kept}/${log}`);
  writeFileSync(`${kept}/run.json`, JSON.stringify(facts, null, 2));
  return kept;
}

/** Not /tmp, which others clean: a lab reads its configuration as long as it is up. */
const besideLabs = (lab: Lab): string => dirname(dirname(lab.folder));

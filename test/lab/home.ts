// Bringing a pair home as a person would do it, and what is kept of it when something went wrong. Milliseconds.

import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { CONTROL_SOCKET } from "../../clusterd/base/paths.ts";
import type { Index } from "../../clusterd/core/model.ts";
import { askDaemon } from "../../clusterd/status/control-client.ts";
import type { NodeStatus } from "../../clusterd/status/control.ts";
import type { Lab } from "./lab.ts";

const PATIENCE = 60_000;

export interface Manner {
  /** Whether each must also have all of the other's files; default yes. */
  readonly inSync?: boolean;
  /** How long all must have been well without a break. */
  readonly quiet?: number;
  readonly poll?: number;
}

/** Waits until both nodes have been at home and without a problem for a while, doing what a person would do about it.
 *  Throws after a minute, with the reason and the nodes' own words. */
export async function settle(lab: Lab, { inSync = true, quiet = 2000, poll = 400 }: Manner = {}): Promise<void> {
  await helpUntil(lab, (seen) => away(seen) ?? troubled(seen, inSync), { quiet, poll });
}

/** Waits only until each identity is up at home with its services; otherwise as settle(). */
export async function goHome(lab: Lab): Promise<void> {
  await helpUntil(lab, away, { quiet: 0, poll: 300 });
}

async function helpUntil(lab: Lab, obstacleIn: (seen: Both) => string | null, { quiet, poll }: { readonly quiet: number; readonly poll: number }): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  let since: number | null = null;
  for (;;) {
    const seen = await statusOfBoth(lab);
    const obstacle = obstacleIn(seen);
    const now = performance.now();
    since = obstacle === null ? since ?? now : null;
    if (since !== null && now - since >= quiet) return;
    if (obstacle !== null && now > deadline) throw new Error(`not settled at home after ${PATIENCE / 1000} s: ${obstacle}\n${await lastWords(lab)}`);
    if (obstacle !== null) await help(lab, seen);
    await sleep(poll);
  }
}

/** What the nodes say of themselves, for whoever reads a failed test's output on a machine that is gone by then. */
async function lastWords(lab: Lab): Promise<string> {
  const said = await Promise.all(lab.nodes().filter(({ name }) => lab.isOn(name)).map(({ name }) =>
    lab.exec(name, ["sh", "-c", "exec 2>&1; clusterd status --local; tail -n 25 /var/log/clusterd/clusterd-console.log; mirror status; tail -n 12 /var/log/clusterd/mirror-console.log"], { timeout: 20_000, reject: false })
      .then((out) => `---- ${name}\n${out}`, (error: Error) => `---- ${name}: ${error.message}`)));
  return said.join("\n");
}

type Both = readonly [NodeStatus | null, NodeStatus | null];

/** Each node's own view; null for a node that does not answer. */
export async function statusOfBoth(lab: Lab): Promise<Both> {
  const [first, second] = await Promise.all(lab.nodes().map(({ name }) => statusOf(lab, name)));
  return [first ?? null, second ?? null];
}

/** By the control socket itself: the command line takes a fifth of a second to start. */
async function statusOf(lab: Lab, node: string): Promise<NodeStatus | null> {
  if (!lab.isOn(node)) return null;
  const answer = await askDaemon({ ask: "status" }, { timeout: 2000, socket: lab.inside(node, CONTROL_SOCKET) });
  return answer.ok ? answer.status ?? null : null;
}

/** Why an identity is not at home; null = both are. */
function away(seen: Both): string | null {
  for (const self of [0, 1] as const) {
    const core = seen[self]?.core;
    if (core === undefined) return `the daemon of node ${self + 1} does not answer`;
    const [own, other] = [core.identities[self], core.identities[1 - self as Index]];
    const name = seen[self]!.node;
    if (own.role !== "owner") return `${name} is ${own.role} of its own identity${own.waitsFor === null ? "" : ` and waits for ${own.waitsFor}`}`;
    if (other.role !== "standby") return `${name} is ${other.role} of the other identity`;
    if (!["started", "stopped"].includes(own.services)) return `services of ${name}: ${own.services}`;
  }
  return null;
}

/** What a pair at home still lacks; null = nothing. */
function troubled(seen: Both, inSync: boolean): string | null {
  for (const status of seen) {
    if (status === null) continue;
    const { core, node } = status;
    if (inSync && !core.identities[core.self].peerInSync) return `${node} holds its peer for not in sync`;
    if (core.problems.length > 0) return `${node}: ${core.problems.join("; ")}`;
  }
  return null;
}

/** What a person would do: clear a standby lock, and send home an identity whose home has all files again. */
async function help(lab: Lab, seen: Both): Promise<void> {
  for (const self of [0, 1] as const) {
    const status = seen[self];
    const guest = status?.core.identities[1 - self as Index];
    if (status?.core.identities.some(({ locked }) => locked)) await lab.exec(status.node, ["clusterd", "clear"], { timeout: 30_000, reject: false });
    if (guest?.role === "owner" && guest.peerInSync) await lab.exec(status!.nodes[1 - self as Index], ["clusterd", "failback"], { timeout: 30_000, reject: false });
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

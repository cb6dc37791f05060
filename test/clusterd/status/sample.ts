// A node's status for tests: a healthy pair at home, seen from serv1, with anything of it replaced.

import type { IdentitySummary, Index, Summary } from "../../../clusterd/core/model.ts";
import type { NodeStatus } from "../../../clusterd/status/control.ts";

/** 2026-11-21 04:00:00 UTC. */
export const NOW = Date.UTC(2026, 10, 21, 4);

export const identity = (index: Index, self: Index, changes: Partial<IdentitySummary> = {}): IdentitySummary => ({
  identity: index, role: index === self ? "owner" : "standby", owner: index, epoch: 2 + index, since: NOW - 600_000,
  because: "both nodes hear each other: the identity goes home", leaseLeft: index === self ? 412 : null,
  stale: false, locked: false, standing: false, peerInSync: index === self, services: index === self ? "started" : "stopped", waitsFor: null, ...changes,
});

export function summary(self: Index, changes: Partial<Summary> = {}): Summary {
  return {
    self, boot: "0".repeat(32),
    peer: { state: "alive", heardAgo: 12, sameConfiguration: true, maintenance: false }, maintenance: false,
    links: [{ link: "private", state: "on-time", heardAgo: 12 }, { link: "lan", state: "on-time", heardAgo: 14 }],
    references: { answered: 3, of: 3, majority: true, ago: 400 }, witness: null,
    carrier: { main: true, heartbeat: true, redundant: true }, stalls: { count: 0, worst: 0 },
    identities: [identity(0, self), identity(1, self)], problems: [], ...changes,
  };
}

export function status(self: Index, changes: Partial<NodeStatus> = {}): NodeStatus {
  return {
    version: 1, cluster: "sample", node: `serv${self + 1}`, nodes: ["serv1", "serv2"], wall: NOW, started: NOW - 3_600_000, profile: "balanced",
    core: summary(self), offset: 0.4, history: [], guards: { deadman: true, kernelLease: true, watchdog: null },
    configuration: { digest: "765ba8d580712040", loaded: NOW - 3_600_000, problem: null }, maintenance: null, clock: null, jobs: [], ...changes,
  };
}

/** A service that is asked how it is, where its identity is held. */
export const checked = (changes: Partial<NonNullable<NodeStatus["checks"]>[number]> = {}): NonNullable<NodeStatus["checks"]>[number] => ({
  service: "www", identity: "serv1", phase: "well", active: true, restarts: 0, retryIn: null,
  checks: [{ check: "http 192.168.50.101:80/ status 200", state: "passing", ok: true, row: 812, said: "status 200" }], ...changes,
});

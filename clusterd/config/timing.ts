// Which times go together: the three profiles, and the inequalities that the safety argument rests on (DESIGN §4).
//
// Letters as there: h keepalive, Q deadtime, D lease, S release, E unheard, C claim; ρ is how much two clocks may
// differ in rate. All in milliseconds. Users may set each; what breaks an inequality does not start.

import { formatDuration } from "../base/time.ts";
import type { ClusterConfig, Timing } from "./config.ts";

export const PROFILES: Readonly<Record<ClusterConfig["profile"], Timing>> = {
  fast: { keepalive: 20, warntime: 50, deadtime: 90, initdead: 2000, lease: 150, release: 80, unheard: 60, claim: 240, holdDown: 1000 },
  balanced: { keepalive: 75, warntime: 150, deadtime: 300, initdead: 3000, lease: 500, release: 100, unheard: 225, claim: 650, holdDown: 1000 },
  safety: { keepalive: 200, warntime: 500, deadtime: 1000, initdead: 10_000, lease: 2000, release: 500, unheard: 600, claim: 2700, holdDown: 5000 },
};

/** ρ: an owner's clock may run this much slower than the claimer's. */
const RATE = 0.01;

interface Rule {
  readonly keys: readonly (keyof Timing)[];
  readonly inequality: string;
  readonly holds: (t: Timing) => boolean;
  readonly numbers: (t: Timing) => string;
  readonly because: string;
}

const ms = formatDuration;
const leastClaim = (t: Timing): number => (t.lease + t.release) * (1 + RATE) / (1 - RATE);

const RULES: readonly Rule[] = [
  { keys: ["keepalive", "warntime"], inequality: "keepalive < warntime", holds: (t) => t.keepalive < t.warntime,
    numbers: (t) => `${ms(t.keepalive)} < ${ms(t.warntime)}`, because: "a heartbeat cannot be late before the next one was due" },
  { keys: ["warntime", "deadtime"], inequality: "warntime < deadtime", holds: (t) => t.warntime < t.deadtime,
    numbers: (t) => `${ms(t.warntime)} < ${ms(t.deadtime)}`, because: "a peer cannot be silent before it is late" },
  { keys: ["deadtime", "initdead"], inequality: "deadtime <= initdead", holds: (t) => t.deadtime <= t.initdead,
    numbers: (t) => `${ms(t.deadtime)} <= ${ms(t.initdead)}`, because: "after a start a node needs more patience, not less" },
  { keys: ["initdead", "deadtime", "claim"], inequality: "deadtime + claim <= initdead", holds: (t) => t.deadtime + t.claim <= t.initdead,
    numbers: (t) => `${ms(t.deadtime)} + ${ms(t.claim)} <= ${ms(t.initdead)}`, because: "who has just started must sit out a whole takeover of the peer's" },
  { keys: ["deadtime", "keepalive"], inequality: "deadtime >= 4 keepalive", holds: (t) => t.deadtime >= 4 * t.keepalive,
    numbers: (t) => `${ms(t.deadtime)} >= 4 * ${ms(t.keepalive)}`, because: "one lost heartbeat must not look like a death" },
  { keys: ["lease", "keepalive"], inequality: "lease >= 6 keepalive", holds: (t) => t.lease >= 6 * t.keepalive,
    numbers: (t) => `${ms(t.lease)} >= 6 * ${ms(t.keepalive)}`, because: "the arbiter must have time to answer before the lease is over" },
  { keys: ["unheard", "keepalive"], inequality: "unheard >= 3 keepalive", holds: (t) => t.unheard >= 3 * t.keepalive,
    numbers: (t) => `${ms(t.unheard)} >= 3 * ${ms(t.keepalive)}`, because: "an owner must not yield because one echo was lost" },
  { keys: ["unheard", "release", "keepalive", "claim"], inequality: "unheard + release + 2 keepalive <= claim", holds: (t) => t.unheard + t.release + 2 * t.keepalive <= t.claim,
    numbers: (t) => `${ms(t.unheard)} + ${ms(t.release)} + 2 * ${ms(t.keepalive)} <= ${ms(t.claim)}`, because: "an owner that hears the claim must be silent before it ends" },
  { keys: ["claim", "lease", "release"], inequality: "claim >= (lease + release) * 1.01 / 0.99", holds: (t) => t.claim >= leastClaim(t),
    numbers: (t) => `${ms(t.claim)} >= ${ms(leastClaim(t))}`, because: "a whole lease must run out during the claim, on clocks that differ by 1 %" },
];

export interface TimingProblem {
  /** The first is the one to change, by the order of the rule. */
  readonly keys: readonly (keyof Timing)[];
  readonly inequality: string;
  readonly message: string;
}

/** Every inequality that does not hold, with its numbers and its reason. */
export function timingProblems(timing: Timing): readonly TimingProblem[] {
  return RULES.filter((rule) => !rule.holds(timing)).map((rule) => ({
    keys: rule.keys, inequality: rule.inequality,
    message: `${rule.inequality} does not hold: ${rule.numbers(timing)} is false; ${rule.because}`,
  }));
}

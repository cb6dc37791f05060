// The two core configurations of a simulated pair.

import type { Timing } from "../../clusterd/base/time.ts";
import { PROFILES } from "../../clusterd/config/timing.ts";
import type { CoreConfig, Index } from "../../clusterd/core/model.ts";
import { random } from "./random.ts";
import { World } from "./world.ts";

/** As in reliability.md §2.4. */
export const SLOW: Timing = { keepalive: 500, warntime: 1000, deadtime: 2000, initdead: 9000, lease: 5000, release: 1000, unheard: 1500, claim: 6400, holdDown: 5000 };
/** As close to the inequalities of config/timing.ts as they allow. */
export const TIGHT: Timing = { ...PROFILES.balanced, deadtime: 200, lease: 500, release: 100, unheard: 413, claim: 613, initdead: 813 };
export const TIMINGS: readonly Timing[] = [...Object.values(PROFILES), SLOW, TIGHT];

export function coreConfig(self: Index, changes: Partial<CoreConfig> = {}): CoreConfig {
  return {
    self, cluster: "sim", digest: "0123456789abcdef", timing: PROFILES.balanced, references: 3, witness: false, fence: null, policy: "balanced",
    divergence: "ask", soloBoot: "ask", soloWait: 300_000, failback: "manual", failbackDelay: 5000, serial: null, hasServices: [false, false], mirrored: [[], []], ...changes,
  };
}

export const world = (changes: Partial<CoreConfig> = {}, seed = 1): World =>
  new World([coreConfig(0, changes), coreConfig(1, changes)], random(seed));

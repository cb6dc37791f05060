// The two core configurations of a simulated pair.

import { PROFILES } from "../../clusterd/config/timing.ts";
import type { CoreConfig, Index } from "../../clusterd/core/model.ts";
import { random } from "./random.ts";
import { World } from "./world.ts";

export function coreConfig(self: Index, changes: Partial<CoreConfig> = {}): CoreConfig {
  return {
    self, cluster: "sim", digest: "0123456789abcdef", timing: PROFILES.balanced, references: 3, witness: false, fence: null, policy: "balanced",
    divergence: "ask", soloBoot: "ask", soloWait: 300_000, failback: "manual", failbackDelay: 5000, serial: null, hasServices: [false, false], hasJobs: [false, false], ...changes,
  };
}

export const world = (changes: Partial<CoreConfig> = {}, seed = 1): World =>
  new World([coreConfig(0, changes), coreConfig(1, changes)], random(seed));

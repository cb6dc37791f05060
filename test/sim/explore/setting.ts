// The pair that is explored: the daemon's own core, with times so coarse that its states can be counted.
//
// One tick is a keepalive. The inequalities of DESIGN §4 hold as in every profile that starts (explore.test.ts asks the
// configuration's own rules); a keepalive of 500 ms puts the core's constants (1–3.5 s) at a few ticks.

import type { Timing } from "../../../clusterd/base/time.ts";
import type { CoreConfig, Index } from "../../../clusterd/core/model.ts";
import { coreConfig } from "../setting.ts";

/** Milliseconds of one tick. */
export const TICK = 500;

const ticks = (count: number): number => count * TICK;

export const TIMING: Timing = {
  keepalive: ticks(1), warntime: ticks(2), deadtime: ticks(4), initdead: ticks(12), lease: ticks(6), release: ticks(1),
  unheard: ticks(3), claim: ticks(8), holdDown: ticks(2),
};

/** Identity 0 has services and no mirror; identity 1 rests. */
export const CONFIGS: readonly [CoreConfig, CoreConfig] = [configOf(0), configOf(1)];

/** The other configuration that a node may have by mistake. */
export const OTHER_DIGEST = "fedcba9876543210";

function configOf(self: Index): CoreConfig {
  return coreConfig(self, { cluster: "explored", timing: TIMING, hasServices: [true, false] });
}

// Old times in our inequalities: what was said is kept where it can be, and what depends on it is made to fit.

import { formatDuration } from "../base/time.ts";
import type { Timing } from "../base/time.ts";
import { PROFILES } from "../config/timing.ts";

export interface FittedTimes {
  /** What [timing] must say, in milliseconds; what it leaves out is the balanced profile's. */
  readonly times: Partial<Timing>;
  /** What had to be changed, or was added, and why. */
  readonly changes: readonly string[];
}

/** cluster.conf takes nothing longer (config/kinds.ts, interval). */
const LONGEST = 600_000;
const NAMES: Readonly<Partial<Record<keyof Timing, string>>> = { holdDown: "hold_down" };

export function fitTimes(given: Partial<Timing>): FittedTimes {
  const usual = PROFILES.balanced;
  if (Object.keys(given).length === 0) return { times: {}, changes: [] };
  const changes: string[] = [];
  const times: Partial<Record<keyof Timing, number>> = {};
  const settle = (key: keyof Timing, least: number, because: string, most = LONGEST): number => {
    const old = given[key];
    const value = Math.ceil(Math.min(most, Math.max(old ?? usual[key], least)));
    if (value !== usual[key] || old !== undefined) times[key] = value;
    if (old !== undefined && value !== old) changes.push(`${key} ${formatDuration(old)} became ${formatDuration(value)}: ${because}`);
    if (old === undefined && value !== usual[key]) changes.push(`${NAMES[key] ?? key} = ${formatDuration(value)} was added: ${because}`);
    return value;
  };
  // A claim of more than ten minutes cannot be configured, and it grows with 6 keepalives.
  const keepalive = settle("keepalive", 1, "longer ones leave no room for the other times", LONGEST / 20);
  const deadtime = settle("deadtime", 4 * keepalive, "at least 4 keepalive", LONGEST / 2);
  settle("warntime", given.warntime === undefined ? 2 * keepalive : keepalive + 1, "between keepalive and deadtime", deadtime - 1);
  const lease = settle("lease", 6 * keepalive, "at least 6 keepalive");
  const release = settle("release", 1, "");
  const unheard = settle("unheard", 3 * keepalive, "at least 3 keepalive");
  const claim = settle("claim", Math.max((lease + release) * 1.01 / 0.99, unheard + release + 2 * keepalive), "a whole lease runs out during a claim");
  settle("initdead", deadtime + claim, "at least deadtime + claim");
  return { times, changes };
}

// The configuration in force, and what may replace it while the daemon runs.

import type { WallTime } from "./base/time.ts";
import type { Config } from "./config/config.ts";
import { formatProblem, loadConfig } from "./config/load.ts";

export class Settings {
  #config: Config;
  #loaded = Date.now();
  /** Why the files as they are now were not taken, or null. */
  #problem: string | null = null;

  constructor(config: Config) { this.#config = config; }

  get config(): Config { return this.#config; }
  get loaded(): WallTime { return this.#loaded; }
  get problem(): string | null { return this.#problem; }

  /** Why the files as they are now would not be taken; null: they would. */
  wouldRefuse(): string | null {
    return this.#refusal(loadConfig());
  }

  /** Reads the files again. Null when they are in force; else why the old ones stay, and nothing has changed. */
  reload(): string | null {
    const loaded = loadConfig();
    this.#problem = this.#refusal(loaded);
    if (!loaded.ok || this.#problem !== null) return this.#problem;
    this.#config = loaded.config;
    this.#loaded = Date.now();
    return null;
  }

  #refusal(loaded: ReturnType<typeof loadConfig>): string | null {
    return !loaded.ok ? loaded.problems.map(formatProblem).join("\n")
      : homeMoved(this.#config, loaded.config) ?? (fixedForLife(loaded.config) !== fixedForLife(this.#config) || loaded.config.cluster.timing.release < this.#config.cluster.timing.release
        ? "the NICs, addresses or names of the nodes, the reference hosts, the witness, port, serial_baud, main_failure, kernel_lease or watchdog have changed, or the release time is shorter: that needs `clusterd restart`" : null);
  }
}

const fixedForLife = (config: Config): string => {
  const { name, port, serialBaud, mainFailure, kernelLease, watchdog } = config.cluster;
  return JSON.stringify([config.nodes, name, arbiterOf(config), port, serialBaud, mainFailure, kernelLease, watchdog]);
};

/** A service or mirror job that changes sides would run on both for a while, and its files would go against the direction that they came from. Null: none does. */
export function homeMoved(before: Config, now: Config): string | null {
  const moved = (["services", "jobs"] as const).flatMap((kind) => now[kind].filter(({ name, home }) => before[kind].some((each) => each.name === name && each.home !== home)))[0];
  if (moved === undefined) return null;
  const [from, to] = [now.nodes[1 - moved.home as 0 | 1].name, now.nodes[moved.home].name];
  return `${moved.name} would move from ${from}/ to ${to}/ while clusterd runs: take it out of ${from}/ and \`clusterd reload\` on both nodes, which stops it; then put it into ${to}/, see that ${to} has the newest files, and reload again`;
}

const arbiterOf = ({ cluster }: Config): string => JSON.stringify([cluster.references, cluster.witness]);
export const sameArbiter = (one: Config, other: Config): boolean => arbiterOf(one) === arbiterOf(other);

// What all rounds of a run come to. Its fields are what --json shows.

import type { Results } from "../../faults/results.ts";
import type { Round } from "./round.ts";

const SUMMED = ["versions_written", "versions_lost", "false_claims", "claims_checked", "runs", "runs_interrupted", "reads", "moves", "stray_frames"] as const;

export class Total {
  rounds = 0;
  failures = 0;
  two_owners_ms = 0;
  /** The longest overlap of a round in which a machine stood still: there, up to D + S is no failure. */
  two_owners_after_freeze_ms = 0;
  versions_written = 0;
  versions_lost = 0;
  false_claims = 0;
  claims_checked = 0;
  runs = 0;
  runs_interrupted = 0;
  reads = 0;
  moves = 0;
  stray_frames = 0;
  /** How often each fault was dealt out. */
  faults: Record<string, number> = {};

  /** Faults of rounds that failed. */
  readonly #failed = new Set<string>();

  /** For test/faults.md: a fault passed when none of its rounds failed. */
  results(): Results {
    const at = new Date().toISOString();
    return Object.keys(this.faults).map((name) => ({ runner: "npm run chaos", name, result: this.#failed.has(name) ? "failed" : "passed", at }));
  }

  add(round: Round): void {
    this.rounds += 1;
    this.failures += round.failures.length > 0 ? 1 : 0;
    if (round.frozen) this.two_owners_after_freeze_ms = Math.max(this.two_owners_after_freeze_ms, round.two_owners_ms);
    else this.two_owners_ms += round.two_owners_ms;
    for (const key of SUMMED) this[key] += round[key];
    if (round.failures.length > 0) for (const { fault } of round.blows) this.#failed.add(fault);
    for (const { fault } of round.blows) this.faults[fault] = (this.faults[fault] ?? 0) + 1;
  }

  text(): string {
    const { faults, ...figures } = this;
    return [...Object.entries(figures).map(([key, value]) => `${key.padEnd(28)} ${value}`), `faults dealt out: ${Object.entries(faults).map(([name, count]) => `${name} ${count}`).join(", ")}`].join("\n");
  }
}

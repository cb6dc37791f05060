// Judges the core beside it, whatever was done to it: some episodes, exploration, and the other episodes. One line of JSON: what found it, after
// how much, and how. A process of its own, because the core is loaded anew for each mutant.

import { explore } from "../explore/search.ts";
import { runEpisode } from "../episode.ts";

export interface Verdict {
  /** Null: nothing broke. */
  readonly by: "episodes" | "exploration" | null;
  /** Episodes played, or distinct states seen, until then. */
  readonly after: number;
  readonly rule: string;
}

/** The first rule that is broken within the promised assumptions. A core that throws has broken one. */
function byEpisodes(from: number, to: number): Verdict | null {
  for (let seed = from; seed <= to; seed += 1) {
    try {
      const broken = runEpisode(seed).violations.find(({ outside }) => outside === null);
      if (broken !== undefined) return { by: "episodes", after: seed, rule: `${broken.rule}: ${broken.detail}` };
    } catch (error) {
      return { by: "episodes", after: seed, rule: `throws: ${(error as Error).message}` };
    }
  }
  return null;
}

/** Every run with one fault; then some with two, of a few kinds, to come far. */
const EXPLORED = [{ faults: 1 }, { faults: 2, of: ["mute", "references", "switchover"] }, { faults: 2, of: ["cut", "references", "late"] },
  { faults: 2, of: ["power off", "freezes", "ifup"] }, { faults: 2, of: ["another configuration", "power off"] }, { faults: 2, of: ["leave", "power off"] }, { faults: 2, of: ["switchover", "power off"] }] as const;

function byExploration(states: number): Verdict | null {
  let seen = 0;
  for (const part of EXPLORED) {
    const said = explore({ ...part, states, ticks: Number.MAX_SAFE_INTEGER, epochs: 20, violations: 1 });
    seen += said.states;
    if (said.found[0] !== undefined) return { by: "exploration", after: seen, rule: said.found[0].rule.split("\n")[0] ?? "" };
  }
  return null;
}

const [episodes = 0, states = 0] = process.argv.slice(2).map(Number);
const FIRST = 40;
const verdict: Verdict = byEpisodes(1, Math.min(FIRST, episodes)) ?? byExploration(states) ?? byEpisodes(FIRST + 1, episodes) ?? { by: null, after: episodes, rule: "" };
console.log(JSON.stringify(verdict));

// npm run chaos: round after round of random faults against a real pair with real clients, each judged by witnesses that
// know nothing of clusterd.
//
// Exit: 0 every round was as it should be; 1 one was not; 2 wrong usage; 130 ended by Ctrl-C.

import { Command, Option } from "commander";

import { addResults } from "../../faults/results.ts";
import { keepEvidence } from "../home.ts";
import { Lab } from "../lab.ts";
import { choose } from "./choose.ts";
import { FAULTS, NOT_HERE } from "./faults.ts";
import { freshPair } from "./pair.ts";
import { play, THAW_LIMIT } from "./round.ts";
import type { Memory, Round } from "./round.ts";
import { Total } from "./total.ts";
import { Witnesses } from "./witnesses.ts";

interface Options {
  readonly rounds: number;
  readonly seed: number;
  readonly round?: number;
  readonly combine: number;
  readonly profile: string;
  readonly mainFailure: string;
  readonly minutes: number;
  readonly name: string;
  readonly list?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Then the pair is built anew: dated directories grow with every round, and the audit reads them all. */
const ROUNDS_A_PAIR = 25;

const program = new Command("npm run chaos --").description("Random faults against a real pair with real clients; after each round an audit: two homes, one owner at any time, no version lost.")
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
const whole = (least: number, most: number) => (word: string): number => {
  const value = Number(word);
  if (!Number.isInteger(value) || value < least || value > most) program.error(`error: a whole number from ${least} to ${most} is wanted, not ${word}`);
  return value;
};

program
  .option("--rounds <n>", "how many; one takes about 12 s", whole(1, 1_000_000), 10)
  .option("--seed <s>", "which faults: the same seed, the same choice", whole(0, 2 ** 31), 1)
  .option("--round <r>", "only this round of the seed, on a fresh pair: to see a failure again", whole(1, 1_000_000))
  .option("--combine <n>", "at most so many faults at once", whole(1, 3), 3)
  .addOption(new Option("--profile <profile>", "timing profile").choices(["fast", "balanced", "safety"]).default("balanced"))
  .addOption(new Option("--main-failure <what>", "with redundant, an identity whose main NIC fails goes on on the other NIC").choices(["handover", "redundant"]).default("handover"))
  .option("--minutes <m>", "begin no further round after so long", whole(1, 100_000), 600)
  .option("--name <lab>", "name of the lab; several run side by side", "chaos")
  .option("--list", "only list the faults, and what cannot be done here")
  .option("--dry-run", "only print which faults each round would deal out")
  .option("--json", "print one JSON object; progress goes to standard error in any case")
  .parse();

const options = program.opts<Options>();
const [first, last] = options.round === undefined ? [1, options.rounds] : [options.round, options.round];
if (options.list === true) list();
else if (options.dryRun === true) for (let round = first; round <= last; round += 1) console.log(JSON.stringify({ round, faults: choose(options.seed, round, options.combine) }));
else await chaos();

function list(): void {
  for (const [name, { what, group, cases }] of Object.entries(FAULTS)) console.log(`${name.padEnd(20)} ${group.padEnd(11)} ${[...cases].join(" ").padEnd(12)} ${what}`);
  console.log("\nNot done here:");
  for (const { what, why } of NOT_HERE) console.log(`  ${what}: ${why}`);
}

async function chaos(): Promise<void> {
  const { seed, combine, profile, mainFailure, name } = options;
  const lab = new Lab(name);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void lab.down().finally(() => process.exit(130)));
  const deadline = performance.now() + options.minutes * 60_000;
  const total = new Total();
  let witnesses: Witnesses | null = null;
  let memory: Memory = { promised: new Set(), versions: 0 };
  let age = 0;
  try {
    for (let round = first; round <= last && performance.now() < deadline; round += 1) {
      if (witnesses === null || age === ROUNDS_A_PAIR) {
        witnesses?.leave();
        await freshPair(lab, profile, mainFailure);
        [witnesses, memory, age] = [new Witnesses(lab), { promised: new Set(), versions: 0 }, 0];
      }
      age += 1;
      const blows = choose(seed, round, combine);
      console.error(`${seed}/${round}: ${blows.map(({ fault, victim, at, lasts }) => `${fault} on ${victim + 1} at ${at} for ${lasts}`).join(", ")}`);
      const result = await play(lab, witnesses, blows, memory, THAW_LIMIT[profile]!);
      total.add(result);
      console.error(`  ${result.failures.length === 0 ? "well" : "FAILED"}: ${describe(result)}`);
      if (result.failures.length === 0) continue;
      const kept = keepEvidence(lab, `${seed}-${round}`, { seed, round, combine, profile, at: new Date().toISOString(), ...result });
      witnesses.keep(kept);
      for (const failure of result.failures) console.error(`  ${failure}`);
      console.error(`  faults: ${JSON.stringify(result.blows)}\n  logs in ${kept}\n  again: npm run chaos -- --seed ${seed} --round ${round} --combine ${combine}${profile === "balanced" ? "" : ` --profile ${profile}`}${mainFailure === "handover" ? "" : ` --main-failure ${mainFailure}`}`);
      age = ROUNDS_A_PAIR;
    }
    addResults(total.results());
    console.log(options.json === true ? JSON.stringify(total) : total.text());
    if (total.failures > 0 || total.rounds === 0) process.exitCode = 1;
  } finally {
    witnesses?.leave();
    await lab.down();
  }
}

function describe({ moves, two_owners_ms, versions_written, claims_checked, runs, runs_interrupted, took }: Round): string {
  return `${moves} moves, two owners ${two_owners_ms} ms, ${versions_written} versions, ${claims_checked} claims, ${runs} runs (${runs_interrupted} cut off); faults ${took.faults} ms, home ${took.home} ms, audit ${took.audit} ms`;
}

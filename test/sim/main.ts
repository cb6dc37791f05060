// npm run sim: episodes of a pair under random faults, in virtual time.
//
// Exit: 0 no rule was broken inside the promised assumptions; 1 one was: seed, shrunk time-line and replay command are
// printed; 2 wrong usage. Every eighth seed also leaves the promised assumptions (machines that freeze, clocks beyond ρ,
// references on both sides of a partition, false words of a person): rules broken after that are counted apart.

import { execFileSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { runEpisode } from "./episode.ts";
import { isBroken, optionsOf, play, playSideBySide } from "./range.ts";
import { parseKeep } from "./shrink.ts";
import { LEFT_OUT } from "./world.ts";

/** What else `npm run sim` can be asked for, by its first word. */
const COMMANDS: Readonly<Record<string, () => Promise<(args: readonly string[]) => number | Promise<number>>>> = {
  explore: async () => (await import("./explore/main.ts")).exploreCommand,
  mutants: async () => (await import("./mutants/main.ts")).mutantsCommand,
};
const command = COMMANDS[process.argv[2] ?? ""];
if (command !== undefined) process.exit(await (await command())(process.argv.slice(3)));

const HELP = `npm run sim -- [--seeds N] [--from S] [--inside] [--jobs N] [--ledger FILE] [--json]
npm run sim -- --seed S [--keep 1,4x0.25]
npm run sim -- explore --help | mutants --help

  --seeds N     how many episodes (default 1000), from seed S on (--from, default 1)
  --inside      only faults that two nodes promise to survive; otherwise every eighth seed has others too
  --jobs N      in so many threads side by side (default 1); episodes_per_s is by the processor second, of one core
  --seed S      plays one seed and prints its story
  --keep LIST   only these of the seed's faults, each for this share of its duration
  --ledger FILE appends one line of JSON: commit, seeds, episodes, violations, outside_model, trace hash
  --json        the result as one object, after one line for each broken seed`;

const options = { seeds: { type: "string", default: "1000" }, from: { type: "string", default: "1" }, jobs: { type: "string", default: "1" }, seed: { type: "string" }, keep: { type: "string" },
  inside: { type: "boolean", default: false }, ledger: { type: "string" }, json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } } as const;

function fail(message: string): never {
  console.error(`sim: ${message}`);
  process.exit(2);
}

function wholeNumber(text: string, name: string): number {
  const value = Number(text);
  return Number.isInteger(value) && value > 0 ? value : fail(`${name} is a whole number from 1 on, not ${text}`);
}

/** One seed, with its story. */
function replay(seed: number, keepText: string | undefined, inside: boolean): void {
  const keep = keepText === undefined ? undefined : parseKeep(keepText);
  if (keep === null) fail(`--keep is a list of places like 0,3x0.5, not ${keepText}`);
  const result = runEpisode(seed, { ...optionsOf(seed, inside), story: true, ...(keep === undefined ? {} : { keep }) });
  console.log(result.story.join("\n"));
  console.log(`seed ${seed}: ${result.violations.length} rules broken; ${result.events} events, trace ${result.hash.toString(16).padStart(8, "0")}`);
  process.exitCode = isBroken(result) ? 1 : 0;
}

interface Way {
  readonly inside: boolean;
  readonly json: boolean;
  readonly ledger: string | undefined;
  readonly jobs: number;
}

async function simulate(from: number, count: number, { inside, json, ledger, jobs }: Way): Promise<void> {
  const used = process.cpuUsage();
  const range = { from, count, inside, json };
  const { broken, outside, left, hash, changes, unknowing, takeovers } = jobs === 1 ? play(range) : await playSideBySide(range, Math.min(jobs, count));
  const { user, system } = process.cpuUsage(used);
  const perSecond = Number(((count / (user + system)) * 1e6).toFixed(1));
  const result = { episodes: count, violations: broken, outside_model: outside, episodes_per_s: perSecond, trace_hash: hash.toString(16).padStart(8, "0") };
  if (ledger !== undefined) appendFileSync(ledger, `${JSON.stringify({ commit: commit(), from, to: from + count - 1, inside, ...result })}\n`);
  process.exitCode = broken > 0 ? 1 : 0;
  if (json) return console.log(JSON.stringify(result));
  const sorted = takeovers.toSorted((a, b) => a - b);
  const median = sorted[sorted.length >> 1];
  console.log(`${count} episodes of 240 s (${(count / 24).toFixed(0)} fault-years), seeds ${from} to ${from + count - 1}: ${broken} broke a rule; ${perSecond} a second of one core; trace ${result.trace_hash}`);
  console.log(`${left} of them left the promised assumptions, and ${outside} of these broke a rule then (not counted above)`);
  console.log(`${changes} changes of owner; ${unknowing} by a node that could not know of a newer epoch (I7, which needs a witness)`);
  if (median !== undefined) console.log(`${sorted.length} takeovers from a dead peer in calm weather, default timing: median ${median.toFixed(0)} ms, longest ${sorted.at(-1)?.toFixed(0)} ms`);
  console.log(`left out of the model:\n${LEFT_OUT.map((each) => `  ${each}`).join("\n")}`);
}

/** Of the working tree, with + when it has changes. */
function commit(): string {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty=+", "--abbrev=12"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "unknown";
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options });
  if (values.help) return console.log(HELP);
  if (values.seed !== undefined) return replay(wholeNumber(values.seed, "--seed"), values.keep, values.inside);
  if (values.keep !== undefined) fail("--keep needs --seed");
  const { inside, json, ledger } = values;
  await simulate(wholeNumber(values.from, "--from"), wholeNumber(values.seeds, "--seeds"), { inside, json, ledger, jobs: wholeNumber(values.jobs, "--jobs") });
}

try {
  await main();
} catch (error) {
  if (!String((error as { code?: unknown }).code).startsWith("ERR_PARSE_ARGS")) throw error;
  fail(`${(error as Error).message}; see --help`);
}

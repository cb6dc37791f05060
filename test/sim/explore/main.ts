// npm run sim -- explore [--states N] [--faults N] [--of WORD,…] [--ticks N] [--epochs N] [--json]: every run of the pair within these bounds.
//
// Exit: 0 no rule was broken; 1 one was, and the shortest way to it is told; 2 wrong usage.

import { parseArgs } from "node:util";
import { explore, ROOTS, takeChoice, type Exploration, type Found } from "./search.ts";
import { CHOICES } from "./choices.ts";

const HELP = `npm run sim -- explore [--states N] [--faults N] [--of WORD,…] [--ticks N] [--epochs N] [--json]
  --states N   stop after so many distinct states (12000000)
  --faults N   faults in one run that begins with a settled pair; one less from power-on (2)
  --of LIST    only faults whose names have one of these words in them, like mute,references,switchover (all)
  --ticks N    longest run, in keepalives (unbounded)
  --epochs N   highest epoch of the identity (20)`;

/** What a result stands for, said beside it. */
const ABSTRACTED = `Two nodes on the daemon's own step(). Left out or made coarse: one tick is a keepalive, and all delays are 0 or 1 tick; clocks run
alike (C covers D+S with a tick to spare); all links are one; the reference hosts answer as one, at once; identity 1 rests; no mirror (stale
nodes are resynchronised at once); services never fail; failback by hand, no witness, no fence; a frozen node's socket keeps two heartbeats; a tripped
lease is not forgotten, its hold-down ends at 4 ticks. The nodes are not interchangeable (home, parity, who answers), so no symmetry is used. Assumed: clean partition; a person says confirm-dead and force-own only of a peer that is off.`;

export function exploreCommand(args: readonly string[]): number {
  const { values } = parseArgs({ args: [...args], options: {
    states: { type: "string", default: "12000000" }, faults: { type: "string", default: "2" }, of: { type: "string" }, ticks: { type: "string" }, epochs: { type: "string", default: "20" },
    json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false },
  } });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const bounds = { states: Number(values.states), faults: Number(values.faults), ticks: Number(values.ticks ?? Number.MAX_SAFE_INTEGER), epochs: Number(values.epochs) };
  if (!Object.values(bounds).every((each) => Number.isInteger(each) && each >= 0) || bounds.epochs > 250 || bounds.faults > 200) {
    console.error("explore: --states, --faults, --ticks and --epochs are whole numbers; at most 200 faults and epoch 250");
    return 2;
  }
  const began = performance.now();
  const said = explore({ ...bounds, ...(values.of === undefined ? {} : { of: values.of.split(",") }) }, process.stderr.isTTY ? (states, queued, depth) => process.stderr.write(`\r${states} states, ${queued} to go on from, tick ${depth} `) : undefined);
  report(said, bounds.faults, (performance.now() - began) / 1000, values.json);
  return said.violations > 0 ? 1 : 0;
}

function report(said: Exploration, faults: number, seconds: number, json: boolean): void {
  const { states, transitions, depth, violations, cut, spent, found } = said;
  if (!json) {
    if (process.stderr.isTTY) process.stderr.write("\n");
    for (const each of found) console.log(`${tell(each)}\n`);
    console.log(ABSTRACTED);
    console.log(`${states} distinct states, ${transitions} transitions, runs of up to ${depth} ticks with up to ${faults} faults: ${violations} broke a rule. ${seconds.toFixed(0)} s.`);
    console.log(cut.states + cut.ticks + cut.epochs === 0 ? "Complete: nothing was cut but the number of faults."
      : `Cut: ${cut.states} states not gone on from (--states), ${cut.ticks} (--ticks), ${cut.epochs} transitions (--epochs).`);
    console.log(`${spent} of the expansions had no fault left to try (--faults).`);
  } else console.log(JSON.stringify({ states, transitions, depth, faults, violations, cut, spent, seconds: Number(seconds.toFixed(1)), memory_mib: process.memoryUsage.rss() >> 20, first: found[0]?.rule ?? null }));
}

/** The way to a broken rule as a story: choices, what the nodes tell, and the roles after each tick in which anything happened. */
export function tell({ rule, way }: Found): string {
  const [root = 0, ...choices] = way;
  const begin = ROOTS[root] as (typeof ROOTS)[number];
  const pair = begin.pair();
  const lines = [`BROKEN ${rule}`, `begins with ${begin.name}`];
  choices.forEach((choice, tick) => {
    const told: string[] = [];
    takeChoice(pair, choice, (text) => told.push(`${String(tick + 1).padStart(5)}  ${text}`));
    if (choice !== 0) lines.push(`${String(tick + 1).padStart(5)}  *  ${CHOICES[choice]?.name}`);
    lines.push(...told);
  });
  return lines.join("\n");
}

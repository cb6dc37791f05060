// npm run sim -- [--seeds N] [--from S] [--seed S] [--witness] [--freezes] [--json]: episodes of a pair under random faults, in virtual time.
//
// Exit: 0 no rule was broken; 1 one was, and its seed and story are printed; 2 wrong usage. Bounded by the number of seeds.
// With --freezes whole machines freeze too, which two nodes cannot promise to survive without an overlap: then rules broken
// are counted as outside the model.

import { parseArgs } from "node:util";
import { play } from "./episode.ts";

const { values } = parseArgs({ options: {
  seeds: { type: "string", default: "500" }, from: { type: "string", default: "1" }, seed: { type: "string" },
  freezes: { type: "boolean", default: false }, witness: { type: "boolean", default: false }, json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false },
} });

if (values.help) {
  console.log("npm run sim -- [--seeds N] [--from S] | --seed S   [--witness] [--freezes] [--json]");
} else {
  const one = values.seed === undefined ? null : Number(values.seed);
  const [from, count] = one === null ? [Number(values.from), Number(values.seeds)] : [one, 1];
  if (![from, count].every((each) => Number.isInteger(each) && each > 0)) {
    console.error("sim: --seed, --seeds and --from are whole numbers from 1 on");
    process.exit(2);
  }
  simulate(from, count, one !== null);
}

function simulate(from: number, count: number, show: boolean): void {
  const began = performance.now();
  let broken = 0;
  let hash = 0;
  for (let seed = from; seed < from + count; seed += 1) {
    const episode = play({ seed, freezes: values.freezes, changes: { witness: values.witness } });
    hash = (Math.imul(hash, 31) + episode.hash) >>> 0;
    if (episode.violations.length > 0) broken += 1;
    if (show || (episode.violations.length > 0 && broken === 1 && !values.json)) {
      console.log(episode.story.join("\n"));
      for (const { at, rule, detail } of episode.violations) console.log(`${at.toFixed(1).padStart(10)}  BROKEN ${rule}: ${detail}`);
      console.log(`again: npm run sim -- --seed ${seed}${values.witness ? " --witness" : ""}${values.freezes ? " --freezes" : ""}`);
    }
    if ((seed - from) % 100 === 99 && process.stderr.isTTY) process.stderr.write(`\r${seed - from + 1} of ${count}`);
  }
  const perSecond = Number(((count / (performance.now() - began)) * 1000).toFixed(1));
  const result = { episodes: count, violations: values.freezes ? 0 : broken, outside_model: values.freezes ? broken : 0, episodes_per_s: perSecond, trace_hash: hash.toString(16) };
  console.log(values.json ? JSON.stringify(result) : `${count} episodes from seed ${from}: ${broken} broke a rule${values.freezes ? " (machines froze: outside the model)" : ""}; ${perSecond} a second; trace ${result.trace_hash}`);
  process.exitCode = broken > 0 && !values.freezes ? 1 : 0;
}

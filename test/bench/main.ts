// npm run bench -- failover: measured on real nodes, by their clients and the witness on the switch.
//
// Exit: 0 measured, and everything was as it should; 1 otherwise; 2 wrong usage; 130 ended by Ctrl-C.

import { rmSync } from "node:fs";

import { Command, Option } from "commander";

import { FAULT_NAMES } from "../lab/faults.ts";
import { Lab } from "../lab/lab.ts";
import { failover } from "./failover.ts";
import { idle } from "./idle.ts";
import { apart } from "./mirroring/own-disk.ts";
import { load } from "./load.ts";
import { freshPair, makeConfiguration } from "./pair.ts";
import { mirrorBench, mirrorTable, mirrorWrong, PARTS } from "./mirror.ts";
import type { MirrorOptions } from "./mirror.ts";
import { markdown } from "./result.ts";
import type { Result } from "./result.ts";

const MEASUREMENTS = [...FAULT_NAMES, "idle", "load"] as const;
type Measurement = (typeof MEASUREMENTS)[number];

interface Options {
  readonly profile: string;
  readonly fault: readonly (Measurement | "all")[];
  readonly runs: number;
  readonly seconds?: number;
  readonly minutes: number;
  readonly withServices?: boolean;
  readonly name: string;
  readonly json?: boolean;
}

const program = new Command("npm run bench --").description("Measurements on real nodes in the lab.").exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
const whole = (least: number, most: number) => (word: string): number => {
  const value = Number(word);
  if (!Number.isInteger(value) || value < least || value > most) program.error(`error: a whole number from ${least} to ${most} is wanted, not ${word}`);
  return value;
};

program.command("failover")
  .description("what each fault costs a client: the longest gap at a request every 2 ms, and whether two nodes ever spoke for one identity; what a quiet and what a busy pair does")
  .addOption(new Option("--profile <profile>", "timing profile").choices(["fast", "balanced", "safety"]).default("balanced"))
  .addOption(new Option("--fault <name...>", "only these").choices([...MEASUREMENTS, "all"]).default(["all"]))
  .option("--runs <n>", "how often each fault; one takes about 12 s", whole(1, 1000), 5)
  .option("--seconds <s>", "how long idle (60) and load (600) take", whole(1, 86_400))
  .option("--minutes <m>", "begin no further fault after so long", whole(1, 1440), 90)
  .option("--with-services", "with the sample's services and mirror jobs; without: nothing to start")
  .option("--name <lab>", "name of the lab", "bench")
  .option("--json", "print one JSON object; progress goes to standard error in any case")
  .action(bench);

program.command("mirror")
  .description("lag of the live mirror at one and twenty writes a second, of a burst, a rename and a deletion of 1000 files, beside lsyncd; whole passes and the two jobs of 1999 beside plain rsync; memory and idle cost; or what is left after kill -9")
  .option("--files <n>", "files in the tree", whole(2000, 2_000_000), 100_000).option("--seconds <s>", "how long each load of writes takes", whole(1, 3600), 30)
  .option("--rounds <n>", "how often each whole pass", whole(1, 100), 3).option("--minutes <m>", "begin nothing more after so long", whole(1, 1440), 20).option("--no-peers", "only ours")
  .addOption(new Option("--part <name...>", "only these").choices([...PARTS]).default([...PARTS]))
  .option("--scale <share>", "of the two jobs of 1999 (27 GB of disk at 1), at most; less where less is free", (word) => Number(word), 1)
  .option("--kills <n>", "in place of all that: n rounds in which a process of the mirror, or all of a node's, is killed", whole(0, 100_000), 0)
  .addOption(new Option("--watch <by>", "who tells of changes").choices(["auto", "chokidar", "fatrace"]).default("auto")).option("--json", "print one JSON object")
  .action(async ({ json, ...options }: MirrorOptions & { readonly json?: true }) => {
    const elsewhere = apart();
    if (elsewhere !== null) { process.exitCode = elsewhere; return; }
    const result = await mirrorBench(options, (line) => console.error(line));
    console.log(json ? JSON.stringify(result) : mirrorTable(result));
    if (mirrorWrong(result).length > 0) process.exitCode = 1;
  });

program.parseAsync().catch((error: Error) => {
  console.error(`bench: ${error.message.split("\n")[0]}`);
  process.exitCode = 1;
});

async function bench(options: Options): Promise<void> {
  const { profile, runs, minutes, seconds, name } = options;
  const lab = new Lab(name);
  const setting = { profile, configuration: makeConfiguration(lab, options.withServices === true) };
  const clean = async (): Promise<void> => {
    await lab.down();
    rmSync(setting.configuration, { recursive: true, force: true });
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void clean().finally(() => process.exit(130)));
  const tell = (line: string): void => console.error(line);
  const take = (what: Measurement): Promise<Result> =>
    what === "idle" ? idle(lab, seconds ?? 60, tell) : what === "load" ? load(lab, seconds ?? 600, tell) : failover(lab, what, setting, runs, tell);
  const wanted = options.fault.includes("all") ? MEASUREMENTS : MEASUREMENTS.filter((each) => options.fault.includes(each));
  const deadline = performance.now() + minutes * 60_000;
  try {
    const results: Result[] = [];
    await freshPair(lab, setting);
    for (const what of wanted) if (performance.now() < deadline) results.push(await take(what));
    const skipped = wanted.slice(results.length);
    if (skipped.length > 0) tell(`not begun after ${minutes} minutes: ${skipped.join(", ")}`);
    console.log(options.json === true ? JSON.stringify({ profile, runs, results, skipped }) : markdown(results));
    if (skipped.length > 0 || results.some(({ wrong }) => wrong.length > 0)) process.exitCode = 1;
  } finally {
    await clean();
  }
}

// npm run sim -- mutants: would simulator and exploration notice a bug? Each seeded bug of list.ts in a copy of the core, one at a time.
// What they do not notice is put before the core's own tests and stories.
//
// Exit: 0 every mutant was found, or is known to survive for the reason in the list; 1 one survived unexplained; 2 wrong usage, or a mutant whose text is no longer in the source.

import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Verdict } from "./judge.ts";
import { MUTANTS, type Mutant } from "./list.ts";

const HELP = `npm run sim -- mutants [--only NAME,NAME…] [--episodes N] [--states N] [--json]
  --only LIST     these mutants (all)
  --episodes N    episodes played at most for each (300)
  --states N      states explored at most where episodes find nothing, with one and with two faults (60000)`;

const TOP = join(import.meta.dirname, "../../..");
/** What knows the core by cases: asked about the mutants that neither episodes nor exploration have found. */
const TESTS = ["test/clusterd/core", "test/scenarios"];
/** A process that has used so many seconds of a processor hangs in its mutant: nothing else in it is unbounded. By the kernel's count, so that a busy machine finds no bugs. */
const PATIENCE = 300;

/** What runs this with Node, ended by SIGXCPU when patience is over. */
const patiently = (...args: readonly string[]): [string, string[]] =>
  ["sh", ["-c", 'ulimit -c 0; ulimit -S -t "$0"; exec "$@"', String(PATIENCE), process.execPath, ...process.execArgv, ...args]];

export interface Judged extends Omit<Verdict, "by"> {
  readonly name: string;
  readonly by: Verdict["by"] | "tests" | "no end";
  readonly seconds: number;
}

/** Where a mutant's text stands in the file: exactly once, or the list is out of date. */
export function mutated({ name, file, from, to }: Mutant, text: string): string {
  const times = text.split(from).length - 1;
  if (times !== 1) throw new Error(`mutant ${name}: its text stands ${times} times in core/${file}.ts, not once; bring test/sim/mutants/list.ts up to date`);
  return text.replace(from, () => to);
}

const coreFile = (top: string, file: string): string => join(top, "clusterd/core", `${file}.ts`);

/** A copy of what the judge needs, for the mutants of one run. */
function workplace(): string {
  const top = mkdtempSync(join(tmpdir(), "clusterd-mutants-"));
  for (const part of ["clusterd", "test/sim", ...TESTS, "package.json"]) cpSync(join(TOP, part), join(top, part), { recursive: true });
  symlinkSync(join(TOP, "node_modules"), join(top, "node_modules"));
  return top;
}

async function judge(top: string, mutant: Mutant, { episodes, states }: { episodes: number; states: number }): Promise<Judged> {
  const path = coreFile(top, mutant.file);
  const text = readFileSync(path, "utf8");
  const began = performance.now();
  writeFileSync(path, mutated(mutant, text));
  try {
    const verdict = await new Promise<Verdict | null>((resolve, reject) => {
      execFile(...patiently(join(top, "test/sim/mutants/judge.ts"), String(episodes), String(states)),
        (error, stdout, stderr) => {
          // Without the mutant it needs far less memory than Node gives it.
          if (error?.signal === "SIGXCPU" || error?.signal === "SIGABRT") resolve(null);
          else if (error !== null) reject(new Error(`mutant ${mutant.name}: the judge itself failed: ${stderr.trim().split("\n").slice(0, 8).join("\n")}`));
          else resolve(JSON.parse(stdout) as Verdict);
        });
    });
    const failed = verdict?.by === null ? await failingTest(top) : null;
    if (failed !== null) return { name: mutant.name, by: "tests", after: 1, rule: failed, seconds: (performance.now() - began) / 1000 };
    return { name: mutant.name, ...(verdict ?? { by: "no end", after: 0, rule: `a judge took more than ${PATIENCE} s of a processor, or all its memory` }), seconds: (performance.now() - began) / 1000 };
  } finally {
    writeFileSync(path, text);
  }
}

/** The first of the core's tests and stories that does not pass, or null. */
async function failingTest(top: string): Promise<string | null> {
  const files = TESTS.flatMap((folder) => readdirSync(join(top, folder)).filter((name) => name.endsWith(".test.ts")).map((name) => join(top, folder, name)));
  const { NODE_TEST_CONTEXT: _ours, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(...patiently("--test", "--test-reporter=tap", ...files), { env, maxBuffer: 1 << 26 },
      (error, stdout) => { resolve(error === null ? null : /^not ok \d+ - (.*)$/m.exec(stdout)?.[1] ?? "the tests end early"); });
  });
}

/** The mutants of these names, judged one after the other. */
export async function judgeAll(mutants: readonly Mutant[], bounds: { episodes: number; states: number }, each: (judged: Judged) => void = () => {}): Promise<Judged[]> {
  for (const mutant of MUTANTS) mutated(mutant, readFileSync(coreFile(TOP, mutant.file), "utf8")); // all of them, before any work
  const top = workplace();
  try {
    const judged: Judged[] = [];
    for (const mutant of mutants) {
      const result = await judge(top, mutant, bounds);
      judged.push(result);
      each(result);
    }
    return judged;
  } finally {
    rmSync(top, { recursive: true });
  }
}

const lineOf = ({ name, by, after, rule }: Judged): string =>
  `${name.padEnd(28)} ${by === null ? "SURVIVES" : by === "no end" ? "no end" : by === "episodes" ? `episode ${after}` : by === "tests" ? "a test" : `${after} states`}`.padEnd(46) + ` ${rule.slice(0, 110)}`;

export async function mutantsCommand(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: {
    only: { type: "string" }, episodes: { type: "string", default: "300" }, states: { type: "string", default: "60000" },
    json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false },
  } });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const bounds = { episodes: Number(values.episodes), states: Number(values.states) };
  const names = values.only?.split(",");
  const unknown = names?.filter((name) => !MUTANTS.some((mutant) => mutant.name === name)) ?? [];
  if (unknown.length > 0 || !Object.values(bounds).every((each) => Number.isInteger(each) && each >= 0)) {
    console.error(unknown.length > 0 ? `mutants: there is none called ${unknown.join(", ")}; they are: ${MUTANTS.map(({ name }) => name).join(" ")}`
      : "mutants: --episodes and --states are whole numbers");
    return 2;
  }
  const chosen = MUTANTS.filter(({ name }) => names === undefined || names.includes(name));
  const judged = await judgeAll(chosen, bounds, (result) => { if (!values.json) console.log(lineOf(result)); });
  return report(judged, values.json);
}

function report(judged: readonly Judged[], json: boolean): number {
  const explained = new Map(MUTANTS.map(({ name, survives }) => [name, survives]));
  const killed = judged.filter(({ by }) => by !== null);
  const survivors = judged.filter(({ by }) => by === null).map(({ name }) => ({ name, because: explained.get(name) ?? null }));
  const surprises = killed.filter(({ name }) => explained.get(name) !== undefined);
  if (json) console.log(JSON.stringify({ total: judged.length, killed: killed.length, survivors }));
  else {
    const count = (by: Judged["by"]): number => judged.filter((each) => each.by === by).length;
    console.log(`${judged.length} mutants: ${killed.length} found (${count("episodes")} by episodes, ${count("exploration")} by exploration, ${count("tests")} by the core's own tests, ${count("no end")} never end), ${survivors.length} survive`);
    for (const { name, because } of survivors) console.log(`survives: ${name}: ${because ?? "UNEXPLAINED: a checker is missing"}`);
    for (const { name } of surprises) console.log(`found although the list says that it survives: ${name}`);
  }
  return survivors.some(({ because }) => because === null) ? 1 : 0;
}

// The catalogue of faults: every case, with the tests that prove it. Told as a page, test/faults.md.

import { FAULTS } from "../lab/chaos/faults.ts";
import { ATTACK } from "./attack.ts";
import { CLOCK } from "./clock.ts";
import { INPUT } from "./input.ts";
import { MIRROR_CASES } from "./mirror.ts";
import { NETWORK_CASES } from "./network.ts";
import { PEOPLE } from "./people.ts";
import { PROCESS } from "./process.ts";
import { chaos } from "./refs.ts";
import type { Case, Ref } from "./refs.ts";
import type { Result, Results } from "./results.ts";
import { STORAGE } from "./storage.ts";

const SECTIONS: readonly (readonly [string, readonly Case[]])[] = ([
  ["Processes", PROCESS], ["Network", NETWORK_CASES], ["Storage", STORAGE], ["Clocks", CLOCK], ["Configuration and other input", INPUT],
  ["Mirroring and data", MIRROR_CASES], ["Attacks", ATTACK], ["People, and several at once", PEOPLE],
] as const).map(([title, cases]) => [title, cases.map(withChaos)] as const);

export const CASES: readonly Case[] = SECTIONS.flatMap(([, cases]) => cases);

/** The faults of the chaos lab say themselves which cases they are. */
function withChaos(one: Case): Case {
  const named = new Set(one.tests.map(({ named }) => named));
  const dealt = Object.entries(FAULTS).filter(([name, { cases }]) => (cases as readonly string[]).includes(one.id) && !named.has(name));
  return { ...one, tests: [...one.tests, ...dealt.map(([name]) => chaos(name))] };
}

/** The page. `results`: what each test came to when it ran last. */
export function page(results: Results): string {
  const tested = CASES.filter(({ tests }) => tests.length > 0);
  const whole = tested.filter(({ missing }) => missing === null);
  return [
    "# Faults and their tests", "",
    `Written by \`npm run faults\` from the tables in \`test/faults/\`; do not edit. ${CASES.length} cases: ${whole.length} with tests, ${tested.length - whole.length} with tests and something missing, ${CASES.length - tested.length} open.`,
    "Each case has its test at the lowest level that can show it: the pure core and its stories, the simulator (`sim`), a real program alone, real nodes (`test/lab`), and rounds of random",
    "faults on real nodes (`chaos`). The last column is what these tests came to when they last ran where this page was written.",
    ...SECTIONS.flatMap(([title, cases]) => ["", `## ${title}`, "", "| | case | tests | last result |", "| --- | --- | --- | --- |", ...cases.map((one) => line(one, results))]),
    "",
  ].join("\n");
}

/** The page without its last column: what must be up to date in a commit. */
export const mapping = (text: string): string => text.replace(/ [^|\n]* \|$/gm, "");

function line({ id, title, tests, missing }: Case, results: Results): string {
  const named = [...new Set(tests.map(show))];
  const parts = [...named, ...missing === null ? [] : [tests.length === 0 ? `open: ${missing}` : `missing: ${missing}`], ...tests.length === 0 && missing === null ? ["open"] : []];
  return `| ${id} | ${escape(title)} | ${parts.map(escape).join("<br>")} | ${verdict(tests.map((ref) => lastResult(ref, results)))} |`;
}

function show({ file, named, runner }: Ref): string {
  if (runner === "npm run chaos") return `chaos: ${named}`;
  if (file.startsWith("test/scenarios/")) return `scenarios: ${named.slice(6, -1)}`;
  if (file === "test/sim/faults.ts") return "sim";
  return `${file.replace(/^test\//, "")}: ${named}`;
}

/** The worst and newest of the results of all tests of that name; null: none has run. */
export function lastResult({ runner, named }: Ref, results: Results): Result | null {
  const found = results.filter((result) => result.runner === runner && (runner === "npm run chaos" ? result.name === named : result.name.includes(named)));
  const newest = new Map(found.map((result) => [result.name, result]));
  return [...newest.values()].sort((a, b) => RANK[a.result] - RANK[b.result])[0] ?? null;
}

const RANK = { failed: 0, skipped: 1, passed: 2 } as const;

function verdict(found: readonly (Result | null)[]): string {
  if (found.length === 0) return "–";
  const count = (what: Result["result"] | null): number => found.filter((one) => (one?.result ?? null) === what).length;
  const parts = (["failed", "skipped", "passed"] as const).filter((what) => count(what) > 0).map((what) => count(what) === found.length ? what : `${count(what)} ${what}`);
  const unknown = count(null);
  return [...parts, ...unknown === 0 ? [] : [unknown === found.length ? "not run here" : `${unknown} not run here`]].join(", ");
}

const escape = (text: string): string => text.replaceAll("|", "\\|");

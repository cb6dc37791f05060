// npm run faults: writes test/faults.md, which shows for each catalogued fault the tests that prove it and their last result.
//
// The results are those of the last runs here of `npm test`, `npm run unit` and `npm run chaos`.
// Exit: 0 written, or with --check: it is up to date; 1 a test that is named does not exist, or --check found it out of date; 2 wrong usage.

import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { missingTests } from "./missing.ts";
import { readResults } from "./results.ts";
import { CASES, lastResult, mapping, page } from "./table.ts";

const PAGE = new URL("../faults.md", import.meta.url).pathname;
const { values } = parseArgs({ options: { check: { type: "boolean", default: false }, json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } } });

if (values.help) console.log("npm run faults -- [--check] [--json]\n\nWrites test/faults.md from test/faults/ and the last results of the tests. --check: only says whether it is up to date.");
else run();

function run(): void {
  const results = readResults();
  const missing = missingTests();
  const text = page(results);
  const old = readFileSync(PAGE, { encoding: "utf8", flag: "a+" });
  const upToDate = mapping(old) === mapping(text);
  if (!values.check && missing.length === 0) writeFileSync(PAGE, text);
  for (const sentence of missing) console.error(`faults: ${sentence}`);
  const found = CASES.map(({ tests }) => tests.map((ref) => lastResult(ref, results)?.result ?? null));
  const summary = {
    cases: CASES.length, tested: CASES.filter(({ tests }) => tests.length > 0).length, partly: CASES.filter(({ tests, missing: lacks }) => tests.length > 0 && lacks !== null).length,
    open: CASES.filter(({ tests }) => tests.length === 0).length,
    passed: found.filter((each) => each.length > 0 && each.every((result) => result === "passed")).length, failed: found.filter((each) => each.includes("failed")).length, up_to_date: upToDate,
  };
  console.log(values.json ? JSON.stringify(summary) : Object.entries(summary).map(([key, value]) => `${key.padEnd(10)} ${value}`).join("\n"));
  if (missing.length > 0 || (values.check && !upToDate)) process.exitCode = 1;
}

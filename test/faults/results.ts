// What each test came to, a line each, newest last. The test runner's reporter and `npm run chaos` add to it; it is no part of
// the project's history.

import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";

export interface Result {
  /** The test's file from the project's top, or `npm run chaos`. */
  readonly runner: string;
  readonly name: string;
  readonly result: "passed" | "failed" | "skipped";
  readonly at: string;
}
export type Results = readonly Result[];

const PROJECT = new URL("../..", import.meta.url).pathname;
const FILE = new URL("results.jsonl", import.meta.url).pathname;

export const runnerOf = (file: string): string => relative(PROJECT, file);

/** A project that cannot be written to is tested all the same. */
export function addResults(results: Results): void {
  try {
    appendFileSync(FILE, results.map((result) => `${JSON.stringify(result)}\n`).join(""));
  } catch { /* read-only */ }
}

/** The newest result of each test; the file is left with these. */
export function readResults(): Results {
  if (!existsSync(FILE)) return [];
  const lines = readFileSync(FILE, "utf8").split("\n").flatMap((line) => { try { return [JSON.parse(line) as Result]; } catch { return []; } });
  const newest = [...new Map(lines.map((result) => [`${result.runner}\0${result.name}`, result])).values()];
  if (newest.length < lines.length) writeFileSync(FILE, newest.map((result) => `${JSON.stringify(result)}\n`).join(""));
  return newest;
}

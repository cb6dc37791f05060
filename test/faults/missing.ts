// Which tests does the table name that are not there (any more)?

import { existsSync, readFileSync } from "node:fs";

import { CASES } from "./table.ts";

const PROJECT = new URL("../..", import.meta.url).pathname;

/** A sentence each. A test is there when its file has the words that the table names. */
export function missingTests(): readonly string[] {
  return CASES.flatMap(({ id, tests }) => tests.flatMap(({ file, holds }) => {
    if (!existsSync(PROJECT + file)) return [`${id}: there is no ${file}`];
    return readFileSync(PROJECT + file, "utf8").includes(holds) ? [] : [`${id}: ${file} has no ${JSON.stringify(holds.trim())}`];
  }));
}

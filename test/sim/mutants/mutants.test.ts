// A handful of seeded bugs is found, the whole list still fits the source, and the core as it is passes the same judge.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { MUTANTS } from "./list.ts";
import { judgeAll, mutated } from "./main.ts";

const core = (file: string): string => readFileSync(join(import.meta.dirname, `../../../clusterd/core/${file}.ts`), "utf8");

test("every mutant's text stands once in the source, and names differ", () => {
  for (const mutant of MUTANTS) {
    const text = mutated(mutant, core(mutant.file));
    assert.notEqual(text, core(mutant.file), mutant.name);
    assert.doesNotThrow(() => stripTypeScriptTypes(text), `${mutant.name} is no program any more`);
  }
  assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  assert.ok(MUTANTS.length >= 40);
});

const QUICK = ["no-claim-at-all", "raise-before-persisted", "lease-too-long"];

test("a handful of mutants is found", async () => {
  const judged = await judgeAll(MUTANTS.filter(({ name }) => QUICK.includes(name)), { episodes: 40, states: 0 });
  assert.deepEqual(judged.filter(({ by }) => by !== "episodes"), []);
  assert.equal(judged.length, QUICK.length);
});

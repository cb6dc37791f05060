import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { missingTests } from "./missing.ts";
import { unit } from "./refs.ts";
import { CASES, lastResult, mapping, page } from "./table.ts";

const COUNTS = { P: 19, N: 22, S: 14, C: 9, B: 16, M: 19, X: 22, O: 12, F: 8 };

test("the catalogue has its 141 cases, each once", () => {
  const expected = Object.entries(COUNTS).flatMap(([letter, count]) => Array.from({ length: count }, (_, at) => `${letter}${at + 1}`));
  assert.deepEqual(CASES.map(({ id }) => id).sort(), expected.sort());
  assert.equal(expected.length, 141);
});

test("every test that is named exists", () => assert.deepEqual(missingTests(), []));

test("test/faults.md names the tests that the tables name: if not, npm run faults", () =>
  assert.equal(mapping(readFileSync(new URL("../faults.md", import.meta.url), "utf8")), mapping(page([]))));

test("the worst result of the newest run counts; a test that has not run has none", () => {
  const ref = unit("a.test.ts", "does");
  const result = (name: string, result: "passed" | "failed" | "skipped", runner = ref.runner) => ({ runner, name, result, at: "" });
  assert.equal(lastResult(ref, [result("does", "passed", "test/b.test.ts")]), null);
  assert.equal(lastResult(ref, [result("does", "failed"), result("does", "passed")])?.result, "passed");
  assert.equal(lastResult(ref, [result("does it", "passed"), result("does that", "failed")])?.result, "failed");
});

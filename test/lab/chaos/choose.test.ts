import assert from "node:assert/strict";
import { test } from "node:test";

import { choose } from "./choose.ts";
import { FAULT_NAMES, FAULTS } from "./faults.ts";

const rounds = Array.from({ length: 600 }, (_, round) => choose(7, round + 1, 3));

test("the same seed and round choose the same, others do not", () => {
  assert.deepEqual(choose(7, 5, 3), choose(7, 5, 3));
  assert.equal(new Set(rounds.map((blows) => JSON.stringify(blows))).size, rounds.length);
  assert.notDeepEqual(choose(8, 5, 3), choose(7, 5, 3));
});

test("one to three faults, each of another group, all within a second", () => {
  for (const blows of rounds) {
    assert.equal(new Set(blows.map(({ fault }) => FAULTS[fault].group)).size, blows.length);
    assert.ok(blows.every(({ at, lasts }) => at >= 0 && at <= 1000 && lasts >= 200));
  }
  assert.deepEqual([...new Set(rounds.map(({ length }) => length))].sort(), [1, 2, 3]);
  assert.ok(rounds.map((_, round) => choose(7, round, 1)).every(({ length }) => length === 1));
});

test("every fault comes up", () => assert.deepEqual([...new Set(rounds.flat().map(({ fault }) => fault))].sort(), [...FAULT_NAMES].sort()));

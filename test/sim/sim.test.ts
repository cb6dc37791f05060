// The pair under random faults, in virtual time: no two speakers for one identity, epochs that never go back, exactly one
// owner in the end, every decision with a reason. Seeds that once broke a rule are named and stay.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PROFILES } from "../../clusterd/config/timing.ts";
import { play } from "./episode.ts";

/** What each once showed. */
const REGRESSIONS: Readonly<Record<number, string>> = {
  159: "an owner that lost its votes counted itself surely alone by what the arbiter said after the lapse",
  287: "the same, for the other node",
  293: "the same, for both identities at once",
  2397: "writes of the journal that overtook one another",
};

for (const [seed, what] of Object.entries(REGRESSIONS))
  test(`seed ${seed}: ${what}`, () => assert.deepEqual(play({ seed: Number(seed) }).violations, []));

test("150 episodes of about eight overlapping faults break no rule", () => {
  for (let seed = 1; seed <= 150; seed += 1) assert.deepEqual(play({ seed }).violations, [], `npm run sim -- --seed ${seed}`);
});

test("the fast profile keeps the same rules", () => {
  for (let seed = 1; seed <= 20; seed += 1) assert.deepEqual(play({ seed, changes: { timing: PROFILES.fast } }).violations, [], `seed ${seed}`);
});

test("with a witness, and no word on who reaches whom, 60 episodes break no rule", () => {
  for (let seed = 1; seed <= 60; seed += 1) assert.deepEqual(play({ seed, changes: { witness: true } }).violations, [], `npm run sim -- --witness --seed ${seed}`);
});

test("the same seed is the same story", () => {
  const [first, second] = [play({ seed: 7 }), play({ seed: 7 })];
  assert.equal(first.hash, second.hash);
  assert.deepEqual(first.story, second.story);
});

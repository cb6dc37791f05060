// A bounded part of the exploration, and that it would notice: rules that nothing could break prove nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { State } from "../../../clusterd/core/state.ts";
import { timingProblems } from "../../../clusterd/config/timing.ts";
import { random } from "../random.ts";
import { copyPair, NOTHING, Tick, type Pair } from "./pair.ts";
import { readPair, writePair } from "./codec.ts";
import { CHOICES } from "./choices.ts";
import { tell } from "./main.ts";
import { checkStep } from "./rules.ts";
import { explore, ROOTS, takeChoice } from "./search.ts";
import { TIMING } from "./setting.ts";
import { Tape } from "./tape.ts";

test("the coarse times keep every inequality of a configuration that starts", () => assert.deepEqual(timingProblems(TIMING), []));

test("every run of a settled pair with one fault, whatever its length, breaks no rule", () => {
  const said = explore({ states: 1_000_000, faults: 1, ticks: 100_000, epochs: 20 });
  assert.equal(said.found.map(tell).join("\n"), "");
  assert.equal(said.cut.states + said.cut.ticks, 0);
  assert.ok(said.states > 20_000, `only ${said.states} states`);
});

test("a pair without faults: all its states are few, and it owns", () => {
  const said = explore({ states: 25_000, faults: 0, ticks: 1000, epochs: 20 });
  assert.equal(said.violations, 0);
  assert.deepEqual(said.cut, { states: 0, ticks: 0, epochs: 0 });
  for (const root of ROOTS) if (root.settled) assert.equal(root.pair().sides.filter(({ up }) => up[0] !== null).length, 1, root.name);
});

test("a state that was written and read again goes on alike: what is left out decides nothing", () => {
  const tape = new Tape();
  const written = (pair: Pair): string => {
    writePair(tape, pair);
    return Buffer.from(tape.bytes.subarray(0, tape.at)).toString("hex");
  };
  for (let seed = 1; seed <= 40; seed += 1) {
    const chance = random(seed);
    const kept = (ROOTS[seed % ROOTS.length] as (typeof ROOTS)[number]).pair();
    const walk: string[] = [];
    for (let tick = 0; tick < 80; tick += 1) {
      written(kept);
      const again = readPair(tape, (parts) => ({ ...parts, broken: [] }));
      const open = CHOICES.filter((choice) => choice.when(kept));
      const choice = CHOICES.indexOf(chance.chance(0.2) ? chance.pick(open) : (CHOICES[0] as (typeof CHOICES)[number]));
      walk.push(CHOICES[choice]?.name ?? "");
      takeChoice(kept, choice);
      takeChoice(again, choice);
      if (kept.broken.length > 0) break; // more faults than the rules are made for
      assert.equal(written(again), written(kept), `seed ${seed} after ${walk.join(", ")}`);
    }
  }
});

test("two speakers, and an owner whose lease is over, are noticed", () => {
  const pair = copyPair((ROOTS[4] as (typeof ROOTS)[number]).pair());
  pair.sides[1].up[0] = pair.now + 10_000;
  new Tick(pair, NOTHING).pass();
  assert.match(pair.broken.join(), /I1: both nodes speak/);
  const silent = copyPair((ROOTS[4] as (typeof ROOTS)[number]).pair());
  silent.sides[0].up[0] = null;
  new Tick(silent, NOTHING).pass();
  assert.match(silent.broken.join(), /I8: node 0 takes itself for the owner/);
});

test("a lease that counts from later than any answer is noticed", () => {
  const pair = copyPair((ROOTS[4] as (typeof ROOTS)[number]).pair());
  const [side] = pair.sides;
  const before = side.state as State;
  const [first, second] = before.holdings;
  const after = { ...before, holdings: [{ ...first, leaseUntil: before.now + TIMING.lease + 1 }, second] } as State;
  checkStep(pair, side, { kind: "tick", at: before.now, wall: 0 }, before, after, []);
  assert.match(pair.broken.join(), /I8: node 0 counts its lease of 0 from later/);
});

/** Ways that a rule once took for broken. */
const SOUND = [
  { name: "a lease counted while the peer's vote stood is told after the peer is heard", faults: { 1: "0 freezes", 12: "1 loses the references", 13: "0 thaws" }, told: "1  identity.owner 0" },
  { name: "who raises and lets go in one step has no lease to tell any more", faults: { 1: "0 loses carrier on main", 3: "dead-man of 1 gone" }, told: "1  identity.releasing 0" },
  { name: "a lease that is over at once, since its votes are old, is none", faults: { 1: "0 loses carrier on main", 2: "1 freezes", 17: "1 thaws" }, told: "1  identity.acquiring 0" },
] as const;

for (const { name, faults, told } of SOUND) test(name, () => {
  const pair = ROOTS.find(({ name }) => name === "a settled pair, everything takes a tick")?.pair() as Pair;
  const lines: string[] = [];
  const at = new Map(Object.entries(faults));
  for (let tick = 1; tick <= 20; tick += 1) takeChoice(pair, CHOICES.findIndex(({ name }) => name === (at.get(String(tick)) ?? "nothing")), (text) => lines.push(text));
  assert.deepEqual(pair.broken, []);
  assert.ok(lines.some((text) => text.startsWith(told)), lines.join("\n"));
});

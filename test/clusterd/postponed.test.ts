// A reload in the middle of a takeover or handover waits for its end: the real core's states, from the pair in virtual time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { underWay, type State } from "../../clusterd/core/state.ts";
import { Postponed } from "../../clusterd/postponed.ts";
import { world as newWorld } from "../sim/setting.ts";
import type { World } from "../sim/world.ts";

function settled(changes = {}): World {
  const world = newWorld(changes);
  world.boot(0);
  world.boot(1);
  world.run(4000);
  return world;
}
const stateOf = (world: World, node: 0 | 1): State => structuredClone(world.hosts[node].state as State);

/** What node 1 is doing, each millisecond, without repetitions. */
function doings(world: World, duration: number): readonly (string | null)[] {
  const seen: (string | null)[] = [];
  for (let at = 0; at < duration; at += 0.2) {
    world.run(0.2);
    const now = underWay(stateOf(world, 1));
    if (seen.at(-1) !== now) seen.push(now);
  }
  return seen;
}

test("a takeover is under way from its claim to the raised identity, a handover from its freeze until the peer owns", () => {
  const world = settled();
  assert.equal(underWay(stateOf(world, 1)), null);
  world.powerOff(0);
  assert.deepEqual(doings(world, 1500), [null, "claiming", "acquiring", "raising", null]);
  const giving = settled({ hasServices: [true, true], mirrored: [["data"], ["data"]] });
  giving.command(1, "switchover", 1);
  assert.deepEqual(doings(giving, 1500), ["freezing", "releasing", "offering", "standby", null], "the last while its word is written down");
});

test("what is asked for meanwhile is done once, when it is over, and not before", async () => {
  const world = settled();
  const atRest = stateOf(world, 1);
  world.powerOff(0);
  world.run(700);
  let now = stateOf(world, 1);
  assert.equal(underWay(now), "claiming");
  const done: (string | null)[] = [];
  const reload = new Postponed(() => now, () => done.push(underWay(now)));
  reload.ask();
  reload.ask();
  await sleep(300);
  assert.deepEqual(done, []);
  now = atRest;
  for (let tries = 0; done.length === 0 && tries < 1000; tries += 1) await sleep(10);
  await sleep(150);
  assert.deepEqual(done, [null]);
  now = stateOf(world, 1);
  reload.ask();
  now = atRest;
  for (let tries = 0; done.length === 1 && tries < 1000; tries += 1) await sleep(10);
  assert.deepEqual(done, [null, null], "and again, the next time");
});

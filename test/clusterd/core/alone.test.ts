// A node that booted alone, or was left alone: when it goes on without the peer, and that it comes back from a stall of its own.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { CoreConfig } from "../../../clusterd/core/model.ts";
import { world as newWorld } from "../../sim/setting.ts";
import type { World } from "../../sim/world.ts";

/** Both nodes once owned what is theirs, both lost power, and only serv1 is back, for ten seconds. */
function onlyServ1(changes: Partial<CoreConfig>): World {
  const world = newWorld({ soloWait: 5000, ...changes });
  world.boot(0);
  world.boot(1);
  world.run(3000);
  world.powerOff(0);
  world.powerOff(1);
  world.run(500);
  return world;
}
const owned = (world: World): unknown => [world.speakers(0), world.speakers(1)];

test("solo_boot = allow goes on after solo_wait, at whatever moment the reference hosts were asked last", () => {
  for (let offset = 0; offset < 1000; offset += 90) {
    const world = onlyServ1({ soloBoot: "allow", soloWait: 5000 + offset });
    world.boot(0);
    world.run(4900);
    assert.deepEqual(owned(world), [[], []], "not before solo_wait");
    world.run(2500);
    assert.deepEqual(owned(world), [[0], [0]], `after ${5000 + offset} ms`);
  }
});

test("solo_boot = allow waits for the reference hosts, and for a lock to be cleared", () => {
  const world = onlyServ1({ soloBoot: "allow" });
  world.net.references[0] = 0;
  world.boot(0);
  world.run(20_000);
  assert.deepEqual(owned(world), [[], []]);
  world.net.references[0] = 3;
  world.run(2000);
  assert.deepEqual(owned(world), [[0], [0]]);
});

test("solo_boot = allow keeps a promise: who left in good order has given the other node its vote", () => {
  for (const references of [3, 0]) {
    const world = newWorld({ soloBoot: "allow", soloWait: 5000, references });
    world.boot(0);
    world.boot(1);
    world.run(3000);
    world.command(0, "leave");
    world.run(1000);
    world.powerOff(0);
    for (const link of ["private", "lan"] as const) world.net.loss[link].fill(1);
    world.boot(0);
    world.run(30_000);
    assert.deepEqual(owned(world), [[1], [1]]);
  }
});

test("solo_boot = allow without reference hosts goes on after solo_wait too", () => {
  const world = onlyServ1({ soloBoot: "allow", references: 0 });
  world.boot(0);
  world.run(7000);
  assert.deepEqual(owned(world), [[0], [0]]);
});

test("solo_boot = ask goes on at a person's word only", () => {
  const world = onlyServ1({ soloBoot: "ask" });
  world.boot(0);
  world.run(60_000);
  assert.deepEqual(owned(world), [[], []]);
  world.command(0, "force-own", 0);
  world.run(1000);
  assert.deepEqual(owned(world), [[0], []]);
});

for (const soloBoot of ["ask", "allow"] as const) {
  test(`a person's force-own holds with solo_boot = ${soloBoot}, whenever the reference hosts were asked last`, () => {
    for (let moment = 1000; moment < 2000; moment += 90) {
      const world = onlyServ1({ soloBoot });
      world.boot(0);
      world.run(moment);
      world.command(0, "force-own", 0);
      world.run(1500);
      assert.deepEqual(world.speakers(0), [0], `at ${moment} ms`);
    }
  });

  test(`a lone owner that never heard its peer takes its identity back after a stall (solo_boot = ${soloBoot})`, () => {
    const world = onlyServ1({ soloBoot });
    world.boot(0);
    world.run(8000);
    if (soloBoot === "ask") for (const identity of [0, 1] as const) world.command(0, "force-own", identity);
    world.run(2000);
    assert.deepEqual(owned(world), [[0], [0]]);
    world.freeze(0, 900);
    world.run(850);
    assert.deepEqual(owned(world), [[], []], "silenced by the kernel while it stood still");
    world.run(5000);
    assert.deepEqual(owned(world), [[0], [0]]);
  });
}

test("policy availability holds only what it held when the votes went one after the other", () => {
  for (const policy of ["availability", "balanced"] as const) {
    const world = newWorld({ policy });
    world.boot(0);
    world.boot(1);
    world.run(3000);
    world.powerOff(1);
    world.run(10_000);
    world.net.references[0] = 0;
    world.run(3000);
    assert.deepEqual(world.speakers(0), policy === "availability" ? [0] : []);
    world.boot(1);
    world.run(3000);
    assert.deepEqual(world.speakers(0), [0], "and the peer that is back changes nothing");
  }
});

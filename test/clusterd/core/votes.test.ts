// Votes at the edges: who may count what, when writing is slow, a handover is cut, or the other node has left.
//
// Each of these stood for two owners, or for none, before it was mended; the virtual pair plays it as it was found.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Index } from "../../../clusterd/core/model.ts";
import { world as newWorld } from "../../sim/setting.ts";
import type { World } from "../../sim/world.ts";

function settled(changes = {}): World {
  const world = newWorld(changes);
  world.onEvent = () => {
    for (const identity of [0, 1] as const)
      assert.ok(world.speakers(identity).length < 2, `both nodes speak for identity ${identity} at ${world.now.toFixed(0)} ms`);
  };
  world.boot(0);
  world.boot(1);
  world.run(3000);
  return world;
}

/** Nothing passes; the reference hosts are on the side of `side`. */
function part(world: World, side: Index): void {
  for (const link of ["private", "lan"] as const) world.net.loss[link].fill(1);
  for (const node of [0, 1] as const) (world.net.references as [number, number])[node] = node === side ? 3 : 0;
}

function mend(world: World): void {
  for (const link of ["private", "lan"] as const) world.net.loss[link].fill(0);
  (world.net.references as [number, number]).fill(3);
}

test("an owner whose lease trips after the peer has left takes its identity back: the vote stands", () => {
  const world = settled();
  world.command(1, "leave");
  world.run(1000);
  world.powerOff(1);
  world.run(5000);
  world.freeze(0, 900);
  world.run(10_000);
  assert.deepEqual([world.speakers(0), world.speakers(1)], [[0], [0]]);
});

test("a good-bye that comes while the record is being written still counts as a vote", () => {
  const world = settled();
  world.hosts[0].fsync.delay = 700;
  world.command(1, "leave");
  world.run(2500);
  world.powerOff(1);
  world.run(3000);
  assert.equal(world.hosts[0].state?.holdings[0].record.standing, true);
  assert.equal(world.hosts[0].state?.holdings[1].record.standing, true);
});

test("a peer that is heard while the takeover is being written has taken its vote back", () => {
  const world = settled();
  part(world, 1);
  world.hosts[1].fsync.delay = 1400;
  world.run(1100); // claimed, and the epoch is being written
  assert.equal(world.role(1, 0), "acquiring");
  mend(world);
  world.run(300);
  part(world, 1);
  world.run(1000);
  part(world, 0);
  world.run(10_000);
  mend(world);
  world.run(5000);
  assert.equal(world.speakers(0).length, 1);
});

test("a takeover whose votes ran out while its epoch was being written is not revived by later ones", () => {
  const world = settled({ soloBoot: "allow" }); // no standing vote then
  part(world, 1);
  world.hosts[1].fsync.delay = 4000;
  world.run(1100);
  assert.equal(world.role(1, 0), "acquiring");
  world.net.references[1] = 0;
  world.run(1000);
  assert.equal(world.role(1, 0), "claiming"); // once more from the beginning
  world.net.references[1] = 3;
  world.run(10_000);
  assert.deepEqual(world.speakers(0), [1]);
});

test("an offer accepted on a slow disk is not raised after the giver has claimed back", () => {
  const world = settled();
  world.hosts[1].fsync.delay = 1500;
  world.command(0, "switchover", 0);
  world.run(4);
  assert.equal(world.role(1, 0), "acquiring");
  part(world, 0);
  world.run(1300); // serv1 has withdrawn, claimed and taken it
  assert.deepEqual(world.speakers(0), [0]);
  part(world, 1);
  world.run(10_000);
});

test("who takes over from a peer that was no owner counts no vote of it", () => {
  const world = settled();
  world.hosts[0].fsync.delay = 5;
  world.command(0, "switchover", 0);
  world.run(1.5); // let go, the offer not yet said
  part(world, 0);
  world.run(3000);
  world.hosts[0].fsync.delay = 0.3;
  part(world, 1);
  world.run(10_000);
  mend(world);
  world.run(5000);
  assert.equal(world.speakers(0).length, 1);
});

test("an owner that dropped its offer unheard does not claim: the peer may have counted its vote", () => {
  const world = settled();
  world.hosts[0].fsync.delay = 5;
  world.command(0, "switchover", 0);
  for (const link of ["private", "lan"] as const) world.net.loss[link].fill(1);
  part(world, 1);
  world.run(3000);
  assert.deepEqual(world.speakers(0), [1]);
  part(world, 0);
  world.run(10_000);
  mend(world);
  world.run(5000);
  assert.equal(world.speakers(0).length, 1);
});

test("a node told to own while its peer is heard counts no vote of that peer", () => {
  const world = settled();
  world.command(0, "leave");
  world.run(1000);
  world.powerOff(0);
  world.powerOff(1);
  world.boot(0);
  world.boot(1);
  world.run(60);
  world.command(1, "force-own", 0);
  world.run(200);
  part(world, 1);
  world.run(500);
  part(world, 0);
  world.run(10_000);
});

test("an owner that hears the claim's last word first is silent before the raise", () => {
  // Mute, then nothing passes for almost a lease, then mute again: the claim is heard too late to object for all of E.
  const world = newWorld({}, 29);
  world.boot(0);
  world.run(28.5);
  world.boot(1);
  world.run(3036.4);
  world.onEvent = () => assert.ok(world.speakers(0).length < 2, `both nodes speak at ${world.now.toFixed(1)} ms`);
  for (const link of ["private", "lan"] as const) world.net.loss[link][0] = 1;
  world.run(265);
  part(world, 1);
  world.run(452);
  for (const link of ["private", "lan"] as const) world.net.loss[link][1] = 0;
  world.net.references[0] = 3;
  world.run(1500);
  assert.deepEqual(world.speakers(0), [1]);
});

test("clearing the lock during a claim leaves the claim as it is", () => {
  const world = settled();
  world.powerOff(1);
  world.run(400);
  assert.equal(world.role(0, 1), "claiming");
  world.command(0, "clear");
  assert.equal(world.role(0, 1), "claiming");
  world.run(1000);
  assert.deepEqual(world.speakers(1), [0]);
});

test("a node whose journal failed can still leave", () => {
  const world = settled();
  world.hosts[0].fsync.fails = true;
  world.command(0, "switchover", 0);
  world.run(1000);
  const command = world.command(0, "leave");
  world.run(1000);
  assert.equal(world.answers.get(command)?.ok, true);
});

test("a person's failback is taken by a node that is held down after repeated trips", () => {
  const world = settled();
  for (let round = 0; round < 4; round += 1) {
    world.freeze(0, 4000);
    world.run(6000);
    const id = world.command(1, "failback", 0);
    world.run(300);
    assert.deepEqual(world.answers.get(id), { ok: true, text: "the peer owns it now" }, `round ${round}`);
    assert.deepEqual(world.speakers(0), [0]);
  }
});

test("a node that cannot raise its identity is granted it no second time at once: the other node takes it", () => {
  const world = settled();
  world.hosts[0].raiseFails = true;
  world.freeze(0, 700);
  world.run(3000);
  assert.deepEqual(world.speakers(0), [1]);
});

/** What `from` says is lost, or comes through again. */
function mute(world: World, from: Index, loss: 0 | 1): void {
  for (const link of ["private", "lan"] as const) world.net.loss[link][from] = loss;
}

test("an owner that hears of a claim near its end yields in time, though the claim's last word is lost", () => {
  const world = settled();
  mute(world, 0, 1);
  mute(world, 1, 1);
  world.run(750);
  mute(world, 1, 0);
  world.run(60);
  part(world, 1);
  world.run(3000);
  assert.deepEqual(world.speakers(0), [1]);
});

test("an owner that freezes between hearing a claim and yielding is silent before the claim ends", () => {
  const world = settled();
  mute(world, 0, 1);
  world.run(400);
  assert.equal(world.role(1, 0), "claiming");
  world.freeze(0, 5000);
  world.run(3000);
  assert.deepEqual(world.speakers(0), [1]);
});

test("an owner that yields while ifdown fails is silenced by the guards", () => {
  const world = settled();
  world.hosts[0].releaseFails = true;
  mute(world, 0, 1);
  world.run(3000);
  assert.deepEqual(world.speakers(0), [1]);
});

test("a node whose stale flag is still being written does not claim by the old record", () => {
  const world = settled();
  world.powerOff(0);
  world.run(3000);
  world.hosts[0].fsync.delay = 4000;
  world.hosts[1].syncs = false;
  world.boot(0);
  world.run(1000);
  world.powerOff(1);
  world.run(2500);
  assert.equal(world.role(0, 0), "standby");
});

test("who has just yielded to a claim takes no offer before its lock is on disk", () => {
  const world = settled();
  for (const link of ["private", "lan"] as const) world.net.loss[link][0] = 1;
  for (let waited = 0; world.role(0, 0) === "owner" && waited < 2000; waited += 1) {
    if (world.role(1, 0) === "claiming") world.hosts[0].fsync.delay = 1500; // from here on its disk is slow
    world.run(1);
  }
  mend(world);
  world.run(1000);
  assert.equal(world.hosts[0].state?.holdings[0].pending?.record.locked, true);
  world.run(10_000);
  assert.equal(world.hosts[0].journal?.identities[0].locked, true);
  assert.deepEqual(world.speakers(0), [1]);
});

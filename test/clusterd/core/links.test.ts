// Which links carry, as the nodes see it: a slow line is judged by its own speed, and a lost one changes nothing else.

import assert from "node:assert/strict";
import { test } from "node:test";
import { summaryOf } from "../../../clusterd/core/summary.ts";
import type { CoreConfig, Index } from "../../../clusterd/core/model.ts";
import { world as newWorld } from "../../sim/setting.ts";
import type { World } from "../../sim/world.ts";

const summary = (world: World, node: Index = 0) => summaryOf({ ...world.hosts[node].state!, now: world.now });
const links = (world: World, node: Index = 0): Record<string, string> =>
  Object.fromEntries(summary(world, node).links.map(({ link, state }) => [link, state]));

function pair(changes: Partial<CoreConfig>, connected = true): World {
  const world = newWorld(changes);
  if (connected) world.net.loss.serial.fill(0);
  world.boot(0);
  world.boot(1);
  world.run(3000);
  return world;
}

test("a pair without a serial line shows none and misses none", () => {
  const world = pair({});
  assert.deepEqual(links(world), { private: "on-time", lan: "on-time" });
  assert.deepEqual(summary(world).problems, []);
});

// 19200, 9600 and 115200 baud. Whatever comes over a line this slow was heard on the fast links long before.
for (const serial of [85.4, 170.8, 14.2]) test(`a line of ${serial} ms a heartbeat is on time, at whatever moment one looks`, () => {
  const world = pair({ serial });
  for (let look = 0; look < 40; look += 1) {
    world.run(37);
    assert.deepEqual([links(world, 0), links(world, 1)], Array(2).fill({ private: "on-time", lan: "on-time", serial: "on-time" }));
  }
});

test("a NIC that is not there is said to be missing, and not to have lost its cable", () => {
  const world = pair({});
  world.event(0, { kind: "carrier", at: world.local(world.hosts[0]), nic: "heartbeat", up: false });
  const problems = (absent = {}): readonly string[] => summaryOf({ ...world.hosts[0].state!, now: world.now }, absent).problems;
  assert.deepEqual(problems(), ["no carrier on the heartbeat NIC"]);
  assert.deepEqual(problems({ heartbeat: "eth9" }), ["the heartbeat NIC, eth9, is not there: `ip link` lists the NICs"]);
});

test("a line that was never heard is a problem, told once, and no reason for anything else", () => {
  const world = pair({ serial: 14.2 }, false);
  assert.equal(links(world).serial, "silent");
  assert.deepEqual(summary(world).problems, ["no heartbeats on the serial link"]);
  world.run(20_000);
  assert.equal(world.told.filter(({ event, node }) => event === "link.serial" && node === 0).length, 1);
  assert.deepEqual([world.speakers(0), world.speakers(1)], [[0], [1]]);
});

test("with the serial line alone the owner keeps its lease by the peer's word, without the reference hosts", () => {
  const world = pair({ serial: 42.7 });
  for (const link of ["private", "lan"] as const) world.net.loss[link].fill(1);
  world.net.references[0] = world.net.references[1] = 0;
  world.run(20_000);
  assert.deepEqual([world.speakers(0), world.speakers(1)], [[0], [1]]);
  assert.equal(world.told.filter(({ event }) => /claiming|releasing/.test(event)).length, 0);
});

test("a heartbeat recorded on a link and played again does not make the link look alive", () => {
  const world = pair({ serial: 14.2 });
  const beat = world.hosts[0].state!.peer.beat!;
  world.net.loss.serial.fill(1);
  for (let time = 0; time < 20; time += 1) {
    world.run(100);
    world.event(0, { kind: "heard", at: world.local(world.hosts[0]), wall: world.now, link: "serial", beat });
  }
  assert.equal(links(world).serial, "silent");
});

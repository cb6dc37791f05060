// failback = auto: an identity goes home by itself only to a home that could have kept it for the whole delay.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { CoreConfig } from "../../../clusterd/core/model.ts";
import { summaryOf } from "../../../clusterd/core/summary.ts";
import { runEpisode, type EpisodeResult } from "../../sim/episode.ts";
import { world as newWorld } from "../../sim/setting.ts";
import type { World } from "../../sim/world.ts";

const DELAY = 5000;
const waitsFor = (world: World): string | null => summaryOf({ ...world.hosts[1].state!, now: world.now }).identities[0].waitsFor;
const automatic = ({ told }: { readonly told: World["told"] | EpisodeResult["told"] }): number => told.filter(({ because }) => because.startsWith("failback = auto: its home has been well for failback_delay;")).length;

/** serv1 lost its identity to serv2 in a power cut, and has been back for a second. */
function returned(changes: Partial<CoreConfig> = {}, before: (world: World) => void = () => {}): World {
  const world = newWorld({ failback: "auto", failbackDelay: DELAY, mirrored: [["data"], ["data"]], hasServices: [true, true], ...changes });
  world.boot(0);
  world.boot(1);
  world.run(4000);
  world.powerOff(0);
  world.run(3000);
  assert.equal(world.role(1, 0), "owner");
  before(world);
  world.boot(0);
  world.run(1000);
  return world;
}

test("a home that is back, in sync and well gets its identity after the delay, not before; nobody speaks for it twice", () => {
  const world = returned();
  world.onEvent = () => assert.ok(world.speakers(0).length < 2);
  world.run(DELAY - 1500);
  assert.equal(waitsFor(world), "failback_delay before it goes home by itself");
  assert.equal(world.role(1, 0), "owner");
  world.run(2500);
  assert.deepEqual([world.speakers(0), world.speakers(1)], [[0], [1]]);
  assert.equal(automatic(world), 1);
});

test("with failback = manual nothing goes home by itself", () => {
  const world = returned({ failback: "manual" });
  world.run(60_000);
  assert.equal(world.role(1, 0), "owner");
  assert.equal(waitsFor(world), null);
});

const OBSTACLES: Readonly<Record<string, { readonly make: (world: World) => void; readonly mend: (world: World) => void; readonly says: RegExp }>> = {
  "the mirror has not brought it up to date": {
    make: (world) => { world.hosts[1].syncs = false; }, mend: (world) => { world.hosts[1].syncs = true; world.event(1, { kind: "in-sync", at: world.local(world.hosts[1]), identity: 0, epoch: world.hosts[1].state!.holdings[0].record.epoch }); },
    says: /not resynchronised yet/,
  },
  "its main NIC has no carrier": {
    make: (world) => world.event(0, { kind: "carrier", at: world.local(world.hosts[0]), nic: "main", up: false }),
    mend: (world) => world.event(0, { kind: "carrier", at: world.local(world.hosts[0]), nic: "main", up: true }), says: /no carrier/,
  },
  "it does not reach the reference hosts": {
    make: (world) => { world.net.references[0] = 1; }, mend: (world) => { world.net.references[0] = 3; }, says: /does not reach a majority of the reference hosts/,
  },
  "a link is silent": {
    make: (world) => world.net.loss.private.fill(1), mend: (world) => world.net.loss.private.fill(0), says: /no heartbeats on the private link/,
  },
  "its services did not start here": {
    make: (world) => world.event(1, { kind: "services-started", at: world.local(world.hosts[1]), identity: 0, ok: false, detail: "" }),
    mend: (world) => world.event(1, { kind: "services-started", at: world.local(world.hosts[1]), identity: 0, ok: true, detail: "" }), says: /its services here are failed/,
  },
};

for (const [what, { make, mend, says }] of Object.entries(OBSTACLES)) test(`it stays while ${what}, and the delay begins when that is over`, () => {
  const early = what.startsWith("the mirror");
  const world = returned({}, early ? make : () => {});
  if (!early) make(world);
  world.run(60_000);
  assert.match(waitsFor(world) ?? "", says);
  assert.equal(automatic(world), 0);
  mend(world);
  world.run(DELAY - 500);
  assert.equal(world.role(1, 0), "owner", "not before the delay is over");
  world.run(3000);
  assert.deepEqual(world.speakers(0), [0]);
});

test("a last mirror pass that fails is a try: after two the services are left alone, and it is said", () => {
  const world = returned();
  world.onEvent = () => {
    if (world.role(1, 0) === "freezing") world.event(1, { kind: "passed", at: world.local(world.hosts[1]), identity: 0, ok: false, detail: "rsync: exit 12" });
  };
  world.run(120_000);
  assert.equal(automatic(world), 2);
  assert.equal(world.role(1, 0), "owner");
  assert.match(waitsFor(world) ?? "", /2 automatic failbacks within an hour did not last/);
  assert.equal(world.told.filter(({ event, identity }) => event === "failback.0" && identity === 0).length, 1);
  world.onEvent = null;
  world.command(1, "failback", 0);
  world.run(2000);
  assert.deepEqual(world.speakers(0), [0], "a person's failback is not stopped by it");
});

test("failbacks that lasted longer than an hour are no reason to stop", () => {
  const world = returned();
  for (let round = 0; round < 4; round += 1) {
    world.run(12_000);
    assert.deepEqual(world.speakers(0), [0], `round ${round}`);
    world.run(3_700_000);
    world.powerOff(0);
    world.run(3000);
    world.boot(0);
    world.run(1000);
  }
  assert.equal(automatic(world), 4);
});

test("under random faults the rules hold with automatic failbacks too", () => {
  let went = 0;
  for (let seed = 1; seed <= 40; seed += 1) {
    const { told, violations } = runEpisode(seed, { changes: { failback: "auto", failbackDelay: 3000 } });
    assert.deepEqual(violations.filter(({ outside }) => outside === null), [], `seed ${seed}`);
    went += automatic({ told });
  }
  assert.ok(went > 20, `${went} automatic failbacks were seen`);
});

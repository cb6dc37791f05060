// Weeks without a restart, numbers beyond 31, 32 and 46 bits, and a clock that is not as it should be: nothing may come of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeHeartbeat, encodeHeartbeat } from "../../../clusterd/heartbeat/packet.ts";
import { deriveKeys } from "../../../clusterd/heartbeat/key.ts";
import { beatOf } from "../../../clusterd/core/beat.ts";
import { step } from "../../../clusterd/core/step.ts";
import type { Index, JournalRecord } from "../../../clusterd/core/model.ts";
import { EMPTY_RECORD, type State } from "../../../clusterd/core/state.ts";
import { summaryOf } from "../../../clusterd/core/summary.ts";
import { encodeSlot } from "../../../clusterd/journal.ts";
import { SLOW, world as newWorld } from "../../sim/setting.ts";
import type { World } from "../../sim/world.ts";

const HOUR = 3_600_000;
const BOTH = [0, 1] as const;
const stateOf = (world: World, node: Index): State => world.hosts[node].state as State;

function watched(world: World): World {
  world.onEvent = () => { for (const identity of BOTH) assert.ok(world.speakers(identity).length < 2, `both nodes speak for identity ${identity} at ${world.now.toFixed(0)} ms`); };
  return world;
}

/** From a settled pair: serv1's power goes, serv2 takes over; serv1 comes back and gets its identity by hand. */
function thereAndBack(world: World): void {
  assert.deepEqual(BOTH.map((identity) => world.speakers(identity)), [[0], [1]]);
  world.powerOff(0);
  world.run(4000);
  assert.deepEqual(BOTH.map((identity) => world.speakers(identity)), [[1], [1]], "taken over");
  world.boot(0);
  world.run(4000);
  world.command(1, "failback", 0);
  world.run(2000);
  assert.deepEqual(BOTH.map((identity) => world.speakers(identity)), [[0], [1]], "back");
}

for (const bits of [31, 32, 40]) test(`monotonic time passes 2^${bits} ms: a takeover and its return go as ever, before, across and after`, () => {
  const world = watched(newWorld());
  world.now = 2 ** bits - 15_000;
  for (const node of BOTH) world.boot(node);
  world.run(3000);
  for (let round = 0; round < 3; round += 1) thereAndBack(world);
  assert.ok(world.now > 2 ** bits + 10_000);
});

for (const bits of [31, 32, 46]) test(`epochs pass 2^${bits}: each is greater than all before, names its owner, and fits heartbeat and journal`, () => {
  const world = watched(newWorld());
  const high = 2 ** bits - 2;
  const record = (node: Index): JournalRecord => ({ format: 1, cluster: "sim", node, identities: [{ ...EMPTY_RECORD, epoch: high, owner: 0 }, { ...EMPTY_RECORD, epoch: high + 1, owner: 1 }] });
  for (const node of BOTH) { world.hosts[node].journal = record(node); world.boot(node); }
  world.run(5000);
  thereAndBack(world);
  const keys = deriveKeys(Buffer.alloc(32), "sim");
  for (const node of BOTH) {
    const { record: { epoch, owner } } = stateOf(world, node).holdings[0];
    assert.ok(epoch > 2 ** bits && epoch % 2 === owner, `${epoch}`);
    const beat = beatOf(stateOf(world, node), 1, 0);
    assert.deepEqual(decodeHeartbeat(encodeHeartbeat(beat, "lan", keys), "lan", keys, { self: node === 0 ? 1 : 0 }), { ok: true, beat });
    encodeSlot(world.hosts[node].journal as JournalRecord, 2 ** 40);
  }
});

for (const bits of [31, 32]) test(`sequence and write numbers pass 2^${bits}: echoes still date what was sent`, () => {
  const world = watched(newWorld());
  for (const node of BOTH) world.boot(node);
  for (const node of BOTH) Object.assign(stateOf(world, node), { seq: 2 ** bits - 40, write: 2 ** bits - 3 });
  world.run(6000);
  assert.ok(BOTH.every((node) => stateOf(world, node).seq > 2 ** bits));
  world.command(0, "switchover", 0);
  world.run(1000);
  world.command(1, "failback", 0);
  world.run(1000);
  assert.ok(stateOf(world, 0).write > 2 ** bits);
  thereAndBack(world);
});

test("two days with a move each hour and a crash each sixth: epochs count the changes, and neither state nor journal grows", () => {
  const world = watched(newWorld({ timing: SLOW, references: 3 }));
  for (const node of BOTH) world.boot(node);
  world.run(20_000);
  const sizes: number[] = [];
  let before = stateOf(world, 0).holdings[0].record.epoch;
  for (let hour = 1; hour <= 48; hour += 1) {
    world.run(HOUR - 60_000);
    const owner = world.speakers(0)[0] as Index;
    assert.equal(stateOf(world, owner).holdings[0].record.epoch, before, "nobody has changed anything in this hour");
    if (hour % 6 === 0) {
      world.powerOff(owner);
      world.run(30_000);
      world.boot(owner);
    } else world.command(owner, "switchover", 0);
    world.run(hour % 6 === 0 ? 30_000 : 60_000);
    const { epoch } = stateOf(world, world.speakers(0)[0] as Index).holdings[0].record;
    assert.ok(epoch > before && epoch <= before + 6, `from ${before} to ${epoch}`);
    before = epoch;
    assert.deepEqual(BOTH.map((identity) => world.speakers(identity).length), [1, 1]);
    world.told.length = 0;
    if (hour % 12 === 0) sizes.push(Math.max(...BOTH.map((node) => JSON.stringify(stateOf(world, node)).length)), Math.max(...BOTH.map((node) => JSON.stringify(world.hosts[node].journal).length)));
  }
  // After a day the lineage has its full length. Numbers get longer, and nothing else.
  const [, , state = 0, journal = 0] = sizes;
  for (let half = 2; half < 4; half += 1) assert.ok((sizes[2 * half] ?? 0) < 1.1 * state && (sizes[2 * half + 1] ?? 0) < 1.1 * journal, sizes.join(" "));
});

test("both identities change hands at once, crosswise, with services and files: each ends at the other node, and comes back the same way", () => {
  const world = watched(newWorld({ hasServices: [true, true], mirrored: [["data"], ["data"]] }));
  for (const node of BOTH) world.boot(node);
  world.run(5000);
  const asked = BOTH.map((node) => world.command(node, "switchover", node));
  world.run(5000);
  assert.deepEqual(asked.map((id) => world.answers.get(id)?.ok), [true, true]);
  assert.deepEqual(BOTH.map((identity) => world.speakers(identity)), [[1], [0]]);
  for (const node of BOTH) world.command(node, "failback", node === 0 ? 1 : 0);
  world.run(5000);
  assert.deepEqual(BOTH.map((identity) => world.speakers(identity)), [[0], [1]]);
});

test("our own stalls are told of for a day, not since the daemon's start", () => {
  const world = newWorld();
  for (const node of BOTH) world.boot(node);
  world.run(3000);
  world.freeze(0, 400);
  world.run(2000);
  world.freeze(0, 300);
  world.run(2000);
  const state = stateOf(world, 0);
  const after = (now: number): { count: number; worst: number } => summaryOf({ ...state, now }).stalls;
  assert.equal(after(state.now).count, 2);
  assert.ok(after(state.now).worst >= 400 && after(state.now).worst < 600);
  assert.deepEqual(after(state.now + 23 * HOUR), after(state.now));
  assert.deepEqual(after(state.now + 25 * HOUR), { count: 0, worst: 0 });
  let later: State = state;
  for (let hour = 1; hour < 100; hour += 1) later = step(later, { kind: "tick", at: hour * HOUR, wall: 0 }).state;
  assert.ok(later.stalls.length <= 25, "each gap was a stall, and only a day's are kept");
});

test("a clock that goes back by more than rounding ends every promise; late-dated events do not", () => {
  const world = newWorld();
  for (const node of BOTH) world.boot(node);
  world.run(3000);
  const state = stateOf(world, 0);
  const fails = (event: Parameters<typeof step>[1]): string | null => step(state, event).state.failed;
  assert.equal(fails({ kind: "tick", at: state.now - 1, wall: 0 }), null);
  assert.equal(fails({ kind: "carrier", at: state.now - 800, nic: "heartbeat", up: true }), null);
  const { state: broken, effects } = step(state, { kind: "tick", at: state.now - 20, wall: 0 });
  assert.match(broken.failed ?? "", /monotonic clock went back by 20 ms/);
  assert.equal(broken.holdings[0].role, "releasing");
  assert.deepEqual(effects.filter(({ kind }) => kind === "tell").map((effect) => "event" in effect && effect.event), ["clock.broken", "identity.releasing"]);
});

test("a foreign machine with the identity's address stops the takeover and is named; when it has gone, the takeover goes on", () => {
  const world = newWorld();
  for (const node of BOTH) world.boot(node);
  world.run(3000);
  world.foreign = "02:66:66:66:66:66";
  world.powerOff(0);
  world.run(5000);
  assert.equal(world.role(1, 0), "claiming");
  assert.match(summaryOf(stateOf(world, 1)).identities[0].waitsFor ?? "", /its address to fall silent: 02:66:66:66:66:66 answers for it/);
  assert.equal(world.told.filter(({ event, because }) => event === "veto.0" && because.includes("02:66:66:66:66:66 answers for its address")).length, 1);
  world.foreign = null;
  world.run(2000);
  assert.deepEqual(world.speakers(0), [1]);
});

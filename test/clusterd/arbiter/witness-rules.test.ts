// The witness's judgement, question by question: one vote at a time, nothing forgotten, nothing lent twice.

import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, witnessAtStart, type WitnessRecord, type WitnessState } from "../../../clusterd/arbiter/witness-rules.ts";
import type { Index, WitnessAsk, WitnessVote } from "../../../clusterd/core/model.ts";

const SILENT_AFTER = 600;
const LEASE = SILENT_AFTER * 1.01 / 0.99;
const NOTHING: WitnessAsk = { want: "none", epoch: 0, wanted: 0 };

/** A witness that can be asked about identity 0, with a clock to turn. */
class Machine {
  now = 0;
  state: WitnessState;
  readonly boots: [string, string] = ["a0", "b0"];

  constructor(record: WitnessRecord | null = null) {
    this.state = witnessAtStart("test", record, 0);
  }

  ask(from: Index, want: WitnessAsk["want"], epoch: number, wanted = epoch): WitnessVote["verdict"] {
    const { state, votes } = judge(this.state, from, { boot: this.boots[from], silentAfter: SILENT_AFTER, asks: [{ want, epoch, wanted }, NOTHING] }, this.now);
    this.state = state;
    return votes[0].verdict;
  }

  get epoch(): number {
    return this.state.record.identities[0].epoch;
  }
}

/** Node 0 owns at epoch 2, both were met. */
function settled(): Machine {
  const machine = new Machine();
  machine.ask(1, "none", 2);
  machine.now = LEASE;
  assert.equal(machine.ask(0, "hold", 2), "granted");
  return machine;
}

test("a claimer gets the vote only when the owner's lease, with drift, has run out here", () => {
  const machine = settled();
  machine.now += LEASE - 1;
  assert.equal(machine.ask(1, "claim", 2, 5), "busy");
  machine.now += 1;
  assert.equal(machine.ask(1, "claim", 2, 5), "granted");
  assert.equal(machine.epoch, 5);
});

test("each renewal of the owner begins a whole lease anew, and a claimer never gets in between", () => {
  const machine = settled();
  for (let round = 0; round < 50; round += 1) {
    machine.now += LEASE - 1;
    assert.equal(machine.ask(1, "claim", 2, 5), "busy");
    assert.equal(machine.ask(0, "hold", 2), "granted");
  }
});

test("once the vote is granted, the owner before gets none: it does not know of the newer epoch", () => {
  const machine = settled();
  machine.now += LEASE;
  machine.ask(1, "claim", 2, 5);
  assert.equal(machine.ask(0, "hold", 2), "stale");
  machine.now += 100 * LEASE;
  assert.equal(machine.ask(0, "claim", 2, 4), "stale");
  assert.equal(machine.ask(0, "none", 2), "stale");
  assert.equal(machine.ask(0, "claim", 5, 6), "granted", "it has learned of it");
});

test("who says that it holds nothing frees the vote at once", () => {
  const machine = settled();
  assert.equal(machine.ask(0, "keep", 2), "idle");
  assert.equal(machine.ask(1, "hold", 5), "busy", "on its way down is not down");
  assert.equal(machine.ask(0, "none", 2), "stale", "freed, and told of the epoch that it has offered");
  assert.equal(machine.ask(1, "hold", 5), "granted");
});

test("a claimer that did not take what it was granted says so, and the owner before goes on", () => {
  const machine = settled();
  machine.now += LEASE;
  machine.ask(1, "claim", 2, 5);
  assert.equal(machine.ask(1, "none", 2), "idle");
  assert.equal(machine.epoch, 2);
  assert.equal(machine.ask(0, "hold", 2), "granted");
});

test("after a restart of its daemon the claimer's word does not undo the grant: it may have taken it and forgotten", () => {
  const machine = settled();
  machine.now += LEASE;
  machine.ask(1, "claim", 2, 5);
  machine.boots[1] = "b1";
  assert.equal(machine.ask(1, "none", 2), "stale");
  assert.equal(machine.epoch, 5);
  machine.now += LEASE;
  assert.equal(machine.ask(0, "hold", 2), "stale");
  assert.equal(machine.ask(1, "claim", 2, 5), "stale", "an old snapshot of the owner itself is not the newest either");
});

test("after its own start it serves for a whole lease nobody but the owner that its file names", () => {
  const before = settled();
  const machine = new Machine(before.state.record);
  assert.equal(machine.ask(1, "claim", 2, 5), "busy");
  assert.equal(machine.ask(0, "hold", 2), "granted");
  machine.now = LEASE - 1;
  assert.equal(machine.ask(1, "claim", 2, 5), "busy");
});

test("after its own start, an owner that does not come back is waited for, once", () => {
  const machine = new Machine(settled().state.record);
  machine.now = LEASE - 1;
  assert.equal(machine.ask(1, "claim", 2, 5), "busy");
  machine.now = LEASE;
  assert.equal(machine.ask(1, "claim", 2, 5), "granted");
});

test("a witness that has forgotten everything grants nothing before it has met both nodes, and then knows the newer epoch", () => {
  const machine = new Machine();
  machine.now = 100 * LEASE;
  assert.equal(machine.ask(0, "hold", 2), "unmet");
  assert.equal(machine.ask(0, "claim", 2, 4), "unmet");
  assert.equal(machine.ask(1, "none", 5), "idle");
  assert.equal(machine.ask(0, "claim", 2, 4), "stale");
  assert.equal(machine.ask(1, "claim", 5, 7), "granted");
});

test("a witness that has forgotten everything waits a lease for whoever was granted before", () => {
  const machine = new Machine();
  machine.ask(0, "none", 2);
  machine.now = LEASE - 1;
  assert.equal(machine.ask(1, "claim", 2, 5), "busy");
});

test("a longer lease than any before counts from the question that brings it", () => {
  const machine = settled();
  machine.now += LEASE;
  const { state } = judge(machine.state, 0, { boot: "a0", silentAfter: 2500, asks: [{ want: "hold", epoch: 2, wanted: 2 }, NOTHING] }, machine.now);
  machine.state = state;
  machine.now += 2500;
  assert.equal(machine.ask(1, "claim", 2, 5), "busy");
});

test("whatever two nodes ask in whatever order, the vote is never with both", () => {
  let seed = 7;
  const draw = (of: number): number => { seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0; return (seed >>> 8) % of; };
  const wants = ["none", "keep", "hold", "claim"] as const;
  for (let game = 0; game < 400; game += 1) {
    const machine = new Machine();
    const until: [number, number] = [0, 0];
    for (let turn = 0; turn < 60; turn += 1) {
      machine.now += draw(LEASE);
      const from = draw(2) as Index;
      const want = wants[draw(4)] ?? "none";
      const verdict = machine.ask(from, want, draw(12), draw(6) * 2 + from);
      if (want === "none") until[from] = 0;
      if (verdict !== "granted") continue;
      assert.ok(until[from === 0 ? 1 : 0] <= machine.now, `game ${game}, turn ${turn}: granted to ${from} while the other's lease ran`);
      until[from] = machine.now + SILENT_AFTER;
      // Its word is kept by a restart, too.
      if (draw(10) === 0) machine.state = witnessAtStart("test", JSON.parse(JSON.stringify(machine.state.record)) as WitnessRecord, machine.now);
    }
  }
});

test("found by the game above: a word about a newer epoch does not make its owner the one who was granted the vote", () => {
  const before = settled();
  before.ask(1, "none", 5);
  const machine = new Machine(before.state.record);
  assert.equal(machine.ask(1, "hold", 5), "busy", "node 0's lease may still run");
});

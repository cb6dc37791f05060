// Reference hosts whose answers cannot be dated: that they live is known by them, and nothing else follows.

import assert from "node:assert/strict";
import { test } from "node:test";
import { summaryOf } from "../../../clusterd/core/summary.ts";
import type { State } from "../../../clusterd/core/state.ts";
import { world as newWorld } from "../../sim/setting.ts";

test("hosts that answer, no one knows which question: they count as answering, and no lease goes on by it", () => {
  const world = newWorld({});
  for (const node of [0, 1] as const) world.boot(node);
  world.run(5000);
  const state = world.hosts[0].state as State;
  const before = state.references.agreedAt;
  const startedAt = state.references.startedAt + 500;
  world.event(0, { kind: "references", at: state.now, startedAt, answered: 3, of: 3, unsure: true });
  assert.deepEqual([state.references.answered, state.references.startedAt, state.references.agreedAt], [3, startedAt, before]);
  world.event(0, { kind: "references", at: state.now, startedAt, answered: 1, of: 3 });
  assert.equal(state.references.answered, 3, "an answer counted for the same round late takes nothing away");
  assert.ok(summaryOf(state).references.majority);
});

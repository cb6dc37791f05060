import assert from "node:assert/strict";
import { test } from "node:test";
import { PROFILES, timingProblems } from "../../../clusterd/config/timing.ts";
import type { Timing } from "../../../clusterd/config/config.ts";

test("the profiles keep every inequality", () => {
  for (const [name, timing] of Object.entries(PROFILES)) assert.deepEqual(timingProblems(timing), [], name);
});

test("the profiles are those of the design: deadtime, lease, release, unheard, claim", () => {
  const letters = ({ keepalive, deadtime, lease, release, unheard, claim }: Timing): number[] => [keepalive, deadtime, lease, release, unheard, claim];
  assert.deepEqual(letters(PROFILES.fast), [20, 90, 150, 80, 60, 240]);
  assert.deepEqual(letters(PROFILES.balanced), [50, 300, 500, 100, 200, 650]);
  assert.deepEqual(letters(PROFILES.safety), [200, 1000, 2000, 500, 600, 2700]);
});

const verdicts: readonly (readonly [change: Partial<Timing>, inequality: string, numbers: string])[] = [
  [{ warntime: 50 }, "keepalive < warntime", "50 ms < 50 ms"],
  [{ warntime: 300 }, "warntime < deadtime", "300 ms < 300 ms"],
  [{ initdead: 949 }, "deadtime + claim <= initdead", "300 ms + 650 ms <= 949 ms"],
  [{ deadtime: 199 }, "deadtime >= 4 keepalive", "199 ms >= 4 * 50 ms"],
  [{ lease: 299 }, "lease >= 6 keepalive", "299 ms >= 6 * 50 ms"],
  [{ unheard: 149 }, "unheard >= 3 keepalive", "149 ms >= 3 * 50 ms"],
  [{ unheard: 451 }, "unheard + release + 2 keepalive <= claim", "451 ms + 100 ms + 2 * 50 ms <= 650 ms"],
  [{ claim: 612 }, "claim >= (lease + release) * 1.01 / 0.99", "612 ms >= 612.12 ms"],
];

for (const [change, inequality, numbers] of verdicts) {
  test(`balanced with ${JSON.stringify(change)} breaks ${inequality}, and only that, and shows ${numbers}`, () => {
    const found = timingProblems({ ...PROFILES.balanced, ...change });
    assert.deepEqual(found.map((one) => one.inequality), [inequality]);
    assert.ok(found[0]?.message.includes(numbers), found[0]?.message);
  });
}

test("at its very edge each inequality still holds", () => {
  const edges: readonly Partial<Timing>[] = [{ warntime: 51 }, { warntime: 299 }, { initdead: 950 }, { deadtime: 200 }, { lease: 300 }, { unheard: 150 }, { unheard: 450 }, { claim: 613 }];
  for (const edge of edges) assert.deepEqual(timingProblems({ ...PROFILES.balanced, ...edge }), [], JSON.stringify(edge));
});

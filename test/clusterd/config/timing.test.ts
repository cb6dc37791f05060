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
  assert.deepEqual(letters(PROFILES.balanced), [75, 300, 500, 100, 225, 650]);
  assert.deepEqual(letters(PROFILES.safety), [200, 1000, 2000, 500, 600, 2700]);
});

const verdicts: readonly (readonly [change: Partial<Timing>, inequality: string, numbers: string])[] = [
  [{ warntime: 75 }, "keepalive < warntime", "75 ms < 75 ms"],
  [{ warntime: 300 }, "warntime < deadtime", "300 ms < 300 ms"],
  [{ initdead: 949 }, "deadtime + claim <= initdead", "300 ms + 650 ms <= 949 ms"],
  [{ deadtime: 299 }, "deadtime >= 4 keepalive", "299 ms >= 4 * 75 ms"],
  [{ lease: 449 }, "lease >= 6 keepalive", "449 ms >= 6 * 75 ms"],
  [{ unheard: 224 }, "unheard >= 3 keepalive", "224 ms >= 3 * 75 ms"],
  [{ unheard: 401 }, "unheard + release + 2 keepalive <= claim", "401 ms + 100 ms + 2 * 75 ms <= 650 ms"],
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
  const edges: readonly Partial<Timing>[] = [{ warntime: 76 }, { warntime: 299 }, { initdead: 950 }, { deadtime: 300 }, { lease: 450 }, { unheard: 225 }, { unheard: 400 }, { claim: 613 }];
  for (const edge of edges) assert.deepEqual(timingProblems({ ...PROFILES.balanced, ...edge }), [], JSON.stringify(edge));
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { collect, markdown } from "./result.ts";
import { statistics } from "./statistics.ts";

test("the median of an even number of runs lies between the middle two", () => {
  assert.deepEqual(statistics([4, 1, 10, 2]), { median: 3, min: 1, max: 10, n: 4 });
  assert.equal(statistics([]), null);
});

test("a run that did not have a figure does not count for it", () => {
  const figures = collect([{ gap_ms: 1, after_claim_ms: null }, { gap_ms: 3, after_claim_ms: 7 }], ["gap_ms", "after_claim_ms", "failback_gap_ms"]);
  assert.equal(figures["gap_ms"]?.n, 2);
  assert.deepEqual(figures["after_claim_ms"], { median: 7, min: 7, max: 7, n: 1 });
  assert.equal(figures["failback_gap_ms"], null);
});

test("a run with two mistakes is one run that was not as it should, and both are shown with their logs", () => {
  const figures = collect([{ gap_ms: 900, two_owners_ms: 0 }, { gap_ms: 950, two_owners_ms: 12.5 }], ["gap_ms", "two_owners_ms"]);
  const wrong = [{ run: 2, what: "two owners for 12.5 ms", kept: "/kept" }, { run: 2, what: "serv2 did not take over", kept: "/kept" }];
  const text = markdown([{ fault: "power-cut", what: "power cut", runs: 2, figures, wrong }]);
  assert.match(text, /\| power cut \| 925 \(950\) \| – \| – \| – \| 12\.5 \| 1 of 2 \|/);
  assert.match(text, /power-cut, run 2\*\*: two owners for 12\.5 ms \(logs in \/kept\)/);
  assert.match(text, /power-cut, run 2\*\*: serv2 did not take over/);
});

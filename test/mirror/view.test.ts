// What `mirror watch` shows of two looks.

import assert from "node:assert/strict";
import { test } from "node:test";
import { rate, viewText } from "../../mirror/view/text.ts";
import type { Look } from "../../mirror/view/text.ts";

const job = (changes: number, over: Partial<Look> = {}): Look => ({
  job: "www", owner: "serv1", report: null, received: null, lastGood: 40_000, running: false, scrub: { now: null, last: null },
  live: { by: "fatrace", because: "", unlistedSince: null, lag: { changes, p50: 40, p99: 90, max: 100 }, dirty: 3, oldest: 98_000 }, ...over,
});

test("a line for each job: how changes travel, what waits, the rate between two looks, lag and runs", () => {
  const text = viewText({ at: 100_000, jobs: [job(70)] }, { at: 98_000, jobs: [job(50)] }, false);
  assert.match(text, /www +serv1 +live, fatrace +3 for 2 s +10\.0\/s +40 ms \/ 90 ms \/ 100 ms +1 min ago +never/);
});
test("no rate without a look before, and none below nothing when the process began anew", () => {
  assert.equal(rate(job(5), 100, null), null);
  assert.equal(rate(job(5, { live: null }), 100, { at: 0, jobs: [job(1)] }), null);
  assert.equal(rate(job(5), 100, { at: 0, jobs: [job(50)] }), 0);
});
test("a run that goes on, a job of the other node and a scrub that found something are told apart", () => {
  const found = { began: 0, ended: null, files: 7, bytes: 1, rotten: ["/a"], repaired: 0, cursor: null };
  const text = viewText({ at: 100_000, jobs: [job(0, { running: true, live: null, lastGood: null, scrub: { now: found, last: null } })] }, null, false);
  assert.match(text, /not from here.*runs now; never.*under way, 7 files, 1 differ/);
  assert.ok(viewText({ at: 1, jobs: [job(0)] }, null, true).includes("\x1b["));
});

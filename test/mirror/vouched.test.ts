// When may a scheduled run pass over a tree that is watched?

import assert from "node:assert/strict";
import { test } from "node:test";
import type { LiveNow } from "../../mirror/live-state.ts";
import { toReport } from "../../mirror/report.ts";
import { vouched } from "../../mirror/vouched.ts";

const NOW = 1_000_000;
const job = { fullPass: 900_000, before: [] as readonly string[] };
const live: LiveNow = { by: "fatrace", because: "", unlistedSince: null, lag: null, dirty: 0, oldest: null };
const run = (result: string) => ({ started: NOW - 60_000, ended: NOW - 59_000, result });
const report = (over: object = {}) => toReport({ version: 1, job: "www", identity: "serv1", lastRun: run("good"), lastGood: run("good"), ...over });

test("the watcher has missed nothing, everything has arrived, the last full run is recent", () =>
  assert.match(vouched(job, live, report(), NOW) ?? "", /fatrace has told of every change.*1 min ago/));

for (const [what, verdict] of [
  ["nobody watches", vouched(job, null, report(), NOW)],
  ["the watcher is deaf", vouched(job, { ...live, by: null }, report(), NOW)],
  ["something may have been missed", vouched(job, { ...live, unlistedSince: 5 }, report(), NOW)],
  ["a change is under way", vouched(job, { ...live, dirty: 1 }, report(), NOW)],
  ["never run", vouched(job, live, null, NOW)],
  ["the last run was not good", vouched(job, live, report({ lastRun: run("incomplete") }), NOW)],
  ["deletions wait for a person", vouched(job, live, report({ pending: { run: "r", hash: "h", count: 1, sample: [] } }), NOW)],
  ["the last full run is too long ago", vouched(job, live, report(), NOW + 900_000)],
  ["the clock has gone back", vouched(job, live, report(), 0)],
  ["the run is there for what a hook makes", vouched({ ...job, before: ["/dump"] }, live, report(), NOW)],
] as const) test(`everything is compared: ${what}`, () => assert.equal(verdict, null));

// Which notices people get, in a time of the test's own: each line is one look every ten seconds, or something that happened.

import assert from "node:assert/strict";
import { test } from "node:test";
import { happened, look, NOTHING_YET } from "../../../clusterd/notify/policy.ts";
import type { Memory } from "../../../clusterd/notify/policy.ts";

const HOUR = 3_600_000;
const LINK = { key: "link lan", text: "no heartbeats on the lan link" };
const PEER = { key: "peer", text: "the peer is silent" };

/** A day of looks: `wrong(t)` is what is wrong then; answers with what was told, as "SECONDS event: because". */
function told(wrong: (at: number) => readonly (typeof LINK)[], until: number, remind = 4 * HOUR): readonly string[] {
  let memory: Memory = NOTHING_YET;
  const said: string[] = [];
  for (let at = 0; at <= until; at += 10_000) {
    const verdict = look(memory, wrong(at), at, remind);
    memory = verdict.memory;
    said.push(...verdict.notices.map(({ event, because }) => `${at / 1000} ${event}: ${because}`));
  }
  return said;
}

test("what is wrong is told once when it has lasted, reminded of at the interval, and its end is told", () => {
  assert.deepEqual(told((at) => (at >= 100_000 && at < 9 * HOUR ? [LINK] : []), 10 * HOUR), [
    "110 degraded: no heartbeats on the lan link", "14510 still-degraded: still degraded: no heartbeats on the lan link (for 4 h)",
    "28910 still-degraded: still degraded: no heartbeats on the lan link (for 8 h)", "32410 well-again: all well again; over: no heartbeats on the lan link (for 8.98 h)",
  ]);
});

test("what passes within moments is nothing, and a changing figure is the same trouble", () => {
  assert.deepEqual(told((at) => (at % 20_000 === 0 ? [LINK] : []), HOUR), []);
  assert.deepEqual(told((at) => [{ key: "lag www", text: `www was last mirrored ${at} ms ago` }], 60_000), ["10 degraded: www was last mirrored 10000 ms ago"]);
});

test("the second trouble is told by itself; the first to mend says what is left, the last that all is well", () => {
  const wrong = (at: number) => [...(at < 300_000 ? [LINK] : []), ...(at >= 100_000 && at < 600_000 ? [PEER] : [])];
  assert.deepEqual(told(wrong, 700_000), [
    "10 degraded: no heartbeats on the lan link", "110 degraded: the peer is silent",
    "310 mended: over: no heartbeats on the lan link; still: the peer is silent", "610 well-again: all well again; over: the peer is silent (for 510 s)".replace("510 s", "9 min"),
  ]);
});

test("a link that comes and goes for an hour makes a few notices, not hundreds", () => {
  const flapping = (at: number) => (at < HOUR && at % 60_000 < 40_000 ? [LINK] : []);
  const said = told(flapping, 3 * HOUR);
  assert.deepEqual(said.slice(0, 3).map((line) => line.split(":")[0]), ["10 degraded", "50 well-again", "70 degraded"]);
  assert.ok(said.length <= 5, said.join("\n"));
  assert.match(said.at(-1) ?? "", /well-again: .*came and went \d+ times/);
});

test("the same thing twice within ten minutes is told once, and later with how often it was left out", () => {
  const NOTICE = { event: "mirror.run-failed", about: "serv1", because: "www: unreachable" };
  let memory: Memory = NOTHING_YET;
  const say = (at: number, notice = NOTICE): readonly string[] => { const verdict = happened(memory, notice, at); memory = verdict.memory; return verdict.notices.map(({ because }) => because); };
  assert.deepEqual([0, 60_000, 120_000, 660_000].map((at) => say(at)), [["www: unreachable"], [], [], ["www: unreachable (and 2 more times since 11 min ago)"]]);
  assert.deepEqual(say(661_000, { ...NOTICE, because: "www: refused" }), ["www: refused"]);
  assert.deepEqual(say(4 * HOUR), ["www: unreachable"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { judgeOwners, readSniffer } from "./owners.ts";
import { judgeOutage } from "./outage.ts";

/** "A 0-10" = port A spoke from 0 to 10. */
const rows = (...story: string[]) => story.map((line) => {
  const [port, times] = line.split(" ") as [string, string];
  const [from, to] = times.split("-").map(Number);
  return { identity: "serv1", port, from: from!, to: to ?? from!, frames: 1 };
});
const overlap = (...story: string[]): number => judgeOwners(rows(...story), ["serv1"]).overlap_ms;

test("a move is no overlap", () => assert.equal(overlap("A 0-10", "B 11-20"), 0));
test("neither is a move there and back, seconds apart", () => assert.equal(overlap("A 0-10", "B 11-3000", "A 3001-3020", "B 6000"), 0));
test("a move there and back within 1.6 s is none either, for who is content with a second of silence (chaos 70/29)", () =>
  assert.equal(judgeOwners(rows("A 0-103.7", "B 259.6-1301.5", "A 1651.6-3000"), ["serv1"], 1000).overlap_ms, 0));
test("a port that goes on after the other began overlaps until its last frame", () => assert.equal(overlap("A 0-10", "B 11-15", "A 15.2", "B 16-20"), 4.2));
test("one stray frame, long after, counts", () => assert.equal(overlap("A 0-10", "B 11-5000", "A 5000.5", "B 5001-9000"), 1));
test("one frame of another port amid an owner's counts", () => assert.equal(overlap("A 0-10", "B 10.5", "A 11-20"), 1));
test("two that take turns, as the switch sends the client to the one that spoke last, are two owners", () =>
  assert.ok(overlap("A 0-650", "B 651-1300", "A 1301-2000", "B 2001-2500") > 1000));
test("a silent owner goes on owning", () => {
  assert.deepEqual(judgeOwners(rows("A 0-10", "A 60000-60010"), ["serv1", "serv2"]).identities,
    { serv1: [{ port: "A", from_ms: 0, to_ms: 60010, frames: 2 }], serv2: [] });
});

test("the sniffer's log is read up to its last whole line", () => {
  const read = readSniffer("# ready\nS serv1 serv1-eth0 1.5 2.5 7\nH serv2-eth1 3 1\nS serv1 serv1-e");
  assert.deepEqual(read.rows, [{ identity: "serv1", port: "serv1-eth0", from: 1.5, to: 2.5, frames: 7 }]);
  assert.deepEqual(read.heartbeats, [{ port: "serv2-eth1", at: 3, claims: 1 }]);
});

test("an outage that is not over counts up to now", () => {
  assert.deepEqual(judgeOutage("B 100 101\nG 200 250 0\nB 300 900\n"), {
    longest_ms: 600, answering: false,
    gaps: [{ at_ms: 200, ms: 50, client_late_ms: 0 }, { at_ms: 300, ms: 600, client_late_ms: 0 }],
  });
});
test("a gap that the client's own stall explains is none", () => assert.deepEqual(judgeOutage("B 1 1\nN 10 60 49\nB 100 101\n").gaps, []));

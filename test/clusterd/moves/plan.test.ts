// What --dry-run says of a planned move, and how long earlier ones took by the history.

import assert from "node:assert/strict";
import { test } from "node:test";
import { median, pastHandovers } from "../../../clusterd/moves/past.ts";
import { expectedTime, handoverSteps, handoverText } from "../../../clusterd/moves/plan.ts";
import type { Handover } from "../../../clusterd/moves/plan.ts";

const decision = (wall: number, event: string, because: string, identity: string | null = "serv1") => ({ wall, level: "info", event, identity, because });
const MOVED = (from: number, to: number) => [
  decision(from, "identity.freezing", "planned handover: stop the services, then a last mirror pass"), decision(from + 1, "identity.releasing", "the peer has every file: let go"),
  decision(from + 2, "identity.offering", "verified down: offer it to the peer"), decision(to, "identity.standby", "the peer owns it now"),
];

test("a planned handover took from its decision to the peer's word; one that was given up, a takeover and the other identity count for nothing", () => {
  assert.deepEqual(pastHandovers([
    ...MOVED(1000, 1400),
    decision(2000, "identity.freezing", "planned handover: stop the services, then a last mirror pass"), decision(2900, "identity.owner", "the last mirror pass failed: stay, and start the services again"),
    decision(3000, "identity.releasing", "the lease is over: neither peer nor arbiter has acknowledged in time"), decision(3100, "identity.standby", "verified down"),
    decision(3200, "identity.standby", "the peer owns it now"),
    decision(4000, "identity.releasing", "leaving: hand over first"), decision(4010, "peer", "the peer is alive", null), decision(4020, "identity.standby", "the peer owns it now", "serv2"), decision(4050, "identity.standby", "the peer owns it now"),
  ], "serv1"), [400, 50]);
  assert.deepEqual(pastHandovers([], "serv1"), []);
});

test("the median of nothing is unknown, of two the smaller", () => {
  assert.deepEqual([median([]), median([9]), median([30, 10]), median([5, 1, 3])], [null, 9, 10, 3]);
});

const MOVE: Handover = { identity: "serv1", from: "serv1", to: "serv2", nic: "eth2", services: ["www", "samba"], jobs: [{ job: "www", took: 1240 }], past: [], keepalive: 75, obstacle: null,
  ledgers: [{ job: "www", identity: "serv1", own: { at: 5000, mode: "live by chokidar", because: "", unlistedSince: null, total: 12, dirty: Array.from({ length: 12 }, (_, at) => ({ path: `/srv/www/${at}`, since: 4000 })) }, told: null }] };

test("each step is said in its order: services stop in reverse, start in turn; what is not there is left out", () => {
  assert.deepEqual(handoverSteps(MOVE), [
    "serv1 stops samba, www", "serv1 mirrors once more: www (last run 1.24 s)", "serv1 lets go of serv1: link down, looked at, offered to serv2 at a new epoch",
    "serv2 takes it on eth2: MAC and address up, looked at, announced", "serv2 starts www, samba",
  ]);
  assert.equal(handoverSteps({ ...MOVE, services: [], jobs: [] }).length, 2);
});

test("the time is that of the last five moves; before the first the profile's, with what it leaves out", () => {
  assert.deepEqual(expectedTime({ ...MOVE, past: [9000, 100, 200, 300, 400, 500] }), { ms: 300, text: "about 300 ms, as the last 5 times (100 ms to 500 ms)" });
  assert.equal(expectedTime({ ...MOVE, past: [70] }).text, "about 70 ms, as the last time");
  assert.match(expectedTime(MOVE).text, /not measured here yet; .*two keepalives \(150 ms\), and there is what the services take to stop and start and the last mirror pass takes/);
  assert.equal(expectedTime(MOVE).ms, null);
  assert.equal(expectedTime({ ...MOVE, services: [], jobs: [] }).ms, 150);
});

test("the text names who is asked, what stands against it, and the first ten files that would be behind", () => {
  const text = handoverText("switchover", { ...MOVE, obstacle: "serv2 is in maintenance" }, 5000);
  assert.match(text, /^switchover: serv1 would be asked to hand serv1 over to serv2, and would refuse: serv2 is in maintenance\n {2}1\. serv1 stops/);
  assert.match(text, /12 paths are not on the other node, live by chokidar\n {6}\/srv\/www\/0 {2}for 1 s\n/);
  assert.match(text, /\/srv\/www\/9 {2}for 1 s\n {6}… and 2 more$/);
});

test("who leaves does so whatever the other node can take: then nobody owns it, and what is behind stays behind", () => {
  assert.match(handoverText("stop", MOVE, 5000, "leaves"), /^stop: serv1 would hand serv1 over to serv2\n {2}1\. serv1 stops samba, www\n {2}2\. serv1 mirrors once more/);
  const alone = handoverText("stop", { ...MOVE, obstacle: "serv2 is in maintenance" }, 5000, "leaves");
  assert.match(alone, /^stop: serv1 would let go of serv1, and serv2 cannot take it: serv2 is in maintenance\n {2}1\. serv1 stops samba, www\n {2}2\. serv1 lets go of serv1: its clients get no answer/);
  assert.match(alone, /would stay behind:\n {4}[^]*12 paths are not on the other node/);
  assert.doesNotMatch(alone, /expected|mirrors once more/);
});

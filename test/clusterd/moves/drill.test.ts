// Drill and reboot: when they are refused, what the probe's lines mean, and what the report says.

import assert from "node:assert/strict";
import { test } from "node:test";
import { drillLine, drillObstacle, drillText } from "../../../clusterd/moves/drill.ts";
import type { Drill } from "../../../clusterd/moves/drill.ts";
import { longestOutage, readSeen } from "../../../clusterd/moves/outage.ts";
import { rebootObstacle } from "../../../clusterd/moves/reboot.ts";
import type { IdentitySummary, Index, Summary } from "../../../clusterd/core/model.ts";
import { identity, NOW, status, summary } from "../status/sample.ts";

const of = (self: Index, changes: Partial<Summary>) => status(self, { core: summary(self, changes) });
const own = (self: Index, index: Index, changes: Partial<IdentitySummary>) => of(self, { identities: [identity(0, self, index === 0 ? changes : {}), identity(1, self, index === 1 ? changes : {})] });

test("a drill wants a pair with nothing wrong, and its identity at home, from whichever node it is asked for", () => {
  assert.equal(drillObstacle(0, status(0), status(1)), null);
  assert.equal(drillObstacle(0, status(1), status(0)), null);
  const refused: readonly (readonly [string | null, RegExp])[] = [
    [drillObstacle(0, own(0, 0, { role: "standby" }), status(1)), /serv1 is not at home: serv1 is standby; `clusterd failback` first/],
    [drillObstacle(0, own(0, 0, { services: "starting" }), status(1)), /services of serv1 are starting/],
    [drillObstacle(0, own(0, 0, { peerInSync: false }), status(1)), /serv2 does not have every file of serv1 yet/],
    [drillObstacle(0, status(0), of(1, { problems: ["no heartbeats on the lan link"] })), /serv2: no heartbeats on the lan link/],
    [drillObstacle(1, status(0), status(1, { maintenance: { since: 0, until: null, why: "" } })), /serv2 is in maintenance/],
  ];
  for (const [said, reason] of refused) assert.match(said ?? "null", reason);
});

test("a reboot is refused with its reason when the other node cannot take over; who holds nothing may always go", () => {
  const peer = (changes: Partial<Summary["peer"]>) => of(0, { peer: { state: "alive", heardAgo: 1, sameConfiguration: true, maintenance: false, ...changes } });
  assert.equal(rebootObstacle([0], status(0), status(1)), null);
  assert.equal(rebootObstacle([], peer({ state: "silent" }), null), null);
  const refused: readonly (readonly [string | null, RegExp])[] = [
    [rebootObstacle([0, 1], peer({ state: "silent" }), null), /serv2 is silent, so nobody would hold serv1 and serv2 meanwhile/],
    [rebootObstacle([0], peer({ state: "left" }), null), /serv2 is left/],
    [rebootObstacle([0], peer({ maintenance: true }), status(1)), /in maintenance/],
    [rebootObstacle([0], peer({ sameConfiguration: false }), status(1)), /configurations .* differ/],
    [rebootObstacle([0], status(0), null), /cannot be asked over ssh/],
    [rebootObstacle([0], status(0), own(1, 0, { locked: true })), /standby lock/],
    [rebootObstacle([0], status(0), own(1, 0, { stale: true })), /not resynchronised for serv1/],
    [rebootObstacle([0], status(0), own(1, 0, { role: "waiting" })), /serv2 is waiting for serv1, not standby/],
  ];
  for (const [said, reason] of refused) assert.match(said ?? "null", reason);
});

test("the probe's lines: gaps by when they were, less what the probe itself was late, and a silence at the end is one too", () => {
  const saw = readSeen("first 1000.000\ngap 2000.0 2018.4 0.0\ngap 5000.0 5080.0 50.0\nend 9000.0 9001.5\n");
  assert.equal(saw.first, 1000);
  assert.deepEqual([longestOutage(saw, 1900, 2500), longestOutage(saw, 4900, 6000), longestOutage(saw, 0, 9999), longestOutage(saw, 6000, 8000)], [18, 30, 30, 0]);
  assert.equal(longestOutage(readSeen("first 1.0\nend 500.0 2500.0\n"), 0, 3000), 2000);
  assert.deepEqual(readSeen("end 0.000 3000.0\n"), { first: null, gaps: [] });
  assert.deepEqual(readSeen(""), { first: null, gaps: [] });
});

test("the report says both ways with their outage, and one that failed why", () => {
  const done: Drill = { version: 1, at: NOW, identity: "serv1", standIn: "serv2", seenFrom: "serv1", ok: true, because: "",
    there: { took_ms: 240, services_ms: 1300, outage_ms: 18 }, back: { took_ms: 3100, services_ms: null, outage_ms: 22 } };
  assert.equal(drillText(done), "serv1 to serv2: 18 ms without an answer, moved in 240 ms, services up after 1.3 s\nserv1 back home: 22 ms without an answer, moved in 3.1 s\nas serv1 saw it, asking the address every 2 ms; the pair is as it was");
  assert.equal(drillLine(done), "serv1 did not answer for 18 ms there and 22 ms back");
  const unseen = { ...done, there: { ...done.there!, outage_ms: null }, back: { ...done.back!, outage_ms: null } };
  assert.match(drillText(unseen), /^serv1 to serv2: moved in 240 ms[^]*the outage was not measured: serv1 has no address on the LAN [^]*`clusterd drill serv1` on serv2 measures it/);
  assert.match(drillLine(unseen), /nobody measured the outage/);
  const failed = { ...done, back: null, ok: false, because: "serv2: the peer did not take it" };
  assert.match(drillText(failed), /back home: not done\nFAILED: serv2: the peer did not take it$/);
  assert.equal(drillLine(failed), "that of serv1 failed: serv2: the peer did not take it");
});

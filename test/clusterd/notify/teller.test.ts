// What of a node's status people hear: the cause and not what follows from it, and what both see from one of them.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Summary } from "../../../clusterd/core/model.ts";
import { whatIsWrong } from "../../../clusterd/notify/teller.ts";
import { checked, identity, NOW, status, summary } from "../status/sample.ts";

const HOUR = 3_600_000;
const peer = (state: Summary["peer"]["state"]): Summary["peer"] => ({ state, heardAgo: 9e5, sameConfiguration: true, maintenance: false });
const texts = (given: ReturnType<typeof status>): readonly string[] => whatIsWrong(given, HOUR).map(({ text }) => text);

test("nothing is wrong with a healthy pair, nor with one on which a person works", () => {
  assert.deepEqual(texts(status(0)), []);
  assert.deepEqual(texts(status(0, { maintenance: { since: 0, until: null, why: "" } })), []);
});

test("a peer that is away is said, not what follows from it", () => {
  const job = { job: "www", identity: "serv1", lastGood: NOW - 9 * HOUR, lastRun: NOW, lastResult: "unreachable" };
  const core = (state: "silent" | "alive") => summary(0, { peer: peer(state), problems: [...(state === "silent" ? ["the peer is silent"] : []), "no heartbeats on the lan link", "no carrier on the redundant NIC"], identities: [identity(0, 0, { peerInSync: false }), identity(1, 0)] });
  assert.deepEqual(texts(status(0, { core: core("silent"), jobs: [job] })), ["the peer is silent", "no carrier on the redundant NIC"]);
  assert.deepEqual(texts(status(0, { core: core("alive"), jobs: [job] })), ["the peer is not in sync for serv1", "no heartbeats on the lan link", "no carrier on the redundant NIC", "www: unreachable", "www was last mirrored 9 h ago"]);
});

test("of what both nodes see the first says it, while they hear each other", () => {
  const problems = ["no heartbeats on the lan link", "the clocks of the two nodes differ by 1.2 s, more than offset_limit (1 s)", "no carrier on the main NIC"];
  assert.deepEqual(texts(status(1, { core: summary(1, { problems }) })), ["no carrier on the main NIC"]);
  assert.equal(texts(status(0, { core: summary(0, { problems }) })).length, 3);
});

test("witness, reference hosts and services that did not start count; a figure makes no new trouble", () => {
  const core = summary(0, { references: { answered: 1, of: 3, majority: false, ago: 1 }, witness: { ago: 5000, verdicts: ["granted", "idle"] }, identities: [identity(0, 0, { services: "failed" }), identity(1, 0)] });
  assert.deepEqual(texts(status(0, { core })), ["services of serv1 failed to start", "1 of 3 reference hosts answer", "the witness does not answer"]);
  const keys = (by: string): readonly string[] => whatIsWrong(status(0, { core: summary(0, { problems: [`the clocks of the two nodes differ by ${by}, more than offset_limit (1 s)`] }) }), HOUR).map(({ key }) => key);
  assert.deepEqual(keys("1.2 s"), keys("350 ms"));
});

test("a service that fails its checks counts while it does", () => {
  const failing = checked({ phase: "stuck", checks: [{ check: "tcp 10.0.0.1:25", state: "failing", ok: false, row: 3, said: "nobody listens there" }] });
  assert.deepEqual(whatIsWrong(status(0, { checks: [checked({ service: "mail" }), failing] }), HOUR), [{ key: "service www", text: "www fails its checks: nobody listens there" }]);
});

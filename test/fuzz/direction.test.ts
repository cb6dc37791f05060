// A mirror run in the wrong direction is refused, whatever the roles, epochs and owners; and so is every attack of the table.

import assert from "node:assert/strict";
import { test } from "node:test";
import { mayAccept } from "../../mirror/request.ts";
import { needsPair } from "../mirror/pair.ts";
import { attackAll, pushAtTheGate, pushWrong } from "./ssh.ts";

const skip = needsPair();

test("ten thousand pushes in the wrong direction: the gate refuses each", () => {
  const { accepted, reasons } = pushAtTheGate(10_000, 1999);
  assert.equal(accepted, 0);
  for (const [why, count] of reasons) assert.ok(count > 500, `${why}: ${count}`);
});

test("the right direction is let in, so the gate does tell them apart", () => {
  const identity = { epoch: 12, owner: 0 as const, offered: 0, stale: true, standing: false, promised: false, locked: false, lineage: [] };
  const record = { format: 1 as const, cluster: "pair", node: 1 as const, identities: [identity, identity] as const };
  assert.equal(mayAccept({ journal: { ok: true, record }, role: "standby", self: 1, home: 0, epoch: 12 }).go, true);
});

test("a daemon that runs and does not answer may be taking over: nothing is received meanwhile (found under load)", () => {
  const identity = { epoch: 12, owner: 0 as const, offered: 0, stale: true, standing: false, promised: false, locked: false, lineage: [] };
  const record = { format: 1 as const, cluster: "pair", node: 1 as const, identities: [identity, identity] as const };
  assert.equal(mayAccept({ journal: { ok: true, record }, role: "unknown", self: 1, home: 0, epoch: 12 }).go, false);
});

// All of them: npm run fuzz -- ssh, npm run fuzz -- direction.
test("attacks from all over the table, through a real sshd, are refused, and nothing is started for it", { skip }, async () => {
  const { attempts, refused, got, started } = await attackAll({ most: 24 });
  assert.deepEqual(got, []);
  assert.ok(attempts > 15 && refused === attempts);
  assert.deepEqual(started, []);
});

test("four true rsyncs in the wrong direction change nothing", { skip }, async () => {
  const { refused, got, started } = await pushWrong({ attempts: 4, seed: 7 });
  assert.deepEqual(got, []);
  assert.equal(refused, 4);
  assert.deepEqual(started, []);
});

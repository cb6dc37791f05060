// A mirror run in the wrong direction is refused, whatever the roles, epochs and owners; and so is every attack of the table.

import assert from "node:assert/strict";
import { test } from "node:test";
import { mayAccept } from "../../mirror/request.ts";
import { whyNot } from "../mirror/pair.ts";
import { random } from "../sim/random.ts";
import { attackAll, pushWrong, wrongDirection } from "./ssh.ts";

const skip = whyNot() ?? false;

test("ten thousand pushes in the wrong direction: the gate refuses each", () => {
  const draw = random(1999);
  const reasons = new Map<string, number>();
  for (let attempt = 0; attempt < 10_000; attempt += 1) {
    const { record, role, self, home, epoch, why } = wrongDirection(draw);
    assert.equal(mayAccept({ journal: { ok: true, record }, role, self, home, epoch }).go, false, `${why}: ${JSON.stringify({ record, role, self, home, epoch })}`);
    reasons.set(why, (reasons.get(why) ?? 0) + 1);
  }
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
test("every twentieth attack through a real sshd is refused, and nothing is started for it", { skip }, async () => {
  const { attempts, refused, got, started } = await attackAll({ share: 20 });
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

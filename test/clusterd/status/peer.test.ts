// Questions to the other node through a real sshd, its forced command and the pinned host key.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { AskOptions, PeerAnswer } from "../../../clusterd/status/peer.ts";
import { PROJECT, Pair, needsSshd, runProgram } from "../cli/pair.ts";
import { status } from "./sample.ts";

const skip = needsSshd();
const PATIENCE = 5000;
let pair: Pair;

before(async () => {
  if (skip !== false) return;
  pair = await new Pair().start();
  await pair.startSshd();
});
after(() => pair?.close());

/** From serv1, in the pair's network. */
async function ask(words: readonly string[], changes: Partial<AskOptions> = {}): Promise<PeerAnswer> {
  const options = { timeout: PATIENCE, ...changes };
  const said = await runProgram([...pair.nodes[0].inside, `${PROJECT}/clusterd/bin/run-node`, join(import.meta.dirname, "ask-peer.ts"), JSON.stringify({ words, options })], pair.nodes[0].env);
  assert.equal(said.err, "");
  return JSON.parse(said.out) as PeerAnswer;
}
const reason = (answer: PeerAnswer): string => (answer.reached ? `reached: ${answer.answer.text}` : answer.text);

test("status of the other node, on the private link", { skip }, async () => {
  const said = await ask(["status"]);
  assert.ok(said.reached, reason(said));
  assert.equal(said.link.name, "private");
  assert.deepEqual(said.answer, { ok: true, text: "", status: status(1) });
});

test("a handover reaches the other daemon as a command, and its refusal comes back", { skip }, async () => {
  pair.nodes[1].answer = async () => ({ ok: false, text: "not now" });
  const said = await ask(["handover", "serv1"]);
  assert.ok(said.reached, reason(said));
  assert.deepEqual(said.answer, { ok: false, text: "not now" });
  assert.deepEqual(pair.nodes[1].asked, [{ ask: "command", verb: "handover", node: "serv1" }]);
});

test("nothing else can be asked with this key", { skip }, async () => {
  const said = await ask(["force-own", "serv1"]);
  assert.match(reason(said), /refused: only/);
});

test("the LAN is tried when the private link is cut", { skip }, async () => {
  pair.cutPrivate();
  const said = await ask(["status"]).finally(() => pair.mendPrivate());
  assert.ok(said.reached, reason(said));
  assert.equal(said.link.name, "lan");
});

test("another machine at that address is refused, and hears no question", { skip }, async () => {
  const pinned = readFileSync(pair.knownHosts, "utf8");
  const other = join(pair.home, "other");
  spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", other]);
  pair.pin(readFileSync(`${other}.pub`, "utf8"));
  const asked = pair.nodes[1].asked.length;
  const said = await ask(["handover", "serv1"]);
  writeFileSync(pair.knownHosts, pinned);
  assert.equal(said.reached, false);
  assert.match(reason(said), /HOST KEY MISMATCH/);
  assert.equal(pair.nodes[1].asked.length, asked);
});

test("a node whose host key is not pinned is not asked at all", { skip }, async () => {
  const empty = join(pair.home, "empty");
  writeFileSync(empty, "serv9 ssh-ed25519 AAAA\n");
  assert.match(reason(await ask(["status"], { knownHosts: empty })), /host key is not known here.*keys import/);
  assert.match(reason(await ask(["status"], { knownHosts: join(pair.home, "none") })), /ENOENT/);
});

test("a key that the other node does not know is refused there", { skip }, async () => {
  assert.match(reason(await ask(["status"], { key: join(pair.home, "other") })), /authentication/i);
});

test("an sshd that hangs is given up after the time allowed", { skip }, async () => {
  pair.freezeSshd();
  const said = await ask(["status"], { timeout: 400 }).finally(() => pair.thawSshd());
  assert.match(reason(said), /did not answer in time|timed out/i);
});

test("clusterd status shows both nodes, and failback asks the one that holds the identity", { skip }, async () => {
  const [one, two] = pair.nodes;
  const both = await one.clusterd("status");
  assert.equal(both.code, 0, both.out + both.err);
  assert.match(both.out, /^serv2, up/m);
  one.holds(1);
  two.holds(1);
  two.asked.length = 0;
  two.answer = async () => { two.holds(0); setTimeout(() => one.holds(0), 50); return { ok: true, text: "handed over" }; };
  const said = await one.clusterd("failback");
  assert.equal(said.code, 0, said.out + said.err);
  assert.match(said.out, /^serv1 is with serv1 now \(\d+ ms\)$/m);
  assert.deepEqual(two.asked, [{ ask: "command", verb: "handover", node: "serv1" }]);
});

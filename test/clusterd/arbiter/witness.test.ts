// The witness as it runs: real sockets, a real file, its own daemon's side; and whoever is not meant to be heard.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createWitnessClient } from "../../../clusterd/arbiter/witness-client.ts";
import { decodeAnswer, decodeQuestion, deriveWitnessKeys, encodeQuestion, type WireQuestion } from "../../../clusterd/arbiter/witness-packet.ts";
import { serveWitness, type Witness } from "../../../clusterd/arbiter/witness-server.ts";
import { Sessions } from "../../../clusterd/arbiter/witness-sessions.ts";
import { isWitnessRecord, type WitnessRecord } from "../../../clusterd/arbiter/witness-rules.ts";
import type { Index, WitnessAsk, WitnessQuestion, WitnessVote } from "../../../clusterd/core/model.ts";
import { readJournal } from "../../../clusterd/journal.ts";

/** Long enough that a loaded machine asks twice within it. */
const LEASE = 2000;
const leaseOver = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 1.05 * LEASE));
const SECRET = randomBytes(32);
const keys = deriveWitnessKeys(SECRET, "test");
const boot = (digit: string): string => digit.repeat(32);
const none: WitnessAsk = { want: "none", epoch: 0, wanted: 0 };
const question = (asks: readonly [WitnessAsk, WitnessAsk], from = boot("a")): WitnessQuestion => ({ boot: from, silentAfter: LEASE, asks });

interface Served { readonly witness: Witness; readonly state: string; readonly told: string[] }

async function serving(folder: string, said: string[] = []): Promise<Served> {
  const state = join(folder, "witness");
  const witness = await serveWitness({ cluster: "test", address: "127.0.0.1", port: 0, keys, state, tell: (event) => said.push(event), failed: (error) => { throw error; } });
  open.push(() => witness.close().catch(() => undefined));
  return { witness, state, told: said };
}

/** What a failed test has left open, or it would never end. */
const open: (() => unknown)[] = [];

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "witness-"));
  try {
    await work(folder);
  } finally {
    for (const close of open.splice(0)) await close();
    rmSync(folder, { recursive: true });
  }
}

function asking(port: number, self: Index, from = boot(String(self))) {
  const client = createWitnessClient({ address: "127.0.0.1", port }, self, keys);
  open.push(client.close);
  const ask = (asks: readonly [WitnessAsk, WitnessAsk]): Promise<readonly [WitnessVote, WitnessVote]> =>
    new Promise((resolve) => { client.ask(question(asks, from), (_startedAt, votes) => resolve(votes)); });
  return { ask };
}

test("two nodes, a takeover at the witness, and its memory over a restart", () => inFolder(async (folder) => {
  const first = await serving(folder);
  const [a, b] = [asking(first.witness.port, 0), asking(first.witness.port, 1)];
  await b.ask([none, none]);
  await leaseOver();
  assert.deepEqual((await a.ask([{ want: "hold", epoch: 2, wanted: 2 }, none]))[0], { verdict: "granted", epoch: 2 });
  assert.equal((await b.ask([{ want: "claim", epoch: 2, wanted: 5 }, none]))[0].verdict, "busy");
  await leaseOver();
  assert.deepEqual((await b.ask([{ want: "claim", epoch: 2, wanted: 5 }, none]))[0], { verdict: "granted", epoch: 5 });
  const read = readJournal<WitnessRecord>(first.state, isWitnessRecord);
  assert.equal(read.ok && read.record.identities[0].epoch, 5, "on disk before it was said");
  assert.equal(statSync(first.state).mode & 0o777, 0o600);
  await first.witness.close();
  const second = await serving(folder);
  const again = asking(second.witness.port, 0);
  assert.equal((await again.ask([{ want: "hold", epoch: 2, wanted: 2 }, none]))[0].verdict, "stale");
}));

test("a file of another cluster is refused, a damaged one is told and nothing granted", () => inFolder(async (folder) => {
  writeFileSync(join(folder, "witness"), Buffer.alloc(16_384, 7));
  const { witness, told } = await serving(folder);
  assert.deepEqual(told, ["witness.forgot"]);
  const a = asking(witness.port, 0);
  assert.equal((await a.ask([{ want: "hold", epoch: 2, wanted: 2 }, none]))[0].verdict, "unmet");
  await assert.rejects(serveWitness({ cluster: "other", address: "127.0.0.1", port: 0, keys, state: join(folder, "witness"), tell: () => undefined, failed: () => undefined }),
    /belongs to the cluster test, not to other/);
}));

test("what was not made with this key, for this cluster and by this node is not a question", () => {
  const wire: WireQuestion = { ...question([{ want: "hold", epoch: 4, wanted: 4 }, none]), seq: 1, nonce: null };
  const bytes = encodeQuestion(wire, 0, keys);
  assert.deepEqual(decodeQuestion(bytes, keys), { from: 0, question: wire });
  assert.equal(decodeQuestion(bytes, deriveWitnessKeys(SECRET, "other")), null, "another cluster with the same key file");
  assert.equal(decodeQuestion(bytes, deriveWitnessKeys(randomBytes(32), "test")), null);
  assert.equal(decodeAnswer(bytes, 0, keys), null, "reflected");
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(decodeQuestion(flipped, keys), null, `bit ${bit}`);
  }
  for (let length = 0; length < bytes.length; length += 1) assert.equal(decodeQuestion(bytes.subarray(0, length), keys), null, `${length} bytes`);
});

test("noise at the port is refused, told once in ten seconds, and disturbs nobody", () => inFolder(async (folder) => {
  const { witness, told } = await serving(folder);
  const socket = createSocket("udp4");
  for (let packet = 0; packet < 190; packet += 1)
    await new Promise((resolve) => socket.send(randomBytes(packet * 7), witness.port, "127.0.0.1", resolve));
  const a = asking(witness.port, 0);
  assert.equal((await a.ask([none, none]))[0].verdict, "idle");
  assert.equal(told.filter((event) => event === "witness.refused").length, 1);
  socket.close();
}));

test("a question counts once, in order, and from a start of the daemon that repeats the nonce drawn for it", () => {
  let drawn = 0;
  const sessions = new Sessions(() => String((drawn += 1)).padStart(32, "0"));
  const hear = (from: string, seq: number, nonce: string | null) => sessions.judge(0, { boot: from, seq, nonce });
  const met = hear(boot("a"), 1, null);
  assert.equal(met.is, "unknown");
  const nonce = "nonce" in met ? met.nonce : "";
  assert.equal(hear(boot("a"), 2, nonce).is, "new");
  assert.equal(hear(boot("a"), 2, nonce).is, "old", "replayed");
  assert.equal(hear(boot("a"), 1, nonce).is, "old", "overtaken");
  assert.equal(hear(boot("b"), 9, nonce).is, "unknown", "another start with a nonce that was not its own");
  assert.equal(hear(boot("a"), 3, nonce).is, "new", "whoever knocks does not end the session");
  const next = hear(boot("b"), 9, null);
  assert.equal(hear(boot("b"), 10, "nonce" in next ? next.nonce : "").is, "new");
  assert.equal(hear(boot("a"), 4, nonce).is, "unknown", "what the start before said is over");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createRounds } from "../../../clusterd/arbiter/references.ts";

test("an answer that names its round counts for that round only", () => {
  const rounds = createRounds(500);
  rounds.begin(0);
  const second = rounds.begin(50);
  assert.equal(rounds.answer("10.7.7.7", 60, second.number), second);
  assert.equal(second.answered.size, 1);
});

test("an answer without a number counts for the oldest round that waits for that host: never newer than it is", () => {
  const rounds = createRounds(500);
  const first = rounds.begin(0);
  const second = rounds.begin(50);
  assert.equal(rounds.answer("192.168.50.251", 51, null), first);
  assert.equal(rounds.answer("192.168.50.252", 52, null), first);
  assert.equal(rounds.answer("192.168.50.251", 53, null), second);
  assert.deepEqual([first.answered.size, second.answered.size], [2, 1]);
});

test("a host that answers twice counts once", () => {
  const rounds = createRounds(500);
  const round = rounds.begin(0);
  rounds.answer("192.168.50.251", 1, null);
  assert.equal(rounds.answer("192.168.50.251", 2, null), null);
  assert.equal(round.answered.size, 1);
});

test("a round older than a lease is forgotten", () => {
  const rounds = createRounds(500);
  rounds.begin(0);
  assert.equal(rounds.answer("192.168.50.251", 501, null), null);
});

test("a lost answer with a long lease: the rounds stay one behind, and who lives is known all the same", () => {
  const rounds = createRounds(2000);
  rounds.begin(0); // its answer is lost
  for (const at of [1000, 2000, 3000]) {
    const newest = rounds.begin(at);
    assert.equal(rounds.answer("192.168.50.251", at + 1, null)?.startedAt, at - 1000, "never newer than it is");
    assert.equal(newest.answered.size, 0);
    assert.equal(rounds.heardSince(at), 1);
  }
  assert.equal(rounds.heardSince(3500), 0);
});

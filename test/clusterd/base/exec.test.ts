import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describe, run } from "../../../clusterd/base/exec.ts";

const PATIENT = { timeout: 20_000 };

/** Running, and not a zombie that nobody has buried yet. */
function lives(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

test("a program that ends well: its output, no failure", async () => {
  const ran = await run(["sh", "-c", "echo out; echo err >&2"], PATIENT);
  const { exitCode, signal, timedOut, stdout, stderr, failure } = ran;
  assert.deepEqual({ exitCode, signal, timedOut, stdout, stderr, failure }, { exitCode: 0, signal: null, timedOut: false, stdout: "out\n", stderr: "err", failure: null });
  assert.deepEqual(ran.command, ["sh", "-c", "echo out; echo err >&2"]);
  assert.ok(ran.took > 0);
});

test("an exit code, a signal, a program that is not there, a word with NUL: all are accounts, nothing throws", async () => {
  const failures = await Promise.all([["sh", "-c", "echo first >&2; echo no such device >&2; exit 7"], ["sh", "-c", "kill -9 $$"], ["/no/such/program"], ["true", "a\0b"], []].map(async (words) => (await run(words, PATIENT)).failure ?? ""));
  assert.equal(failures[0], "ended with exit code 7: no such device");
  assert.equal(failures[1], "was ended by SIGKILL");
  assert.equal(failures[2], "was not found");
  assert.match(failures[3] ?? "", /^could not be started/);
  assert.match(failures[4] ?? "", /^could not be started/);
});

test("words are words: nothing passes through a shell", async () => {
  assert.equal((await run(["printf", "%s|", "a b", "$HOME", "*", ";", "'"], PATIENT)).stdout, "a b|$HOME|*|;|'|");
});

test("no program is handed systemd's socket: it could speak there in our name", async (t) => {
  process.env["NOTIFY_SOCKET"] = "/run/systemd/notify";
  t.after(() => { delete process.env["NOTIFY_SOCKET"]; });
  assert.equal((await run(["sh", "-c", "echo ${NOTIFY_SOCKET-none}"], PATIENT)).stdout, "none\n");
});

test("input, environment and folder reach the program; unread input is no failure", async () => {
  assert.equal((await run(["sh", "-c", "cat; printf %s \"$LAMP\"; pwd"], { ...PATIENT, input: "in ", env: { LAMP: "on " }, cwd: "/usr" })).stdout, "in on /usr\n");
  assert.equal((await run(["true"], { ...PATIENT, input: "x".repeat(1_000_000) })).failure, null);
});

test("a timeout ends the whole process group", async () => {
  const ran = await run(["sh", "-c", "sleep 60 & echo $!; sleep 60"], { timeout: 300, grace: 300 });
  assert.deepEqual([ran.timedOut, ran.exitCode], [true, null]);
  assert.match(ran.failure ?? "", /^took longer than 300 ms and was ended$/);
  assert.equal(lives(Number(ran.stdout)), false, "the child in the background has ended");
});

test("who ignores SIGTERM gets SIGKILL after the grace", async () => {
  const ran = await run(["sh", "-c", "trap '' TERM; sleep 60 & echo $!; while :; do sleep 60; done"], { timeout: 300, grace: 200 });
  assert.deepEqual([ran.timedOut, ran.signal], [true, "SIGKILL"]);
  assert.ok(ran.took >= 500 && ran.took < 15_000, String(ran.took));
  assert.equal(lives(Number(ran.stdout)), false);
});

test("children have the grace too: one that tidies up on SIGTERM is let do so", async () => {
  const ran = await run(["sh", "-c", "(trap 'sleep 0.2; echo tidied >&2; exit' TERM; while :; do sleep 0.05; done) & sleep 60"], { timeout: 300, grace: 10_000 });
  assert.match(ran.stderr, /tidied/);
});

test("a daemon that stays behind does not hold up its starter", async () => {
  const ran = await run(["sh", "-c", "sleep 60 & echo $!"], PATIENT);
  const daemon = Number(ran.stdout);
  try {
    assert.equal(ran.failure, null);
    assert.ok(ran.took < 15_000);
    assert.equal(lives(daemon), true, "and it lives on");
  } finally {
    process.kill(daemon, "SIGKILL");
  }
});

test("output without end is kept to its last part", async () => {
  const ran = await run(["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; echo end; seq 1 1000 >&2"], PATIENT);
  assert.equal(ran.stdout.length, 1024 * 1024);
  assert.ok(ran.stdout.endsWith("xend\n"));
  assert.deepEqual(ran.stderr.split("\n"), Array.from({ length: 20 }, (_, n) => String(981 + n)));
});

test("one sentence says what was run and what came of it", async () => {
  assert.match(describe(await run(["sh", "-c", "exit 3"], PATIENT)), /^sh -c "exit 3" ended with exit code 3 \(\d+(\.\d+)? m?s\)$/);
  assert.match(describe(await run(["true"], PATIENT)), /^true succeeded \(/);
});

// The dead-man on a machine that was suspended, and on one that has been up for years: the real program and a real link, and the
// two clocks that it compares as such a machine has them (clock/OtherClock.pm). No machine can be suspended for a test.

import assert from "node:assert/strict";
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicNow } from "../../../clusterd/base/time.ts";
import { needsRoot } from "../../needs.ts";

const DEADMAN = new URL("../../../network-scripts/deadman", import.meta.url).pathname;
const skip = needsRoot("for a network of its own");

interface Watched {
  readonly child: ChildProcessWithoutNullStreams;
  said(): string;
  tell(line: string): void;
  /** Seconds that each clock is ahead of this machine's. */
  clocks(monotonic: number, boot: number): void;
}

async function watching(monotonic: number, boot: number, work: (watched: Watched) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-clock-"));
  const file = join(folder, "clocks");
  const clocks = (...ahead: readonly number[]): void => { writeFileSync(`${file}.new`, ahead.join(" ")); renameSync(`${file}.new`, file); };
  clocks(monotonic, boot);
  const child = spawn("unshare", ["--net", "sh", "-c", 'ip link set lo up && exec perl "$0"', DEADMAN],
    { stdio: "pipe", env: { ...process.env, PERL5OPT: "-MOtherClock", PERL5LIB: join(import.meta.dirname, "clock"), OTHER_CLOCK: file } });
  let out = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => { out += text.toString(); });
  const watched: Watched = { child, clocks, said: () => out, tell: (line) => { child.stdin.write(`${line}\n`); } };
  try {
    await seen(() => out.includes("ready"), () => out);
    await work(watched);
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
}

async function seen(what: () => boolean, else_: () => string): Promise<void> {
  for (const began = monotonicNow(); !what();) {
    assert.ok(monotonicNow() - began < 10_000, `not seen in ten seconds: ${else_()}`);
    await sleep(10);
  }
}

test("the machine was suspended, for a second or an hour: its leases are over when it wakes", { skip }, async () => {
  for (const asleep of [1, 3600]) await watching(0, 0, async ({ said, tell, clocks }) => {
    tell(`lease lo ${monotonicNow() + 60_000}`);
    tell("ping 1");
    await seen(() => said().includes("ack 1"), said);
    clocks(0, asleep);
    await seen(() => /^fired lo \S+ the machine was suspended$/m.test(said()), said);
    // What is told afterwards is another lease, and lasts.
    const before = said().length;
    tell(`off lo\nlease lo ${monotonicNow() + 60_000}\nping 2`);
    await seen(() => said().includes("ack 2"), said);
    await sleep(1200);
    assert.doesNotMatch(said().slice(before), /fired/);
  });
});

test("the boot clock differs from the monotonic one since long ago: that is no suspension now", { skip }, () => watching(0, 86_400, async ({ said, tell }) => {
  tell(`lease lo ${monotonicNow() + 60_000}`);
  tell("ping 1");
  await seen(() => said().includes("ack 1"), said);
  await sleep(1200);
  assert.doesNotMatch(said(), /fired/);
}));

test("up for longer than 2^31 or 2^32 ms, or for 2^31 s: leases end at their moment", { skip }, async () => {
  for (const seconds of [2 ** 31 / 1000 - 1, 2 ** 32 / 1000 - 1, 2 ** 31 - 1]) await watching(seconds, seconds, async ({ said, tell }) => {
    const asked = monotonicNow();
    // It ends after the clock has passed the number.
    tell(`lease lo ${(monotonicNow() + seconds * 1000 + 1500).toFixed(3)}`);
    await seen(() => said().includes("fired lo"), said);
    assert.ok(monotonicNow() - asked >= 1499, said());
    assert.match(said(), /fired lo \S+ the lease ended/);
  });
});

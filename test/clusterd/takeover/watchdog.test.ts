// The dead-man and the machine's watchdog, with a file in the device's place: each pet is a zero byte, the disarming a V.
//
// What a real watchdog does when the bytes stop is reboot the machine; here the file stops growing.

import assert from "node:assert/strict";
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicNow } from "../../../clusterd/base/time.ts";
import { needsRoot } from "../../needs.ts";

const DEADMAN = new URL("../../../network-scripts/deadman", import.meta.url).pathname;
/** Longer than between two pets, on a loaded machine too. */
const A_WHILE = 2500;

interface Held {
  readonly child: ChildProcessWithoutNullStreams;
  readonly device: string;
  pets(): number;
  isDisarmed(): boolean;
  said(): string;
  tell(line: string): void;
}

async function holding(words: readonly string[], work: (held: Held) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "watchdog-"));
  const device = join(folder, "device");
  writeFileSync(device, "");
  const [program = "perl", ...rest] = [...words, "perl", DEADMAN, `--watchdog=${device}`];
  const child = spawn(program, rest, { stdio: "pipe" });
  let out = "";
  child.stdout.on("data", (text: Buffer) => { out += text.toString(); });
  child.stderr.on("data", (text: Buffer) => { out += text.toString(); });
  const bytes = (): Buffer => readFileSync(device);
  const held: Held = {
    child, device, said: () => out,
    pets: () => bytes().filter((byte) => byte === 0).length, isDisarmed: () => bytes().at(-1) === 0x56, tell: (line) => { child.stdin.write(`${line}\n`); },
  };
  try {
    await seen(() => /^watchdog on$/m.test(out), () => out);
    await work(held);
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
}

async function seen(what: () => boolean, else_: () => string = () => ""): Promise<void> {
  for (const began = monotonicNow(); !what();) {
    assert.ok(monotonicNow() - began < 10_000, `not seen in ten seconds: ${else_()}`);
    await sleep(20);
  }
}

const ended = (child: ChildProcessWithoutNullStreams): Promise<unknown> => new Promise((resolve) => child.once("exit", resolve));

test("it is petted while all is well, and disarmed at a clean end with nothing held", () => holding([], async ({ child, pets, isDisarmed }) => {
  const before = pets();
  await seen(() => pets() > before + 2);
  assert.equal(isDisarmed(), false);
  const end = ended(child);
  child.stdin.end();
  await end;
  assert.equal(isDisarmed(), true);
}));

test("SIGTERM disarms it when nothing is held, and leaves it to count when something is", async () => {
  await holding([], async ({ child, isDisarmed }) => {
    const end = ended(child);
    child.kill("SIGTERM");
    await end;
    assert.equal(isDisarmed(), true);
  });
  await holding([], async ({ child, tell, isDisarmed }) => {
    tell(`lease none0 ${monotonicNow() + 60_000}`);
    tell("ping 1");
    await sleep(300);
    const end = ended(child);
    child.kill("SIGTERM");
    await end;
    assert.equal(isDisarmed(), false);
  });
});

test("a dead-man that is stopped or killed pets no more", async () => {
  for (const signal of ["SIGSTOP", "SIGKILL"] as const) await holding([], async ({ child, pets, isDisarmed }) => {
    child.kill(signal);
    await sleep(300);
    const before = pets();
    await sleep(A_WHILE);
    assert.equal(pets(), before, signal);
    assert.equal(isDisarmed(), false, signal);
  });
});

test("a link that does not go down at the end of its lease: it pets no more, until the link is released after all", { skip: needsRoot("to drop a capability") }, () =>
  // Without CAP_NET_ADMIN, in a network of its own, even its lo cannot be set down.
  holding(["unshare", "--net", "sh", "-c", 'ip link set lo up && exec setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$@"', "sh"], async ({ child, tell, pets, isDisarmed }) => {
    tell(`lease lo ${monotonicNow() + 500}`);
    await sleep(1500);
    const before = pets();
    await sleep(A_WHILE);
    assert.equal(pets(), before, "it was petted though lo is still up");
    assert.equal(isDisarmed(), false);
    tell("off lo");
    await seen(() => pets() > before);
    const end = ended(child);
    child.stdin.end();
    await end;
    assert.equal(isDisarmed(), true);
  }));

test("a device that is not there is said, and taken as soon as it is", async () => {
  const folder = mkdtempSync(join(tmpdir(), "watchdog-"));
  const child = spawn("perl", [DEADMAN, `--watchdog=${folder}/device`], { stdio: "pipe" });
  let out = "";
  child.stdout.on("data", (text: Buffer) => { out += text.toString(); });
  try {
    await seen(() => /^watchdog off No such file/m.test(out), () => out);
    writeFileSync(`${folder}/device`, "");
    await seen(() => /^watchdog on$/m.test(out), () => out);
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
});

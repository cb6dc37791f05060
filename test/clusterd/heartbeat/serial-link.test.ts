// The serial link between real ttys, at the line's real speed, with noise, lost bytes, a cut, and a peer that does not read.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Index } from "../../../clusterd/core/model.ts";
import { lineTime } from "../../../clusterd/heartbeat/framing.ts";
import { deriveKeys } from "../../../clusterd/heartbeat/key.ts";
import type { Link, LinkEvents } from "../../../clusterd/heartbeat/link.ts";
import { decodeHeartbeat, encodeHeartbeat, PACKET_SIZE } from "../../../clusterd/heartbeat/packet.ts";
import { serialLink } from "../../../clusterd/heartbeat/serial-link.ts";
import { heartbeat } from "./beats.ts";
import { layCable } from "./serial-line.ts";

const keys = deriveKeys(Buffer.alloc(32, 1), "links");
const beatOf = (sender: Index, seq: number): Buffer => encodeHeartbeat(heartbeat({ sender, seq }), "serial", keys);

interface Heard extends LinkEvents {
  readonly seqs: number[];
  readonly troubles: (string | null)[];
}

function listener(self: Index): Heard {
  const seqs: number[] = [];
  const troubles: (string | null)[] = [];
  return {
    seqs, troubles,
    received: (bytes) => {
      const decoded = decodeHeartbeat(bytes, "serial", keys, { self });
      if (decoded.ok) seqs.push(decoded.beat.seq);
      return decoded.ok;
    },
    trouble: (sentence) => { troubles.push(sentence); },
  };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 1000; tries += 1) {
    if (condition()) return;
    await sleep(10);
  }
  assert.fail(`waited 10 s in vain: ${what}`);
}

async function linked(t: TestContext, device: string, self: Index, baud = 115_200): Promise<{ link: Link; heard: Heard }> {
  const heard = listener(self);
  const link = serialLink({ device, baud, events: heard });
  t.after(() => link.close());
  await link.start();
  return { link, heard };
}

/** Sends a heartbeat each `every` ms until stopped; returns the number of the last one so far. */
function beating(t: TestContext, link: Link, sender: Index, every: number): () => number {
  let seq = 0;
  const timer = setInterval(() => { link.send(beatOf(sender, (seq += 1))); }, every);
  t.after(() => clearInterval(timer));
  return () => seq;
}

const rising = (seqs: readonly number[]): boolean => seqs.every((seq, at) => at === 0 || seq > seqs[at - 1]!);

test("the line carries heartbeats both ways, and nobody hears himself", async (t) => {
  const { ends } = await layCable(t, 115_200);
  const [one, two] = [await linked(t, ends[0], 0), await linked(t, ends[1], 1)];
  one.link.send(beatOf(0, 1));
  two.link.send(beatOf(1, 7));
  await until(() => one.heard.seqs.length === 1 && two.heard.seqs.length === 1, "one heartbeat each");
  assert.deepEqual([one.heard.seqs, two.heard.seqs], [[7], [1]]);
  await sleep(100);
  assert.deepEqual(one.link.counters, { sent: 1, failed: 0, heard: 1, refused: 0 });
  assert.deepEqual([one.heard.troubles, two.heard.troubles], [[], []]);
});

test("every byte value passes the tty unchanged", async (t) => {
  const { ends } = await layCable(t, 921_600);
  const got: Buffer[] = [];
  const device = ends[1];
  const two = serialLink({ device, baud: 921_600, events: { received: (bytes) => got.push(bytes) > 0, trouble: () => {} } });
  t.after(() => two.close());
  await two.start();
  const { link } = await linked(t, ends[0], 0, 921_600);
  const all = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
  link.send(all);
  await until(() => got.length === 1, "the packet");
  assert.deepEqual(got[0], all);
});

test("on a slow line heartbeats are thinned: what arrives is new, never a queue of old ones", async (t) => {
  const baud = 19_200;
  const { ends } = await layCable(t, baud);
  const [one, two] = [await linked(t, ends[0], 0, baud), await linked(t, ends[1], 1, baud)];
  const newest = beating(t, one.link, 0, 20);
  const ages: number[] = [];
  const before = two.heard.seqs.length;
  await until(() => {
    const heard = two.heard.seqs.at(-1);
    if (heard !== undefined) ages.push(newest() - heard);
    return two.heard.seqs.length >= before + 15;
  }, "15 heartbeats");
  assert.ok(rising(two.heard.seqs));
  const sent = newest();
  assert.ok(one.link.counters.sent <= (sent * 20) / lineTime(PACKET_SIZE, baud) + 2, `${one.link.counters.sent} of ${sent} handed to the line`);
  assert.equal(one.link.counters.failed, 0);
  // A tty's queue holds 25 packets, 100 numbers of ours; a heartbeat that waits and one on the line are 9. A busy machine may double that.
  const median = ages.sort((a, b) => a - b)[ages.length >> 1]!;
  assert.ok(median < 30, `half of the time, what was heard last was ${median} heartbeats old`);
});

test("noise, lost bytes and chatter cost packets, not the line", async (t) => {
  const cable = await layCable(t, 115_200, "noise=0.002 drop=0.002 chatter=40");
  const [one, two] = [await linked(t, cable.ends[0], 0), await linked(t, cable.ends[1], 1)];
  beating(t, one.link, 0, 20);
  beating(t, two.link, 1, 20);
  await until(() => one.heard.seqs.length >= 3 && two.heard.seqs.length >= 3, "heartbeats amid the noise");
  assert.ok(one.link.counters.refused > 0 && two.link.counters.refused > 0, "the noise was there");
  assert.ok(rising(one.heard.seqs) && rising(two.heard.seqs));
  cable.is("");
  const [was0, was1] = [one.heard.seqs.length, two.heard.seqs.length];
  await until(() => one.heard.seqs.length > was0 + 10 && two.heard.seqs.length > was1 + 10, "a clean line again");
});

test("a peer that does not read blocks nobody: counted, told once, and told when cured", async (t) => {
  const cable = await layCable(t, 921_600, "stuck");
  const { link, heard } = await linked(t, cable.ends[0], 0, 921_600);
  const two = await linked(t, cable.ends[1], 1, 921_600);
  beating(t, link, 0, 5);
  let ticks = 0;
  const clock = setInterval(() => { ticks += 1; }, 5);
  t.after(() => clearInterval(clock));
  await until(() => link.counters.failed >= 50, "packets that the full line does not take");
  assert.ok(ticks > 40, "the event loop went on");
  assert.equal(heard.troubles.length, 1);
  assert.match(heard.troubles[0]!, /^serial link: .*\/one does not take more: nobody reads at the other end, or the line is cut$/);
  cable.is("");
  await until(() => two.heard.seqs.length > 0 && heard.troubles.length === 2, "heard, and told that it works again");
  assert.equal(heard.troubles[1], null);
});

test("an unplugged cable is silence, not trouble; plugged in again it carries the newest heartbeat at once", async (t) => {
  const cable = await layCable(t, 115_200, "cut");
  const [one, two] = [await linked(t, cable.ends[0], 0), await linked(t, cable.ends[1], 1)];
  const newest = beating(t, one.link, 0, 20);
  await until(() => one.link.counters.sent >= 15, "heartbeats into the void");
  assert.deepEqual(two.heard.seqs, []);
  const missed = newest();
  cable.is("");
  await until(() => two.heard.seqs.length > 0, "a heartbeat");
  assert.ok(two.heard.seqs[0]! >= missed - 10, "no old ones");
  assert.deepEqual(one.heard.troubles, []);
});

test("an adapter that is pulled out is told once and tried each second; back again it is opened anew", async (t) => {
  const folder = mkdtempSync(`${tmpdir()}/clusterd-serial-test-`);
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const device = `${folder}/ttyUSB0`;
  const first = await layCable(t, 115_200);
  symlinkSync(readlinkSync(first.ends[0]), device);
  const { link, heard } = await linked(t, device, 0);
  link.send(beatOf(0, 1));
  await first.remove();
  rmSync(device);
  beating(t, link, 0, 20);
  await until(() => heard.troubles.length > 0 && link.counters.failed > 0, "the hang-up");
  await sleep(1300);
  assert.match(heard.troubles[0]!, /^serial link: .*ttyUSB0 (has hung up.*|cannot be written to \(EIO\)); trying again each second$/);
  assert.match(heard.troubles.at(-1)!, /ttyUSB0 is not there; trying again each second$/);
  assert.ok(heard.troubles.length <= 2, heard.troubles.join("\n"));

  const second = await layCable(t, 115_200);
  symlinkSync(readlinkSync(second.ends[0]), device);
  const two = await linked(t, second.ends[1], 1);
  await until(() => two.heard.seqs.length > 0 && heard.troubles.at(-1) === null, "heard again, and told");
});

test("what is no serial line is told, not used; no file stays open for it", async (t) => {
  const folder = mkdtempSync(`${tmpdir()}/clusterd-serial-test-`);
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(`${folder}/file`, "");
  spawnSync("mkfifo", [`${folder}/pipe`]);
  for (const [device, why] of [[`${folder}/none`, /is not there/], ["/dev/null", /is no serial line: stty .*Inappropriate ioctl/], [`${folder}/file`, /is no serial line/], [`${folder}/pipe`, /is no serial line/], [folder, /cannot be opened \(EISDIR\)/]] as const) {
    const { link, heard } = await linked(t, device, 0);
    link.send(beatOf(0, 1));
    assert.equal(heard.troubles.length, 1, device);
    assert.match(heard.troubles[0]!, why);
    assert.deepEqual(link.counters, { sent: 0, failed: 1, heard: 0, refused: 0 });
    await link.close();
  }
  assert.equal(openBelow(folder), 0);
});

test("opened and closed often, no file stays open", async (t) => {
  const { ends } = await layCable(t, 115_200);
  for (let time = 0; time < 5; time += 1) {
    const { link } = await linked(t, ends[0], 0);
    assert.ok(openBelow(readlinkSync(ends[0])) > 0);
    await link.close();
  }
  assert.equal(openBelow(readlinkSync(ends[0])), 0);
});

test("nothing is thrown, sent or heard after close, and close may come first", async (t) => {
  const { ends } = await layCable(t, 115_200);
  const heard = listener(0);
  const link = serialLink({ device: ends[0], baud: 115_200, events: heard });
  link.send(beatOf(0, 1));
  const starting = link.start();
  await link.close();
  await starting;
  await link.start();
  link.send(beatOf(0, 2));
  await link.close();
  assert.deepEqual(link.counters, { sent: 0, failed: 2, heard: 0, refused: 0 });
  assert.deepEqual(heard.troubles, []);
});

const openBelow = (path: string): number => readdirSync("/proc/self/fd").filter((file) => {
  try {
    return readlinkSync(`/proc/self/fd/${file}`).startsWith(path);
  } catch {
    return false;
  }
}).length;

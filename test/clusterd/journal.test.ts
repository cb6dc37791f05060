// The journal survives what a power cut, a bad disk or a hand can do to one of its slots, and says so when it cannot.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { IdentityRecord, JournalRecord } from "../../clusterd/core/model.ts";
import { decodeJournal, encodeSlot, Journal, journalObstacle, readJournal } from "../../clusterd/journal.ts";

const SLOT = 8192;
const identity = (epoch: number): IdentityRecord =>
  ({ epoch, owner: 0, offered: 0, stale: false, standing: false, promised: false, locked: false, lineage: [{ epoch, owner: 0 }] });
const record = (epoch: number): JournalRecord => ({ format: 1, cluster: "sample", node: 0, identities: [identity(epoch), identity(epoch + 1)] });
const file = (first: Buffer, second: Buffer): Buffer => Buffer.concat([first, second]);
const epochOf = (bytes: Buffer): number | string => {
  const read = decodeJournal(bytes);
  return read.ok ? read.record.identities[0].epoch : read.reason;
};

test("the newer of two sound slots counts", () => {
  assert.equal(epochOf(file(encodeSlot(record(4), 1), encodeSlot(record(6), 2))), 6);
  assert.equal(epochOf(file(encodeSlot(record(6), 2), encodeSlot(record(4), 1))), 6);
});

test("a write torn at any byte leaves the slot before it, and is noticed", () => {
  const before = encodeSlot(record(4), 1);
  const old = encodeSlot(record(2), 0);
  const next = encodeSlot(record(6), 2);
  for (let cut = 0; cut < SLOT; cut += 1) {
    const torn = Buffer.concat([next.subarray(0, cut), old.subarray(cut)]);
    const whole = torn.equals(next);
    assert.equal(epochOf(file(torn, before)), whole ? 6 : 4, `cut at byte ${cut}`);
  }
});

test("any flipped bit of the newer slot makes the older one count, never a third content", () => {
  const before = encodeSlot(record(4), 1);
  for (let bit = 0; bit < 400 * 8; bit += 1) {
    const flipped = encodeSlot(record(6), 2);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.ok([4, 6].includes(epochOf(file(flipped, before)) as number), `bit ${bit}`);
  }
});

test("both slots damaged is not fresh: the node knows that it does not know", () => {
  const read = decodeJournal(Buffer.alloc(2 * SLOT, 0xff));
  assert.deepEqual(read, { ok: false, missing: false, reason: "neither slot of the journal is readable" });
});

test("equal counters with different content contradict each other", () => {
  assert.match(String(epochOf(file(encodeSlot(record(4), 3), encodeSlot(record(6), 3)))), /contradict/);
});

test("writes are on disk in their order, and the next daemon goes on counting", async () => {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-journal-"));
  const path = join(folder, "journal");
  try {
    assert.deepEqual(readJournal(path), { ok: false, missing: true, reason: `there is no journal at ${path}` });
    const journal = await Journal.open(path);
    await Promise.all([2, 4, 6, 8].map((epoch) => journal.write(record(epoch))));
    await journal.close();
    assert.equal(epochOf(readFileSync(path)), 8);
    const again = await Journal.open(path);
    await again.write(record(10));
    await again.close();
    const read = readJournal(path);
    assert.deepEqual(read.ok && [read.counter, read.record.identities[0].epoch, read.damagedSlots], [5, 10, 0]);
    writeFileSync(path, Buffer.concat([Buffer.alloc(SLOT, 1), readFileSync(path).subarray(SLOT)]));
    const damaged = readJournal(path);
    assert.ok(damaged.ok && damaged.damagedSlots === 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a journal that was allocated and never written is that of a new node", async () => {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-journal-"));
  try {
    await (await Journal.open(join(folder, "journal"))).close();
    const read = readJournal(join(folder, "journal"));
    assert.ok(!read.ok && read.missing);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a slot that was zeroed later counts as damaged, one that was never written does not", () => {
  const damagedIn = (bytes: Buffer): number | string => { const read = decodeJournal(bytes); return read.ok ? read.damagedSlots : read.reason; };
  assert.equal(damagedIn(file(Buffer.alloc(SLOT), encodeSlot(record(4), 1))), 0);
  assert.equal(damagedIn(file(Buffer.alloc(SLOT), encodeSlot(record(6), 3))), 1);
});

test("a sound checksum round a record of another shape is no record (it ended the daemon's start)", () => {
  for (const other of [null, [], { format: 1 }, { ...record(6), identities: [] }, { ...record(6), identities: [identity(6), { ...identity(7), epoch: "7" }] }])
    assert.equal(epochOf(file(encodeSlot(other as never, 2), encodeSlot(record(4), 1))), 4, JSON.stringify(other));
});

const inFolder = async (work: (path: string) => unknown): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-journal-"));
  try {
    await work(join(folder, "journal"));
  } finally {
    rmSync(folder, { recursive: true });
  }
};

test("a damaged slot is written anew when the journal is opened: there are two again, and nothing has changed", () => inFolder(async (path) => {
  for (const sound of [encodeSlot(record(6), 7), encodeSlot(record(6), 8)]) {
    const place = Number(sound.readBigUInt64BE(8)) % 2;
    writeFileSync(path, place === 0 ? file(sound, Buffer.alloc(SLOT, 1)) : file(Buffer.alloc(SLOT, 1), sound), { mode: 0o600 });
    await (await Journal.open(path)).close();
    const read = readJournal(path);
    assert.deepEqual(read.ok && [read.record, read.damagedSlots], [record(6), 0]);
    const [first, second] = [readFileSync(path).subarray(0, SLOT), readFileSync(path).subarray(SLOT)];
    assert.deepEqual([epochOf(file(first, Buffer.alloc(SLOT, 1))), epochOf(file(Buffer.alloc(SLOT, 1), second))], [6, 6], "each alone");
  }
}));

test("a journal of another cluster, of the other node or of a later clusterd is refused, with what to do", () => {
  const refusal = (bytes: Buffer, cluster = "sample", node: 0 | 1 = 0): string | null => journalObstacle(decodeJournal(bytes), "/j", { cluster, node });
  const own = file(encodeSlot(record(6), 2), encodeSlot(record(4), 1));
  assert.equal(refusal(own), null);
  assert.match(refusal(own, "other") ?? "", /belongs to the cluster "sample", and this one is "other"\..* move it away/);
  assert.match(refusal(own, "sample", 1) ?? "", /belongs to the other node.* copied disk .*Put this node's own file back/);
  // The slot from before the upgrade is sound, and older than what the later clusterd decided.
  const later = encodeSlot({ ...record(6), format: 2 } as never, 2);
  assert.match(refusal(file(later, encodeSlot(record(4), 1))) ?? "", /later clusterd.* Install that clusterd again/);
  assert.match(refusal(file(encodeSlot(record(4), 1), later)) ?? "", /later clusterd/);
  assert.equal(refusal(Buffer.alloc(2 * SLOT, 0xff)), null, "what is damaged may start, and knows that it does not know");
});

test("a folder, a link, a pipe or a file that others can change in its place is refused by what it is, and is never a new node's", () => inFolder(async (path) => {
  const good = `${path}-good`;
  await (await Journal.open(good)).close();
  const placed: readonly (readonly [string, () => void, RegExp])[] = [
    ["folder", () => mkdirSync(path), /is a folder: move it away/],
    ["link", () => symlinkSync(good, path), /is a symbolic link: put the file itself there/],
    ["pipe", () => execFileSync("mkfifo", [path]), /is no file: move it away/],
    ["writable", () => { writeFileSync(path, readFileSync(good)); chmodSync(path, 0o620); }, /can be written by others/],
    ...(process.geteuid?.() === 0 ? [["another's", () => { writeFileSync(path, readFileSync(good)); chownSync(path, 65534, 0); }, /belongs to user 65534/] as const] : []),
  ];
  for (const [what, place, sentence] of placed) {
    place();
    await assert.rejects(Journal.open(path), ({ message }: Error) => message.includes(path) && sentence.test(message), what);
    rmSync(path, { recursive: true });
  }
}));

test("counters far beyond 2^32 go on in their order; what is no safe number is not taken for one", () => inFolder(async (path) => {
  for (const counter of [2 ** 31 - 1, 2 ** 32 - 1, 2 ** 53 - 4]) {
    writeFileSync(path, counter % 2 === 0 ? file(encodeSlot(record(6), counter), encodeSlot(record(4), counter - 1)) : file(encodeSlot(record(4), counter - 1), encodeSlot(record(6), counter)), { mode: 0o600 });
    const journal = await Journal.open(path);
    await journal.write(record(8));
    await journal.write(record(10));
    await journal.close();
    const read = readJournal(path);
    assert.deepEqual(read.ok && [read.counter, read.record.identities[0].epoch], [counter + 2, 10]);
  }
  assert.equal(epochOf(file(encodeSlot(record(6), 2 ** 53), encodeSlot(record(4), 1))), 4);
}));

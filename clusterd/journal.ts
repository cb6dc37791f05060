// The few facts that survive a restart, in two checksummed slots: a node's, and the witness's.
//
// One file of two 8 KiB slots, allocated once, so that a write can neither be torn into both nor meet a full disk.
// Writes alternate between the slots and are on disk (O_DSYNC, open(2)) before write() resolves. Reading takes the
// sound slot with the higher counter. Both slots bad, or equal counters with different content, is not "fresh": the node
// then knows that it does not know.
//
// Not here: what the facts mean (core/).

import { constants, readFileSync } from "node:fs";
import { mkdir, open, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import type { IdentityRecord, JournalRecord } from "./core/model.ts";

const SLOT = 8192;
const HEADER = 24;
const MAGIC = 0x636c_6a31; // "clj1"

type Format1 = { readonly format: 1 };
/** The shape of whoever keeps the journal; default: a node. */
type IsOurs = (record: unknown) => record is Format1;

export type JournalRead<R extends Format1 = JournalRecord> =
  | { readonly ok: true; readonly record: R; readonly counter: number; readonly damagedSlots: number }
  /** `missing`: there is no file, the node is new. Otherwise the file is there and cannot be trusted. */
  | { readonly ok: false; readonly missing: boolean; readonly reason: string };

/** Magic, CRC-32 of all that follows it, counter, length, then the record as JSON. */
export function encodeSlot(record: Format1, counter: number): Buffer {
  const text = Buffer.from(JSON.stringify(record), "utf8");
  if (text.length > SLOT - HEADER) throw new Error(`journal record of ${text.length} bytes does not fit its slot`);
  const slot = Buffer.alloc(SLOT);
  slot.writeUInt32BE(MAGIC, 0);
  slot.writeBigUInt64BE(BigInt(counter), 8);
  slot.writeUInt32BE(text.length, 16);
  text.copy(slot, HEADER);
  slot.writeUInt32BE(crc32(slot.subarray(8)), 4);
  return slot;
}

/** Was it written by a node's daemon? A sound checksum says only that it arrived as it was sent. */
function isNodeRecord(value: unknown): value is JournalRecord {
  const { format, cluster, node, identities } = (value ?? {}) as Partial<Record<keyof JournalRecord, unknown>>;
  return format === 1 && typeof cluster === "string" && isNode(node) && Array.isArray(identities) && identities.length === 2 && identities.every(isIdentity);
}

function isIdentity(value: unknown): boolean {
  const { epoch, owner, offered, stale, standing, promised, locked, lineage } = (value ?? {}) as Partial<Record<keyof IdentityRecord, unknown>>;
  return isEpoch(epoch) && (owner === null || isNode(owner)) && isEpoch(offered) && [stale, standing, promised, locked].every((flag) => typeof flag === "boolean") &&
    Array.isArray(lineage) && lineage.every((change) => isEpoch(change?.epoch) && isNode(change?.owner));
}

const isNode = (value: unknown): boolean => value === 0 || value === 1;
const isEpoch = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

type Slot = { readonly counter: number; readonly record: Format1; readonly text: string } | "empty" | "bad";

function decodeSlot(slot: Buffer, isOurs: IsOurs): Slot {
  if (slot.length < SLOT) return "bad";
  if (slot.every((byte) => byte === 0)) return "empty";
  const length = slot.readUInt32BE(16);
  if (slot.readUInt32BE(0) !== MAGIC || length > SLOT - HEADER || slot.readUInt32BE(4) !== crc32(slot.subarray(8))) return "bad";
  const text = slot.toString("utf8", HEADER, HEADER + length);
  try {
    const record: unknown = JSON.parse(text);
    const counter = Number(slot.readBigUInt64BE(8));
    return isOurs(record) && Number.isSafeInteger(counter) ? { counter, record, text } : "bad";
  } catch {
    return "bad";
  }
}

/** Judges the whole file; pure. */
export function decodeJournal<R extends Format1 = JournalRecord>(bytes: Buffer, isOurs: IsOurs = isNodeRecord): JournalRead<R> {
  const slots = [decodeSlot(bytes.subarray(0, SLOT), isOurs), decodeSlot(bytes.subarray(SLOT, 2 * SLOT), isOurs)];
  const sound = slots.filter((slot) => typeof slot === "object").sort((a, b) => b.counter - a.counter);
  if (slots.every((slot) => slot === "empty")) return { ok: false, missing: true, reason: "the journal has never been written" };
  const [newest, other] = sound;
  // After its second write a journal has no empty slot any more: one that holds only zeros has lost what it held.
  const damagedSlots = slots.filter((slot) => slot === "bad" || (slot === "empty" && newest !== undefined && newest.counter > 1)).length;
  if (newest === undefined) return { ok: false, missing: false, reason: "neither slot of the journal is readable" };
  if (other !== undefined && other.counter === newest.counter && other.text !== newest.text)
    return { ok: false, missing: false, reason: "the two slots of the journal contradict each other" };
  return { ok: true, record: newest.record as R, counter: newest.counter, damagedSlots };
}

/** Reads the journal without opening it for writing: for the daemon's start, and for the mirror's receiving side. */
export function readJournal<R extends Format1 = JournalRecord>(path: string, isOurs: IsOurs = isNodeRecord): JournalRead<R> {
  try {
    return decodeJournal<R>(readFileSync(path), isOurs);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return { ok: false, missing, reason: missing ? `there is no journal at ${path}` : `journal ${path}: ${(error as Error).message}` };
  }
}

/** The daemon's own handle. Writes run one after another; a failed write is never retried as if it had succeeded. */
export class Journal<R extends Format1 = JournalRecord> {
  #file: FileHandle;
  #counter: number;
  #last: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle, counter: number) {
    this.#file = file;
    this.#counter = counter;
  }

  /** Creates the file with both slots allocated if it is not there. */
  static async open<R extends Format1 = JournalRecord>(path: string, isOurs: IsOurs = isNodeRecord): Promise<Journal<R>> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const before = readJournal(path, isOurs);
    const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_DSYNC | constants.O_NOFOLLOW, 0o600);
    if ((await file.stat()).size < 2 * SLOT) await file.write(Buffer.alloc(2 * SLOT), 0, 2 * SLOT, 0);
    const directory = await open(dirname(path), constants.O_RDONLY);
    await directory.sync();
    await directory.close();
    return new Journal<R>(file, before.ok ? before.counter : 0);
  }

  /** On disk when it resolves; rejects with the system's error. */
  write(record: R): Promise<void> {
    const next = this.#last.then(async () => {
      const slot = encodeSlot(record, this.#counter + 1);
      const { bytesWritten } = await this.#file.write(slot, 0, SLOT, ((this.#counter + 1) % 2) * SLOT);
      if (bytesWritten !== SLOT) throw new Error(`only ${bytesWritten} of ${SLOT} bytes were written`);
      this.#counter += 1;
    });
    this.#last = next.catch(() => undefined);
    return next;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#file.close();
  }
}

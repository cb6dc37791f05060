// The few facts that survive a restart, in two checksummed slots: a node's, and the witness's.
//
// One file of two 8 KiB slots, allocated once, so that a write can neither be torn into both nor meet a full disk.
// Writes alternate between the slots and are on disk (O_DSYNC, open(2)) before write() resolves. Reading takes the
// sound slot with the higher counter. Both slots bad, or equal counters with different content, is not "fresh": the node
// then knows that it does not know. A slot found damaged is written anew at once, so that there are two again.
//
// Not here: what the facts mean (core/).

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { mkdir, open, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import type { IdentityRecord, Index, JournalRecord } from "./core/model.ts";

const SLOT = 8192;
const HEADER = 24;
const MAGIC = 0x636c_6a31; // "clj1"

type Format1 = { readonly format: 1 };
/** The shape of whoever keeps the journal; default: a node. */
type IsOurs = (record: unknown) => record is Format1;

export type JournalRead<R extends Format1 = JournalRecord> =
  | { readonly ok: true; readonly record: R; readonly counter: number; readonly damagedSlots: number }
  /** `missing`: there is no file, the node is new. `later`: sound, and of a later clusterd. Otherwise the file is there and cannot be trusted. */
  | { readonly ok: false; readonly missing: boolean; readonly later?: true; readonly reason: string };

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

const isLater = (value: unknown): boolean => { const format = (value as { format?: unknown } | null)?.format; return Number.isSafeInteger(format) && (format as number) > 1; };

type Slot = { readonly counter: number; readonly record: Format1; readonly text: string } | "empty" | "bad" | "later";

function decodeSlot(slot: Buffer, isOurs: IsOurs): Slot {
  if (slot.length < SLOT) return "bad";
  if (slot.every((byte) => byte === 0)) return "empty";
  const length = slot.readUInt32BE(16);
  if (slot.readUInt32BE(0) !== MAGIC || length > SLOT - HEADER || slot.readUInt32BE(4) !== crc32(slot.subarray(8))) return "bad";
  const text = slot.toString("utf8", HEADER, HEADER + length);
  try {
    const record: unknown = JSON.parse(text);
    const counter = Number(slot.readBigUInt64BE(8));
    if (isLater(record)) return "later";
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
  // Whatever the other slot says: it is the older one, from before the upgrade.
  if (slots.includes("later")) return { ok: false, missing: false, later: true, reason: "the journal was written by a later clusterd, in a format that this one does not know" };
  if (newest === undefined) return { ok: false, missing: false, reason: "neither slot of the journal is readable" };
  if (other !== undefined && other.counter === newest.counter && other.text !== newest.text)
    return { ok: false, missing: false, reason: "the two slots of the journal contradict each other" };
  return { ok: true, record: newest.record as R, counter: newest.counter, damagedSlots };
}

/** Why a daemon must not start with what it found, and what to do; null = it may. Pure. */
export function journalObstacle(read: JournalRead, path: string, own: { readonly cluster: string; readonly node: Index }): string | null {
  if (!read.ok) return read.later === true ? `${path}: ${read.reason}. Install that clusterd again; to stay with this one, move the file away: the node then starts as a new one, and waits to hear the other` : null;
  const { cluster, node } = read.record;
  if (cluster !== own.cluster) return `${path} belongs to the cluster "${cluster}", and this one is "${own.cluster}". If the cluster was renamed, move it away on both nodes; if the disk is another machine's, put this node's own file back`;
  if (node !== own.node) return `${path} belongs to the other node of "${cluster}": a copied disk or folder? Put this node's own file back, or move this one away: the node then starts as a new one, and waits to hear the other`;
  return null;
}

/** Reads the journal without opening it for writing: for the daemon's start, and for the mirror's receiving side. */
export function readJournal<R extends Format1 = JournalRecord>(path: string, isOurs: IsOurs = isNodeRecord): JournalRead<R> {
  try {
    return decodeJournal<R>(readOwn(path), isOurs);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return { ok: false, missing, reason: missing ? `there is no journal at ${path}` : `journal ${path}: ${(error as Error).message}` };
  }
}

/** A pipe in its place must not hang the reader, nor a link lead elsewhere. */
function readOwn(path: string): Buffer {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) throw new Error("is no file");
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** Nothing but a file of our own that nobody else can write is a memory. */
async function openOwn(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_DSYNC | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new Error(error.code === "ELOOP" ? `${path} is a symbolic link: put the file itself there` : error.code === "EISDIR" ? `${path} is a folder: move it away` : `${path} cannot be opened: ${error.message}`);
  });
  const found = await file.stat();
  const wrong = !found.isFile() ? "is no file: move it away"
    : found.uid !== process.geteuid?.() ? `belongs to user ${found.uid}, who could change what this node remembers: chown it if you trust what is in it, or move it away`
    : (found.mode & 0o022) !== 0 ? "can be written by others, who could change what this node remembers: chmod 600 it if you trust what is in it, or move it away" : null;
  if (wrong === null) return file;
  await file.close();
  throw new Error(`${path} ${wrong}`);
}

/** The daemon's own handle. Writes run one after another; a failed write is never retried as if it had succeeded. */
export class Journal<R extends Format1 = JournalRecord> {
  #file: FileHandle;
  #counter: number;
  /** The write under way, and those that wait for it; null: none. */
  #last: Promise<void> | null = null;

  private constructor(file: FileHandle, counter: number) {
    this.#file = file;
    this.#counter = counter;
  }

  /** Creates the file with both slots allocated if it is not there, and writes a damaged slot anew. Throws an error that says what is in the way. */
  static async open<R extends Format1 = JournalRecord>(path: string, isOurs: IsOurs = isNodeRecord): Promise<Journal<R>> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const before = readJournal<R>(path, isOurs);
    const file = await openOwn(path);
    if ((await file.stat()).size < 2 * SLOT) await file.write(Buffer.alloc(2 * SLOT), 0, 2 * SLOT, 0);
    const directory = await open(dirname(path), constants.O_RDONLY);
    await directory.sync();
    await directory.close();
    const journal = new Journal<R>(file, before.ok ? before.counter : 0);
    if (before.ok && before.damagedSlots > 0) await journal.write(before.record);
    return journal;
  }

  /** On disk when it resolves; rejects with the system's error. Begins before it returns, unless another is under way: the rest of
   *  the caller's turn is not waited for. */
  write(record: R): Promise<void> {
    const next = this.#last === null ? this.#put(record) : this.#last.then(() => this.#put(record));
    const last = next.catch(() => undefined).then(() => { if (this.#last === last) this.#last = null; });
    this.#last = last;
    return next;
  }

  async #put(record: R): Promise<void> {
    const slot = encodeSlot(record, this.#counter + 1);
    const { bytesWritten } = await this.#file.write(slot, 0, SLOT, ((this.#counter + 1) % 2) * SLOT);
    if (bytesWritten !== SLOT) throw new Error(`only ${bytesWritten} of ${SLOT} bytes were written`);
    this.#counter += 1;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#file.close();
  }
}

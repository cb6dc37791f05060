// Throws damaged, forged and random packets at the decoder for a while, and says what became of them.
//
//   run-node test/clusterd/heartbeat/fuzz.ts [SECONDS] [SEED]      default 20 s; exit code 1 when a rule was broken
//
// Rules: decoding never throws; without the key nothing is ever accepted but the untouched packet; with the key, what is
// accepted is encoded by our own program to the very same bytes.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import type { LinkName } from "../../../clusterd/core/model.ts";
import { deriveKeys } from "../../../clusterd/heartbeat/key.ts";
import { decodeHeartbeat, encodeHeartbeat, PACKET_SIZE } from "../../../clusterd/heartbeat/packet.ts";
import { heartbeats } from "./beats.ts";

const seconds = Number(process.argv[2] ?? 20);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
const keys = deriveKeys(Buffer.alloc(32, 3), "fuzz");
const fates = new Map<string, number>();
const links = fc.constantFrom<LinkName>("private", "lan", "serial");
const edits = fc.array(fc.tuple(fc.nat(PACKET_SIZE - 1), fc.nat(255)), { minLength: 1, maxLength: 12 });

const forgery = fc.property(heartbeats, links, links, edits, fc.boolean(), fc.integer({ min: -40, max: 40 }), (beat, sentOn, heardOn, changes, signed, resize) => {
  const original = encodeHeartbeat(beat, sentOn, keys);
  const bytes = Buffer.alloc(Math.max(0, original.length + (signed ? 0 : resize)));
  original.copy(bytes);
  for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
  if (signed) bytes.set(createHmac("sha256", keys[heardOn][beat.sender]).update(bytes.subarray(0, -32)).digest(), bytes.length - 32);
  judge(bytes, heardOn, beat.sender === 0 ? 1 : 0, signed ? null : sentOn === heardOn ? original : Buffer.alloc(0));
});

const anything = fc.oneof(fc.uint8Array({ maxLength: 600 }), fc.uint8Array({ minLength: PACKET_SIZE, maxLength: PACKET_SIZE }).map((bytes) => { bytes[0] = 0xc1; return bytes; }));
const noise = fc.property(anything, links, (bytes, link) => judge(Buffer.from(bytes), link, 0, Buffer.alloc(0)));

/** `only`: the bytes that may be accepted; null = all that encode to themselves. */
function judge(bytes: Buffer, link: LinkName, self: 0 | 1, only: Buffer | null): void {
  const decoded = decodeHeartbeat(bytes, link, keys, { self });
  const fate = decoded.ok ? "accepted" : decoded.reason;
  fates.set(fate, (fates.get(fate) ?? 0) + 1);
  if (decoded.ok) assert.deepEqual(bytes, only ?? encodeHeartbeat(decoded.beat, link, keys));
}

console.log(`${seconds} s, seed ${seed}`);
const share = { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: seconds * 500, seed, endOnFailure: true };
fc.assert(forgery, share);
fc.assert(noise, share);
for (const [fate, count] of [...fates].sort()) console.log(`${fate.padEnd(16)}${count}`);

// Who made these bytes? The last 32 are an HMAC-SHA256 over all before them.
//
// Checked before anything else of a packet is looked at: what has no seal of ours is never parsed.
//
// The HMAC is put together from two one-shot hashes (RFC 2104, section 2): for packets this short Node's createHmac costs a
// third more, most of it for an object that lives once, and seals are the dearest part of a heartbeat.

import { hash, timingSafeEqual, type KeyObject } from "node:crypto";

/** Bytes of a seal. */
export const TAG = 32;
/** Of a block of SHA-256. A longer key would have to be hashed first; ours have 32 bytes. */
const BLOCK = 64;

export function sealed(body: Buffer, key: KeyObject): Buffer {
  const packet = Buffer.allocUnsafe(body.length + TAG);
  packet.set(body);
  packet.set(tagOf(body, key), body.length);
  return packet;
}

/** Never throws, whatever the bytes are. */
export const isSealedWith = (key: KeyObject, bytes: Buffer): boolean =>
  bytes.length > TAG && timingSafeEqual(tagOf(bytes.subarray(0, bytes.length - TAG), key), bytes.subarray(bytes.length - TAG));

function tagOf(body: Buffer, key: KeyObject): Buffer {
  const { inner, outer } = padsOf(key);
  const text = Buffer.allocUnsafe(BLOCK + body.length);
  text.set(inner);
  text.set(body, BLOCK);
  outer.set(hash("sha256", text, "buffer"), BLOCK);
  return hash("sha256", outer, "buffer");
}

interface Pads { readonly inner: Buffer; /** With room for the inner hash behind it. */ readonly outer: Buffer }
const pads = new WeakMap<KeyObject, Pads>();

function padsOf(key: KeyObject): Pads {
  const known = pads.get(key);
  if (known !== undefined) return known;
  const secret = key.export();
  if (secret.length > BLOCK) throw new RangeError(`a key of ${secret.length} bytes: at most ${BLOCK} are used as they are`);
  const padded = (byte: number, size: number): Buffer => {
    const pad = Buffer.alloc(size);
    for (let at = 0; at < BLOCK; at += 1) pad[at] = (secret[at] ?? 0) ^ byte;
    return pad;
  };
  const made = { inner: padded(0x36, BLOCK), outer: padded(0x5c, BLOCK + TAG) };
  pads.set(key, made);
  return made;
}

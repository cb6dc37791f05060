// Who made these bytes? The last 32 are an HMAC-SHA256 over all before them.
//
// Checked before anything else of a packet is looked at: what has no seal of ours is never parsed.

import { createHmac, timingSafeEqual, type KeyObject } from "node:crypto";

/** Bytes of a seal. */
export const TAG = 32;

export const sealed = (body: Buffer, key: KeyObject): Buffer => Buffer.concat([body, tagOf(body, key)]);

/** Never throws, whatever the bytes are. */
export const isSealedWith = (key: KeyObject, bytes: Buffer): boolean =>
  bytes.length > TAG && timingSafeEqual(tagOf(bytes.subarray(0, bytes.length - TAG), key), bytes.subarray(bytes.length - TAG));

const tagOf = (body: Buffer, key: KeyObject): Buffer => createHmac("sha256", key).update(body).digest();

import assert from "node:assert/strict";
import { createHmac, hash, randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { ROLES, type Index, type LinkName } from "../../../clusterd/core/model.ts";
import { deriveKeys } from "../../../clusterd/heartbeat/key.ts";
import { claimsOnTheWire, createDecoder, decodeHeartbeat, encodeForLinks, encodeHeartbeat, PACKET_SIZE, PROTOCOL_VERSION } from "../../../clusterd/heartbeat/packet.ts";
import { heartbeat, heartbeats, identityBeat } from "./beats.ts";

const secret = Buffer.alloc(32, 7);
const keys = deriveKeys(secret, "sample");
const LINKS: readonly LinkName[] = ["private", "lan", "serial"];

const packet = (): Buffer => encodeHeartbeat(heartbeat(), "lan", keys);
const reasonFor = (bytes: Buffer, link: LinkName = "lan", withKeys = keys, self: Index = 1): string => {
  const decoded = decodeHeartbeat(bytes, link, withKeys, { self });
  return decoded.ok ? "ok" : decoded.reason;
};
/** The packet with some bytes changed by somebody who has the key. */
const signedAgain = (bytes: Buffer, link: LinkName = "lan", sender: Index = 0): Buffer => {
  const body = bytes.subarray(0, bytes.length - 32);
  return Buffer.concat([body, createHmac("sha256", keys[link][sender]).update(body).digest()]);
};

test("every heartbeat arrives as it was sent, on every link and in both directions", () => {
  fc.assert(fc.property(heartbeats, fc.constantFrom(...LINKS), (beat, link) => {
    const bytes = encodeHeartbeat(beat, link, keys);
    assert.equal(bytes.length, PACKET_SIZE);
    assert.deepEqual(decodeHeartbeat(bytes, link, keys, { self: beat.sender === 0 ? 1 : 0 }), { ok: true, beat });
  }), { numRuns: 500 });
});

test("a packet is small enough for one frame and one serial second", () => {
  assert.ok(PACKET_SIZE <= 512, `${PACKET_SIZE} bytes`);
});

test("refuses every length from 0 to 1500 but the right one", () => {
  const valid = packet();
  for (let length = 0; length <= 1500; length += 1) {
    if (length === valid.length) continue;
    const bytes = Buffer.alloc(length);
    valid.copy(bytes);
    assert.equal(reasonFor(bytes), "size", `${length} bytes`);
  }
  assert.equal(reasonFor(valid), "ok");
});

test("refuses a packet with any single bit flipped", () => {
  const valid = packet();
  for (let bit = 0; bit < valid.length * 8; bit += 1) {
    const bytes = Buffer.from(valid);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    const expected = bit >= 4 && bit < 8 ? "magic" : "authentication";
    assert.equal(reasonFor(bytes), expected, `bit ${bit}`);
  }
});

test("refuses a packet that is reflected to its sender", () => assert.equal(reasonFor(packet(), "lan", keys, 0), "authentication"));
test("refuses a packet of another link", () => {
  assert.equal(reasonFor(packet(), "private"), "authentication");
  assert.equal(reasonFor(packet(), "serial"), "authentication");
});
test("refuses a packet of another cluster with the same secret", () =>
  assert.equal(reasonFor(packet(), "lan", deriveKeys(secret, "other")), "authentication"));
test("refuses a packet made with another secret", () =>
  assert.equal(reasonFor(packet(), "lan", deriveKeys(Buffer.alloc(32, 8), "sample")), "authentication"));

test("says that an authentic packet is of another version, whatever its size", () => {
  for (const size of [60, PACKET_SIZE, 512]) {
    const bytes = Buffer.alloc(size);
    bytes[0] = 0xc0 | PROTOCOL_VERSION - 1;
    assert.equal(reasonFor(signedAgain(bytes)), "version", `${size} bytes`);
    assert.equal(reasonFor(bytes), "authentication", "but believes nothing without the key");
  }
});

/** Of each version, what its layout makes of some heartbeats in which every field and flag is used. */
const LAYOUTS: Readonly<Record<number, string>> = { 2: "0000916d44236680" };

test("the layout of this version is what it was: whoever changes it gives it a new number, or the two nodes of an upgrade would misread each other", () => {
  const flags = ["stale", "locked", "promised", "standing", "inSync", "held", "moved", "offers"] as const;
  const none = Object.fromEntries(flags.map((flag) => [flag, false]));
  const beats = [
    ...ROLES.map((role) => heartbeat({ identities: [identityBeat({ role }), identityBeat({ owner: null })] })),
    ...flags.map((flag) => heartbeat({ identities: [identityBeat({ ...none, [flag]: true }), identityBeat(none)] })),
    ...(["leaving", "maintenance", "mainCarrier", "redundantCarrier"] as const).map((flag) => heartbeat({ leaving: false, maintenance: false, mainCarrier: false, redundantCarrier: false, [flag]: true })),
    heartbeat({ echo: null, hello: { boot: "0f".repeat(16), seq: 2 ** 40 }, references: 255, sender: 0 }),
  ];
  const written = beats.map((beat) => encodeHeartbeat(beat, "lan", keys).subarray(2, -32).toString("hex")).join("\n");
  assert.equal(hash("sha256", written).slice(0, 16), LAYOUTS[PROTOCOL_VERSION]);
});

test("refuses a packet whose sender is not the one of its key", () => {
  const bytes = packet();
  bytes[2] = 1;
  assert.equal(reasonFor(signedAgain(bytes)), "sender");
});

test("shows claims to a sniffer without a key, and refuses claim bits that contradict the roles", () => {
  const claiming = encodeHeartbeat(heartbeat({ identities: [identityBeat(), identityBeat({ role: "claiming" })] }), "lan", keys);
  assert.deepEqual(claimsOnTheWire(claiming), [false, true]);
  const acquiring = encodeHeartbeat(heartbeat({ identities: [identityBeat({ role: "acquiring" }), identityBeat()] }), "lan", keys);
  assert.deepEqual(claimsOnTheWire(acquiring), [true, false]);
  assert.deepEqual(claimsOnTheWire(packet()), [false, false]);
  assert.equal(claimsOnTheWire(randomBytes(20)), null);
  for (const bits of [0, 1, 3, 6, 0x82]) {
    claiming[1] = bits;
    assert.equal(reasonFor(signedAgain(claiming)), "malformed", `claims ${bits}`);
  }
});

test("refuses a second way to write the same thing", () => {
  const base = encodeHeartbeat(heartbeat({ echo: null }), "lan", keys);
  const echoAt = 2 + 1 + 16 + 6 + 8;
  const changes: readonly [string, (bytes: Buffer) => void][] = [
    ["an absent echo with leftover bytes", (bytes) => { bytes[echoAt + 5] = 1; }],
    ["a presence byte that is neither 0 nor 1", (bytes) => { bytes[echoAt] = 2; }],
    ["a sender 2", (bytes) => { bytes[2] = 2; }],
    ["a role that does not exist", (bytes) => { bytes[PACKET_SIZE - 32 - 1 - 2 * 17] = ROLES.length; }],
    ["an unknown flag of the heartbeat", (bytes) => { bytes[PACKET_SIZE - 33] = 16; }],
    ["a negative zero as time", (bytes) => { bytes.writeDoubleBE(-0, 25); }],
    ["not a number as time", (bytes) => { bytes.writeDoubleBE(Number.NaN, 25); }],
    ["an endless time", (bytes) => { bytes.writeDoubleBE(Infinity, 25); }],
  ];
  for (const [what, change] of changes) {
    const bytes = Buffer.from(base);
    change(bytes);
    assert.equal(reasonFor(signedAgain(bytes)), "malformed", what);
  }
});

test("a random body with a valid HMAC never throws, and what is accepted has only that encoding", () => {
  const body = fc.uint8Array({ minLength: PACKET_SIZE, maxLength: PACKET_SIZE });
  const mutation = fc.tuple(heartbeats, fc.array(fc.tuple(fc.nat(PACKET_SIZE - 1), fc.nat(255)), { maxLength: 4 })).map(([beat, edits]) => {
    const bytes = encodeHeartbeat({ ...beat, sender: 0 }, "lan", keys);
    for (const [at, value] of edits) bytes[at] = value;
    return bytes;
  });
  fc.assert(fc.property(fc.oneof(body, mutation), (bytes) => {
    const signed = signedAgain(Buffer.concat([Buffer.of(0xc0 | PROTOCOL_VERSION), bytes.subarray(1)]));
    const decoded = decodeHeartbeat(signed, "lan", keys, { self: 1 });
    if (decoded.ok) assert.deepEqual(encodeHeartbeat(decoded.beat, "lan", keys), signed);
  }), { numRuns: 1500 });
});

test("refuses to write what does not fit: a bug is not sent to the peer", () => {
  for (const beat of [heartbeat({ seq: 2 ** 48 }), heartbeat({ seq: 1.5 }), heartbeat({ seq: -1 }), heartbeat({ boot: "ab" }),
    heartbeat({ digest: "0123456789ABCDEF" }), heartbeat({ references: 256 }), heartbeat({ sentWall: Number.NaN })]) {
    assert.throws(() => encodeHeartbeat(beat, "lan", keys));
  }
});

test("keys differ for every link and direction", () => {
  const all = LINKS.flatMap((link) => keys[link].map((key) => key.export().toString("hex")));
  assert.equal(new Set(all).size, 6);
  assert.ok(all.every((key) => key.length === 64));
});

test("what is written once and sealed for each link is, on each, what would have been written for it alone", () => {
  const beat = heartbeat({ sender: 0 });
  const links = ["private", "lan", "serial"] as const;
  encodeForLinks(beat, links, keys).forEach((bytes, index) => assert.deepEqual(bytes, encodeHeartbeat(beat, links[index]!, keys)));
});

test("a receiver that reads a heartbeat once still checks the seal of each link, and tells two heartbeats apart", () => {
  const decode = createDecoder(keys, { self: 1 });
  const beats = [heartbeat({ sender: 0, seq: 7 }), heartbeat({ sender: 0, seq: 8 })];
  for (const beat of beats) {
    for (const link of ["private", "lan"] as const) assert.deepEqual(decode(encodeHeartbeat(beat, link, keys), link), { ok: true, beat });
    const [onPrivate] = encodeForLinks(beat, ["private"], keys);
    assert.deepEqual(decode(onPrivate!, "lan"), { ok: false, reason: "authentication" });
  }
});

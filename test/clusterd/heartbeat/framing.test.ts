// Packets must be found again in a stream that noise, lost bytes and half frames have damaged.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createDeframer, frame, framedSize, lineTime } from "../../../clusterd/heartbeat/framing.ts";
import { PACKET_SIZE } from "../../../clusterd/heartbeat/packet.ts";

const bytes = (maxLength: number, minLength = 0): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array));
/** Zero bytes and long runs without any are what the stuffing is about. */
const packets = fc.oneof(bytes(512, 1), fc.array(fc.constantFrom(0, 1, 254, 255), { minLength: 1, maxLength: 512 }).map((list) => Buffer.from(list)),
  fc.integer({ min: 250, max: 512 }).map((size) => Buffer.alloc(size, 7)));

/** What comes out of these bytes, fed in pieces of the given sizes. */
function taken(stream: Buffer, sizes: readonly number[] = [stream.length]): (Buffer | null)[] {
  const out: (Buffer | null)[] = [];
  const feed = createDeframer((packet) => out.push(packet));
  let at = 0;
  for (let turn = 0; at < stream.length; turn += 1) {
    const size = Math.max(1, sizes[turn % Math.max(1, sizes.length)] ?? 1);
    feed(stream.subarray(at, at + size));
    at += size;
  }
  return out;
}
const found = (stream: Buffer, sizes?: readonly number[]): string[] => taken(stream, sizes).flatMap((packet) => (packet === null ? [] : [packet.toString("hex")]));
const hex = (list: readonly Buffer[]): string[] => list.map((each) => each.toString("hex"));

test("whatever the packets are and however the stream is cut up, they come out as they went in", () => {
  fc.assert(fc.property(fc.array(packets, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 }), (list, sizes) => {
    assert.deepEqual(found(Buffer.concat(list.map(frame)), sizes), hex(list));
  }));
});

test("a frame has zero bytes at its ends only, and costs what framedSize says at most", () => {
  fc.assert(fc.property(packets, (packet) => {
    const framed = frame(packet);
    assert.ok(framed.length <= framedSize(packet.length));
    assert.deepEqual([framed[0], framed.at(-1), framed.subarray(1, -1).includes(0)], [0, 0, false]);
    if (packet.length < 254) assert.equal(framed.length, packet.length + 3);
  }));
});

test("noise before, between and after packets costs none of them", () => {
  fc.assert(fc.property(fc.array(fc.tuple(bytes(700), packets), { minLength: 1, maxLength: 5 }), bytes(700), (parts, rest) => {
    const stream = Buffer.concat([...parts.flatMap(([noise, packet]) => [noise, frame(packet)]), rest]);
    const out = found(stream);
    for (const packet of hex(parts.map(([, packet]) => packet))) assert.ok(out.includes(packet), "the packet came through");
  }));
});

test("a half frame costs itself only", () => {
  fc.assert(fc.property(packets, packets, fc.double({ min: 0, max: 1, noNaN: true }), (half, whole, share) => {
    const cut = frame(half).subarray(0, Math.floor(share * frame(half).length));
    assert.equal(found(Buffer.concat([cut, frame(whole)])).at(-1), whole.toString("hex"));
  }));
});

test("a damaged byte spoils at most two packets, and never what comes after", () => {
  fc.assert(fc.property(fc.array(packets, { minLength: 3, maxLength: 6 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (list, where, flip) => {
    const stream = Buffer.concat(list.map(frame));
    stream[where % stream.length]! ^= flip;
    const out = new Set(found(stream));
    assert.ok(hex(list).filter((each) => !out.has(each)).length <= 2);
  }));
});

test("an endless flood without a zero byte keeps nothing, is one piece of noise, and the next packet is found", () => {
  const packet = Buffer.from("still here");
  const out = taken(Buffer.concat([Buffer.alloc(3_000_000, 0xaa), frame(packet)]), [65_536]);
  assert.deepEqual(out, [null, packet]);
});

test("a line full of zero bytes is silence", () => assert.deepEqual(taken(Buffer.alloc(100_000)), []));

test("a heartbeat takes 14 ms at 115200 baud and 86 ms at 19200", () =>
  assert.deepEqual([115_200, 19_200].map((baud) => Math.round(lineTime(PACKET_SIZE, baud))), [14, 86]));

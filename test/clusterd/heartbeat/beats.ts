// Heartbeats for tests: one ordinary one, and arbitrary ones.

import fc from "fast-check";
import { ROLES, type Heartbeat, type IdentityBeat, type Index } from "../../../clusterd/core/model.ts";

export const identityBeat = (change: Partial<IdentityBeat> = {}): IdentityBeat => ({
  role: "owner", epoch: 6, owner: 0, offer: 0, offers: false, stale: false, locked: false, promised: false, standing: false,
  inSync: true, claimed: 0, held: false, moved: false, ...change,
});

export const heartbeat = (change: Partial<Heartbeat> = {}): Heartbeat => ({
  sender: 0,
  boot: "00112233445566778899aabbccddeeff",
  seq: 4711,
  sentWall: 1_795_000_000_123.25,
  echo: { boot: "ffeeddccbbaa99887766554433221100", seq: 4710, heardWall: 1_795_000_000_100.5 },
  hello: null,
  digest: "0123456789abcdef",
  references: 3,
  leaving: false, maintenance: false,
  mainCarrier: true,
  redundantCarrier: true,
  identities: [identityBeat(), identityBeat({ role: "standby", owner: 1, epoch: 9 })],
  ...change,
});

// deepEqual compares prototypes, and fast-check's records have none by default.
const plain = { noNullPrototype: true };

const hex = (bytes: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((bytes) => Buffer.from(bytes).toString("hex"));
const index = fc.constantFrom<Index>(0, 1);
const counter = fc.oneof(fc.nat(), fc.maxSafeNat().map((n) => n % 2 ** 48), fc.constantFrom(0, 1, 2 ** 48 - 1));
const epoch = counter.map((n) => n % 2 ** 47);
const wallTime = fc.double({ min: 0, max: Number.MAX_SAFE_INTEGER, noNaN: true }).map((value) => value + 0);
const flag = fc.boolean();

const identityBeats: fc.Arbitrary<IdentityBeat> = fc.record({
  role: fc.constantFrom(...ROLES), epoch, owner: fc.option(index), offer: epoch, offers: flag, claimed: fc.integer({ min: 0, max: 255 }), stale: flag, locked: flag,
  promised: flag, standing: flag, inSync: flag, held: flag, moved: flag,
}, plain);

export const heartbeats: fc.Arbitrary<Heartbeat> = fc.record({
  sender: index, boot: hex(16), seq: counter, sentWall: wallTime,
  echo: fc.option(fc.record({ boot: hex(16), seq: counter, heardWall: wallTime }, plain)),
  hello: fc.option(fc.record({ boot: hex(16), seq: counter }, plain)),
  digest: hex(8), references: fc.integer({ min: 0, max: 255 }), leaving: flag, mainCarrier: flag, redundantCarrier: flag, maintenance: flag,
  identities: fc.tuple(identityBeats, identityBeats),
}, plain);

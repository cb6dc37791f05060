// What does a heartbeat look like on the wire, and which bytes are one?
//
//   0      1       2 … SIZE−33        SIZE−32 … SIZE−1
//   0xC2   claims  the table LAYOUT   HMAC-SHA256 over everything before it
//
// The first byte is a magic half-byte 0xC and the protocol version. The second repeats, at a fixed place, for which
// identities the sender is claiming, so that somebody with a packet dump and no key can see a claim. Nothing else is
// looked at before the HMAC has been found right (only the size and the magic, to spare the hash for stray packets).
//
// Not here: whether a heartbeat is new or replayed; that is judged from boot id and echo (core/). A key fits one
// cluster, sender and link, so a frame that is reflected or appears on another link is a forgery like any other.

import { ROLES, type Heartbeat, type IdentityBeat, type Index, type LinkName } from "../core/model.ts";
import { byte, counter, epoch, hex, nullable, oneOf, pair, record, wallTime } from "./fields.ts";
import type { HeartbeatKeys } from "./key.ts";
import { isSealedWith, sealed, TAG } from "./seal.ts";

/** Grows with every change of the layout, however small: what a node cannot read it must know by its first byte (packet.test.ts watches it). */
export const PROTOCOL_VERSION = 2;

const MAGIC = 0xc0;
const HEADER = 2;
/** A packet of any version is at most this long. */
const LONGEST = 512;

const index = oneOf<Index>([0, 1]);

const IDENTITY_LAYOUT = record<IdentityBeat>(
  { role: oneOf(ROLES), epoch, owner: nullable(index), offer: epoch, claimed: byte },
  { stale: 1, locked: 2, promised: 4, standing: 8, inSync: 16, held: 32, moved: 64, offers: 128 },
);

const LAYOUT = record<Heartbeat>(
  {
    sender: index,
    boot: hex(16),
    seq: counter,
    sentWall: wallTime,
    echo: nullable(record({ boot: hex(16), seq: counter, heardWall: wallTime }, {})),
    hello: nullable(record({ boot: hex(16), seq: counter }, {})),
    digest: hex(8),
    references: byte,
    identities: pair(IDENTITY_LAYOUT),
  },
  { leaving: 1, mainCarrier: 2, redundantCarrier: 4, maintenance: 8 },
);

/** Bytes of every heartbeat of this version. */
export const PACKET_SIZE = HEADER + LAYOUT.size + TAG;

/** `size`, `magic`, `authentication`: not from our peer, at least not on this link. `version`: from our peer, in another
 *  protocol version. `sender`, `malformed`: made with the key, yet not what this program would have written. */
export type Unreadable = "size" | "magic" | "authentication" | "version" | "sender" | "malformed";
export type Decoded = { readonly ok: true; readonly beat: Heartbeat } | { readonly ok: false; readonly reason: Unreadable };

/** Throws an AssertionError or RangeError for a value that does not fit its field, which is a bug. */
export function encodeHeartbeat(beat: Heartbeat, link: LinkName, keys: HeartbeatKeys): Buffer {
  return sealed(bodyOf(beat), keys[link][beat.sender]);
}

/** The same heartbeat for several links: written once, sealed for each. */
export function encodeForLinks(beat: Heartbeat, links: readonly LinkName[], keys: HeartbeatKeys): readonly Buffer[] {
  const body = bodyOf(beat);
  return links.map((link) => sealed(body, keys[link][beat.sender]));
}

function bodyOf(beat: Heartbeat): Buffer {
  // Every byte is written: the layout has no gaps.
  const body = Buffer.allocUnsafe(PACKET_SIZE - TAG);
  body[0] = MAGIC | PROTOCOL_VERSION;
  body[1] = claims(beat);
  LAYOUT.write(body, HEADER, beat);
  return body;
}

/** Never throws, whatever the bytes are. */
export function decodeHeartbeat(bytes: Buffer, link: LinkName, keys: HeartbeatKeys, expect: { readonly self: Index }): Decoded {
  const seal = checkSeal(bytes, link, keys, expect);
  return seal ?? parse(bytes, expect);
}

/** Like decodeHeartbeat, for one receiver: a heartbeat that comes over several links is checked on each and read once. */
export function createDecoder(keys: HeartbeatKeys, expect: { readonly self: Index }): (bytes: Buffer, link: LinkName) => Decoded {
  let last: { readonly body: Buffer; readonly decoded: Decoded } | null = null;
  return (bytes, link) => {
    const seal = checkSeal(bytes, link, keys, expect);
    if (seal !== null) return seal;
    const body = bytes.subarray(0, bytes.length - TAG);
    if (last === null || !last.body.equals(body)) last = { body: Buffer.from(body), decoded: parse(bytes, expect) };
    return last.decoded;
  };
}

/** Null when the bytes carry the seal of our peer for this link and version. */
function checkSeal(bytes: Buffer, link: LinkName, keys: HeartbeatKeys, expect: { readonly self: Index }): Decoded | null {
  if (bytes.length <= HEADER + TAG || bytes.length > LONGEST) return refused("size");
  if ((bytes[0]! & 0xf0) !== MAGIC) return refused("magic");
  const foreign = bytes[0] !== (MAGIC | PROTOCOL_VERSION);
  // Other versions may have other sizes; those of ours have one, which is known before anything is hashed.
  if (!foreign && bytes.length !== PACKET_SIZE) return refused("size");

  if (!isSealedWith(keys[link][senderTo(expect)], bytes)) return refused("authentication");
  return foreign ? refused("version") : null;
}

const senderTo = ({ self }: { readonly self: Index }): Index => (self === 0 ? 1 : 0);

/** Of bytes whose seal is right. */
function parse(bytes: Buffer, expect: { readonly self: Index }): Decoded {
  const beat = LAYOUT.read(bytes, HEADER);
  if (beat === undefined) return refused("malformed");
  if (beat.sender !== senderTo(expect)) return refused("sender");
  if (bytes[1] !== claims(beat)) return refused("malformed");
  return { ok: true, beat };
}

export const versionOf = (bytes: Buffer): number => bytes[0]! & 0x0f;

/** For a sniffer without the key: which identities the sender of these bytes claims, or null if it is no heartbeat of this version. */
export function claimsOnTheWire(bytes: Buffer): readonly [boolean, boolean] | null {
  if (bytes.length !== PACKET_SIZE || bytes[0] !== (MAGIC | PROTOCOL_VERSION)) return null;
  return [(bytes[1]! & 1) !== 0, (bytes[1]! & 2) !== 0];
}

/** The claim's last word is said while its epoch is being written: acquiring is claiming to everybody else. */
const isClaim = ({ role }: IdentityBeat): boolean => role === "claiming" || role === "acquiring";

const claims = ({ identities: [first, second] }: Heartbeat): number => (isClaim(first) ? 1 : 0) | (isClaim(second) ? 2 : 0);

const refused = (reason: Unreadable): Decoded => ({ ok: false, reason });

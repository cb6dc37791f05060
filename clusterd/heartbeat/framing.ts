// Where does a packet begin and end in a stream of bytes that may be noise?
//
// A zero byte stands before and after each packet and nowhere within: inside, each run of non-zero bytes is preceded by its
// length + 1 (Cheshire and Baker's "consistent overhead byte stuffing", 1999). So one packet costs always the same three bytes, a
// receiver finds the next packet whatever came before it, and a half frame spoils only itself. What comes out may still be
// noise that looks like a frame: the HMAC decides (packet.ts).

import type { Duration } from "../base/time.ts";

/** No packet of any version is longer (packet.ts). */
const LONGEST_PACKET = 512;
/** The longest run that one length byte can announce. */
const RUN = 254;
const LONGEST_FRAME = framedSize(LONGEST_PACKET) - 2;

/** Bytes on the line for a packet of this size, at most; exactly that for packets up to 253 bytes. */
export function framedSize(packet: number): number {
  return packet + Math.floor(packet / RUN) + 3;
}

/** Milliseconds for which a packet keeps a serial line busy: eight bits between a start and a stop bit. */
export const lineTime = (packet: number, baud: number): Duration => (framedSize(packet) * 10 * 1000) / baud;

export function frame(packet: Buffer): Buffer {
  const framed = Buffer.alloc(framedSize(packet.length));
  let lengthAt = 1;
  let at = 2;
  for (const byte of packet) {
    if (byte !== 0) framed[at++] = byte;
    if (byte !== 0 && at - lengthAt <= RUN) continue;
    framed[lengthAt] = at - lengthAt;
    lengthAt = at++;
  }
  framed[lengthAt] = at - lengthAt;
  return framed.subarray(0, at + 1);
}

/** Feed it what comes in, in whatever pieces. `take` gets each packet, and null for each piece of noise between two zero bytes. */
export function createDeframer(take: (packet: Buffer | null) => void): (bytes: Buffer) => void {
  let begun = Buffer.alloc(0);
  // Too long for a frame: nothing is kept until the next zero byte.
  let overlong = false;

  function keep(piece: Buffer): void {
    overlong ||= begun.length + piece.length > LONGEST_FRAME;
    begun = overlong ? Buffer.alloc(0) : Buffer.concat([begun, piece]);
  }

  return (bytes) => {
    let from = 0;
    for (let end = bytes.indexOf(0); end !== -1; end = bytes.indexOf(0, from)) {
      keep(bytes.subarray(from, end));
      if (overlong || begun.length > 0) take(overlong ? null : unframe(begun));
      begun = Buffer.alloc(0);
      overlong = false;
      from = end + 1;
    }
    keep(bytes.subarray(from));
  };
}

/** What stood between two zero bytes; null when its lengths do not add up. */
function unframe(framed: Buffer): Buffer | null {
  const packet = Buffer.alloc(framed.length);
  let size = 0;
  for (let at = 0; at < framed.length;) {
    const length = framed[at]!;
    const end = at + length;
    if (end > framed.length) return null;
    size += framed.copy(packet, size, at + 1, end);
    // The run's end stands for a zero byte, unless the run is a full one or the last.
    if (length <= RUN && end < framed.length) size += 1;
    at = end;
  }
  return packet.subarray(0, size);
}

// How requests and rsync's bytes share one kept connection: a letter, a length (four bytes, big-endian), so many bytes.
//
//   to the receiver    Q a request (request.ts)   D input of that request   E the input is over
//   from the receiver  D output    S what it would print to standard error   X the end: an Outcome as JSON
//
// One request at a time: the next Q comes after the X. Whoever breaks that, or sends more in a frame than LARGEST, is cut off. Pure.

export const LARGEST = 256 * 1024;
const HEAD = 5;

export type Letter = "Q" | "D" | "E" | "S" | "X";
export interface Frame { readonly letter: Letter; readonly body: Buffer }

export function frame(letter: Letter, body: Buffer | string = ""): Buffer {
  const bytes = Buffer.from(body as string);
  const head = Buffer.alloc(HEAD);
  head.write(letter, "latin1");
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** Bytes of any length as frames of one letter. */
export function* inFrames(letter: Letter, bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += LARGEST) yield frame(letter, bytes.subarray(at, at + LARGEST));
}

/** Takes the stream in pieces of any size; throws on what is no frame of ours. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  *read(piece: Buffer): Generator<Frame> {
    this.#rest = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    while (this.#rest.length >= HEAD) {
      const letter = this.#rest.toString("latin1", 0, 1);
      const length = this.#rest.readUInt32BE(1);
      if (!"QDESX".includes(letter) || length > LARGEST) throw new Error("no frame of ours");
      if (this.#rest.length < HEAD + length) return;
      const body = this.#rest.subarray(HEAD, HEAD + length);
      this.#rest = this.#rest.subarray(HEAD + length);
      yield { letter: letter as Letter, body };
    }
  }
}

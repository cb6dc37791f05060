// A stream to its end, if it is not too long. Node core only.

/** Null when more than `most` bytes came. */
export async function readAll(stream: AsyncIterable<unknown>, most: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > most) return null;
  }
  return Buffer.concat(chunks);
}

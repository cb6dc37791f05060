// Many requests over one kept connection (frames.ts): what costs 130 ms each as a forced command of its own costs a few here.
//
// Nothing is taken on trust from an earlier request: each goes through the same door as a forced command (receive.ts), which
// reads the configuration and the journal anew and asks the daemon. The connection ends with its input.

import { PassThrough, Writable } from "node:stream";
import { FrameReader, frame, inFrames } from "./frames.ts";
import type { Frame, Letter } from "./frames.ts";
import type { Wire } from "./receive-rsync.ts";
import type { Outcome } from "./receive.ts";

type Serve = (line: string, wire: Wire) => Promise<Outcome>;

/** Serves until the input ends; resolves to the exit code. */
export async function receiveLive(serve: Serve, from: AsyncIterable<Buffer> = process.stdin, to: Writable = process.stdout): Promise<number> {
  const reader = new FrameReader();
  let request: { readonly input: PassThrough; readonly over: Promise<void> } | null = null;
  let inputOpen = false;
  const take = async ({ letter, body }: Frame): Promise<void> => {
    if (letter === "Q" && !inputOpen) {
      await request?.over;
      const input = new PassThrough();
      inputOpen = true;
      request = { input, over: answer(serve, body.toString("latin1"), input, to) };
    } else if (letter === "D" && inputOpen && request !== null) {
      if (!request.input.write(body)) await Promise.race([drained(request.input), request.over]);
    } else if (letter === "E" && inputOpen && request !== null) {
      inputOpen = false;
      request.input.end();
    } else throw new Error(`frame ${letter} out of turn`);
  };
  try {
    for await (const piece of from) for (const one of reader.read(piece)) await take(one);
  } catch (error) {
    process.stderr.write(`clusterd-mirror: the connection is cut off: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 126;
  }
  // Taken from the closure: TypeScript cannot see that take() has set it.
  const last = request as { readonly input: PassThrough; readonly over: Promise<void> } | null;
  last?.input.end();
  await last?.over;
  return Number(process.exitCode ?? 0);
}

async function answer(serve: Serve, line: string, input: PassThrough, to: Writable): Promise<void> {
  const outcome = await serve(line, { input, output: into("D", to), errors: into("S", to) });
  input.resume(); // what nobody has read
  for (const bytes of inFrames("D", Buffer.from("answer" in outcome && outcome.answer !== null ? JSON.stringify(outcome.answer) : ""))) to.write(bytes);
  to.write(frame("X", JSON.stringify({ code: outcome.code, because: "because" in outcome ? outcome.because : "" })));
}

const into = (letter: Letter, to: Writable): Writable => new Writable({
  write: (chunk: Buffer, _encoding, done) => { for (const bytes of inFrames(letter, chunk)) to.write(bytes); if (to.writableNeedDrain) to.once("drain", () => done()); else done(); },
});

const drained = (stream: Writable): Promise<void> => new Promise((resolve) => { stream.once("drain", resolve).once("close", resolve); });

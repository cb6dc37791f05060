// What time is it, says a time server? One plain SNTP question (RFC 4330), unauthenticated.
//
// Good enough to notice a clock that is off by much; it sets nothing. Times in milliseconds. Our transmit timestamp is a
// random number: the server returns it, so that only who saw the question can answer it.

import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { reasonOf } from "../base/errors.ts";
import { monotonicNow, type Duration, type WallTime } from "../base/time.ts";
import { offsetSample, type OffsetSample } from "./offset.ts";

export type SntpAnswer = { readonly ok: true; readonly stratum: number; readonly sample: OffsetSample } | { readonly ok: false; readonly reason: string };

const SIZE = 48;
/** LI 0, version 4, mode 3 (client). */
const QUESTION = 0x23;
/** From 1900 to 1970, in seconds. */
const EPOCH = 2_208_988_800;

export async function askSntp(server: string, { port = 123, timeout = 2000 }: { readonly port?: number; readonly timeout?: Duration } = {}): Promise<SntpAnswer> {
  const { promise, resolve } = Promise.withResolvers<SntpAnswer>();
  const fail = (reason: string): void => resolve({ ok: false, reason: `${server}: ${reason}` });
  const timer = setTimeout(() => fail(`no answer within ${timeout} ms`), timeout);
  let socket: Socket | null = null;
  try {
    const { address, family } = await lookup(server);
    const question = Buffer.alloc(SIZE);
    question[0] = QUESTION;
    randomBytes(8).copy(question, 40);
    socket = createSocket(family === 6 ? "udp6" : "udp4");
    socket.on("error", (error) => fail(reasonOf(error)));
    await new Promise<void>((connected) => { socket?.connect(port, address, connected); });
    // The wall clock is read once: if it is set meanwhile, the difference must not enter the result.
    const [t1, asked] = [Date.now(), monotonicNow()];
    socket.on("message", (answer) => {
      const read = readAnswer(answer, question, t1, t1 + monotonicNow() - asked);
      if (read !== null) resolve(read.ok ? read : { ok: false, reason: `${server}: ${read.reason}` });
    });
    socket.send(question);
  } catch (error) {
    fail(reasonOf(error));
  }
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket?.close();
  }
}

/** Null for what is no answer to our question: it is passed over, and the true answer may still come. */
export function readAnswer(answer: Buffer, question: Buffer, t1: WallTime, t4: WallTime): SntpAnswer | null {
  if (answer.length < SIZE || (answer[0]! & 7) !== 4 || !answer.subarray(24, 32).equals(question.subarray(40, 48))) return null;
  const stratum = answer[1]!;
  if (stratum === 0) return { ok: false, reason: `refuses to answer (${answer.toString("latin1", 12, 16).replace(/[^A-Z]/g, "?")})` };
  if (answer[0]! >> 6 === 3 || stratum > 15) return { ok: false, reason: "is not synchronised itself" };
  return { ok: true, stratum, sample: offsetSample({ t1, t2: timestamp(answer, 32), t3: timestamp(answer, 40), t4 }) };
}

/** RFC 4330 §3: without the first bit set, the seconds count from 2036. */
function timestamp(bytes: Buffer, at: number): WallTime {
  const seconds = bytes.readUInt32BE(at);
  const era = seconds >= 2 ** 31 ? 0 : 2 ** 32;
  return (seconds + era - EPOCH) * 1000 + (bytes.readUInt32BE(at + 4) * 1000) / 2 ** 32;
}

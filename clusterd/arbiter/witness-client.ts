// The node's side of the witness: asks over UDP, and dates each answer by when its question was sent.
//
// Never waits and never repeats by itself: the core asks again soon enough. Only when the witness does not know this start
// of the daemon yet, or has started itself, the question is put once more with the nonce that it answered.

import { createSocket, type Socket } from "node:dgram";
import { monotonicNow, type Instant } from "../base/time.ts";
import type { Index, WitnessQuestion, WitnessVote } from "../core/model.ts";
import { decodeAnswer, encodeQuestion, type WitnessKeys } from "./witness-packet.ts";

export interface WitnessPlace { readonly address: string; readonly port: number }
export type Voted = (startedAt: Instant, votes: readonly [WitnessVote, WitnessVote]) => void;

export interface WitnessClient {
  ask(question: WitnessQuestion, voted: Voted): void;
  close(): void;
}

interface Open { readonly seq: number; readonly sentAt: Instant; readonly question: WitnessQuestion; readonly voted: Voted }
/** Answers to older questions date nothing that could still help. */
const REMEMBERED = 128;

export function createWitnessClient(place: WitnessPlace, self: Index, keys: WitnessKeys): WitnessClient {
  const open: Open[] = [];
  let socket: Socket | null = null;
  let nonce: string | null = null;
  let seq = 0;

  function ask(question: WitnessQuestion, voted: Voted): void {
    seq += 1;
    open[seq % REMEMBERED] = { seq, sentAt: monotonicNow(), question, voted };
    socket ??= openSocket();
    // An address that cannot be reached just now is a question without an answer.
    socket.send(encodeQuestion({ ...question, seq, nonce }, self, keys), place.port, place.address, () => undefined);
  }

  function openSocket(): Socket {
    const family = place.address.includes(":") ? 6 : 4;
    // Addresses are literals; the resolver would only delay them.
    const made = createSocket({ type: `udp${family}`, lookup: (literal, _options, callback) => { callback(null, literal, family); } });
    made.on("message", hear);
    made.on("error", () => {
      made.close();
      if (socket === made) socket = null;
    });
    return made;
  }

  function hear(bytes: Buffer): void {
    const answer = decodeAnswer(bytes, self, keys);
    const asked = answer === null ? undefined : open[answer.seq % REMEMBERED];
    if (answer === null || asked?.seq !== answer.seq || asked.question.boot !== answer.boot) return;
    delete open[answer.seq % REMEMBERED];
    if (answer.votes !== null) return asked.voted(asked.sentAt, answer.votes);
    nonce = answer.nonce;
    // Only the newest: what an older one said may not hold any more.
    if (asked.seq === seq) ask(asked.question, asked.voted);
  }

  return { ask, close: () => { socket?.close(); socket = null; } };
}

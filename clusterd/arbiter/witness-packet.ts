// What node and witness say to each other, on the wire: framed and sealed like heartbeats, with keys of their own.
//
//   0      1 … SIZE−33                        SIZE−32 … SIZE−1
//   0xD1   the table QUESTION or ANSWER       HMAC-SHA256 over everything before it
//
// One key for each node and direction, so that no packet fits anywhere but where it was sent. Freshness needs no clocks: a
// question counts when it repeats the nonce that the witness drew for this start of the daemon, and is numbered higher than
// the last; an answer names the question's boot and number.

import { createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import { VERDICTS, WANTS, type Index, type WitnessAsk, type WitnessQuestion, type WitnessVote } from "../core/model.ts";
import { byte, counter, hex, nullable, oneOf, pair, record, type Field } from "../heartbeat/fields.ts";
import { isSealedWith, sealed, TAG } from "../heartbeat/seal.ts";

/** Magic half-byte 0xD and the version. */
const HEAD = 0xd1;
const KEY_BYTES = 32;

/** By node: what it seals its questions with, and what the witness seals the answers to it with. */
export interface WitnessKeys {
  readonly question: readonly [KeyObject, KeyObject];
  readonly answer: readonly [KeyObject, KeyObject];
}

/** HKDF-SHA256 (RFC 5869) of the witness's key file, which is another than the cluster's. */
export function deriveWitnessKeys(key: Buffer, cluster: string): WitnessKeys {
  const derive = (direction: string, node: Index): KeyObject =>
    createSecretKey(Buffer.from(hkdfSync("sha256", key, "clusterd witness", JSON.stringify([cluster, direction, node]), KEY_BYTES)));
  return { question: [derive("question", 0), derive("question", 1)], answer: [derive("answer", 0), derive("answer", 1)] };
}

export interface WireQuestion extends WitnessQuestion {
  readonly seq: number;
  /** As the witness said it last; null: none yet. */
  readonly nonce: string | null;
}

export interface WireAnswer {
  readonly boot: string;
  readonly seq: number;
  readonly nonce: string;
  /** Null: the question did not repeat the nonce and was not counted; ask again with this one. */
  readonly votes: readonly [WitnessVote, WitnessVote] | null;
}

const BOOT = hex(16);
const QUESTION: Field<WireQuestion> = record<WireQuestion>({
  boot: BOOT, seq: counter, nonce: nullable(hex(16)), silentAfter: counter,
  asks: pair(record<WitnessAsk>({ want: oneOf(WANTS), epoch: counter, wanted: counter }, {})),
}, {});
const ANSWER: Field<WireAnswer> = record<WireAnswer>({
  boot: BOOT, seq: counter, nonce: hex(16),
  votes: nullable(pair(record<WitnessVote>({ verdict: oneOf(VERDICTS), epoch: counter }, {}))),
}, {});

const encode = <T>(layout: Field<T>, value: T, key: KeyObject): Buffer => {
  const body = Buffer.alloc(1 + layout.size);
  byte.write(body, 0, HEAD);
  layout.write(body, 1, value);
  return sealed(body, key);
};

/** Never throws; null for whatever was not made with this key. */
const decode = <T>(layout: Field<T>, bytes: Buffer, key: KeyObject): T | null =>
  bytes.length === 1 + layout.size + TAG && bytes[0] === HEAD && isSealedWith(key, bytes) ? layout.read(bytes, 1) ?? null : null;

export const encodeQuestion = (question: WireQuestion, from: Index, keys: WitnessKeys): Buffer => encode(QUESTION, question, keys.question[from]);
export const encodeAnswer = (answer: WireAnswer, to: Index, keys: WitnessKeys): Buffer => encode(ANSWER, answer, keys.answer[to]);
export const decodeAnswer = (bytes: Buffer, to: Index, keys: WitnessKeys): WireAnswer | null => decode(ANSWER, bytes, keys.answer[to]);

/** Whoever of the two nodes has sealed it, sent it. */
export function decodeQuestion(bytes: Buffer, keys: WitnessKeys): { readonly from: Index; readonly question: WireQuestion } | null {
  for (const from of [0, 1] as const) {
    const question = decode(QUESTION, bytes, keys.question[from]);
    if (question !== null) return { from, question };
  }
  return null;
}

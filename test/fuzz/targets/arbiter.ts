// What comes from third machines: questions to the witness and its answers, its record, a time server's packets.

import assert from "node:assert/strict";
import { decodeAnswer, decodeQuestion, deriveWitnessKeys, encodeAnswer, encodeQuestion } from "../../../clusterd/arbiter/witness-packet.ts";
import { isWitnessRecord, judge, witnessAtStart, type WitnessState } from "../../../clusterd/arbiter/witness-rules.ts";
import type { Index, WitnessQuestion } from "../../../clusterd/core/model.ts";
import { sealed } from "../../../clusterd/heartbeat/seal.ts";
import { readAnswer } from "../../../clusterd/timesync/sntp.ts";
import type { Target } from "../target.ts";

const KEYS = deriveWitnessKeys(Buffer.alloc(32, 7), "sample");
const BOOT = "0123456789abcdef0123456789abcdef";
const NO_WISH = { want: "none", epoch: 0, wanted: 0 } as const;
const QUESTION_SIZE = encodeQuestion({ boot: BOOT, seq: 1, nonce: null, silentAfter: 600, asks: [NO_WISH, NO_WISH] }, 0, KEYS).length - 32;
const ANSWER_SIZE = encodeAnswer({ boot: BOOT, seq: 1, nonce: BOOT, votes: null }, 0, KEYS).length - 32;

/** The input as whoever has a node's key could send it: the right length, the right head, a sound seal. */
const body = (input: Buffer, size: number): Buffer => Buffer.concat([Buffer.from([0xd1]), input, Buffer.alloc(size)]).subarray(0, size);

const packets: Target = {
  name: "witness", what: "questions to the witness and its answers, with and without their key", words: ["\x00\x00", "\xff\xff\xff\xff", "\x01"], largest: 2000, inUnit: 2000,
  judge(input) {
    assert.equal(decodeQuestion(input, KEYS), null, "taken without the key");
    assert.equal(decodeAnswer(input, 0, KEYS), null, "taken without the key");
    const question = sealed(body(input, QUESTION_SIZE), KEYS.question[1]);
    assert.equal(decodeAnswer(question, 1, KEYS), null, "a question is no answer");
    const asked = decodeQuestion(question, KEYS);
    if (asked !== null) assert.deepEqual(decodeQuestion(encodeQuestion(asked.question, asked.from, KEYS), KEYS), { from: 1, question: asked.question });
    const answer = sealed(body(input, ANSWER_SIZE), KEYS.answer[0]);
    assert.equal(decodeAnswer(answer, 1, KEYS), null, "an answer to the other node");
    const said = decodeAnswer(answer, 0, KEYS);
    if (said !== null) assert.deepEqual(decodeAnswer(encodeAnswer(said, 0, KEYS), 0, KEYS), said);
  },
};

const WANTS = ["none", "hold", "claim"] as const;
/** A few small numbers, so that the questions meet each other. */
const questionOf = (input: Buffer, at: number): WitnessQuestion => {
  const ask = (offset: number) => ({ want: WANTS[input[at + offset]! % 3]!, epoch: input[at + offset]! >> 4, wanted: input[at + offset + 1]! & 15 });
  return { boot: input[at]! & 64 ? BOOT : `${BOOT.slice(1)}0`, silentAfter: 100 + input[at + 1]!, asks: [ask(2), ask(4)] };
};

const rules: Target = {
  name: "witness-rules", what: "any conversation of two nodes with the witness", words: [], largest: 600, inUnit: 1500,
  judge(input) {
    let state: WitnessState = witnessAtStart("sample", null, 0);
    const leases: { holder: Index | null; until: number }[] = [{ holder: null, until: 0 }, { holder: null, until: 0 }];
    let now = 0;
    for (let at = 0; at + 6 <= input.length; at += 6) {
      now += (input[at]! & 31) * 20;
      const from = (input[at]! >> 7) as Index;
      const question = questionOf(input, at);
      const said = judge(state, from, question, now);
      ({ state } = said);
      assert.ok(isWitnessRecord(JSON.parse(JSON.stringify(state.record))), "a record that no witness would read back");
      for (const identity of [0, 1] as const) {
        const lease = leases[identity]!;
        if (lease.holder === from && question.asks[identity].want === "none") lease.until = now;
        if (said.votes[identity].verdict !== "granted") continue;
        assert.ok(lease.holder === from || lease.holder === null || now >= lease.until, `${from} is granted identity ${identity} while ${lease.holder} may still hold it`);
        leases[identity] = { holder: from, until: now + question.silentAfter };
      }
    }
  },
};

const record: Target = {
  name: "witness-record", what: "the witness's two-slot file", words: ["\"format\":1", "\"met\":[true,false]", "\"granted\":null", "\"epoch\":1e99", "\"silentAfter\":-1"], largest: 20_000, inUnit: 1000,
  judge(input) {
    let value: unknown;
    try { value = JSON.parse(input.toString("utf8")); } catch { return; }
    if (!isWitnessRecord(value)) return;
    const { votes } = judge(witnessAtStart(value.cluster, value, 0), 0, { boot: BOOT, silentAfter: 600, asks: [{ want: "hold", epoch: 2, wanted: 2 }, NO_WISH] }, 10_000);
    assert.equal(votes.length, 2);
  },
};

const QUESTION = Buffer.alloc(48, 0x5a);

const sntp: Target = {
  name: "sntp", what: "a time server's packets", words: ["\x24\x01", "\xe4\x00RATE", "ZZZZZZZZ"], largest: 200, inUnit: 2000,
  judge(input) {
    const read = readAnswer(input, QUESTION, 1_795_235_300_000, 1_795_235_300_020);
    if (read === null) return;
    assert.ok(input.length >= 48 && input.subarray(24, 32).equals(QUESTION.subarray(40, 48)), "an answer to another question");
    if (!read.ok) assert.match(read.reason, /^[\x20-\x7e]{5,100}$/);
    else assert.ok(Number.isFinite(read.sample.offset) && Number.isFinite(read.sample.delay) && read.stratum >= 1 && read.stratum <= 15);
  },
};

export const ARBITER_TARGETS: readonly Target[] = [packets, rules, record, sntp];

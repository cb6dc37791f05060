// Makes inputs out of others: bits flipped, pieces cut, doubled, moved, repeated without end, words of the trade put in.
// Everything is drawn from one seed, so that a run can be had again.

import type { Random } from "../sim/random.ts";

/** Bytes that parsers tend to stumble over: NUL, ends of lines, quotes, a byte order mark, halves of UTF-8, escapes. */
const TROUBLE: readonly Buffer[] = [
  ...["\0", "\n", "\r\n", "\r", "\t", " ", "\"", "'", "\\", "=", "#", ";", "[", "]", "$", "`", "$(", "..", "/", "-", "--", "\u001b[2J", "\ufeff", "\u2028", "\u202e", "é", "💥", "__proto__", "0", "-1", "1e309", "NaN", "9007199254740993", "null", "true", "{}", "[]", "\"\""].map((text) => Buffer.from(text)),
  Buffer.from([0xff]), Buffer.from([0xc3]), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from([0xfe, 0xff]), Buffer.from([0x80]),
];

export interface Kitchen { readonly seeds: readonly Buffer[]; readonly words: readonly string[]; readonly largest: number }

type Change = (input: Buffer, random: Random, kitchen: Kitchen) => Buffer;

const at = (input: Buffer, random: Random): number => random.int(input.length + 1);
const insert = (input: Buffer, where: number, piece: Buffer): Buffer => Buffer.concat([input.subarray(0, where), piece, input.subarray(where)]);
function span(input: Buffer, random: Random): readonly [number, number] {
  const [a, b] = [at(input, random), random.chance(0.7) ? 0 : at(input, random)];
  return b === 0 ? [a, Math.min(input.length, a + 1 + random.int(16))] : [Math.min(a, b), Math.max(a, b)];
}

const CHANGES: readonly Change[] = [
  function flipBit(input, random) {
    const output = Buffer.from(input);
    if (output.length > 0) output[random.int(output.length)]! ^= 1 << random.int(8);
    return output;
  },
  function setByte(input, random) {
    const output = Buffer.from(input);
    if (output.length > 0) output[random.int(output.length)] = random.int(256);
    return output;
  },
  function cutOff(input, random) { return input.subarray(0, at(input, random)); },
  function remove(input, random) { const [from, to] = span(input, random); return Buffer.concat([input.subarray(0, from), input.subarray(to)]); },
  function twice(input, random) { const [from, to] = span(input, random); return insert(input, at(input, random), input.subarray(from, to)); },
  function trouble(input, random) { return insert(input, at(input, random), random.pick(TROUBLE)); },
  function word(input, random, { words }) { return words.length === 0 ? input : insert(input, at(input, random), Buffer.from(random.pick(words))); },
  function exchange(input, random, { words }) {
    const [from, to] = span(input, random);
    return Buffer.concat([input.subarray(0, from), words.length === 0 ? random.pick(TROUBLE) : Buffer.from(random.pick(words)), input.subarray(to)]);
  },
  function graft(input, random, { seeds }) { const other = random.pick(seeds); return Buffer.concat([input.subarray(0, at(input, random)), other.subarray(at(other, random))]); },
];

/** A piece repeated until the input is as large as it may be: what grows faster than its input shows here. */
function swell(input: Buffer, random: Random, { words, largest }: Kitchen): Buffer {
  const piece = random.chance(0.5) || words.length === 0 ? random.pick(TROUBLE) : Buffer.from(`${random.pick(words)}${random.pick(["", "\n", " "])}`);
  const room = Math.max(0, largest - input.length);
  return insert(input, at(input, random), Buffer.alloc(random.chance(0.5) ? room : random.int(room + 1), piece.length === 0 ? " " : piece));
}

/** The next input: a kept one, changed once to eight times; now and then noise, now and then a giant. */
export function nextInput(random: Random, kitchen: Kitchen): Buffer {
  if (random.chance(0.02)) return Buffer.from(Array.from({ length: random.int(300) }, () => random.int(256)));
  let input = random.pick(kitchen.seeds);
  for (let changes = 1 + random.int(8); changes > 0; changes -= 1) input = random.pick(CHANGES)(input, random, kitchen);
  if (random.chance(0.002)) input = swell(input, random, kitchen);
  return input.subarray(0, kitchen.largest);
}

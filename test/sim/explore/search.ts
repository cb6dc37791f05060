// Breadth first over every choice at every tick: each state once, known by the 64-bit hash of its bytes.
//
// The number of faults still to come is no part of a state: a state reached again with more of them left is expanded again, and
// counted once. Memory: 9 bytes a slot of the table (at most half full), 5 bytes a visit for the way back, and the queue.

import { CHOICES } from "./choices.ts";
import { readPair, writePair } from "./codec.ts";
import { copyPair, firstPair, HABITS, Tick, type Pair } from "./pair.ts";
import { Tape } from "./tape.ts";

/** Hashes, each with the largest number of faults left (plus one) that its state was reached with. */
class Seen {
  #bits = 16;
  #high = new Uint32Array(2 ** 16);
  #low = new Uint32Array(2 ** 16);
  #left = new Uint8Array(2 ** 16);
  size = 0;

  /** "new"; "more": known, but not with so many faults left; "known". */
  add(high: number, low: number, left: number): "new" | "more" | "known" {
    if (this.size * 2 > this.#left.length) this.#grow();
    const at = this.#slot(high, low);
    const before = this.#left[at] as number;
    if (before > left) return "known";
    this.#put(at, high, low, left + 1);
    if (before > 0) return "more";
    this.size += 1;
    return "new";
  }

  #slot(high: number, low: number): number {
    const mask = this.#left.length - 1;
    let at = low & mask;
    while (this.#left[at] !== 0 && (this.#high[at] !== high || this.#low[at] !== low)) at = (at + 1) & mask;
    return at;
  }

  #put(at: number, high: number, low: number, value: number): void {
    this.#high[at] = high;
    this.#low[at] = low;
    this.#left[at] = value;
  }

  #grow(): void {
    const [high, low, left] = [this.#high, this.#low, this.#left];
    this.#bits += 1;
    this.#high = new Uint32Array(2 ** this.#bits);
    this.#low = new Uint32Array(2 ** this.#bits);
    this.#left = new Uint8Array(2 ** this.#bits);
    for (let at = 0; at < left.length; at += 1)
      if (left[at] !== 0) this.#put(this.#slot(high[at] as number, low[at] as number), high[at] as number, low[at] as number, left[at] as number);
  }
}

/** States that wait for their expansion, as bytes in blocks that are let go once read. */
class Queue {
  static readonly #BLOCK = 2 ** 20;
  readonly #blocks: Uint8Array[] = [];
  #written = Queue.#BLOCK;
  #read = 0;
  length = 0;

  push(visit: number, left: number, bytes: Uint8Array, size: number): void {
    if (this.#written + size + 7 > Queue.#BLOCK) {
      this.#blocks.push(new Uint8Array(Queue.#BLOCK));
      this.#written = 0;
    }
    const block = this.#blocks.at(-1) as Uint8Array;
    const view = new DataView(block.buffer, this.#written);
    view.setUint16(0, size);
    view.setUint32(2, visit);
    view.setUint8(6, left);
    block.set(bytes.subarray(0, size), this.#written + 7);
    this.#written += size + 7;
    this.length += 1;
  }

  /** The bytes of the oldest go into `bytes`. */
  shift(bytes: Uint8Array): { readonly visit: number; readonly left: number; readonly size: number } {
    const full = this.#read + 7 > Queue.#BLOCK || new DataView((this.#blocks[0] as Uint8Array).buffer).getUint16(this.#read) === 0;
    if (full) {
      this.#blocks.shift();
      this.#read = 0;
    }
    const block = this.#blocks[0] as Uint8Array;
    const view = new DataView(block.buffer, this.#read);
    const size = view.getUint16(0);
    bytes.set(block.subarray(this.#read + 7, this.#read + 7 + size));
    this.#read += size + 7;
    this.length -= 1;
    return { visit: view.getUint32(2), left: view.getUint8(6), size };
  }
}

/** The way to each visit: the visit before it, and the choice. */
class Ways {
  #before = new Uint32Array(2 ** 16);
  #choice = new Uint8Array(2 ** 16);
  length = 0;

  add(before: number, choice: number): number {
    if (this.length === this.#before.length) {
      const [olds, choices] = [this.#before, this.#choice];
      this.#before = new Uint32Array(olds.length * 2);
      this.#before.set(olds);
      this.#choice = new Uint8Array(olds.length * 2);
      this.#choice.set(choices);
    }
    this.#before[this.length] = before;
    this.#choice[this.length] = choice;
    this.length += 1;
    return this.length - 1;
  }

  /** Choices from the beginning to this visit; the first is the root. */
  to(visit: number): number[] {
    const way: number[] = [];
    for (let at = visit; ; at = this.#before[at] as number) {
      way.push(this.#choice[at] as number);
      if (this.#before[at] === at) return way.reverse();
    }
  }
}

export interface Bounds {
  /** Faults in one run that begins with a settled pair; one less in a run that begins with both machines off. */
  readonly faults: number;
  /** Distinct states. */
  readonly states: number;
  /** Ticks from the beginning. */
  readonly ticks: number;
  /** The highest epoch of an identity. */
  readonly epochs: number;
  /** Only faults whose names have one of these in them (all, when left out): fewer, and so deeper. */
  readonly of?: readonly string[];
  /** Broken rules after which it ends (never, when left out). */
  readonly violations?: number;
}

export interface Found {
  readonly rule: string;
  readonly way: readonly number[];
}

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** Longest run, in ticks. */
  readonly depth: number;
  /** States that were reached and not gone on from, by the bound that cut them. Nothing cut: these are all there are. */
  readonly cut: { readonly states: number; readonly ticks: number; readonly epochs: number };
  /** Visits after which no further fault was tried: the run has had its number. */
  readonly spent: number;
  /** Transitions that broke a rule, and the shortest ways to the first few. */
  readonly violations: number;
  readonly found: readonly Found[];
}

const KEPT = 5;

/** Where runs begin: both machines off for the first time, and a pair that has settled; each with every habit. */
export const ROOTS: readonly { readonly name: string; readonly settled: boolean; readonly pair: () => Pair }[] = [false, true].flatMap((settled) =>
  Array.from({ length: HABITS.secondFirst + HABITS.slow + 1 }, (_, habit) => ({
    name: `${settled ? "a settled pair" : "both off"}${(habit & HABITS.secondFirst) !== 0 ? ", node 1 first" : ""}${(habit & HABITS.slow) !== 0 ? ", everything takes a tick" : ""}`,
    settled, pair: () => (settled ? settledPair(habit) : firstPair(habit)),
  })));

const SETTLES_WITHIN = 40;

function settledPair(habit: number): Pair {
  const pair = firstPair(habit);
  for (const name of ["0 starts", "1 starts"]) takeChoice(pair, CHOICES.findIndex((choice) => choice.name === name));
  for (let tick = 0; tick < SETTLES_WITHIN; tick += 1) takeChoice(pair, 0);
  return pair;
}

export function explore(bounds: Bounds, progress: (states: number, queued: number, depth: number) => void = () => {}): Exploration {
  const seen = new Seen();
  const queue = new Queue();
  const ways = new Ways();
  const tape = new Tape();
  const found: Found[] = [];
  const bytes = new Uint8Array(4096);
  let [transitions, violations, spent, cutByEpochs, depth, layerEnds] = [0, 0, 0, 0, 0, 0];

  const visit = (pair: Pair, left: number, before: number | null, choice: number): void => {
    if (pair.broken.length > 0) {
      violations += 1;
      if (found.length < KEPT) found.push({ rule: pair.broken[0] as string, way: [...(before === null ? [] : ways.to(before)), choice] });
      return;
    }
    if (newestEpoch(pair) > bounds.epochs) {
      cutByEpochs += 1;
      return;
    }
    writePair(tape, pair);
    const [high, low] = hash(tape.bytes, tape.at);
    if (seen.add(high, low, left) === "known") return;
    queue.push(ways.add(before ?? ways.length, choice), left, tape.bytes, tape.at);
  };

  const isAsked = (name: string): boolean => bounds.of === undefined || bounds.of.some((part) => name.includes(part));
  ROOTS.forEach((root, at) => visit(root.pair(), Math.max(0, bounds.faults - (root.settled ? 0 : 1)), null, at));
  layerEnds = ways.length;
  const within = (): boolean => queue.length > 0 && seen.size < bounds.states && depth < bounds.ticks && violations < (bounds.violations ?? Infinity);
  for (let done = 0; within(); done += 1) {
    const from = queue.shift(bytes);
    if (from.visit >= layerEnds) { depth += 1; layerEnds = ways.length; }
    const here = read(tape, bytes, from.size);
    if (from.left === 0) spent += 1;
    for (let at = 0; at < CHOICES.length; at += 1) {
      const choice = CHOICES[at] as (typeof CHOICES)[number];
      if ((choice.fault && (from.left === 0 || !isAsked(choice.name))) || !choice.when(here)) continue;
      const pair = copyPair(here);
      takeChoice(pair, at);
      transitions += 1;
      visit(pair, choice.fault ? from.left - 1 : from.left, from.visit, at);
    }
    if (done % 20_000 === 0) progress(seen.size, queue.length, depth);
  }
  const cutByStates = seen.size >= bounds.states;
  return {
    states: seen.size, transitions, depth, violations, found, spent,
    cut: { states: cutByStates ? queue.length : 0, ticks: cutByStates ? 0 : queue.length, epochs: cutByEpochs },
  };
}

const newestEpoch = ({ sides }: Pair): number =>
  Math.max(...sides.map(({ disk, state }) => Math.max(disk[0].epoch, disk[0].offered, state?.holdings[0].pending?.record.offered ?? 0)));

function read(tape: Tape, bytes: Uint8Array, size: number): Pair {
  tape.bytes.set(bytes.subarray(0, size));
  return readPair(tape, (parts) => ({ ...parts, broken: [] }));
}

/** One transition: the choice, then the tick. A core that throws has broken a rule too. */
export function takeChoice(pair: Pair, at: number, told: ((text: string) => void) | null = null): void {
  const choice = CHOICES[at] as (typeof CHOICES)[number];
  const tick = new Tick(pair, choice.moment, told);
  try {
    choice.do(tick);
    tick.pass();
  } catch (error) {
    pair.broken.push(`throws: ${(error as Error).stack ?? String(error)}`);
  }
}

/** Two independent 32-bit mixes of the same bytes. */
function hash(bytes: Uint8Array, size: number): readonly [number, number] {
  let high = 0x9e3779b9 ^ size;
  let low = 0x85ebca6b;
  for (let at = 0; at < size; at += 1) {
    const byte = bytes[at] as number;
    high = Math.imul(high ^ byte, 0x01000193);
    high ^= high >>> 15;
    low = Math.imul(low + byte, 0x5bd1e995) ^ (low >>> 13);
  }
  high = Math.imul(high ^ (high >>> 16), 0x7feb352d);
  low = Math.imul(low ^ (low >>> 15), 0x2c1b3c6d);
  return [(high ^ (high >>> 15)) >>> 0, (low ^ (low >>> 13)) >>> 0];
}

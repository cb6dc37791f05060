// Throws inputs at one target, and says what came of it. Never more than one finding: the next run finds the next.

import { performance } from "node:perf_hooks";
import { random } from "../sim/random.ts";
import { nextInput } from "./mutate.ts";
import { corpusOf, type Target } from "./target.ts";

export interface Finding { readonly input: Buffer; readonly because: string }
export interface Outcome { readonly runs: number; readonly finding: Finding | null; readonly slowest_ms: number; readonly took_ms: number }

/** `patience`: an input that takes longer is a finding, in milliseconds. Without it nothing is timed (tests share their machine). */
export async function fuzz(target: Target, { runs, seed, patience = Infinity }: { readonly runs: number; readonly seed: number; readonly patience?: number }): Promise<Outcome> {
  const draw = random(seed);
  const kitchen = { seeds: corpusOf(target).map(({ input }) => input), words: target.words, largest: target.largest };
  const began = performance.now();
  let slowest = 0;
  let done = 0;
  let finding: Finding | null = null;
  for (; done < runs && finding === null; done += 1) {
    const input = nextInput(draw, kitchen);
    const from = performance.now();
    const because = await whyNot(target, input);
    const took = performance.now() - from;
    slowest = Math.max(slowest, took);
    if (because !== null) finding = { input: await smaller(target, input), because };
    else if (took > patience) finding = { input, because: `took ${took.toFixed(0)} ms for ${input.length} bytes` };
  }
  return { runs: done, finding, slowest_ms: Math.round(slowest), took_ms: Math.round(performance.now() - began) };
}

/** Null when the input keeps every rule. */
export async function whyNot(target: Target, input: Buffer): Promise<string | null> {
  try {
    await target.judge(input);
    return null;
  } catch (error) {
    return error instanceof Error ? error.stack ?? error.message : String(error);
  }
}

/** Leaves out pieces, large ones first, for as long as the rest still breaks a rule. */
async function smaller(target: Target, input: Buffer): Promise<Buffer> {
  let tries = 400;
  for (let size = input.length >> 1; size > 0; size >>= 1) {
    for (let from = 0; from < input.length && (tries -= 1) > 0;) {
      const less = Buffer.concat([input.subarray(0, from), input.subarray(from + size)]);
      if (await whyNot(target, less) === null) from += size;
      else input = less;
    }
  }
  return input;
}

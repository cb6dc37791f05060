// What a fuzzer needs to know of a parser, and how one input is judged.
//
// A target's rules must hold for every input whatever: it never throws and never hangs, and what it answers is either a
// value that keeps the parser's promises or an error in words. Its corpus (corpus/NAME/) holds ordinary inputs, from which
// others are made, and every input that once broke a rule.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

export interface Target {
  readonly name: string;
  /** Which parser, in a few words. */
  readonly what: string;
  /** Pieces that inputs are made of, beside the corpus. */
  readonly words: readonly string[];
  /** Inputs grow to at most this many bytes; a parser that is a process of its own gets small ones. */
  readonly largest: number;
  /** How many inputs the unit tests try: a second's worth at most. */
  readonly inUnit: number;
  /** Throws when the input breaks a rule. */
  judge(input: Buffer): void | Promise<void>;
  /** Ends what the target has started. */
  close?(): void | Promise<void>;
}

export const CORPUS = join(import.meta.dirname, "corpus");

export interface Entry { readonly file: string; readonly input: Buffer }

/** The kept inputs of a target, by name. A target without any could find nothing. */
export function corpusOf({ name }: { readonly name: string }): readonly Entry[] {
  const entries = readdirSync(join(CORPUS, name)).sort().map((file) => ({ file, input: readFileSync(join(CORPUS, name, file)) }));
  if (entries.length === 0) throw new Error(`corpus/${name} is empty`);
  return entries;
}

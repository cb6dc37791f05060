// What a command of the command line is: a row of data and a function from words to an Outcome.
//
// Commands print nothing and never end the process: they return what they found, and run-command.ts says it, as text
// for people or, with --json, as one object for programs.

import type { ExitName } from "./exit-codes.ts";

export interface Outcome {
  readonly exit: ExitName;
  /** The exit code, where another convention decides than ours (monitoring plugins). */
  readonly code?: number;
  /** For people; without a line end. */
  readonly text: string;
  /** What --json prints beside `ok` and `exit`; without it, the text. */
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface Given {
  readonly words: readonly string[];
  flag(name: string): boolean;
  value(name: string): string | undefined;
  /** Of an option that may be repeated, in the order given. */
  all(name: string): readonly string[];
}

export interface Command {
  /** As commander reads it: `switchover [NODE]`. */
  readonly usage: string;
  readonly summary: string;
  /** `many`: may be repeated. */
  readonly options?: readonly (readonly [flags: string, meaning: string, many?: "many"])[];
  readonly examples: readonly (readonly [line: string, meaning: string])[];
  readonly exits: readonly ExitName[];
  readonly run: (given: Given) => Outcome | Promise<Outcome>;
}

export const DRY_RUN = ["--dry-run", "say what would be done, and do nothing"] as const;

export const outcome = (exit: ExitName, text: string, data?: Outcome["data"]): Outcome =>
  (data === undefined ? { exit, text } : { exit, text, data });

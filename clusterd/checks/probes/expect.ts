// Does a text hold what is expected? A regular expression may go astray for years over a few bytes, so it gets a moment only.

import { runInNewContext } from "node:vm";
import { reasonOf } from "../../base/errors.ts";
import type { Answer } from "../probe.ts";

/** So much of an answer is read, and looked through. */
export const MOST_READ = 64 * 1024;
const MOMENT = 200;

/** `what`: the answer in a few words, when all is well. */
export function judge(text: string, expect: string | null, what: string): Answer {
  if (expect === null) return { ok: true, said: what };
  try {
    // Compiled inside, so that the time limit reaches it.
    const found = runInNewContext("new RegExp(expect, 'm').test(text)", { expect, text }, { timeout: MOMENT }) === true;
    return found ? { ok: true, said: what } : { ok: false, said: `${what}, but not ${JSON.stringify(expect)}${text === "" ? "" : `: ${JSON.stringify(text.slice(0, 60))}`}` };
  } catch (error) {
    // Of the other context's Error, not of ours.
    return { ok: false, said: `${what}; looking for ${JSON.stringify(expect)} failed: ${(error as Error).message}` };
  }
}

export const whyNot = (error: NodeJS.ErrnoException): string => WORDS[error.code ?? ""] ?? reasonOf(error);
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there", ECONNRESET: "the connection was broken off", EHOSTUNREACH: "there is no way there", ENETUNREACH: "there is no way there", EADDRNOTAVAIL: "there is no way there",
};

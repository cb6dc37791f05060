// How the old files had running services checked, as `check[]` and what belongs to it.

import { whyNoWords } from "./commands.ts";
import type { OldCommand } from "./commands.ts";
import { append, note } from "./draft.ts";
import type { Draft, DraftService, Where } from "./draft.ts";
import { placeOf } from "./addresses.ts";

export const BY_HAND = "check[] = … in the service's file; the reference page has its kinds";

/** `words` as base/ini.ts reads them again. */
export function takeCheck(draft: Draft, service: DraftService, where: Where, words: readonly string[], question: string | null = null): void {
  const line = words.map(quoted).join(" ");
  append(service.service, "check", line);
  note(draft, question === null ? "carried" : "guessed", where, `${placeOf(service)} check[] = ${line}`, question);
}

const quoted = (word: string): string => (/^[\w@%+=:,./*?!{}^$()|<>~-]+$/.test(word) ? word : word.includes("'") ? `"${word.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"` : `'${word}'`);

/** Of each the first that is said counts: a service has one interval, one timeout. */
export function takeCheckTime(draft: Draft, service: DraftService, where: Where, key: "check_interval" | "check_timeout", word: string): void {
  const seconds = Number(word);
  if (!(seconds > 0)) return note(draft, "lost", where, `"${word}" is no time`, `${key} = … in the service's file`);
  const value = `${key === "check_interval" ? Math.max(1, seconds) : seconds}s`;
  takeFirst(draft, service, where, key, value, seconds < 1 && key === "check_interval" ? "a second is the shortest" : null);
}

export function takeFirst(draft: Draft, service: DraftService, where: Where, key: "check_interval" | "check_timeout" | "check_rise" | "check_fall", value: string, question: string | null = null): void {
  const before = service.service.get(key)?.[0];
  if (before !== undefined && before !== value) return note(draft, "lost", where, `${key} of the service is ${before} already`, null);
  service.service.set(key, [value]);
  note(draft, question === null ? "carried" : "guessed", where, `${placeOf(service)} ${key} = ${value}`, question);
}

/** The usual ways to ask whether a program runs, which had no full path and therefore a shell. */
const RUNS = /^(?:\/usr)?\/?(?:bin\/|sbin\/)?(?:killall -0|pidof(?: -s)?|pgrep(?: -x)?)\s+([\w.@+-]+)$/;

/** Whether it could be carried over. */
export function takeCheckCommand(draft: Draft, service: DraftService, { text, where }: OldCommand, question: string | null = null): boolean {
  const [, program] = RUNS.exec(text.trim()) ?? [];
  if (program !== undefined) return takeProcess(draft, service, where, program, question);
  const why = whyNoWords(text);
  if (why === null) takeCheck(draft, service, where, ["command", ...text.trim().split(/\s+/)], question);
  else note(draft, "lost", where, why, BY_HAND);
  return why === null;
}

const OF_PGREP = "is pgrep there on both nodes (package procps), and does that process run only with the service?";

/** The kernel keeps 15 characters of a program's name (proc(5), comm). */
export function takeProcess(draft: Draft, service: DraftService, where: Where, program: string, question: string | null = null): true {
  takeCheck(draft, service, where, ["command", "/usr/bin/pgrep", "-x", program.slice(0, 15)], question === null ? OF_PGREP : `${OF_PGREP} And ${question}`);
  return true;
}

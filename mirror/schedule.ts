// The crontab file, read: which line runs what, when, and where the line stands.
//
// The format of /etc/cron.d (crontab(5)): NAME=value lines, comments, and `minute hour day month weekday user command`.
// Only what this project's own file needs is understood when the built-in scheduler runs it: no shell, so the command must
// be plain words, and its program `mirror` or `clusterd`. Pure.

import { problem } from "../clusterd/base/errors.ts";
import type { Problem } from "../clusterd/base/errors.ts";

export interface CronLine {
  readonly line: number;
  /** The five fields, as node-cron and cron both take them. */
  readonly when: string;
  readonly user: string;
  readonly command: readonly string[];
}

export interface Crontab { readonly lines: readonly CronLine[]; readonly problems: readonly Problem[] }

const FIELDS = [
  { name: "minute", least: 0, most: 59 }, { name: "hour", least: 0, most: 23 }, { name: "day of month", least: 1, most: 31 },
  { name: "month", least: 1, most: 12 }, { name: "day of week", least: 0, most: 7 },
] as const;

const PROGRAMS = ["mirror", "clusterd"];

export function parseCrontab(text: string, file = "crontab"): Crontab {
  const lines: CronLine[] = [];
  const problems: Problem[] = [];
  for (const [index, content] of text.split("\n").entries()) {
    const line = content.trim();
    if (line === "" || line.startsWith("#") || /^[A-Za-z_][A-Za-z0-9_]*\s*=/.test(line)) continue;
    const words = line.split(/\s+/);
    const found = faults(words);
    if (found.length > 0) problems.push(...found.map((fault) => problem(file, index + 1, fault)));
    else lines.push({ line: index + 1, when: words.slice(0, 5).join(" "), user: words[5] as string, command: words.slice(6) });
  }
  return { lines, problems };
}

function faults(words: readonly string[]): readonly string[] {
  if (words.length < 7) return [`has ${words.length} words: five times, the user and the command are needed`];
  const times = FIELDS.flatMap(({ name, least, most }, index) => isField(words[index] as string, least, most) ? [] : [`${name} ${JSON.stringify(words[index])} is not between ${least} and ${most}, *, a list, a range or a step`]);
  const command = words.slice(6);
  const program = (command[0] as string).split("/").at(-1) ?? "";
  const strange = command.find((word) => /[^A-Za-z0-9_.,:/=@+-]/.test(word));
  return [
    ...times,
    ...(PROGRAMS.includes(program) ? [] : [`${JSON.stringify(command[0])} is neither mirror nor clusterd: the built-in scheduler runs no other program`]),
    ...(strange === undefined ? [] : [`${JSON.stringify(strange)} needs a shell, and the built-in scheduler has none`]),
  ];
}

/** `*`, `5`, `1-5`, any of them with `/2`, and lists of these. */
function isField(field: string, least: number, most: number): boolean {
  return field.split(",").every((part) => {
    const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part);
    if (match === null) return false;
    const [from, to, step] = [match[1], match[2], match[3]].map((digits) => (digits === undefined ? null : Number(digits)));
    return (from == null || (from >= least && from <= most)) && (to == null || (to >= (from as number) && to <= most)) && (step == null || (step >= 1 && (from == null || to != null)));
  });
}

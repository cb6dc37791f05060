// One file, its table of options, and what comes of the two: values with their lines, or problems.

import { parseIni } from "../base/ini.ts";
import type { IniKey } from "../base/ini.ts";
import { problem } from "../base/errors.ts";
import type { Problem } from "../base/errors.ts";
import { didYouMean, suggest } from "./suggest.ts";
import type { Options, Values } from "./options.ts";

/** What one section says. A key that is missing although required, or wrong, is undefined, and is already in the problems. */
export interface Section<O extends Options> {
  readonly file: string;
  readonly values: { readonly [K in keyof O]: Values<O>[K] | undefined };
  /** The keys that stand in the file. */
  readonly given: ReadonlySet<keyof O>;
  /** Where a key stands; the section's own line, or null, when it does not. */
  line(key: keyof O): number | null;
  /** Where each (sound) value of a repeated key stands. */
  lines(key: keyof O): readonly number[];
  /** The section is in the file. */
  readonly present: boolean;
}

type Sections<F extends Readonly<Record<string, Options>>> = { readonly [S in keyof F]: Section<F[S]> };

/** Reads a whole file. `optional` sections may be missing with all their required keys. */
export function readSections<F extends Readonly<Record<string, Options>>>(text: string, file: string, tables: F, optional: readonly (keyof F)[], problems: Problem[]): Sections<F> {
  const style = Object.hasOwn(tables, "") ? "flat" : "sections";
  const found = parseIni(text, file, style);
  // One by one: a spread of a hundred thousand arguments would be more than the stack holds.
  for (const one of found.problems) problems.push(one);
  const names = Object.keys(tables);
  for (const { name, line } of found.sections) {
    if (!names.includes(name)) problems.push(problem(file, line, `unknown section [${name}]`, didYouMean(name, names)));
  }
  for (const { section, key, line } of found.keys) {
    if (section === "" && style === "sections") problems.push(problem(file, line, `${key} stands before any section`, `Sections of this file: ${names.map((name) => `[${name}]`).join(" ")}.`));
  }
  const sections = names.map((name) => {
    const opened = found.sections.find((section) => section.name === name)?.line ?? null;
    const keys = found.keys.filter((key) => key.section === name);
    const present = style === "flat" || opened !== null;
    const broken = found.broken.filter((one) => one.section === name).map(({ key }) => key);
    return [name, readSection({ file, name, opened, present, keys, broken, table: tables[name] as Options, others: tables, needed: present || !optional.includes(name), problems })];
  });
  return Object.fromEntries(sections) as Sections<F>;
}

interface Opened {
  readonly file: string; readonly name: string; readonly opened: number | null; readonly present: boolean; readonly keys: readonly IniKey[];
  /** Keys whose line is already in the problems. */
  readonly broken: readonly string[];
  readonly table: Options; readonly others: Readonly<Record<string, Options>>; readonly needed: boolean; readonly problems: Problem[];
}

function readSection({ file, name, opened, present, keys, broken, table, others, needed, problems }: Opened): Section<Options> {
  const values: Record<string, unknown> = {};
  const lines = new Map<PropertyKey, readonly number[]>();
  const prefix = name === "" ? "" : `[${name}] `;
  // In the flat files, as in the shell of 1999, an empty value is the same as none.
  const given = keys.filter((key) => name !== "" || key.isList || key.values[0]?.text !== "");
  for (const key of given) {
    const option = Object.hasOwn(table, key.key) ? table[key.key] : undefined;
    if (option === undefined) {
      problems.push(problem(file, key.line, `${prefix}unknown key ${key.key}`, unknownHint(key.key, name, table, others)));
      continue;
    }
    const read = option.kind.read(key);
    values[key.key] = read.value;
    lines.set(key.key, read.lines ?? []);
    for (const { line, message, hint } of read.faults) problems.push(problem(file, line, `${prefix}${message}`, hint));
  }
  for (const [key, option] of Object.entries(table)) {
    if (given.some((one) => one.key === key) || broken.includes(key)) continue;
    if (option.fallback !== undefined) values[key] = option.fallback;
    else if (needed) problems.push(problem(file, opened, `${prefix}${key} is missing: ${lowerFirst(option.meaning)}`, `For example: ${key}${name === "" ? "=" : " = "}${option.example}`));
  }
  return {
    file, present, values, given: new Set(given.map(({ key }) => key)),
    line: (key) => given.find((one) => one.key === key)?.line ?? opened,
    lines: (key) => lines.get(key) ?? [],
  };
}

/** The key may be misspelt, or stand in the wrong section. */
function unknownHint(key: string, section: string, table: Options, others: Readonly<Record<string, Options>>): string {
  const elsewhere = Object.entries(others).find(([name, options]) => name !== section && Object.hasOwn(options, key));
  if (elsewhere !== undefined) return `It belongs in section [${elsewhere[0]}].`;
  const near = suggest(key, Object.keys(table));
  return near === null ? didYouMean(key, Object.keys(table)) : `Did you mean ${near}?`;
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, "");

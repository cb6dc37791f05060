// What is written in an INI file, key by key, with the line of each.
//
// The `ini` package reads; this file guards it. Alone it cuts values at `#` and `;`, takes a bare key for `true`, turns
// '12' into a number, nests dotted sections, lets the last duplicate win and knows no lines. So every line is first
// judged here, what it would misread is refused with line and hint, and what is left is handed to it with each value as
// a quoted string, the one form that it returns unchanged.
//
// Quotes as in a shell, without its other powers: '…' is verbatim, "…" knows \" and \\. Two styles: `sections`
// ([name] and key = value), and `flat`, the 1999 shell style (KEY=value, a comment may follow after a space).
// Not here: which keys exist (config/options.ts).

import ini from "ini";
import { problem } from "./errors.ts";
import type { Problem } from "./errors.ts";

export interface IniValue {
  /** The value without its quotes; null when quotes enclose only a part of it. */
  readonly text: string | null;
  /** The value as words, split at spaces outside quotes. */
  readonly words: readonly string[];
  readonly line: number;
}

export interface IniKey {
  /** "" before any section, and in flat files. */
  readonly section: string;
  readonly key: string;
  readonly line: number;
  /** Written as `key[] = value`, once or more. */
  readonly isList: boolean;
  readonly values: readonly IniValue[];
}

export interface IniFile {
  readonly sections: readonly { readonly name: string; readonly line: number }[];
  readonly keys: readonly IniKey[];
  /** Keys that are there, but whose line is among the problems. */
  readonly broken: readonly { readonly section: string; readonly key: string }[];
  readonly problems: readonly Problem[];
}

type Style = "sections" | "flat";
interface Pair { readonly section: string; readonly key: string; readonly isList: boolean; readonly raw: string; readonly line: number }
interface Fault { readonly fault: string; readonly hint: string | null; readonly key?: string }

const NAME = /^[A-Za-z][A-Za-z0-9_-]*$/;
const CONTROL = /[\p{Cc}\u2028\u2029]/u;
const fault = (text: string, hint: string | null = null): Fault => ({ fault: text, hint });

/** Beyond this it is no file that a person wrote, and judging each line would hold up the daemon at a reload. */
const MOST_LINES = 5000;

/** Never throws; everything that is wrong is in `problems`, and the keys that are sound are still there. */
export function parseIni(text: string, file: string, style: Style): IniFile {
  const problems: Problem[] = [];
  const sections = new Map<string, number>();
  const pairs: Pair[] = [];
  const firsts = new Map<string, Pair>();
  const broken: { section: string; key: string }[] = [];
  let section = "";
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n/);
  if (lines.length > MOST_LINES) return { sections: [], keys: [], broken: [], problems: [problem(file, null, `has ${lines.length} lines, more than ${MOST_LINES}: this is no configuration file`)] };
  for (const [index, content] of lines.entries()) {
    const line = index + 1;
    const found = judgeLine(content, style, section, line);
    if (found === null) continue;
    if ("fault" in found) {
      problems.push(problem(file, line, found.fault, found.hint));
      if (found.key !== undefined) broken.push({ section, key: found.key });
    } else if ("open" in found) {
      section = found.open;
      const first = sections.get(section);
      if (first === undefined) sections.set(section, line);
      else problems.push(problem(file, line, `section [${section}] stands here a second time, first in line ${first}`, "Put its keys together."));
    } else {
      const first = firsts.get(idOf(found));
      if (first === undefined) firsts.set(idOf(found), found);
      if (first === undefined || (first.isList && found.isList)) pairs.push(found);
      else problems.push(problem(file, line, `${found.key} stands here a second time, first in line ${first.line}`, duplicateHint(first, found)));
    }
  }
  return { sections: [...sections].map(([name, line]) => ({ name, line })), keys: assemble(pairs), broken, problems };
}

function duplicateHint(first: Pair, second: Pair): string {
  if (first.isList !== second.isList) return `Write ${first.key}[] = … on every one of these lines.`;
  return `Keep one of the two${first.section === "" ? "" : `; where a key may be repeated it is written ${first.key}[] = …`}.`;
}

function judgeLine(content: string, style: Style, section: string, line: number): null | Fault | { readonly open: string } | Pair {
  const text = content.trim();
  if (text === "" || text.startsWith("#") || text.startsWith(";")) return null;
  if (CONTROL.test(content.replaceAll("\t", " "))) return fault("this line holds a control character", "Type the line anew; copied text can hide such characters.");
  if (text.startsWith("[")) return style === "flat" ? fault(`${text}: this file knows no sections`, "Write KEY=value lines only.") : judgeSection(text);
  const equals = text.indexOf("=");
  if (equals === -1) return fault(`"${shorten(text)}" has no = sign`, "Write key = value, or # before a comment.");
  const [, name = "", list] = /^(.*?)(\[\])?$/.exec(text.slice(0, equals).trim()) ?? [];
  if (!NAME.test(name)) return fault(`"${shorten(name)}" is no name for a key`, "A name is made of letters, digits, _ and -.");
  const raw = judgeValue(text.slice(equals + 1).trim(), style);
  return typeof raw === "string" ? { section, key: name, isList: list !== undefined, raw, line } : { ...raw, key: name };
}

function judgeSection(text: string): Fault | { readonly open: string } {
  const name = /^\[([^\[\]]*)\]$/.exec(text)?.[1]?.trim();
  if (name === undefined) return fault(`"${shorten(text)}" is no section`, "Write [name] on a line of its own; comments too.");
  if (name.includes(".")) return fault(`section [${shorten(name)}]: a dot in a section's name is not allowed`, "Sections are not nested here.");
  return NAME.test(name) ? { open: name } : fault(`"${shorten(name)}" is no name for a section`, "A name is made of letters, digits, _ and -.");
}

/** The raw value if it can be read in one way only. */
function judgeValue(raw: string, style: Style): string | Fault {
  const split = splitWords(raw);
  if ("comment" in split) {
    const before = raw.slice(0, split.comment);
    if (style === "flat" && raw[split.comment] === "#" && /(^|\s)$/.test(before)) return before.trim();
    return fault(`is ${raw[split.comment]} in "${shorten(raw)}" a part of the value or a comment?`, "Put the value in quotes, or the comment on a line of its own.");
  }
  return "fault" in split ? split : raw;
}

/** Splits at spaces; quotes join, also within a word (--text="a b"). `comment`: where # or ; stands outside quotes. */
export function splitWords(raw: string): { readonly words: readonly string[] } | { readonly comment: number } | Fault {
  const words: string[] = [];
  let word: string | null = null;
  let quote: { readonly mark: string; readonly at: number } | null = null;
  for (let i = 0; i < raw.length; i += 1) {
    const c = raw.charAt(i);
    if (quote !== null) {
      const next = raw.charAt(i + 1);
      if (c === quote.mark) quote = null;
      else if (c !== "\\" || quote.mark === "'") word += c;
      else if (next === '"' || next === "\\") { word += next; i += 1; }
      else return fault(`\\${next} within double quotes means nothing here`, "Only \\\" and \\\\ do; single quotes take everything as it stands.");
    } else if (c === '"' || c === "'") { quote = { mark: c, at: i }; word ??= ""; }
    else if (c === "#" || c === ";") return { comment: i };
    else if (/\s/.test(c)) { if (word !== null) words.push(word); word = null; }
    else if (c === "\\" && (i + 1 === raw.length || "\\;#\"'".includes(raw.charAt(i + 1)))) return fault(`the backslash in "${shorten(raw)}" can be read in two ways`, "Put the value in single quotes; a line cannot be continued on the next.");
    else word = (word ?? "") + c;
  }
  if (quote !== null) return fault(`the quote ${quote.mark} in "${shorten(raw)}" is never closed`, `Add the closing ${quote.mark}, or put the whole value in the other kind of quotes.`);
  if (word !== null) words.push(word);
  return { words };
}

/** The whole value without quotes. Null: only a part is quoted, which for a single value can be meant in two ways. */
function unquote(raw: string, words: readonly string[]): string | null {
  if (!/["']/.test(raw)) return raw;
  const mark = raw.charAt(0);
  const inner = raw.slice(1, -1);
  const whole = raw.length > 1 && raw.endsWith(mark) && (mark === "'" ? !inner.includes("'") : mark === '"' && !/(^|[^\\])(\\\\)*"/.test(inner));
  return whole ? words[0] ?? "" : null;
}

/** Lets `ini` read what is left, and puts the lines back to it. */
function assemble(pairs: readonly Pair[]): readonly IniKey[] {
  // A section of its own even for what stands before any: a key named like a section would otherwise be in its way.
  const text = pairs.map(({ section, key, raw, isList }) => `[${section}]\n${key}${isList ? "[]" : ""}=${JSON.stringify(raw)}`).join("\n");
  const read = ini.parse(text) as Record<string, Record<string, unknown>>;
  const keys = new Map<string, Pair[]>();
  for (const pair of pairs) {
    const same = keys.get(idOf(pair));
    if (same === undefined) keys.set(idOf(pair), [pair]);
    else same.push(pair);
  }
  return [...keys.values()].map((same) => {
    const { section, key, isList, line } = same[0] as Pair;
    const held = read[section]?.[key];
    const raws = (Array.isArray(held) ? held : [held]).map(String);
    return { section, key, isList, line, values: raws.map((raw, index) => toValue(raw, same[index]?.line ?? line)) };
  });
}

function toValue(raw: string, line: number): IniValue {
  const split = splitWords(raw);
  const words = "words" in split ? split.words : [];
  return { text: unquote(raw, words), words, line };
}

const idOf = ({ section, key }: Pair): string => `${section}.${key}`;
const shorten = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}…` : text);

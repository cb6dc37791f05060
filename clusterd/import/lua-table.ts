// The part of Lua that only describes: calls with one table, `name { key = value, … }`, and assignments of plain values.
//
// Read: strings ('…', "…", [[…]]), numbers, true, false, nil, dotted names, tables within tables, comments. Whatever computes
// (functions, operators, if, for) is skipped to the next statement that is read, and said with its line.

export type LuaValue =
  | { readonly kind: "text"; readonly text: string; readonly line: number }
  | { readonly kind: "number" | "word"; readonly text: string; readonly line: number }
  | { readonly kind: "table"; readonly entries: readonly LuaEntry[]; readonly line: number };
export interface LuaEntry { readonly key: string | null; readonly value: LuaValue; readonly line: number }
export interface LuaCall { readonly name: string; readonly table: LuaValue & { readonly kind: "table" }; readonly line: number }
export interface LuaFile { readonly calls: readonly LuaCall[]; readonly skipped: readonly { readonly line: number; readonly text: string }[] }

interface Token { readonly kind: "text" | "number" | "name" | "sign"; readonly text: string; readonly line: number }

const TOKEN = /\s+|--\[(=*)\[[^]*?\]\1\]|--[^\n]*|(?<long>\[(?<eq>=*)\[[^]*?\]\k<eq>\])|(?<quoted>"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*')|(?<number>-?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?))|(?<name>[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*)|(?<sign>\.\.|[^])/gy;

export function readLua(source: string): LuaFile {
  const tokens = tokenise(source);
  const calls: LuaCall[] = [];
  const skipped: { line: number; text: string }[] = [];
  const lines = source.split("\n");
  let at = 0;
  let skippedLine = 0;
  while (at < tokens.length) {
    const [name, second] = [tokens[at], tokens[at + 1]];
    // settings { … }, settings = { … }, sync({ … })
    const known = name?.text === "settings" || name?.text === "sync";
    const opener = name?.kind !== "name" ? -1 : known && second?.text === "{" ? at + 1 : (second?.text === "=" || (known && second?.text === "(")) && tokens[at + 2]?.text === "{" ? at + 2 : -1;
    const read = opener === -1 ? null : readTable(tokens, opener);
    if (read !== null && name !== undefined) {
      calls.push({ name: name.text, table: read.value, line: name.line });
      at = read.next + (tokens[read.next]?.text === ")" && second?.text === "(" ? 1 : 0);
    } else {
      const line = name?.line ?? 0;
      if (line !== skippedLine && name?.text !== ";") skipped.push({ line, text: (lines[line - 1] ?? "").trim() });
      skippedLine = line;
      at += 1;
    }
  }
  return { calls, skipped };
}

function tokenise(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let line = 1;
  for (const match of source.matchAll(TOKEN)) {
    const { long, eq = "", quoted, number, name, sign } = match.groups ?? {};
    if (long !== undefined) tokens.push({ kind: "text", text: long.slice(2 + eq.length, -2 - eq.length).replace(/^\r?\n/, ""), line });
    else if (quoted !== undefined) tokens.push({ kind: "text", text: quoted.slice(1, -1).replace(/\\([^])/g, (_, c: string) => ({ n: "\n", t: "\t", r: "\r" })[c] ?? c), line });
    else if (number !== undefined) tokens.push({ kind: "number", text: number, line });
    else if (name !== undefined) tokens.push({ kind: "name", text: name, line });
    else if (sign !== undefined) tokens.push({ kind: "sign", text: sign, line });
    line += match[0].split("\n").length - 1;
  }
  return tokens;
}

type Read<T> = { readonly value: T; readonly next: number } | null;

/** From an opening brace to behind its end; null when something in it computes. */
function readTable(tokens: readonly Token[], open: number): Read<LuaValue & { readonly kind: "table" }> {
  const entries: LuaEntry[] = [];
  let at = open + 1;
  while (tokens[at] !== undefined && tokens[at]?.text !== "}") {
    const key = keyAt(tokens, at);
    const value = readValue(tokens, key === null ? at : key.next);
    if (value === null) return null;
    entries.push({ key: key?.value ?? null, value: value.value, line: tokens[at]?.line ?? 0 });
    at = value.next;
    const mark = tokens[at];
    if (mark?.kind === "sign" && (mark.text === "," || mark.text === ";")) at += 1;
    else if (mark?.text !== "}") return null;
  }
  return tokens[at] === undefined ? null : { value: { kind: "table", entries, line: tokens[open]?.line ?? 0 }, next: at + 1 };
}

/** `key =` or `["key"] =` */
function keyAt(tokens: readonly Token[], at: number): Read<string> {
  const [first, second, third, fourth] = [tokens[at], tokens[at + 1], tokens[at + 2], tokens[at + 3]];
  const isSign = (token: Token | undefined, text: string): boolean => token?.kind === "sign" && token.text === text;
  if (first?.kind === "name" && isSign(second, "=") && !isSign(third, "=")) return { value: first.text, next: at + 2 };
  if (isSign(first, "[") && (second?.kind === "text" || second?.kind === "number") && isSign(third, "]") && isSign(fourth, "=")) return { value: second.text, next: at + 4 };
  return null;
}

function readValue(tokens: readonly Token[], at: number): Read<LuaValue> {
  const token = tokens[at];
  if (token === undefined) return null;
  if (token.kind === "sign") return token.text === "{" ? readTable(tokens, at) : null;
  if (token.kind === "name" && ["function", "if", "not"].includes(token.text)) return null;
  return { value: { kind: token.kind === "name" ? "word" : token.kind, text: token.text, line: token.line }, next: at + 1 };
}

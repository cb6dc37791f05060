// Configurations in one file each: test/config/valid/*.case and test/config/invalid/*.case.
//
// Comment lines, then blocks `== path` with a file's whole text. A case lies over test/config/valid/plain.case, whose
// files it replaces; `== path (removed)` takes one away. The last block, `== expected`, is what loadConfig() must say,
// word for word: problems, then warnings. With UPDATE=1 it is written anew: read the difference.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { formatProblem, loadConfig } from "../../../clusterd/config/load.ts";
import type { Loaded } from "../../../clusterd/config/load.ts";

export type Folder = ReadonlyMap<string, string>;
export interface Case { readonly name: string; readonly path: string; readonly about: string; readonly files: ReadonlyMap<string, string | null>; readonly expected: string }

const CASES = join(import.meta.dirname, "../../config");

export const cases = (kind: "valid" | "invalid"): readonly Case[] =>
  readdirSync(join(CASES, kind)).filter((name) => name.endsWith(".case")).sort().map((name) => readCase(join(CASES, kind, name)));

export function readCase(path: string): Case {
  const [head = "", ...blocks] = readFileSync(path, "utf8").split(/^== /m);
  const texts = blocks.map((block): [string, string | null] => {
    const end = block.indexOf("\n");
    const title = block.slice(0, end).trim();
    return title.endsWith(" (removed)") ? [title.slice(0, -" (removed)".length), null] : [title, block.slice(end + 1)];
  });
  const files = new Map(texts.filter(([title]) => title !== "expected"));
  return { name: basename(path, ".case"), path, about: head.replaceAll(/^# ?/gm, "").trim(), files, expected: texts.find(([title]) => title === "expected")?.[1] ?? "" };
}

const PLAIN = readCase(join(CASES, "valid/plain.case"));

/** The files of a case, over those of the plain pair. */
export function folderOf(files: ReadonlyMap<string, string | null>): Folder {
  const all = new Map<string, string | null>([...PLAIN.files, ...files]);
  return new Map([...all].flatMap(([path, text]) => (text === null ? [] : [[path, text] as const])));
}

/** One file of the plain pair with a part of it replaced; fails when that part is not there. */
export function changed(path: string, from: string, to: string): ReadonlyMap<string, string> {
  const text = PLAIN.files.get(path) ?? "";
  if (!text.includes(from)) throw new Error(`${path} of the plain case does not hold "${from}"`);
  return new Map([[path, text.replace(from, to)]]);
}

/** Writes the files to a folder of their own that only we can change, and takes it away afterwards. */
export function inFolder<T>(files: ReadonlyMap<string, string | Buffer>, use: (etc: string) => T): T {
  const etc = mkdtempSync(join(tmpdir(), "clusterd-config-"));
  try {
    for (const [path, text] of files) {
      mkdirSync(dirname(join(etc, path)), { recursive: true, mode: 0o755 });
      writeFileSync(join(etc, path), text, { mode: 0o644 });
    }
    return use(etc);
  } finally {
    rmSync(etc, { recursive: true, force: true });
  }
}

export const load = (files: ReadonlyMap<string, string | Buffer>, self = "serv1"): Loaded => inFolder(files, (etc) => loadConfig({ etc, self }));

/** Problems and warnings as `clusterd check` prints them. */
export function said(loaded: Loaded): string {
  return [...(loaded.ok ? [] : loaded.problems.map(formatProblem)), ...loaded.warnings.map((warning) => `warning: ${formatProblem(warning)}`)].map((line) => `${line}\n`).join("");
}

export function rewrite({ path, expected }: Case, now: string): void {
  const text = readFileSync(path, "utf8");
  writeFileSync(path, `${text.slice(0, text.length - (text.includes("\n== expected\n") ? expected.length : 0))}${text.includes("\n== expected\n") ? "" : "== expected\n"}${now}`);
}

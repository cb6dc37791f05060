// The command tree as data: what --help shows, for man pages and completion. One source, so that they never disagree.

import type { Command as Commander } from "commander";
import { notesOf } from "./notes.ts";
import type { Notes } from "./notes.ts";

export interface TreeOption {
  /** `-n, --dry-run`, `--root <folder>` */
  readonly flags: string;
  readonly meaning: string;
  /** `--dry-run`; null: it has only a short form. */
  readonly long: string | null;
  readonly short: string | null;
  /** What its value is called; null: it takes none. */
  readonly value: string | null;
}

export interface TreeNode extends Notes {
  /** From the program on: ["clusterd", "keys", "export"]. */
  readonly path: readonly string[];
  readonly summary: string;
  /** `[FILE]`, `<job>`: as the usage line has them. */
  readonly words: readonly { readonly name: string; readonly required: boolean; readonly many: boolean }[];
  readonly options: readonly TreeOption[];
  readonly commands: readonly TreeNode[];
}

export function treeOf(command: Commander, above: readonly string[] = []): TreeNode {
  const path = [...above, command.name()];
  return {
    ...notesOf(command), path, summary: command.description(),
    words: command.registeredArguments.map((word) => ({ name: word.name(), required: word.required, many: word.variadic })),
    options: [...command.options, HELP].map(({ flags, description, long, short }) => ({ flags, meaning: description, long: long ?? null, short: short ?? null, value: /[<[](.+)[>\]]/.exec(flags)?.[1] ?? null })),
    commands: command.commands.filter((one) => one.name() !== "receive").map((one) => treeOf(one, path)),
  };
}

const HELP = { flags: "-h, --help", description: "how it is used, with examples", long: "--help", short: "-h" };

/** Each command with its own commands, from the top. */
export const everyNode = (node: TreeNode): readonly TreeNode[] => [node, ...node.commands.flatMap(everyNode)];

/** `switchover [NODE]`, without the options. */
export const usageOf = ({ path, words }: TreeNode): string =>
  [...path, ...words.map(({ name, required, many }) => { const dots = many ? `${name}...` : name; return required ? `<${dots}>` : `[${dots}]`; })].join(" ");

// Everything that is written from the command trees of both programs, and where an installation puts it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildProgram } from "../commands/program.ts";
import { program as mirror } from "../../mirror/commands.ts";
import { SHELLS, completion } from "./completion.ts";
import type { Shell } from "./completion.ts";
import { manPages } from "./pages.ts";
import type { ManPage } from "./pages.ts";
import { treeOf } from "./tree.ts";
import type { TreeNode } from "./tree.ts";

export interface WrittenFile { readonly path: string; readonly text: string }

export const programTrees = (): readonly TreeNode[] => [treeOf(buildProgram()), treeOf(mirror)];

export const completionFor = (shell: Shell): string => completion(shell, programTrees());

export function pages(): readonly ManPage[] {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")) as { readonly version: string };
  return manPages(programTrees(), version);
}

/** Each shell looks for a file by the name of the program that is completed; the first word is the program's. */
const COMPLETIONS: Readonly<Record<Shell, (program: string) => string>> = {
  bash: (program) => `/usr/share/bash-completion/completions/${program}`,
  zsh: (program) => `/usr/share/zsh/vendor-completions/_${program}`,
  fish: (program) => `/usr/share/fish/vendor_completions.d/${program}.fish`,
};

export function manualFiles(): readonly WrittenFile[] {
  const trees = programTrees();
  return [
    ...pages().map(({ name, section, text }) => ({ path: `/usr/share/man/man${section}/${name}.${section}`, text })),
    ...SHELLS.flatMap((shell) => trees.map((tree) => ({ path: COMPLETIONS[shell](tree.path[0] ?? ""), text: completion(shell, [tree]) }))),
  ];
}

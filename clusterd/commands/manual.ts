// `clusterd completion` and `clusterd man`: what a shell and `man` need, written from the command tree itself.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { didYouMean } from "../config/suggest.ts";
import { outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";

async function completion(given: Given): Promise<Outcome> {
  const { SHELLS } = await import("../manual/completion.ts");
  const shell = SHELLS.find((one) => one === given.words[0]);
  if (shell === undefined) return outcome("usage", `there is no completion for ${given.words[0]}. ${didYouMean(given.words[0] ?? "", SHELLS)}`);
  const { completionFor } = await import("../manual/manual.ts");
  const text = completionFor(shell);
  return outcome("ok", text.trimEnd(), { shell, text });
}

async function man(given: Given): Promise<Outcome> {
  const { pages } = await import("../manual/manual.ts");
  const [folder] = given.words;
  const all = pages();
  if (folder === undefined) {
    const wanted = given.value("page") ?? "clusterd";
    const page = all.find(({ name, section }) => wanted === name || wanted === `${name}.${section}`);
    return page === undefined ? outcome("usage", `there is no page ${wanted}. ${didYouMean(wanted, all.map(({ name }) => name))}`) : outcome("ok", page.text.trimEnd(), { ...page });
  }
  const paths = all.map(({ name, section, text }) => ({ path: join(folder, `man${section}`, `${name}.${section}`), text }));
  for (const { path, text } of paths) {
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, text);
  }
  return outcome("ok", paths.map(({ path }) => path).join("\n"), { files: paths.map(({ path }) => path) });
}

export const MANUAL_COMMANDS: readonly Command[] = [
  {
    usage: "completion <SHELL>", run: completion, summary: "print the completion script for bash, zsh or fish (`clusterd install` puts all three in place)",
    examples: [["source <(clusterd completion bash)", "in this shell, at once"], ["clusterd completion fish > ~/.config/fish/completions/clusterd.fish", "for one user"]], exits: ["ok", "usage"],
  },
  {
    usage: "man [FOLDER]", run: man, summary: "write the man pages into FOLDER, or print one (`clusterd install` puts them in place)",
    options: [["--page <page>", "which one to print: clusterd, mirror or cluster.conf (default: clusterd)"]],
    examples: [["clusterd man | man -l -", "read clusterd(8) without installing it"], ["clusterd man ./share/man", "for a package"]], exits: ["ok", "usage"],
  },
];

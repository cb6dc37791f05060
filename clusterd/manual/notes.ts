// Examples and exit codes of a command: shown by its --help, and known to whoever writes pages from the tree (tree.ts).

import type { Command as Commander } from "commander";

export interface Notes {
  readonly examples: readonly (readonly [line: string, meaning: string])[];
  readonly exits: readonly (readonly [code: number, meaning: string])[];
}

const NOTES = new WeakMap<Commander, Notes>();

export function annotate(command: Commander, notes: Notes): void {
  NOTES.set(command, notes);
  command.addHelpText("after", helpText(notes));
}

export const notesOf = (command: Commander): Notes => NOTES.get(command) ?? { examples: [], exits: [] };

function helpText({ examples, exits }: Notes): string {
  const shown = examples.map(([line, meaning]) => `  ${line}\n      ${meaning}`).join("\n");
  return `${shown === "" ? "" : `\nExamples:\n${shown}\n`}\nExit codes:\n${exits.map(([code, meaning]) => `  ${code}  ${meaning}`).join("\n")}\n`;
}

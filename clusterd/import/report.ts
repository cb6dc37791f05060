// What an import says of itself: each line of the old files, what became of it, and what is left to do.

import type { Draft, Fate, Note } from "./draft.ts";

const HEADINGS: Readonly<Record<Fate, string>> = {
  warned: "LOOK OUT",
  lost: "NOT CARRIED OVER",
  guessed: "GUESSED: look at each",
  needless: "Not needed: clusterd does it by itself, or otherwise",
  carried: "Carried over",
};

export function reportText({ notes }: Pick<Draft, "notes">, changes: readonly string[]): string {
  const parts = (Object.keys(HEADINGS) as Fate[]).flatMap((fate) => {
    const of = notes.filter((note) => note.fate === fate);
    return of.length === 0 ? [] : [[`${HEADINGS[fate]} (${of.length})`, ...of.map(noteText)].join("\n")];
  });
  const times = changes.length === 0 ? [] : [["Times that had to fit clusterd's inequalities", ...changes.map((change) => `  ${change}`), "  Without [timing] a takeover takes 0.95 s; with these it takes deadtime + claim."].join("\n")];
  return [...parts, ...times].join("\n\n");
}

function noteText({ file, line, directive, fate, text, instead }: Note): string {
  const where = `  ${file}:${line}: ${directive}`;
  const next = instead === null ? "" : `\n      ${fate === "guessed" ? "" : "instead: "}${instead}`;
  return fate === "carried" || fate === "guessed" ? `${where}\n      → ${text}${next}` : `${where}\n      ${text}${next}`;
}

// The mirror descriptions of 1999: a file <node>/Fname, one `directory/` or file a line.
//
// Lines are taken as they stand, without quotes; spaces at their ends, blank lines and lines that begin with # do not
// count. They are told from services by their names: a capital F, then letters, digits, _ or -, and no extension.

import { problem } from "../base/errors.ts";
import type { Problem } from "../base/errors.ts";
import { whyNoPath } from "./kinds.ts";

export interface Entry { readonly path: string; readonly line: number }

export const isDescriptionName = (name: string): boolean => /^F[A-Za-z0-9][A-Za-z0-9_-]{0,30}$/.test(name);

export function parseDescription(text: string, file: string, problems: Problem[]): readonly Entry[] {
  const entries: Entry[] = [];
  for (const [index, content] of text.replace(/^\uFEFF/, "").split(/\r\n|\n/).entries()) {
    const path = content.trim();
    if (path === "" || path.startsWith("#")) continue;
    const why = whyNoPath(path);
    if (why === null) entries.push({ path, line: index + 1 });
    else problems.push(problem(file, index + 1, why.fault, why.hint));
  }
  if (entries.length === 0 && problems.every((one) => one.file !== file)) problems.push(problem(file, null, "names nothing to mirror", "One directory/ or file a line, or remove the file."));
  return entries;
}

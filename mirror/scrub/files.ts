// The files of a tree in an order that is the same each time, from any of them on, and cut into slices.
//
// One folder's names are in memory at a time, so that a million files cost nothing. Names are bytes (latin1).

import { lstatSync, readdirSync } from "node:fs";
import type { Dirent } from "node:fs";

export interface Slice { readonly names: readonly string[]; readonly bytes: number }

/** One rsync's work: short enough to stop soon, long enough not to be all overhead. */
export const MOST_NAMES = 5000;
export const MOST_BYTES = 256 * 1024 * 1024;

/** Everything that is no folder, below `tree` (latin1, ends in a slash), after the name `cursor`. */
export function* filesAfter(tree: string, cursor: string | null, below = ""): Generator<string> {
  const [head, ...rest] = cursor === null ? [] : cursor.split("/");
  for (const entry of entries(`${tree}${below}`)) {
    const name = entry.name.toString("latin1");
    if (head !== undefined && name < head) continue;
    const on = name === head; // the way to the cursor itself
    if (entry.isDirectory()) yield* filesAfter(tree, on && rest.length > 0 ? rest.join("/") : null, `${below}${name}/`);
    else if (!on) yield `${below}${name}`;
  }
}

/** The same in slices; a file that is larger than a slice has one of its own. */
export function* slices(tree: string, cursor: string | null, most = { names: MOST_NAMES, bytes: MOST_BYTES }): Generator<Slice> {
  let [names, bytes]: [string[], number] = [[], 0];
  for (const name of filesAfter(tree, cursor)) {
    const size = lstatSync(Buffer.from(`${tree}${name}`, "latin1"), { throwIfNoEntry: false })?.size ?? 0;
    if (names.length > 0 && (names.length >= most.names || bytes + size > most.bytes)) { yield { names, bytes }; [names, bytes] = [[], 0]; }
    names.push(name);
    bytes += size;
  }
  if (names.length > 0) yield { names, bytes };
}

function entries(folder: string): readonly Dirent<Buffer>[] {
  try {
    return readdirSync(Buffer.from(folder, "latin1"), { withFileTypes: true, encoding: "buffer" }).sort((a, b) => Buffer.compare(a.name, b.name));
  } catch {
    return []; // gone meanwhile
  }
}

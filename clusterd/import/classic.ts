// The files of 1999: two node files, and mirror descriptions in the folder of each node. They are taken as they stand.

import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { isDescriptionName } from "../config/mirror-description.ts";
import { nodeNamed, note } from "./draft.ts";
import type { Draft } from "./draft.ts";

/** Is it a node file of 1999? */
export const isNodeFile = (text: string): boolean => /^\s*(MAIN|HEARTBEAT|REDUNDANT)_[A-Z]+=/m.test(text);

export const isClassicFolder = (folder: string): boolean => nodeFiles(folder).length > 0;

const nodeFiles = (folder: string): readonly string[] => readdirSync(folder).sort().filter((name) => name.endsWith(".conf") && isNodeFile(readFileSync(join(folder, name), "utf8")));

export function readClassic(folder: string, draft: Draft): void {
  for (const file of nodeFiles(folder)) {
    const name = file.slice(0, -".conf".length);
    const node = nodeNamed(draft, name);
    const where = { file: join(folder, file), line: 1, directive: "the whole file" };
    if (node === null) { draft.obstacles.push(`${where.file}: the node ${name} is a third one beside ${draft.nodes.map((one) => one.name).join(" and ")}`); continue; }
    node.raw = readFileSync(where.file, "utf8");
    note(draft, "carried", where, `${name}.conf, as it stands`);
    const below = join(folder, name);
    if (!existsSync(below) || !statSync(below).isDirectory()) continue;
    for (const entry of readdirSync(below).sort()) {
      const from = { file: join(below, entry), line: 1, directive: "the whole file" };
      if (!isDescriptionName(entry)) { note(draft, "lost", from, "it is no mirror description (a capital F, then a name without extension)", "`clusterd check` tells what belongs there"); continue; }
      draft.descriptions.push({ node, name: entry, text: readFileSync(from.file, "utf8") });
      note(draft, "carried", from, `${name}/${entry}, as it stands`);
    }
  }
}

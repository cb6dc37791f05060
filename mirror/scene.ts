// What the guards look at (guards.ts), gathered on this node; the other's part is its answer to `check`.

import { dirname } from "node:path";
import type { JobConfig } from "../clusterd/config/config.ts";
import { abilitiesOf } from "./abilities.ts";
import { recentDatabases } from "./databases.ts";
import type { OpenDatabase } from "./databases.ts";
import { EXIT } from "./exit-codes.ts";
import { sentence } from "./guards.ts";
import type { Finding, Scene } from "./guards.ts";
import { idsHere, usedIds } from "./ids.ts";
import { leftOut } from "./left-out.ts";
import { latin1 } from "./listed.ts";
import { Stop } from "./must.ts";
import { installedRsync } from "./receive-rsync.ts";
import { lookAtTree } from "./tree.ts";

/** `look`: how open databases are found. */
export async function lookAround(job: JobConfig, look: (trees: readonly string[]) => readonly OpenDatabase[] = (trees) => recentDatabases(job.name, trees)): Promise<Scene["here"]> {
  return {
    rsync: installedRsync(), ids: idsHere(), databases: databasesIn(job, look),
    tree: (path) => lookAtTree(path, job.name), used: () => usedIds(job),
    abilities: (path) => abilitiesOf(path.endsWith("/") ? path : dirname(path)),
  };
}

/** Those that a run would carry over: not what the job leaves out. */
function databasesIn({ entries, exclude }: JobConfig, look: (trees: readonly string[]) => readonly OpenDatabase[]): readonly OpenDatabase[] {
  const trees = entries.filter(({ kind }) => kind === "tree").map(({ path }) => path);
  const out = leftOut(exclude);
  return look(trees).filter(({ path }) => trees.some((tree) => path.startsWith(tree) && !out(latin1(path.slice(tree.length)), false)));
}

/** The warnings, or Stop at the first refusal. */
export function insistOn(findings: readonly Finding[]): readonly string[] {
  const refused = findings.find(({ state }) => state === "refuse");
  if (refused !== undefined) throw refused.there === true ? new Stop("peer-refused", EXIT.peerRefused, sentence(refused)) : new Stop("refused", EXIT.refused, sentence(refused));
  return findings.filter(({ state }) => state === "warn").map(sentence);
}

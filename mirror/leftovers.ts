// Half-received files of runs that ended early (a cut, a role change) wait in `.clusterd-partial` for the next run to go on from.
// If the source file is gone by then, nobody would ever clear them: rsync protects that folder. So the receiving side notes
// each run that begins, and the first good one after an unfinished one sweeps. Node core only.

import { appendFileSync, closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { STATE } from "../clusterd/base/paths.ts";
import type { RunId } from "./backup-names.ts";
import { setTime } from "./receive-folders.ts";
import { PARTIAL_DIR } from "./rsync-args.ts";
import { walk } from "./walk.ts";

const noteFile = (job: string): string => `${STATE}/mirror/unfinished/${job}`;

/** Before the first byte of a push. */
export function noteBegun(job: string, run: RunId): void {
  if (unfinished(job).includes(run)) return;
  mkdirSync(dirname(noteFile(job)), { recursive: true, mode: 0o700 });
  appendFileSync(noteFile(job), `${run}\n`, { mode: 0o600 });
}

/** After the last byte of a live push that went well: it has left nothing. */
export function noteEnded(job: string, run: RunId): void {
  const others = unfinished(job).filter((one) => one !== run);
  if (others.length === 0) rmSync(noteFile(job), { force: true });
  else writeFileSync(noteFile(job), others.map((one) => `${one}\n`).join(""), { mode: 0o600 });
}

/** After a good run: what earlier, unfinished ones left in the trees goes. */
export function sweepAfter(job: string, run: RunId, trees: readonly string[]): void {
  const others = unfinished(job).filter((one) => one !== run);
  const found = others.length === 0 ? [] : trees.flatMap(partialFolders);
  for (const folder of found) remove(folder);
  rmSync(noteFile(job), { force: true });
}

/** The folder above it keeps its time, or the next run would find that changed. */
function remove(folder: Buffer): void {
  const above = openSync(folder.subarray(0, folder.lastIndexOf("/")), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const { mtimeNs } = fstatSync(above, { bigint: true });
    rmSync(folder, { recursive: true, force: true });
    setTime(`/proc/self/fd/${above}`, mtimeNs);
  } finally {
    closeSync(above);
  }
}

function unfinished(job: string): readonly RunId[] {
  try {
    return readFileSync(noteFile(job), "utf8").split("\n").filter((line) => line !== "");
  } catch {
    return []; // none has begun since the last good one
  }
}

function partialFolders(tree: string): readonly Buffer[] {
  const isPartial = ({ path }: { readonly path: Buffer }): boolean => path.toString("latin1").endsWith(`/${PARTIAL_DIR}`);
  return [...walk(tree, (found) => !isPartial(found))].filter((found) => found.folder && isPartial(found)).map(({ path }) => path);
}

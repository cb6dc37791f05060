// The two jobs that clusterd was announced with in 1999: 6 GB in 50,000 files compared unchanged (45 s then), 9 GB resynchronised (3 minutes). Ours and
// plain rsync by turns, on a tree as large as the disk allows. In the second one file of ten has changed.

import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from "node:fs";
import { PER_FOLDER } from "./loads.ts";
import type { TreeJob, TreeJobs } from "./jobs.ts";

const FILE_BYTES = 120_000;
const COMPARED = 50_000;
const RESYNCHRONISED = 75_000;
/** The tree, and two copies. */
const TREES = 3;
const CHANGED = 10;
const SCALES = [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01];

/** The largest scale that takes no more than half of what is free. */
export function fittingScale(folder: string, most: number): number {
  const { bavail, bsize } = statfsSync(folder);
  return SCALES.find((scale) => scale <= most && scale * RESYNCHRONISED * FILE_BYTES * TREES <= (bavail * bsize) / 2) ?? SCALES.at(-1) ?? 0;
}

export async function headline(root: string, jobs: TreeJobs, { scale, rounds }: { readonly scale: number; readonly rounds: number }, tell: (line: string) => void): Promise<readonly TreeJob[]> {
  const files = (count: number): number => Math.round(count * scale);
  const size = (count: number): string => `${((files(count) * FILE_BYTES) / 1e9).toFixed(1)} GB in ${files(count)} files`;
  jobs.forget();
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root);
  makeFiles(root, 0, files(COMPARED));
  tell(`${size(COMPARED)} made`);
  await jobs.bothCopy();
  const compared = await jobs.take(`${size(COMPARED)} compared, unchanged`, rounds, () => undefined);
  tell(JSON.stringify(compared));
  makeFiles(root, files(COMPARED), files(RESYNCHRONISED));
  await jobs.bothCopy();
  let turn = 0;
  const resynchronised = await jobs.take(`${size(RESYNCHRONISED)} resynchronised, one file of ten changed`, rounds, () => { change(root, files(RESYNCHRONISED), turn += 1); });
  tell(JSON.stringify(resynchronised));
  return [compared, resynchronised];
}

const path = (root: string, n: number): string => `${root}/d${Math.floor(n / PER_FOLDER / 100)}/e${Math.floor(n / PER_FOLDER) % 100}/f${n % PER_FOLDER}`;

function makeFiles(root: string, from: number, to: number): void {
  const body = Buffer.alloc(FILE_BYTES);
  for (let at = 0; at < FILE_BYTES; at += 4) body.writeUInt32LE((Math.random() * 2 ** 32) >>> 0, at);
  for (let n = from; n < to; n += 1) {
    body.writeUInt32LE(n, 0);
    if (n % PER_FOLDER === 0) mkdirSync(path(root, n).replace(/\/f\d+$/, ""), { recursive: true });
    writeFileSync(path(root, n), body);
  }
}

/** 64 bytes in one file of ten, other ones each turn. */
function change(root: string, files: number, turn: number): void {
  for (let n = turn % CHANGED; n < files; n += CHANGED) {
    const fd = openSync(path(root, n), "r+");
    writeSync(fd, `${turn} ${Math.random()}`.padEnd(64, "x").slice(0, 64), 1000);
    closeSync(fd);
  }
}

// The loads of the mirror's bench, the same for whoever mirrors: from a file's close on the owner to identical content on the other side.
//
// The other side's tree is looked at every two milliseconds; that is the resolution. Every load ends with a comparison by checksum.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface Load { readonly load: string; readonly changes: number; readonly p50_ms: number; readonly p95_ms: number; readonly p99_ms: number; readonly max_ms: number }
export interface Measured { readonly loads: readonly Load[]; /** What differed after a load. */ readonly wrong: readonly string[] }

export const PER_FOLDER = 20;
const BURST = 1000;
/** Of burst, rename and deletion by turns; the whole tree is compared in the last. */
const ROUNDS = 5;
const LOOK_MS = 2;
const PATIENCE_MS = 60_000;

export async function runLoads(here: string, there: string, { seconds, settle }: { readonly seconds: number; /** How long after a load until it is compared. */ readonly settle: number }, tell: (line: string) => void): Promise<Measured> {
  const loads: Load[] = [];
  const wrong: string[] = [];
  const take = async (name: string, measure: () => Promise<readonly number[]>, earlier: readonly number[] = []): Promise<void> => {
    loads.push(summary(name, [...earlier, ...await measure()]));
    tell(`${name}: ${JSON.stringify(loads.at(-1))}`);
    await sleep(settle);
    const differs = differences(here, there);
    if (differs.length > 0) wrong.push(`${name}: ${differs.length} differences: ${differs[0] ?? ""}`);
  };
  const since = async (act: () => void, ...so: readonly (() => boolean)[]): Promise<readonly number[]> => { act(); const at = performance.now(); await until(...so); return [performance.now() - at]; };
  await take("1 write a second", () => writes(here, there, seconds, 1000));
  await take("20 writes a second", () => writes(here, there, seconds * 20, 50));
  const bursts = [
    ["burst of 1000 new files", () => since(() => makeBurst(`${here}/burst`), complete(`${there}/burst`))],
    ["rename of a folder of 1000", () => since(() => renameSync(`${here}/burst`, `${here}/moved`), () => !existsSync(`${there}/burst`), complete(`${there}/moved`))],
    ["deletion of a folder of 1000", () => since(() => rmSync(`${here}/moved`, { recursive: true }), () => !existsSync(`${there}/moved`))],
  ] as const;
  const taken: number[][] = bursts.map(() => []);
  for (let round = 1; round < ROUNDS; round += 1) for (const [at, [, measure]] of bursts.entries()) { taken[at]?.push(...await measure()); await sleep(settle); }
  for (const [at, [name, measure]] of bursts.entries()) await take(name, measure, taken[at]);
  return { loads, wrong };
}

/** By checksum, the times of folders too. */
export const differences = (here: string, there: string): readonly string[] =>
  execFileSync("rsync", ["-naHAXS", "--delete", "--checksum", "--modify-window=-1", "--itemize-changes", `${here}/`, `${there}/`], { encoding: "utf8", maxBuffer: 1 << 28 }).split("\n").filter((line) => line !== "");

export function makeTree(root: string, files: number): void {
  for (let n = 0; n < files; n += 1) {
    const folder = `${root}/d${Math.floor(n / PER_FOLDER / 100)}/e${Math.floor(n / PER_FOLDER) % 100}`;
    if (n % PER_FOLDER === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/f${n % PER_FOLDER}`, `${n} `.repeat(200 + (n % 7) * 300));
  }
}

/** So many writes of 8 KiB, each to a file of its own folder, one every `every` ms whether or not the last has arrived. */
async function writes(here: string, there: string, total: number, every: number): Promise<readonly number[]> {
  const folders = readdirSync(here).filter((name) => /^d\d+$/.test(name));
  const waiting: Promise<number>[] = [];
  for (let n = 0; n < total; n += 1) {
    const name = `${folders[n % folders.length] ?? "."}/e0/f${n % PER_FOLDER}`;
    const content = `${n} ${Math.random()} `.padEnd(8192, "x");
    writeFileSync(`${here}/${name}`, content);
    const at = performance.now();
    waiting.push(until(() => same(`${there}/${name}`, content) || !same(`${here}/${name}`, content)).then(() => performance.now() - at)); // overwritten since: the later write counts
    await sleep(every);
  }
  return Promise.all(waiting);
}

function makeBurst(folder: string): void {
  for (let n = 0; n < BURST; n += 1) {
    if (n % PER_FOLDER === 0) mkdirSync(`${folder}/${n / PER_FOLDER}`, { recursive: true });
    writeFileSync(`${folder}/${Math.floor(n / PER_FOLDER)}/${n}`, "x".repeat(9000));
  }
}

/** Are all files of a burst there, whole ones? rsync's temporary names begin with a dot. What was complete is not looked at again: looking costs too. */
function complete(folder: string): () => boolean {
  let at = 0;
  return () => {
    while (at < BURST / PER_FOLDER && names(`${folder}/${at}`).filter((name) => /^\d+$/.test(name)).length === PER_FOLDER) at += 1;
    return at === BURST / PER_FOLDER;
  };
}

const names = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : []);

function same(path: string, content: string): boolean {
  try {
    return readFileSync(path, "utf8") === content;
  } catch {
    return false;
  }
}

async function until(...all: readonly (() => boolean)[]): Promise<void> {
  for (const deadline = performance.now() + PATIENCE_MS; !all.every((so) => so()); await sleep(LOOK_MS)) if (performance.now() > deadline) return;
}

function summary(load: string, lags: readonly number[]): Load {
  const sorted = [...lags].sort((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { load, changes: lags.length, p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99), max_ms: at(1) };
}

// A range of seeds, played by this thread, or in parts by several side by side: the same tally either way.

import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { runEpisode, type EpisodeOptions, type EpisodeResult } from "./episode.ts";
import { formatKeep, shrink } from "./shrink.ts";

export interface Range {
  readonly from: number;
  readonly count: number;
  /** Only faults that two nodes promise to survive. */
  readonly inside: boolean;
  /** Broken seeds are told as objects. */
  readonly json: boolean;
}

export interface Tally {
  readonly episodes: number;
  /** Episodes that broke a rule within the promised assumptions; that broke one only outside; that left them. */
  readonly broken: number;
  readonly outside: number;
  readonly left: number;
  readonly changes: number;
  readonly unknowing: number;
  readonly takeovers: readonly number[];
  /** Of all traces in the order of their seeds. */
  readonly hash: number;
}

export const optionsOf = (seed: number, inside: boolean): EpisodeOptions => ({ outside: !inside && seed % 8 === 0 });
export const isBroken = ({ violations }: EpisodeResult): boolean => violations.some(({ outside }) => outside === null);

const NOTHING: Tally = { episodes: 0, broken: 0, outside: 0, left: 0, changes: 0, unknowing: 0, takeovers: [], hash: 0 };

/** 31 to this power, in 32 bits. */
const shift = (episodes: number): number => {
  let product = 1;
  for (let each = 0; each < episodes; each += 1) product = Math.imul(product, 31);
  return product;
};

/** The tally of a range and the one that follows it. */
export const together = (one: Tally, next: Tally): Tally => ({
  episodes: one.episodes + next.episodes, broken: one.broken + next.broken, outside: one.outside + next.outside, left: one.left + next.left,
  changes: one.changes + next.changes, unknowing: one.unknowing + next.unknowing, takeovers: [...one.takeovers, ...next.takeovers],
  hash: (Math.imul(one.hash, shift(next.episodes)) + next.hash) >>> 0,
});

/** Plays the seeds one after the other; those that break a rule are told at once, the first one with its shrunk story. */
export function play({ from, count, inside, json }: Range): Tally {
  let [broken, outside, hash, changes, unknowing, left] = [0, 0, 0, 0, 0, 0];
  const takeovers: number[] = [];
  for (let seed = from; seed < from + count; seed += 1) {
    const result = runEpisode(seed, optionsOf(seed, inside));
    hash = (Math.imul(hash, 31) + result.hash) >>> 0;
    changes += result.changes;
    unknowing += result.unknowing;
    takeovers.push(...result.takeovers);
    if (result.outside !== null) left += 1;
    if (isBroken(result)) report(result, inside, json, (broken += 1) === 1);
    else if (result.violations.length > 0) outside += 1;
    if ((seed - from) % 100 === 99 && process.stderr.isTTY) process.stderr.write(`\r${seed - from + 1} of ${count} `);
  }
  return { episodes: count, broken, outside, left, changes, unknowing, takeovers, hash };
}

/** In `jobs` threads of about equal parts. */
export async function playSideBySide({ from, count, ...how }: Range, jobs: number): Promise<Tally> {
  const bounds = Array.from({ length: jobs + 1 }, (_, job) => from + Math.floor((job * count) / jobs));
  const parts = bounds.slice(1).map((end, job) => ({ from: bounds[job] as number, count: end - (bounds[job] as number), ...how }));
  return (await Promise.all(parts.map(inThread))).reduce(together, NOTHING);
}

const inThread = (range: Range): Promise<Tally> => new Promise((resolve, reject) => {
  new Worker(import.meta.filename, { workerData: range }).on("message", resolve).on("error", reject);
});

function report(result: EpisodeResult, inside: boolean, json: boolean, first: boolean): void {
  const { seed, violations: [violation] } = result;
  if (json) return console.log(JSON.stringify({ seed, broken: violation }));
  console.log(`seed ${seed} breaks ${violation?.rule}: ${violation?.detail}`);
  if (!first) return;
  const { keep, result: shortest } = shrink(result, optionsOf(seed, inside));
  console.log(shortest.story.join("\n"));
  console.log(`again: npm run sim -- --seed ${seed} --keep ${formatKeep(keep)}${inside ? " --inside" : ""}`);
}

if (!isMainThread) parentPort?.postMessage(play(workerData as Range));

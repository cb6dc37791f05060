// Whole passes, ours and plain rsync's by turns: the first copy, nothing changed, one file of a hundred changed.

import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import type { Pair } from "../../mirror/pair.ts";
import { statistics } from "../statistics.ts";
import { differences } from "./loads.ts";
import { processorSeconds } from "./processor.ts";
import { filesAfter } from "../../../mirror/scrub/files.ts";
import type { Peers } from "./peers.ts";

const MIRROR = new URL("../../../mirror/bin/mirror", import.meta.url).pathname;
const run = promisify(execFile);

export interface TreeJob {
  readonly job: string; readonly rounds: number;
  readonly ours_s: number; readonly rsync_s: number; /** Median of the rounds' own ratios. */ readonly ratio: number;
  /** Of all processes of both nodes together: what is left of the figures on a busy machine. Null: none was counted. */
  readonly ours_cpu_s: number | null; readonly rsync_cpu_s: number | null; readonly cpu_ratio: number | null;
  /** What differs afterwards, by checksum. */
  readonly wrong: readonly string[];
}

export interface Taken { readonly ms: number; readonly cpu: number | null }

export class TreeJobs {
  readonly #pair: Pair;
  readonly #peers: Peers;

  constructor(pair: Pair, peers: Peers) {
    this.#pair = pair;
    this.#peers = peers;
  }

  async take(job: string, rounds: number, prepare: () => void, ours: () => Promise<Taken> = () => counted(() => this.#ours())): Promise<TreeJob> {
    const theirs = (): Promise<Taken> => counted(() => this.#peers.rsync(`${this.#pair.data}/www`, this.#peers.target("plain")));
    const pairs: (readonly [Taken, Taken])[] = [];
    for (let round = 0; round < rounds; round += 1) {
      prepare();
      if (round % 2 === 0) { const own = await ours(); pairs.push([own, await theirs()]); } else { const plain = await theirs(); pairs.push([await ours(), plain]); }
    }
    const cpu = pairs.flatMap(([own, plain]): (readonly [number, number])[] => (own.cpu === null || plain.cpu === null ? [] : [[own.cpu, plain.cpu]]));
    const differs = differences(`${this.#pair.data}/www`, `${this.#pair.dataTwo}/www`);
    return {
      job, rounds, ours_s: median(pairs.map(([own]) => own.ms)) / 1000, rsync_s: median(pairs.map(([, plain]) => plain.ms)) / 1000, ratio: ratio(pairs.map(([own, plain]) => [own.ms, plain.ms])),
      ...(cpu.length === 0 ? { ours_cpu_s: null, rsync_cpu_s: null, cpu_ratio: null } : { ours_cpu_s: median(cpu.map(([own]) => own)), rsync_cpu_s: median(cpu.map(([, plain]) => plain)), cpu_ratio: ratio(cpu) }),
      wrong: differs.length === 0 ? [] : [`${job}: ${differs.length} differences: ${differs[0] ?? ""}`],
    };
  }

  /** Not measured. */
  async bothCopy(): Promise<void> {
    await this.#ours();
    await this.#peers.rsync(`${this.#pair.data}/www`, this.#peers.target("plain"));
  }

  /** One run as a person would start it, the program's own start included. Milliseconds. */
  async #ours(): Promise<number> {
    const began = performance.now();
    await run("nsenter", [...this.#pair.inside, MIRROR, "run", "www", "--json"], { env: { ...process.env, ...this.#pair.one.env } });
    return performance.now() - began;
  }

  /** Neither side has anything of the tree, nor remembers that it had. */
  forget(): void {
    for (const folder of [`${this.#pair.dataTwo}/www`, `${this.#pair.two.root}/state/mirror`, this.#peers.target("plain"), this.#peers.target("kept")]) rmSync(folder, { recursive: true, force: true });
  }

  /** Every hundredth file gets other content of the same length. */
  changeSome(): void {
    let count = 0;
    for (const name of filesAfter(`${this.#pair.data}/www/`, null)) {
      count += 1;
      const path = `${this.#pair.data}/www/${name}`;
      if (count % 100 === 50) writeFileSync(path, `${Math.random()}`.slice(0, 10).padEnd(10, "0") + readFileSync(path, "utf8").slice(10));
    }
  }
}

/** To thousandths. */
const median = (values: readonly number[]): number => Math.round(statistics(values.map((value) => 1000 * value))?.median ?? 0) / 1000;
const ratio = (pairs: readonly (readonly [number, number])[]): number => median(pairs.map(([own, plain]) => own / plain));

export async function counted(act: () => Promise<number>): Promise<Taken> {
  const before = processorSeconds();
  const ms = await act();
  const after = processorSeconds();
  return { ms, cpu: before === null || after === null ? null : after - before };
}

// What each fault costs a client, many times: the table of README.md.

import { FAULTS, freshPair, measure } from "../lab/faults.ts";
import type { FaultName, Measured } from "../lab/faults.ts";
import type { Lab } from "../lab/lab.ts";
import { statistics } from "./statistics.ts";
import type { Statistics } from "./statistics.ts";

const FIGURES = ["gap_ms", "gap_frozen_arp_ms", "after_claim_ms", "two_owners_ms", "failback_gap_ms"] as const;
type Figure = (typeof FIGURES)[number];

export interface FaultResult {
  readonly fault: FaultName;
  readonly what: string;
  /** Runs after which the identity was where it belongs: with serv2 during the fault, or never away. */
  readonly recovered: number;
  readonly runs: number;
  readonly figures: Readonly<Record<Figure, Statistics | null>>;
  /** Runs that could not be measured, with the reason. */
  readonly failed: readonly string[];
}

/** `runs` times each fault, on one pair; a run that leaves the pair in disorder is counted and the pair built anew. */
export async function failover(lab: Lab, faults: readonly FaultName[], profile: string, runs: number, tell: (line: string) => void): Promise<FaultResult[]> {
  const results: FaultResult[] = [];
  await freshPair(lab, profile);
  for (const fault of faults) {
    const measured: Measured[] = [];
    const failed: string[] = [];
    for (let run = 1; run <= runs; run++) {
      try {
        const one = await measure(lab, fault);
        measured.push(one);
        tell(`${fault} ${run}/${runs}: gap ${one.gap_ms.toFixed(1)} ms, two owners ${one.two_owners_ms} ms`);
      } catch (error) {
        failed.push((error as Error).message);
        tell(`${fault} ${run}/${runs}: ${(error as Error).message}`);
        await freshPair(lab, profile);
      }
    }
    results.push(summarise(fault, measured, failed, runs));
  }
  return results;
}

function summarise(fault: FaultName, measured: readonly Measured[], failed: readonly string[], runs: number): FaultResult {
  const figures = Object.fromEntries(FIGURES.map((figure) =>
    [figure, statistics(measured.map((one) => one[figure]).filter((value) => value !== null))])) as Record<Figure, Statistics | null>;
  const recovered = measured.filter(({ moved }) => moved === FAULTS[fault].moves).length;
  return { fault, what: FAULTS[fault].what, recovered, runs, figures, failed };
}

/** For people, and for README.md: a Markdown table; cells are median (greatest). */
export function markdown(results: readonly FaultResult[]): string {
  const cell = (figure: Statistics | null): string => figure === null ? "–" : `${figure.median} (${figure.max})`;
  return [
    "| fault | client's gap, ms: median (worst) | frozen ARP entry | last claim → answer | failback | two owners, worst | as it should |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...results.map(({ what, figures, recovered, runs }) =>
      `| ${what} | ${cell(figures.gap_ms)} | ${cell(figures.gap_frozen_arp_ms)} | ${cell(figures.after_claim_ms)} | ${cell(figures.failback_gap_ms)} | ${figures.two_owners_ms?.max ?? "–"} | ${recovered} of ${runs} |`),
  ].join("\n");
}

// What a measurement comes to, and how it is shown. Pure.

import { statistics } from "./statistics.ts";
import type { Statistics } from "./statistics.ts";

export interface Wrong {
  readonly run: number;
  readonly what: string;
  /** Folder with the logs. */
  readonly kept: string;
}

export interface Result {
  readonly fault: string;
  readonly what: string;
  readonly runs: number;
  /** By figure, its unit in its name; null where no run had it. */
  readonly figures: Readonly<Record<string, Statistics | null>>;
  readonly wrong: readonly Wrong[];
}

/** Collects each figure over the runs; null in a run: it did not have it. */
export function collect(runs: readonly Readonly<Record<string, number | null>>[], figures: readonly string[]): Result["figures"] {
  return Object.fromEntries(figures.map((figure) =>
    [figure, statistics(runs.map((run) => run[figure] ?? null).filter((value) => value !== null))]));
}

const COLUMNS = [
  ["client's gap", "gap_ms"],
  ["frozen ARP entry", "gap_frozen_arp_ms"],
  ["last claim → answer", "after_claim_ms"],
  ["gap of the failback", "failback_gap_ms"],
] as const;

/** Faults as a Markdown table, cells in ms: median (worst); then one line for each other measurement. */
export function markdown(results: readonly Result[]): string {
  const faults = results.filter(({ figures }) => "gap_ms" in figures);
  const others = results.filter((result) => !faults.includes(result));
  const table = faults.length === 0 ? [] : [
    `| fault | ${COLUMNS.map(([title]) => title).join(" | ")} | two owners, worst | as it should |`,
    `| --- | ${COLUMNS.map(() => "---").join(" | ")} | --- | --- |`,
    ...faults.map(({ what, figures, runs, wrong }) =>
      `| ${what} | ${COLUMNS.map(([, figure]) => cell(figures[figure] ?? null)).join(" | ")} | ${figures["two_owners_ms"]?.max ?? "–"} | ${runs - new Set(wrong.map(({ run }) => run)).size} of ${runs} |`),
    "",
    "In ms: median (worst), measured by a client that asks every 2 ms; 0: no answer came more than 6 ms late.",
    "",
  ];
  const lines = others.map(({ what, figures }) =>
    `- ${what}: ${Object.entries(figures).map(([figure, value]) => `${figure} ${value === null ? "–" : value.max}`).join(", ")}`);
  const wrongs = results.flatMap(({ fault, wrong }) => wrong.map(({ run, what, kept }) => `- **${fault}, run ${run}**: ${what} (logs in ${kept})`));
  return [...table, ...lines, ...wrongs].join("\n").trimEnd();
}

const cell = (figure: Statistics | null): string => figure === null ? "–" : `${figure.median} (${figure.max})`;

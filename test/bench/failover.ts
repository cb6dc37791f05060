// What each fault costs a client, many times on one pair.

import { setTimeout as sleep } from "node:timers/promises";

import { FAULTS, measure } from "../lab/faults.ts";
import type { FaultName, Measured } from "../lab/faults.ts";
import type { Lab } from "../lab/lab.ts";
import { keepEvidence, settle } from "../lab/home.ts";
import { now } from "../lab/processes.ts";
import { freshPair } from "./pair.ts";
import type { Setting } from "./pair.ts";
import { collect } from "./result.ts";
import type { Result, Wrong } from "./result.ts";

const FIGURES = ["gap_ms", "gap_frozen_arp_ms", "after_claim_ms", "two_owners_ms", "failback_gap_ms"];
/** The core's periods are not to meet the fault at the same point each time: longer than any of them. */
const PHASE = 1000;
/** The worst gap of a power cut that README promises: Q + C + 150 ms for safety. */
const PROMISED: Readonly<Record<string, number>> = { fast: 450, balanced: 1100, safety: 3850 };
/** safety takes over after 3.7 s. */
const SLOW = 2.5;

/** `runs` times on a settled pair, which is left settled: a run that leaves it in disorder is reported, and the pair built anew. */
export async function failover(lab: Lab, fault: FaultName, setting: Setting, runs: number, tell: (line: string) => void): Promise<Result> {
  const measured: Measured[] = [];
  const wrong: Wrong[] = [];
  for (let run = 1; run <= runs; run++) {
    const complain = (what: string, facts: object): void => {
      wrong.push({ run, what, kept: keepEvidence(lab, `${fault}-${run}`, { fault, run, what, ...facts }) });
      tell(`${fault} ${run}/${runs}: WRONG: ${what}; logs in ${wrong.at(-1)!.kept}`);
    };
    await sleep(Math.random() * PHASE);
    const began = { monotonic_ms: now(), wall: new Date().toISOString() };
    try {
      const one = await measure(lab, fault, { home: settle, longer: setting.profile === "safety" ? SLOW : 1 });
      measured.push(one);
      tell(`${fault} ${run}/${runs}: ${FIGURES.map((figure) => `${figure} ${show(one[figure as keyof Measured] as number | null)}`).join(", ")}`);
      for (const what of mistakes(fault, setting.profile, one)) complain(what, { began, one });
    } catch (error) {
      complain((error as Error).message, { began });
      await freshPair(lab, setting);
    }
  }
  const figures = collect(measured.map((one) => Object.fromEntries(FIGURES.map((figure) => [figure, one[figure as keyof Measured] as number | null]))), FIGURES);
  return { fault, what: FAULTS[fault].what, runs, figures, wrong };
}

function mistakes(fault: FaultName, profile: string, { two_owners_ms, moved, gap_ms }: Measured): string[] {
  const promised = fault === "power-cut" ? PROMISED[profile] ?? Infinity : Infinity;
  return [
    ...gap_ms > promised ? [`a gap of ${show(gap_ms)} ms, more than the promised ${promised} ms`] : [],
    ...two_owners_ms > 0 ? [`two owners for ${two_owners_ms} ms`] : [],
    ...moved === FAULTS[fault].moves ? [] : [moved ? "serv2 took over, and should not have" : "serv2 did not take over"],
  ];
}

const show = (value: number | null): string => value === null ? "–" : value.toFixed(1);

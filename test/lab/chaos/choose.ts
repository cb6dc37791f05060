// Which faults does a round deal out, to whom and when? Pure: the same seed and round, the same choice.

import { random } from "../../sim/random.ts";
import { FAULT_NAMES, FAULTS } from "./faults.ts";
import type { FaultName } from "./faults.ts";

export interface Blow {
  readonly fault: FaultName;
  readonly victim: 0 | 1;
  /** Milliseconds after the round's beginning, and until it is mended. */
  readonly at: number;
  readonly lasts: number;
  readonly dice: number;
}

/** All blows fall within a second, so that they overlap; a takeover at the default profile takes another. */
const FALL = 1000;
const [SHORTEST, LONGEST] = [200, 2600];

/** `most`: how many faults at once, from 1 on. Each comes from another group. */
export function choose(seed: number, round: number, most: number): readonly Blow[] {
  const dice = random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(round, 0x85ebca6b));
  const groups = [...new Set(FAULT_NAMES.map((name) => FAULTS[name].group))];
  const blows: Blow[] = [];
  for (let count = 1 + dice.int(most); count > 0 && groups.length > 0; count -= 1) {
    // By fault, not by group: a group of many faults is met more often, or its faults would be met too rarely.
    const open = FAULT_NAMES.filter((name) => groups.includes(FAULTS[name].group));
    const fault = dice.pick(open);
    groups.splice(groups.indexOf(FAULTS[fault].group), 1);
    blows.push({
      fault, victim: dice.int(2) as 0 | 1, at: Math.round(dice.between(0, FALL)),
      lasts: Math.round(dice.between(SHORTEST, LONGEST)), dice: dice.next(),
    });
  }
  return blows.sort((a, b) => a.at - b.at);
}

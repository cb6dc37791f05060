// The wires between the two machines, and the reference hosts that each of them reaches.

import type { Index, LinkName } from "../../clusterd/core/model.ts";

export const LINKS = ["private", "lan", "serial"] as const satisfies readonly LinkName[];

/** What one direction of one link does beside losing: milliseconds and probabilities. */
export interface Trouble {
  /** On top of the usual delay. */
  readonly delay: number;
  /** Drawn for each packet, on top: reorders. */
  readonly jitter: number;
  readonly duplicate: number;
  /** Nothing comes out before this moment; then everything does. */
  readonly clogUntil: number;
}

export const NO_TROUBLE: Trouble = { delay: 0, jitter: 0, duplicate: 0, clogUntil: 0 };

export interface Net {
  /** Loss probability from host i on a link; 1 = cut. */
  readonly loss: Record<LinkName, [number, number]>;
  readonly trouble: Record<LinkName, [Trouble, Trouble]>;
  /** One way, in milliseconds; each packet draws half to one and a half of it. */
  delay: number;
  /** How many of the three reference hosts host i reaches, and how long their answers take on top. */
  readonly references: [number, number];
  readonly slowAnswers: [number, number];
  /** Heartbeats are dropped on every link, by a firewall; all else passes. */
  filtered: boolean;
  /** Loss between host i and the witness, each way. */
  readonly witness: [number, number];
}

export const newNet = (): Net => ({
  loss: { private: [0, 0], lan: [0, 0], serial: [1, 1] },
  trouble: { private: [NO_TROUBLE, NO_TROUBLE], lan: [NO_TROUBLE, NO_TROUBLE], serial: [NO_TROUBLE, NO_TROUBLE] },
  delay: 0.2, filtered: false, references: [3, 3], slowAnswers: [0, 0], witness: [0, 0],
});

/** Can anything come through from this host in time? What comes later than `patience` is no word passed. */
export function passes(net: Net, from: Index, now: number, patience: number): boolean {
  return LINKS.some((link) => {
    const { delay, clogUntil } = net.trouble[link][from];
    return net.loss[link][from] < 1 && clogUntil <= now && delay <= patience;
  });
}

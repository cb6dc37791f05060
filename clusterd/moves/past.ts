// How long planned handovers took here, as the history of a node that let go has them. Pure.

import type { Duration } from "../base/time.ts";
import type { NodeStatus } from "../status/control.ts";

type Decision = NodeStatus["history"][number];

/** A row that begins one: of people, of `failback = auto`, of leaving. */
const BEGINS = /^(planned handover|failback = auto|leaving: hand over first)/;
const DONE = "the peer owns it now";

/** From the decision to move to the peer's word that it owns, newest last. */
export function pastHandovers(history: readonly Decision[], identity: string): readonly Duration[] {
  const found: Duration[] = [];
  let began: number | null = null;
  for (const { wall, event, identity: about, because } of history) {
    if (about !== identity) continue;
    if (BEGINS.test(because)) began = wall;
    else if (event === "identity.standby" && because === DONE && began !== null) { found.push(Math.max(0, wall - began)); began = null; }
    else if (event === "identity.owner" || event === "identity.standby") began = null;
  }
  return found;
}

export function median(spans: readonly Duration[]): Duration | null {
  const sorted = spans.toSorted((a, b) => a - b);
  return sorted.length === 0 ? null : sorted[Math.floor((sorted.length - 1) / 2)] as Duration;
}

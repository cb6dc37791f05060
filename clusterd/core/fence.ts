// Switching the peer off by its power, and what a confirmed "off" is worth.
//
// A claim that has stood for its whole time, with the arbiter's agreement where there is one, asks for it; only a power state
// read back as off lets it go on. From then on the peer is dead for certain, until it is heard again: that is a vote like a
// person's `confirm-dead`. An answer to ARP does not hold the fence back, as it holds the takeover: a kernel that answers
// while its machine hangs is what a fence is for.

import type { Duration } from "../base/time.ts";
import type { CoreEvent } from "./model.ts";
import { NEVER, type Holding, type State } from "./state.ts";
import { hasArbiter } from "./witness.ts";

/** After a fence that failed, the next try. */
const RETRY: Duration = 10_000;
/** With nobody to decide which of two nodes may shoot, the second one waits for the first one's shot. */
const HEAD_START: Duration = 10_000;

/** Confirmed off, and nothing heard of it since. */
export const isFenced = ({ fence, peer }: State): boolean => fence.offAt !== NEVER && fence.offAt > peer.heardAt;

const isRunning = ({ fence, config, now }: State): boolean => fence.askedAt > fence.endedAt && now - fence.askedAt < (config.fence ?? 0);

/** The claim has stood: the whole time, and the arbiter's newest agreement is no older than `tolerance`. */
export function hasStood(state: State, { claim }: Holding, tolerance: Duration): boolean {
  if (claim === null || state.now - claim.startedAt < state.config.timing.claim) return false;
  return !hasArbiter(state.config) || state.now - claim.agreedAt <= tolerance;
}

export function isFenceDue(state: State, holding: Holding, tolerance: Duration): boolean {
  const { config, fence, now } = state;
  if (config.fence === null || isFenced(state) || isRunning(state) || now - fence.failedAt < RETRY) return false;
  const wait = hasArbiter(config) || config.self === 0 ? 0 : HEAD_START;
  return hasStood(state, holding, tolerance) && now - (holding.claim?.startedAt ?? now) >= config.timing.claim + wait;
}

export function noteFence(state: State, { at, ok, reason }: CoreEvent & { kind: "fenced" }): void {
  const said = ok ? "the peer's power is off, as its fence reads it back" : `the peer is not confirmed off, so nothing is taken over: ${reason}`;
  state.fence = { ...state.fence, endedAt: at, said, ...(ok ? { offAt: at } : { failedAt: at }) };
}

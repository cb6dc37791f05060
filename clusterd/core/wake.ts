// When must the timer fire next? The earliest moment at which silence alone changes something.

import type { Instant } from "../base/time.ts";
import { hasLease } from "./lease.ts";
import type { State } from "./state.ts";

export function nextWake(state: State): Instant {
  const { timing } = state.config;
  const moments: Instant[] = [state.nextBeatAt];
  const later = (moment: Instant): void => {
    if (moment > state.now && Number.isFinite(moment)) moments.push(moment);
  };
  later(Math.max(state.peer.heardAt, state.wokeAt) + timing.deadtime);
  for (const holding of state.holdings) {
    if (hasLease(holding)) later(holding.leaseUntil);
    later(holding.heldUntil);
    if (holding.claimHeard?.askedAt != null) later(holding.claimHeard.askedAt + timing.unheard);
    if (holding.claim === null) continue;
    later(holding.claim.startedAt + timing.claim);
    later(holding.claim.probeAt);
  }
  return Math.min(...moments);
}

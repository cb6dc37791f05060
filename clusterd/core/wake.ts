// When must the timer fire next? The earliest moment at which silence alone changes something.

import type { Instant } from "../base/time.ts";
import { hasLease } from "./lease.ts";
import type { State } from "./state.ts";

export function nextWake(state: State): Instant {
  const { timing } = state.config;
  let wake = earlier(state, state.nextBeatAt, Math.max(state.peer.heardAt, state.wokeAt) + timing.deadtime);
  for (const holding of state.holdings) {
    if (hasLease(holding)) wake = earlier(state, wake, holding.leaseUntil);
    wake = earlier(state, wake, holding.heldUntil);
    if (holding.claimHeard !== null) {
      const { askedAt, yieldAt } = holding.claimHeard;
      wake = earlier(state, wake, askedAt === null ? yieldAt : Math.min(askedAt + timing.unheard, yieldAt));
    }
    if (holding.claim === null) continue;
    wake = earlier(state, wake, holding.claim.startedAt + timing.claim);
    wake = earlier(state, wake, holding.claim.probeAt);
  }
  return wake;
}

/** `moment`, if it is still to come and before `wake`. */
const earlier = (state: State, wake: Instant, moment: Instant): Instant => (moment > state.now && moment < wake ? moment : wake);

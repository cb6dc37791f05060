// A new configuration, loaded while the daemon runs: which times are in force until both nodes have it?
//
// The safety argument sets one node's lease against the other's claim, so a node alone may not lengthen the one nor shorten the
// other. Until the peer has said the same digest, the more cautious of old and new counts: the shorter lease, the longer claim.
// Whatever order the two nodes load in, and whatever is lost on the way, both values then fit each other (DECISIONS.md).
//
// What is to be mirrored from now on, and was not before, the other node has never got: it is as if it had come back.

import { hasLease, leaseEnd } from "./lease.ts";
import type { CoreConfig, Index } from "./model.ts";
import type { State } from "./state.ts";

/** Takes the configuration as far as it may be taken now. */
export function configure(state: State, next: CoreConfig): void {
  for (const identity of [0, 1] as const) {
    if (!gains(state.config, next, identity)) continue;
    state.holdings[identity].inSync = null;
    state.holdings[identity].gained = true;
  }
  state.config = { ...next, timing: moreCautious(state.config.timing, next.timing) };
  state.awaited = next;
  // A lease told by the old times must not outlive a claim by the new ones: what was promised is taken back before it is said.
  for (const holding of state.holdings) if (hasLease(holding)) holding.leaseUntil = Math.min(holding.leaseUntil, leaseEnd(state, holding));
  settleConfiguration(state);
}

/** In force in full, once the peer has said that it has it too. */
export function settleConfiguration(state: State): void {
  if (state.awaited === null || state.peer.beat?.digest !== state.awaited.digest) return;
  state.config = state.awaited;
  state.awaited = null;
}

/** Is anything of this identity mirrored? */
export const hasJobs = ({ mirrored }: CoreConfig, identity: Index): boolean => mirrored[identity].length > 0;

function gains(old: CoreConfig, next: CoreConfig, identity: Index): boolean {
  const before = new Set(old.mirrored[identity]);
  return next.mirrored[identity].some((each) => !before.has(each));
}

type Timing = CoreConfig["timing"];

function moreCautious(old: Timing, next: Timing): Timing {
  return {
    ...next,
    keepalive: Math.min(old.keepalive, next.keepalive), lease: Math.min(old.lease, next.lease), unheard: Math.min(old.unheard, next.unheard),
    deadtime: Math.max(old.deadtime, next.deadtime), claim: Math.max(old.claim, next.claim), release: Math.max(old.release, next.release),
    initdead: Math.max(old.initdead, next.initdead),
  };
}

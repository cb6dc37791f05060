// Until when may an owner go on? The two-of-three lease.
//
// An owner needs one acknowledgement beside its own vote: the peer's echo, the arbiter's (a majority of the reference hosts,
// or the witness), or a standing vote. The lease counts from when the question was SENT, so delay can only shorten it: L = D + max(sent).
// With a standing vote there is always an answer, the moment itself; the lease stays finite, so that a daemon that dies
// or stalls is still silenced by dead-man and kernel.

import type { Duration, Instant } from "../base/time.ts";
import { isSilent, silence } from "./liveness.ts";
import type { Index } from "./model.ts";
import { NEVER, type Holding, type State } from "./state.ts";
import { arbiterAgreedAt, hasArbiter } from "./witness.ts";

/** The sending moment that the lease of this identity counts from, or NEVER. */
export function acknowledgedAt(state: State, holding: Holding): Instant {
  // Without an arbiter a peer never claims from silence, only at a person's word: its vote stands by configuration.
  if ((holding.pending?.record ?? holding.record).standing || !hasArbiter(state.config) || holdsOn(state, holding)) return state.now;
  return Math.max(holding.ackedAt, arbiterAgreedAt(state, holding));
}

export const leaseEnd = (state: State, holding: Holding): Instant => acknowledgedAt(state, holding) + state.config.timing.lease;

/** Strict majority of the configured reference hosts: 1 of 1, 2 of 2, 2 of 3. */
export const isMajority = (answered: number, of: number): boolean => of > 0 && answered * 2 > of;

/** After so long without two-way contact a completed takeover is no longer prompt (see DECISIONS.md, "alone"). */
export const aloneAfter = (state: State): Duration => 2 * (state.config.timing.deadtime + state.config.timing.claim);

/** Did the arbiter stay with us for longer than any prompt takeover by the peer could have lasted? Then, after a lease that ended
 *  for want of votes only, we may claim again; a peer that took over in the meantime did so late and holds no standing vote.
 *  A witness need not be guessed about: it refuses who does not know the newest owner. */
export function wasSurelyAlone(state: State): boolean {
  if (state.config.witness) return true;
  const { agreedAt } = state.references;
  // From the last word heard, not from the last exchange: the peer may have had our answer to it, and counts from there.
  return state.peer.heardAt !== NEVER && agreedAt - state.peer.heardAt >= aloneAfter(state) * 1.03;
}

/** Policy `availability`: an owner that lost only its votes (the peer died, later the arbiter went too) stays. Whoever lost both at once lets go
 *  as ever: there the peer may have the arbiter; and with a witness nobody stays without its word. */
export const holdsOn = (state: State, holding: Holding): boolean =>
  state.config.policy === "availability" && !state.config.witness && holds(holding) && state.peer.boot !== null && isSilent(state) && wasSurelyAlone(state);

/** May this takeover count as the peer's standing vote? Only if the peer cannot claim before it has talked to us: it held the identity
 *  by its own last word, so by now it has crashed or let go in doubt. Only a prompt takeover, and only if a lone boot always asks. */
export function takesTheVote(state: State, identity: Index): boolean {
  const said = state.peer.beat?.identities[identity].role;
  return (said === "raising" || said === "owner" || said === "freezing") &&
    state.config.soloBoot === "ask" && state.now - state.peer.echoedAt <= aloneAfter(state);
}

/** How often the arbiter is asked: each keepalive while it matters, D/4 by a lone owner, once a second otherwise. */
export function arbiterInterval(state: State): Duration {
  const { timing } = state.config;
  const [first, second] = state.holdings;
  if (contends(first) || contends(second)) return timing.keepalive;
  if (!holds(first) && !holds(second)) return 1000;
  if (isSilent(state) && silence(state) > timing.deadtime + timing.claim) return timing.lease / 4;
  const newest = Math.max(holds(first) ? first.ackedAt : NEVER, holds(second) ? second.ackedAt : NEVER);
  // An echo travels with the peer's next heartbeat, so it is up to 2h old when all is well.
  return state.now - newest > 2.5 * timing.keepalive ? timing.keepalive : 1000;
}

const contends = (holding: Holding): boolean => holding.role === "claiming" || holding.role === "acquiring";

/** The lease begins with the decision to own, while its epoch is being written: votes that run out meanwhile are not revived later. */
export const hasLease = (holding: Holding): boolean => holding.role === "acquiring" || holds(holding);

/** Roles in which the identity is, or may be, up on this node. */
export const holds = (holding: Holding): boolean =>
  holding.role === "raising" || holding.role === "owner" || holding.role === "freezing";

// Nobody holds an identity and both nodes talk: who should?
//
// Both nodes compute this from the same facts, so they agree. The owner on record at the newest epoch has the newest files
// and comes first; before any epoch the home does. A node that may lack versions, is locked, leaves, or has no carrier or no dead-man is passed over;
// one in maintenance takes nothing while the other can, and of what is not its own nothing at all.

import type { Index } from "./model.ts";
import { nicOf, peerCarrier } from "./signals.ts";
import { otherOf, type State } from "./state.ts";

export interface Candidate {
  readonly epoch: number;
  readonly owner: Index | null;
  readonly eligible: boolean;
  readonly maintenance: boolean;
}

/** The node that should own, or null when no node may without a person's word. Pure and symmetric. */
export function preferred(home: Index, candidates: readonly [Candidate, Candidate]): Index | null {
  const newest = candidates[0].epoch >= candidates[1].epoch ? candidates[0] : candidates[1];
  const first = newest.epoch === 0 ? home : (newest.owner ?? home);
  for (const node of [first, otherOf(first)]) if (candidates[node].eligible && !candidates[node].maintenance) return node;
  // Nobody else can: better where it was than nowhere.
  return newest.epoch > 0 && candidates[first].eligible ? first : null;
}

/** The same question as this node sees it now; null also while the peer has not been heard. */
export function preferredOwner(state: State, identity: Index): Index | null {
  const { self } = state.config;
  const said = state.peer.beat;
  if (said === null) return null;
  const mine = state.holdings[identity].record;
  const theirs = said.identities[identity];
  const own: Candidate = {
    epoch: mine.epoch, owner: mine.owner, maintenance: state.maintenance,
    eligible: !mine.stale && !mine.locked && state.holdings[identity].heldUntil <= state.now && state.guard.present && state.leaving === null && state.carrier[nicOf(state, identity)] !== false,
  };
  const peer: Candidate = {
    epoch: theirs.epoch, owner: theirs.owner, maintenance: said.maintenance,
    eligible: !theirs.stale && !theirs.locked && !theirs.held && !said.leaving && peerCarrier(state, identity),
  };
  return preferred(identity, self === 0 ? [own, peer] : [peer, own]);
}

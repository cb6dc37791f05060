// What an event, or the mere passing of time, means to one identity.
//
// A signal is either the outcome of something that was asked for, or a condition that holds now. Conditions are looked at
// after every event; the table (table.ts) says what a role makes of each, most often nothing.

import { inContact, isSilent, mayGoAlone, patienceIsOver } from "./liveness.ts";
import { hasLease, holds, isMajority } from "./lease.ts";
import type { CoreEvent, Index } from "./model.ts";
import { NEVER, type Holding, type State } from "./state.ts";
import { hasStood, isFenced, isFenceDue } from "./fence.ts";
import { isOutdated } from "./witness.ts";

export const CONDITIONS = [
  "peer-heard", "lease-over", "node-failed", "guard-missing", "peer-newer", "unheard", "peer-silent", "claim-broken", "fence-due", "claim-complete", "contact",
  "lan-lost", "home-steady", "overdue", "solo",
] as const;
export const OUTCOMES = [
  "offer", "persisted", "persist-failed", "raised", "raise-failed", "released", "release-failed",
  "services-started", "services-stopped", "passed", "pass-failed", "own-mac-heard", "hand-over", "force-own", "confirm-dead", "leave", "clear",
] as const;
export type Condition = (typeof CONDITIONS)[number];
export type Signal = Condition | (typeof OUTCOMES)[number];

/** A planned handover that has not come to its end within this is taken back. */
export const FREEZE_LIMIT = 120_000;
/** An offer that the peer has not taken within this is withdrawn. */
export const OFFER_LIMIT = 3_000;
/** A LAN without a majority of reference hosts for so long (three rounds), while the peer has one, is as good as unplugged. */
const SHORT_LIMIT = 3_500;

/** The NIC of this node that carries, or would carry, the identity. */
export const nicOf = (state: State, identity: Index): "main" | "redundant" => (identity === state.config.self ? "main" : "redundant");

/** Carrier on the NIC with which the peer would carry the identity, as it says itself. */
export function peerCarrier(state: State, identity: Index): boolean {
  const { beat } = state.peer;
  return beat !== null && (identity === state.config.self ? beat.redundantCarrier : beat.mainCarrier);
}

export const roundTolerance = (state: State): number => 3 * state.config.timing.keepalive;

type Test = (state: State, holding: Holding, identity: Index) => boolean;

/** Does the condition hold for this identity now? */
export const TESTS: Readonly<Record<Condition, Test>> = {
  "peer-heard": (state) => state.peer.heardAt === state.now,
  "lease-over": (state, holding) => hasLease(holding) && state.now >= holding.leaseUntil,
  "node-failed": (state, holding) => holds(holding) && state.failed !== null,
  "guard-missing": (state, holding) => holds(holding) && !state.guard.present,
  "peer-newer": (state, holding, identity) => {
    const said = state.peer.beat?.identities[identity];
    return said !== undefined && said.epoch > (holding.pending?.record ?? holding.record).epoch;
  },
  unheard: (state, holding) => {
    if (holding.claimHeard === null) return false;
    const { askedAt, yieldAt, complete } = holding.claimHeard;
    if (complete || askedAt === null) return complete || state.now >= yieldAt;
    return state.peer.echoedAt < askedAt && state.now >= Math.min(askedAt + state.config.timing.unheard, yieldAt);
  },
  "peer-silent": (state) => isSilent(state) && patienceIsOver(state),
  "claim-broken": (state, holding) =>
    holding.claim !== null && (isOutdated(state, holding) || holding.claim.rounds.some((startedAt) => state.now - startedAt > roundTolerance(state))),
  "fence-due": (state, holding) => isFenceDue(state, holding, roundTolerance(state)),
  "claim-complete": (state, holding) =>
    hasStood(state, holding, roundTolerance(state)) && (holding.claim?.unanswered ?? 0) >= 3 && (state.config.fence === null || isFenced(state)),
  contact: (state) => inContact(state),
  "lan-lost": (state, holding, identity) => holding.role === "owner" && (state.carrier[nicOf(state, identity)] === false || isWorse(state)),
  "home-steady": (state, holding) => holding.steadySince !== null && state.now - holding.steadySince >= state.config.failbackDelay,
  overdue: (state, holding) =>
    holding.handover !== null && state.now - holding.since >= (holding.role === "freezing" ? FREEZE_LIMIT : OFFER_LIMIT),
  solo: (state) => mayGoAlone(state),
};

/** The 1999 rule: who reaches fewer hosts makes way. Here: no majority for some rounds while the peer has one. */
function isWorse(state: State): boolean {
  const { beat } = state.peer;
  const { agreedAt } = state.references;
  if (state.now - agreedAt <= SHORT_LIMIT) return false; // the usual case, first
  return agreedAt !== NEVER && state.now - Math.max(agreedAt, state.wokeAt, state.peer.aliveSince) > SHORT_LIMIT && beat !== null && beat.references !== 255 && isMajority(beat.references, state.config.references);
}

export interface Outcome {
  readonly identity: Index;
  readonly signal: Signal;
}

const BOTH = [0, 1] as const;

/** The outcome signals of an event, with the identity they concern. */
export function outcomesOf(event: CoreEvent, state: State): readonly Outcome[] {
  switch (event.kind) {
    case "heard": return isOffered(state, 0) || isOffered(state, 1) ? offersHeard(state) : NONE;
    case "persisted": case "persist-failed": return writeOutcomes(event, state);
    case "passed": return [{ identity: event.identity, signal: event.ok ? "passed" : "pass-failed" }];
    case "raised": case "raise-failed": case "released": case "release-failed":
    case "services-started": case "services-stopped": case "own-mac-heard":
      return [{ identity: event.identity, signal: event.kind }];
    case "command": return commandOutcomes(event);
    default: return NONE;
  }
}

const writeOutcomes = ({ kind, write }: CoreEvent & { kind: "persisted" | "persist-failed" }, { holdings }: State): readonly Outcome[] =>
  BOTH.filter((identity) => touches(holdings[identity], write, kind)).map((identity) => ({ identity, signal: kind }));

/** A write concerns an identity if it was asked for by it (and is the newest it asked for). */
const touches = (holding: Holding, write: number, kind: "persisted" | "persist-failed"): boolean =>
  kind === "persist-failed" ? holding.pending !== null : holding.confirmed === write;

const NONE: readonly Outcome[] = [];

const offersHeard = (state: State): readonly Outcome[] => BOTH.filter((identity) => isOffered(state, identity)).map((identity) => ({ identity, signal: "offer" }));

/** An offer that goes beyond all that is known here. */
function isOffered(state: State, identity: Index): boolean {
  const said = state.peer.beat?.identities[identity];
  if (said?.offers !== true) return false;
  const known = state.holdings[identity].pending?.record ?? state.holdings[identity].record;
  return said.offer > Math.max(known.epoch, known.offered);
}

function commandOutcomes({ verb, identity }: CoreEvent & { kind: "command" }): readonly Outcome[] {
  switch (verb) {
    case "switchover": case "failback": case "handover":
      return identity === null ? NONE : [{ identity, signal: "hand-over" }];
    case "force-own": return identity === null ? NONE : [{ identity, signal: verb }];
    case "confirm-dead": case "leave": case "clear": return BOTH.map((each) => ({ identity: each, signal: verb }));
  }
}

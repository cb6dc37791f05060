// What an event, or the mere passing of time, means to one identity.
//
// A signal is either the outcome of something that was asked for, or a condition that holds now. Conditions are looked at
// after every event; the table (table.ts) says what a role makes of each, most often nothing.

import { inContact, isSilent, patienceIsOver } from "./liveness.ts";
import { hasLease, holds, isMajority } from "./lease.ts";
import type { CoreEvent, Index } from "./model.ts";
import { NEVER, type Holding, type State } from "./state.ts";
import { isOutdated } from "./witness.ts";

export const CONDITIONS = [
  "lease-over", "node-failed", "guard-missing", "peer-newer", "unheard", "peer-silent", "claim-broken", "claim-complete", "contact",
  "lan-lost", "home-steady", "overdue", "solo",
] as const;
export const OUTCOMES = [
  "peer-heard", "offer", "persisted", "persist-failed", "raised", "raise-failed", "released", "release-failed",
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

const TESTS: Record<Condition, Test> = {
  "lease-over": (state, holding) => hasLease(holding) && state.now >= holding.leaseUntil,
  "node-failed": (state, holding) => holds(holding) && state.failed !== null,
  "guard-missing": (state, holding) => holds(holding) && !state.guard.present,
  "peer-newer": (state, holding, identity) => {
    const said = state.peer.beat?.identities[identity];
    return said !== undefined && said.epoch > (holding.pending?.record ?? holding.record).epoch;
  },
  unheard: (state, holding) => {
    if (holding.claimHeard?.complete === true) return true;
    const asked = holding.claimHeard?.askedAt ?? null;
    return asked !== null && state.peer.echoedAt < asked && state.now - asked >= state.config.timing.unheard;
  },
  "peer-silent": (state) => state.peer.boot !== null && isSilent(state) && patienceIsOver(state),
  "claim-broken": (state, holding) =>
    holding.claim !== null && (isOutdated(state, holding) || holding.claim.rounds.some((startedAt) => state.now - startedAt > roundTolerance(state))),
  "claim-complete": (state, holding) =>
    holding.claim !== null && state.now - holding.claim.startedAt >= state.config.timing.claim && holding.claim.unanswered >= 3 &&
    state.now - holding.claim.agreedAt <= roundTolerance(state),
  contact: (state) => inContact(state),
  "lan-lost": (state, holding, identity) => holding.role === "owner" && (state.carrier[nicOf(state, identity)] === false || isWorse(state)),
  "home-steady": (state, holding) => holding.steadySince !== null && state.now - holding.steadySince >= state.config.failbackDelay,
  overdue: (state, holding) =>
    holding.handover !== null && state.now - holding.since >= (holding.role === "freezing" ? FREEZE_LIMIT : OFFER_LIMIT),
  solo: (state) => state.peer.boot === null && state.config.soloBoot === "allow" && state.now - state.startedAt >= state.config.soloWait,
};

/** The 1999 rule: who reaches fewer hosts makes way. Here: no majority for some rounds while the peer has one. */
function isWorse(state: State): boolean {
  const { beat } = state.peer;
  const { agreedAt } = state.references;
  return agreedAt !== NEVER && state.now - Math.max(agreedAt, state.wokeAt, state.peer.aliveSince) > SHORT_LIMIT && beat !== null && beat.references !== 255 && isMajority(beat.references, state.config.references);
}

export const conditionHolds = (condition: Condition, state: State, identity: Index): boolean =>
  TESTS[condition](state, state.holdings[identity], identity);

/** The outcome signals of an event, with the identity they concern. */
export function outcomesOf(event: CoreEvent, state: State): readonly (readonly [Index, Signal])[] {
  switch (event.kind) {
    case "heard": return heardOutcomes(state);
    case "persisted":
    case "persist-failed":
      return ([0, 1] as const).filter((i) => touches(state.holdings[i], event.write, event.kind)).map((i) => [i, event.kind] as const);
    case "passed": return [[event.identity, event.ok ? "passed" : "pass-failed"]];
    case "raised": case "raise-failed": case "released": case "release-failed":
    case "services-started": case "services-stopped": case "own-mac-heard":
      return [[event.identity, event.kind]];
    case "command": return commandOutcomes(event);
    default: return [];
  }
}

/** A write concerns an identity if it was asked for by it (and is the newest it asked for). */
const touches = (holding: Holding, write: number, kind: "persisted" | "persist-failed"): boolean =>
  kind === "persist-failed" ? holding.pending !== null : holding.confirmed === write;

function heardOutcomes(state: State): readonly (readonly [Index, Signal])[] {
  const found: (readonly [Index, Signal])[] = [];
  for (const identity of [0, 1] as const) {
    const holding = state.holdings[identity];
    const said = state.peer.beat?.identities[identity];
    if (said === undefined) continue;
    found.push([identity, "peer-heard"]);
    const known = holding.pending?.record ?? holding.record;
    if (said.offer > Math.max(known.epoch, known.offered)) found.push([identity, "offer"]);
  }
  return found;
}

function commandOutcomes(event: CoreEvent & { kind: "command" }): readonly (readonly [Index, Signal])[] {
  const both = [0, 1] as const;
  switch (event.verb) {
    case "switchover": case "failback": case "handover":
      return event.identity === null ? [] : [[event.identity, "hand-over"]];
    case "force-own": return event.identity === null ? [] : [[event.identity, "force-own"]];
    case "confirm-dead": case "leave": case "clear": {
      const verb = event.verb;
      return both.map((i) => [i, verb] as const);
    }
  }
}

// The named conditions of the transition table: one small question each.

import { peerInSync } from "./beat.ts";
import { hasJobs } from "./configure.ts";
import { inContact, isForeign, linksOf, linkState, mayGoAlone, sameConfiguration } from "./liveness.ts";
import { isMajority } from "./lease.ts";
import type { IdentityRecord, Index } from "./model.ts";
import { preferredOwner } from "./preference.ts";
import { nicOf, peerCarrier } from "./signals.ts";
import { otherOf, type Holding, type State } from "./state.ts";
import { hasArbiter, isOutdated } from "./witness.ts";

/** What counts while a change is on its way to the disk: of both records the more cautious. */
function cautious({ record, pending }: Holding): IdentityRecord {
  if (pending === null) return record;
  const next = pending.record;
  return {
    ...next, stale: record.stale || next.stale, locked: record.locked || next.locked, promised: record.promised || next.promised,
    standing: record.standing && next.standing,
  };
}

export const FOREIGN = "the other node lives, and its clusterd speaks another version of the protocol: install the same clusterd on both";

/** Why this node must not own the identity, whoever asks short of `force-own`; null = it could. */
export function ownObstacle(state: State, identity: Index): string | null {
  const record = cautious(state.holdings[identity]);
  const { config } = state;
  if (state.failed !== null) return `this node has failed: ${state.failed}`;
  if (state.leaving !== null) return "this node is leaving";
  if (!state.guard.present) return `no dead-man process: ${state.guard.reason}`;
  if (sameConfiguration(state) === false) return "the configurations of the two nodes differ";
  if (isForeign(state)) return FOREIGN;
  // Old data is what solo_boot = allow accepts; a witness knows better.
  if (record.stale && (config.witness || !mayGoAlone(state))) return "this node may lack file versions: it waits for the owner to resynchronise it";
  if (record.locked) return "the standby lock is set: `clusterd clear` removes it";
  if (state.carrier[nicOf(state, identity)] === false) return `no carrier on the ${nicOf(state, identity)} NIC`;
  return null;
}

const IN_MAINTENANCE = "this node is in maintenance and takes nothing over: `clusterd maintenance off` ends that";

/** Why this node must not claim the identity now, in words that also say what would help; null = it may. */
export function claimObstacle(state: State, identity: Index): string | null {
  const { uncertain, heldUntil } = state.holdings[identity];
  const record = cautious(state.holdings[identity]);
  const { config } = state;
  const wasOwner = record.owner === config.self;
  const obstacle = ownObstacle(state, identity);
  if (obstacle !== null) return obstacle;
  // First of all reasons: who left in good order, or was declared dead, has given this vote for good.
  if (record.standing && wasOwner) return heldUntil > state.now ? "held down after a lost lease" : null;
  if (state.maintenance) return IN_MAINTENANCE;
  if (state.peer.left) return "the peer left in good order; `clusterd force-own` takes the identity by hand";
  if (record.promised) return "this node left in good order and promised not to claim before it has talked to the peer";
  if (!hasArbiter(config) && config.fence === null) return "no reference hosts are configured, so silence alone never causes a takeover; `clusterd confirm-dead` does";
  if (isOutdated(state, state.holdings[identity])) return "the witness knows that the other node owned it later: this node waits to hear it";
  if (uncertain && !mayGoAlone(state)) return "this node let go without knowing who owns now: it waits to hear the peer";
  if (wasOwner && config.policy === "safety") return "policy `safety` asks before an owner that lost its votes takes back: `clusterd force-own`";
  if (heldUntil > state.now) return "held down after a lost lease or a failed raise";
  return null;
}

/** Why the peer cannot be handed the identity in good order; null = it can. */
export function handoverObstacle(state: State, identity: Index): string | null {
  const said = state.peer.beat;
  if (said === null || !inContact(state)) return "the peer is not heard";
  if (sameConfiguration(state) === false) return "the configurations of the two nodes differ";
  const theirs = said.identities[identity];
  if (said.leaving) return "the peer is leaving";
  if (said.maintenance) return "the peer is in maintenance: `clusterd maintenance off` there ends that";
  if (theirs.stale) return "the peer is not resynchronised yet";
  if (theirs.locked) return "the peer's standby lock is set: `clusterd clear` there removes it";
  if (theirs.role !== "standby") return `the peer is ${theirs.role}, not standby`;
  if (!peerCarrier(state, identity)) return "the peer has no carrier on the NIC that would carry it";
  return null;
}

/** This node holds it for its home. */
export const isAway = (state: State, identity: Index): boolean =>
  identity === otherOf(state.config.self) && state.holdings[identity].role === "owner";

/** With `failback = auto`: so many in a row that did not last, and nothing goes home by itself until a person has acted. */
export const FAILBACK_TRIES = 2;
/** A failback has lasted when the identity stays away from here for so long. */
const LASTING = 3_600_000;

/** How many automatic failbacks had not lasted when this ownership began. */
export const triesSpent = ({ failbacks, since }: Holding): number => (since - failbacks.at < LASTING ? failbacks.count : 0);

/** Why what this node holds for its home does not go there by itself as things are now; null = it may, once that has lasted. */
export function failbackObstacle(state: State, identity: Index): string | null {
  const holding = state.holdings[identity];
  const { config } = state;
  if (triesSpent(holding) >= FAILBACK_TRIES) return `${FAILBACK_TRIES} automatic failbacks within an hour did not last: \`clusterd failback\`, or \`clusterd clear\` here, begins anew`;
  const home = state.peer.beat;
  const obstacle = handoverObstacle(state, identity);
  if (home === null || obstacle !== null) return obstacle;
  if (home.identities[identity].moved) return "a person moved it here, or a failed check did: `clusterd failback` brings it home";
  if (home.identities[identity].held) return "its home is held down after a lost lease or a failed raise, or has no dead-man";
  if (!peerInSync(state, identity)) return "its home is not in sync yet";
  if (config.references > 0 && (home.references === 255 || !isMajority(home.references, config.references))) return "its home does not reach a majority of the reference hosts";
  if (config.hasServices[identity] && holding.services !== "started") return `its services here are ${holding.services}`;
  const own = state.holdings[config.self].role;
  if (own !== "owner" && own !== "standby") return "the other identity is on the move";
  const silent = linksOf(state).find((link) => linkState(state, link) === "silent");
  return silent === undefined ? null : `no heartbeats on the ${silent} link`;
}

/** For a LAN that failed here: the peer must see the LAN itself, else the switch is dead and moving helps nobody. */
export function emergencyObstacle(state: State, identity: Index): string | null {
  const obstacle = handoverObstacle(state, identity);
  if (obstacle !== null) return obstacle;
  if (state.peer.echoedAt < state.carrierLostAt) return "the peer has not answered since the LAN was lost";
  const answered = state.peer.beat?.references ?? 255;
  if (state.config.references > 0 && (answered === 255 || !isMajority(answered, state.config.references)))
    return "the peer does not reach the reference hosts either";
  return null;
}

export type Guard = (state: State, holding: Holding, identity: Index) => boolean;

export const GUARDS = {
  otherwise: () => true,
  uncertain: (_state, holding) => holding.uncertain,
  "may-claim": (state, _holding, identity) => claimObstacle(state, identity) === null,
  "nobody-to-ask": (state, holding, identity) =>
    !hasArbiter(state.config) && state.config.fence === null && mayGoAlone(state) && !state.maintenance && !holding.record.promised && holding.heldUntil <= state.now && ownObstacle(state, identity) === null,
  "could-own": (state, _holding, identity) => ownObstacle(state, identity) === null,
  "standing-vote": (state, holding, identity) => {
    const { standing, owner } = cautious(holding);
    return standing && owner === state.config.self && claimObstacle(state, identity) === null;
  },
  "peer-should-own": (state, _holding, identity) =>
    sameConfiguration(state) === true && state.peer.beat?.identities[identity].role === "standby" &&
    preferredOwner(state, identity) === otherOf(state.config.self),
  // Stale: the offer was made to this node before it went away, and other files than its own are the newest. Who has just yielded to a claim may
  // hear an offer before its lock is on the disk.
  "may-take-offer": (state, holding) => {
    const { locked, stale } = cautious(holding);
    return state.guard.present && state.failed === null && state.leaving === null && sameConfiguration(state) === true && !locked && !stale;
  },
  "can-hand-over": (state, _holding, identity) => handoverObstacle(state, identity) === null,
  "can-hand-over-at-once": (state, _holding, identity) => emergencyObstacle(state, identity) === null,
  "nothing-to-freeze": (state, _holding, identity) =>
    handoverObstacle(state, identity) === null && !state.config.hasServices[identity] && !hasJobs(state.config, identity),
  "nothing-to-mirror": (state, _holding, identity) => !hasJobs(state.config, identity),
  "home-not-ready": (state, _holding, identity) =>
    failbackObstacle(state, identity) !== null || linksOf(state).some((link) => linkState(state, link) === "late"),
  "for-a-handover": (_state, holding) => holding.handover !== null,
  "peer-holds-or-claims": (state, _holding, identity) => {
    const role = state.peer.beat?.identities[identity].role;
    return inContact(state) && (role === "owner" || role === "raising" || role === "acquiring" || role === "freezing");
  },
  "peer-reachable": (state) => inContact(state) || isForeign(state),
} as const satisfies Record<string, Guard>;

export type GuardName = keyof typeof GUARDS;

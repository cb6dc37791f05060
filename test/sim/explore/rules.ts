// What must hold at every event of every run: I1, I3 and I9 of the safety argument, and what they rest on.

import type { CoreEvent, Effect, Index } from "../../../clusterd/core/model.ts";
import { ownerOf } from "../../../clusterd/core/epochs.ts";
import { beatOf } from "../../../clusterd/core/beat.ts";
import { hasLease } from "../../../clusterd/core/lease.ts";
import { otherOf, type State } from "../../../clusterd/core/state.ts";
import type { Pair, Records, Side } from "./pair.ts";
import { OTHER_DIGEST, TIMING } from "./setting.ts";

const BOTH = [0, 1] as const;

/** I1: at most one node speaks for an identity. */
export function checkSpeakers({ sides, now, broken }: Pair): void {
  for (const identity of BOTH)
    if (sides.every(({ up }) => up[identity] !== null && (up[identity] as number) > now)) broken.push(`I1: both nodes speak for identity ${identity}`);
}

/** I3: on disk epochs never go back, an epoch keeps its owner, and each belongs to the node it was made for. */
export function checkWrite({ broken }: Pair, { node, disk }: Side, written: Records): void {
  for (const identity of BOTH) {
    const [before, after] = [disk[identity], written[identity]];
    if (after.epoch < before.epoch) broken.push(`I3: epoch of ${identity} went back on node ${node}: ${before.epoch} → ${after.epoch}`);
    if (after.epoch === before.epoch && after.owner !== before.owner) broken.push(`I3: epoch ${after.epoch} of ${identity} has two owners`);
    if (after.epoch > 0 && after.owner !== ownerOf(after.epoch)) broken.push(`I3: epoch ${after.epoch} of ${identity} is not its owner's`);
    if (after.offered < before.offered) broken.push(`I3: node ${node} takes back what it promised of ${identity}`);
    if (after.epoch !== before.epoch && after.owner === node && after.epoch <= before.offered) broken.push(`I3: node ${node} owns ${identity} at an epoch that it had offered away`);
  }
}

/** Nothing is said or raised that is not on disk; no epoch is raised twice; no services without the identity. */
export function checkEffect({ broken }: Pair, side: Side, effect: Effect): void {
  const { node, disk, state } = side;
  if (effect.kind === "raise") {
    const { epoch, owner } = disk[effect.identity];
    if (epoch !== effect.epoch || owner !== node) broken.push(`persist: node ${node} raises ${effect.identity} at epoch ${effect.epoch}, its disk says ${epoch} of ${owner}`);
    if (effect.epoch <= side.raisedEpoch[effect.identity]) broken.push(`I3: node ${node} raises epoch ${effect.epoch} of ${effect.identity} again`);
    if (side.up[effect.identity] !== null) broken.push(`raise: identity ${effect.identity} is already up on node ${node}`);
    side.raisedEpoch[effect.identity] = effect.epoch;
  }
  if (effect.kind === "start-services" && side.up[effect.identity] === null) broken.push(`services: node ${node} starts the services of ${effect.identity} without its identity`);
  if ((effect.kind === "lease" || effect.kind === "raise") && state !== null && hasLease(state.holdings[effect.identity]) && effect.until > state.holdings[effect.identity].leaseUntil)
    broken.push(`I8: node ${node} tells a lease of ${effect.identity} that is longer than the one it has`);
  if (effect.kind === "send" && state !== null) checkWord(broken, side, state, effect.seq);
}

/** With a standing vote, now. Else the newest heartbeat that the peer echoed, or question that the arbiter answered, as sent. */
function lastVote({ now, holdings, peer, references }: State, identity: Index): number {
  const { record, pending } = holdings[identity];
  return (pending?.record ?? record).standing ? now : Math.max(peer.echoedAt, references.agreedAt);
}

function checkWord(broken: string[], { node, disk }: Side, state: State, seq: number): void {
  const { identities, leaving } = beatOf(state, seq, 0);
  for (const identity of BOTH) {
    const said = identities[identity];
    const record = disk[identity];
    // An older word than the disk's is true as well: a newer write may be under way.
    if (said.epoch > record.epoch || (said.epoch === record.epoch && said.owner !== record.owner)) broken.push(`persist: node ${node} says epoch ${said.epoch} of ${identity}, its disk says ${record.epoch}`);
    if (said.offer > record.offered) broken.push(`persist: node ${node} offers ${said.offer} of ${identity}, its disk says ${record.offered}`);
    if (leaving && said.promised && !record.promised) broken.push(`persist: node ${node} says of its promise for ${identity} what is not on disk`);
    if (record.standing && !said.standing) broken.push(`persist: node ${node} counts a standing vote for ${identity} and denies it`);
  }
}

/** Who decides to own by itself, and who holds, must be allowed to. */
export function checkStep({ broken }: Pair, { node, disk, up, thawedAt, wordAt }: Side, event: CoreEvent, before: State, after: State, effects: readonly Effect[]): void {
  const asksFor = (kind: Effect["kind"], identity: Index): boolean => effects.some((effect) => effect.kind === kind && "identity" in effect && effect.identity === identity);
  if (after.peer.boot === before.peer.boot && after.peer.seq < before.peer.seq) broken.push(`heard: node ${node} believes a heartbeat that was overtaken`);
  for (const identity of BOTH) {
    const { role, pending, record } = after.holdings[identity];
    const said = after.peer.beat?.identities[identity].epoch ?? 0;
    if (role !== "failed" && said > (pending?.record ?? record).epoch) broken.push(`I3: node ${node} has heard of epoch ${said} of ${identity} and does not write it down`);
    const was = before.holdings[identity];
    const is = after.holdings[identity];
    if (is.role === "owner" && up[identity] === null && was.role === "owner") broken.push(`I8: node ${node} takes itself for the owner of ${identity}, whose lease is over`);
    // A vote that stood when the lease was counted has stood: it ends with what is heard, and only then may the peer begin to claim.
    if (hasLease(is) && is.leaseUntil > was.leaseUntil && is.leaseUntil > Math.max(lastVote(before, identity), lastVote(after, identity), wordAt) + TIMING.lease)
      broken.push(`I8: node ${node} counts its lease of ${identity} from later than the newest question that anybody acknowledged`);
    if (hasLease(was) && hasLease(is) && after.now >= was.leaseUntil) broken.push(`I8: node ${node} goes on with a lease of ${identity} that was over`);
    if (was.handover === null && is.handover !== null && after.now - after.peer.echoedAt >= TIMING.lease) broken.push(`handover: node ${node} begins one of ${identity} with a peer that does not hear it`);
    if (was.role === is.role) continue;
    if (is.role === "owner" && was.role === "raising" && !asksFor("announce", identity)) broken.push(`announce: node ${node} raised ${identity} and does not announce it`);
    if (hasLease(was) && was.role !== "acquiring" && !hasLease(is) && is.role !== "failed" && !asksFor("release", identity)) broken.push(`release: node ${node} is ${is.role} of ${identity} without letting go`);
    if (is.role === "claiming" && after.now - Math.max(after.peer.heardAt, thawedAt) < TIMING.deadtime) broken.push(`claim: node ${node} claims ${identity}, and the peer has not been silent for so long`);
    const learnt = was.role === "waiting" ? is.pending?.record : undefined;
    if (learnt?.owner === otherOf(node) && learnt.epoch > was.record.epoch && !learnt.stale) broken.push(`start: node ${node} trusts its files of ${identity}, which the peer has owned meanwhile`);
    const heard = after.peer.beat?.identities[identity];
    const offered = heard?.offers === true && heard.offer === is.pending?.record.epoch;
    if (is.role === "acquiring" && event.kind !== "command") {
      if (offered && was.record.stale) broken.push(`offer: node ${node} takes ${identity} although it may lack files`);
      if (after.peer.beat !== null && after.peer.beat.digest !== after.config.digest) broken.push(`configuration: node ${node} takes ${identity} although the configurations differ`);
    }
    if (is.role === "acquiring" && event.kind !== "command" && !offered)
      for (const [obstacle, there] of obstacles(before, after, identity, thawedAt)) if (there) broken.push(`claim: node ${node} takes ${identity} over although ${obstacle}`);
    if (is.role === "raising" && (disk[identity].stale || disk[identity].locked)) broken.push(`raise: node ${node} raises ${identity} stale or locked`);
    if (hasLease(is) && is.role !== "acquiring" && disk[identity].owner !== node) broken.push(`role: node ${node} is ${is.role} of ${identity}, its disk says ${disk[identity].owner}`);
  }
}

/** Who was away while the peer owned may lack versions. */
export function checkStart({ broken }: Pair, { node, disk }: Side, state: State): void {
  for (const identity of BOTH)
    if (disk[identity].owner === otherOf(node) && !state.holdings[identity].record.stale) broken.push(`start: node ${node} trusts its files of ${identity}, which the peer owned`);
}

/** Seen from outside the guards: what a claim must never have come through with. A person's word is no claim. */
function obstacles(before: State, after: State, identity: Index, thawedAt: number): readonly (readonly [string, boolean])[] {
  const { record, uncertain, heldUntil, claim } = before.holdings[identity];
  const common = [
    ["it is stale", record.stale], ["its standby lock is set", record.locked], ["it promised not to", record.promised],
    ["it is held down", heldUntil > after.now], ["it has just started", after.now - before.startedAt < TIMING.deadtime + TIMING.claim],
    ["it never heard the peer", before.peer.boot === null], ["it has no dead-man", !after.guard.present], ["it is leaving", after.leaving !== null],
  ] as const;
  // With the peer's standing vote it needs no claim.
  if (claim === null) return [...common, ["it neither claimed nor has the peer's vote", !record.standing || record.owner !== before.config.self]];
  return [...common, ["it is uncertain who owns", uncertain],
    ["the claim is too short", after.now - claim.startedAt < TIMING.lease + TIMING.release],
    ["it was stalled during the claim", thawedAt > claim.startedAt],
    ["the peer was heard during the claim", after.peer.heardAt > claim.startedAt],
  ];
}

/** Longest time from the last repair to an owner: silence, quarantine, claim, and a claim that had to start again. */
export const OWNED_WITHIN = 60;

const isSound = ({ sides, cut, reach, flying }: Pair): boolean =>
  cut === 0 && reach === 3 && flying.length === 0 && sides.every(({ state, frozen, slowDisk, slowIfup }) =>
    state !== null && !frozen && !slowDisk && !slowIfup && state.failed === null && state.leaving === null && state.guard.present &&
    state.config.digest !== OTHER_DIGEST && state.carrier.main !== false && state.carrier.redundant !== false);

/** I9: of a sound pair of which a node may own, one does, within OWNED_WITHIN ticks. */
export function unownedFor(pair: Pair): number {
  const { sides, now, broken, unowned } = pair;
  const owned = sides.some(({ up }) => up[0] !== null && up[0] > now);
  const someCould = sides.some(({ state }) => {
    const holding = state?.holdings[0];
    return holding !== undefined && !holding.record.stale && !holding.record.locked && holding.heldUntil <= now;
  });
  if (owned || !someCould || !isSound(pair)) return 0;
  if (unowned >= OWNED_WITHIN) broken.push(`I9: nothing is wrong any more, and nobody owns identity 0 after ${OWNED_WITHIN} ticks: ${sides.map(({ state }) => state?.holdings[0].role).join(" ")}`);
  return Math.min(unowned + 1, OWNED_WITHIN);
}

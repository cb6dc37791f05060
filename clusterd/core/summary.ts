// The state as plain data for people and programs: what `clusterd status` prints.

import { peerInSync, referencesAnswered } from "./beat.ts";
import { isFenced } from "./fence.ts";
import { claimObstacle, failbackObstacle, isAway } from "./guards.ts";
import { holds, isMajority } from "./lease.ts";
import { inContact, isSilent, linksOf, linkState, peerState, sameConfiguration } from "./liveness.ts";
import type { IdentitySummary, Index, Summary, WitnessVote } from "./model.ts";
import { preferredOwner } from "./preference.ts";
import { NEVER, type State } from "./state.ts";

const ago = (state: State, moment: number): number | null => (moment === NEVER ? null : Math.max(0, state.now - moment));

const CLAIM_WAITS: Readonly<Record<WitnessVote["verdict"], string | null>> = {
  granted: null, stale: null, idle: "the witness to answer", busy: "the other node's lease to run out at the witness",
  unmet: "the witness to meet the other node: it remembers nothing of the pair",
};

/** What this node waits for before it does more for the identity; null = nothing. */
function waitsFor(state: State, identity: Index): string | null {
  const { role, record } = state.holdings[identity];
  if (role === "failed") return "a person: the daemon must be started again after the journal's disk is repaired";
  if (role === "waiting")
    return state.peer.boot === null ? `to hear the peer${state.config.soloBoot === "allow" ? ", or for solo_wait and the arbiter" : ""}; \`clusterd force-own\` goes on without it` : "two-way contact with the peer";
  if (state.config.failback === "auto" && isAway(state, identity)) return `${failbackObstacle(state, identity) ?? "failback_delay"} before it goes home by itself`;
  const answeredBy = state.holdings[identity].claim?.answeredBy ?? null;
  if (answeredBy !== null) return `its address to fall silent: ${answeredBy} answers for it`;
  if (role === "claiming" && state.config.fence !== null && state.fence.askedAt !== NEVER && !isFenced(state)) return "the peer's power to be confirmed off; `clusterd confirm-dead` says so by hand";
  if (role === "claiming" && state.config.witness) return CLAIM_WAITS[state.holdings[identity].witness.verdict];
  if (role !== "standby") return null;
  const theirs = state.peer.beat?.identities[identity];
  if (inContact(state) && theirs !== undefined && theirs.role === "standby") {
    if (sameConfiguration(state) === false) return "equal configurations on both nodes";
    if (preferredOwner(state, identity) === null) return "a person: neither node may own it by itself; `clusterd force-own` decides";
  }
  if (isSilent(state)) return claimObstacle(state, identity);
  return record.stale && theirs?.role === "owner" ? "the owner to resynchronise this node" : null;
}

/** The peer has followed to this epoch without having missed anything, as after a planned handover. */
function followsFresh(state: State, identity: Index): boolean {
  const theirs = state.peer.beat?.identities[identity];
  return theirs !== undefined && !theirs.stale && theirs.epoch === state.holdings[identity].record.epoch;
}

function identitySummary(state: State, identity: Index): IdentitySummary {
  const holding = state.holdings[identity];
  const { record } = holding;
  return {
    identity, role: holding.role, owner: record.owner, epoch: record.epoch, since: holding.sinceWall, because: holding.because,
    leaseLeft: holds(holding) && !record.standing ? holding.leaseUntil - state.now : null,
    stale: record.stale, locked: record.locked, standing: record.standing,
    peerInSync: holds(holding) && !isSilent(state) && (peerInSync(state, identity) || followsFresh(state, identity)),
    services: holding.services, waitsFor: waitsFor(state, identity),
  };
}

/** Names of NICs that are not there, by role. */
export type Absent = Readonly<Partial<Record<"main" | "heartbeat" | "redundant", string>>>;

function problems(state: State, absent: Absent): string[] {
  const found: string[] = [];
  if (state.failed !== null) found.push(`this node has failed: ${state.failed}`);
  if (!state.guard.present) found.push(`no dead-man process: ${state.guard.reason}`);
  if (peerState(state) === "silent") found.push("the peer is silent");
  if (peerState(state) === "left") found.push("the peer has left: no redundancy");
  if (state.peer.beat?.maintenance === true) found.push("the peer is in maintenance: it takes nothing over");
  if (sameConfiguration(state) === false) found.push("the configurations of the two nodes differ");
  for (const link of linksOf(state)) if (linkState(state, link) === "silent") found.push(`no heartbeats on the ${link} link`);
  for (const nic of ["main", "heartbeat", "redundant"] as const) if (state.carrier[nic] === false) found.push(absent[nic] === undefined ? `no carrier on the ${nic} NIC` : `the ${nic} NIC, ${absent[nic]}, is not there: \`ip link\` lists the NICs`);
  for (const { record } of state.holdings) if (record.locked) found.push("the standby lock is set: `clusterd clear` removes it");
  return [...new Set(found)];
}

function stallsOfTheDay({ stalls, now }: State): Summary["stalls"] {
  const lately = stalls.filter(({ hour }) => hour > now / 3_600_000 - 24);
  return { count: lately.reduce((sum, { count }) => sum + count, 0), worst: Math.max(0, ...lately.map(({ worst }) => worst)) };
}

export function summaryOf(state: State, absent: Absent = {}): Summary {
  const answered = referencesAnswered(state);
  return {
    self: state.config.self, boot: state.boot,
    peer: { state: peerState(state), heardAgo: ago(state, state.peer.heardAt), sameConfiguration: sameConfiguration(state), maintenance: state.peer.beat?.maintenance === true },
    maintenance: state.maintenance,
    links: linksOf(state).map((link) => ({ link, state: linkState(state, link), heardAgo: ago(state, state.peer.links[link]) })),
    references: {
      answered: answered === 255 ? 0 : answered, of: state.config.references,
      majority: answered !== 255 && isMajority(answered, state.config.references), ago: ago(state, state.references.startedAt),
    },
    witness: !state.config.witness ? null
      : { ago: ago(state, state.witness.answeredAt), verdicts: [state.holdings[0].witness.verdict, state.holdings[1].witness.verdict] },
    carrier: { ...state.carrier }, stalls: stallsOfTheDay(state),
    identities: [identitySummary(state, 0), identitySummary(state, 1)],
    problems: problems(state, absent),
  };
}

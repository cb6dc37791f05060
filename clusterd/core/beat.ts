// What this node says of itself in each heartbeat: only what is true on disk.

import type { WallTime } from "../base/time.ts";
import { hasJobs } from "./configure.ts";
import { arbiterInterval, holds } from "./lease.ts";
import { roundTolerance } from "./signals.ts";
import { CLAIM_PARTS, type Heartbeat, type IdentityBeat, type Index } from "./model.ts";
import type { Claim, State } from "./state.ts";

/** Does the peer have every version of this identity's files, as far as the owner knows? */
export function peerInSync(state: State, identity: Index): boolean {
  const { record, inSync } = state.holdings[identity];
  if (!hasJobs(state.config, identity)) return true;
  return inSync !== null && inSync.epoch === record.epoch && inSync.boot === state.peer.boot;
}

function identityBeat(state: State, identity: Index): IdentityBeat {
  const { role, record, pending, claim, handover, heldUntil, moved } = state.holdings[identity];
  const offered = role === "offering" && pending === null && handover !== null && record.offered === handover.offer;
  return {
    role, epoch: record.epoch, owner: record.owner, offer: record.offered, offers: offered,
    stale: record.stale, locked: record.locked, promised: record.promised,
    // Said from the moment it may be on disk until it surely is not: the peer keeps its promise for so long.
    standing: record.standing || pending?.standing === true,
    inSync: holds(state.holdings[identity]) && peerInSync(state, identity),
    claimed: claim === null ? 0 : partsGone(state, claim), held: heldUntil > state.now || !state.guard.present, moved,
  };
}

/** A witness that grants, a fence that confirms, knows that the owner is silent: until then such a claim ends at no foreseeable time. */
function partsGone({ now, config: { timing, witness, fence } }: State, { startedAt }: Claim): number {
  return witness || fence !== null ? 0 : Math.min(CLAIM_PARTS, Math.ceil(((now - startedAt) / timing.claim) * CLAIM_PARTS));
}

/** Reference hosts that answered lately, for the peer's judgement; 255 = none were asked lately. */
export function referencesAnswered(state: State): number {
  const { askedAt, startedAt, answered } = state.references;
  if (state.now - askedAt > 3_000) return 255;
  const fresh = state.now - startedAt <= 2 * Math.max(arbiterInterval(state), 1000) + roundTolerance(state);
  return fresh ? answered : 0;
}

/** The heartbeat with sequence number `seq`, as it is to be sent at wall time `wall`. */
export function beatOf(state: State, seq: number, wall: WallTime): Heartbeat {
  const { peer, carrier } = state;
  return {
    sender: state.config.self, boot: state.boot, seq, sentWall: wall,
    echo: peer.boot === null ? null : { boot: peer.boot, seq: peer.seq, heardWall: peer.heardWall },
    hello: peer.hello,
    digest: state.config.digest,
    leaving: state.leaving?.promised === true, maintenance: state.maintenance,
    mainCarrier: carrier.main !== false, redundantCarrier: carrier.redundant !== false,
    references: referencesAnswered(state),
    identities: [identityBeat(state, 0), identityBeat(state, 1)],
  };
}

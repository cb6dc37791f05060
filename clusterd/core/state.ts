// All that the brain remembers between two events. Plain data; step() works on a copy (copyState) and returns it.

import type { Duration, Instant, WallTime } from "../base/time.ts";
import type { CoreConfig, Heartbeat, IdentityRecord, IdentitySummary, Index, LinkName, Role, WitnessQuestion, WitnessVote } from "./model.ts";

export const NEVER: Instant = Number.NEGATIVE_INFINITY;
/** Sequence numbers whose sending moment is remembered; older echoes date nothing. */
export const SENT_REMEMBERED = 64;

export interface Peer {
  /** The daemon start of the peer that we take heartbeats from; null until it has echoed ours. */
  boot: string | null;
  /** Highest sequence number heard of that boot. */
  seq: number;
  heardAt: Instant;
  /** When it was last heard after a silence. */
  aliveSince: Instant;
  heardWall: WallTime;
  /** Newest content heard from it. */
  beat: Heartbeat | null;
  /** A boot that does not know us yet: it is answered, nothing it says is believed. */
  hello: { readonly boot: string; readonly seq: number } | null;
  /** When it was last heard in another version of the protocol. */
  foreignAt: Instant;
  /** When we sent the newest heartbeat that the peer echoed: we were heard at least until then. */
  echoedAt: Instant;
  /** It said good-bye; its silence is no death. */
  left: boolean;
  /** When each link was last heard, and the highest sequence number on it: a slow line brings what is known already. */
  readonly links: Record<LinkName, Instant>;
  readonly linkSeq: Record<LinkName, number>;
}

export interface Claim {
  readonly startedAt: Instant;
  /** What is claimed: one epoch for the whole claim. */
  readonly epoch: number;
  /** Start of the newest question to the arbiter during this claim that it agreed to. */
  readonly agreedAt: Instant;
  /** Starts of the reference rounds of this claim that have not found a majority yet. */
  readonly rounds: readonly Instant[];
  /** ARP probes in a row that nobody answered, and the next one's time. */
  readonly unanswered: number;
  /** The MAC that answered the last of them; null = nobody did. */
  readonly answeredBy: string | null;
  readonly probeAt: Instant;
}

export interface Handover {
  readonly startedAt: Instant;
  /** Planned: services are stopped and a last mirror pass is made first. Emergency: the LAN is gone, nothing waits. */
  readonly planned: boolean;
  readonly command: number | null;
  /** Begun by `failback = auto`. */
  readonly automatic: boolean;
  readonly offer: number;
  /** When the offer of an identity that was up here began; NEVER for a grant of what was not. */
  readonly letGoAt: Instant;
}

/** One identity, as this node stands to it. */
export interface Holding {
  role: Role;
  since: Instant;
  sinceWall: WallTime;
  because: string;
  /** On disk. */
  record: IdentityRecord;
  /** Being written; what it is for shows in the role. `standing`: so says this record, or one before it that may be on disk by now. */
  pending: { readonly write: number; readonly record: IdentityRecord; readonly standing: boolean } | null;
  /** The write that the latest `persisted` event completed for this identity. */
  confirmed: number;
  /** Sending moment of our newest heartbeat that the peer echoed while not claiming this identity. */
  ackedAt: Instant;
  /** What the witness last said, and the sending moment of the newest question that it granted. */
  witness: WitnessVote & { readonly grantedAt: Instant };
  /** End of the lease; meaningful from the decision to own until the release. And what dead-man and kernel were last told. */
  leaseUntil: Instant;
  leaseTold: Instant;
  claim: Claim | null;
  handover: Handover | null;
  /** The peer claims what we own: our first heartbeat after we heard it, when we must have begun to let go unless that was heard,
   *  and whether the claim is over already; null while it does not. */
  claimHeard: { readonly askedAt: Instant | null; readonly yieldAt: Instant; readonly complete: boolean } | null;
  /** In memory only: we let go without knowing who owns now; talk to the peer (or be surely alone) before claiming. */
  uncertain: boolean;
  /** Takes nothing before this moment: hold-down after trips and failed raises. */
  heldUntil: Instant;
  trips: { readonly count: number; readonly at: Instant };
  /** The last lease ended while we were awake: whoever owns next has won a tie against us. */
  tied: boolean;
  /** Owner: the peer (of that boot) has every version, as our mirror reported. */
  inSync: { readonly epoch: number; readonly boot: string } | null;
  /** In memory only: a reload has named files that were not mirrored before; whoever does not hold the identity lacks them. */
  gained: boolean;
  services: IdentitySummary["services"];
  /** Owner of what is at home elsewhere, with `failback = auto`: since when nothing has stood against its going home; null while something does. */
  steadySince: Instant | null;
  /** Automatic failbacks begun here, and when the last one was (core/failback.ts). */
  failbacks: { readonly count: number; readonly at: Instant };
  /** In memory only, at home: a person moved it away. */
  moved: boolean;
  /** The event that people were told last of this identity. */
  told: string;
}

export interface State {
  config: CoreConfig;
  /** Loaded, and not in force in full before the peer has it too (configure.ts). */
  awaited: CoreConfig | null;
  readonly boot: string;
  now: Instant;
  wall: WallTime;
  readonly startedAt: Instant;
  /** End of our last own stall: silence before it proves nothing. */
  wokeAt: Instant;
  /** Our own stalls of the last day, those of each hour together; oldest first. */
  stalls: readonly { readonly hour: number; readonly count: number; readonly worst: Duration }[];
  seq: number;
  nextBeatAt: Instant;
  readonly sentAt: Instant[];
  write: number;
  peer: Peer;
  /** Newest asking, newest majority, and the newest round that anybody answered. */
  references: { askedAt: Instant; agreedAt: Instant; startedAt: Instant; answered: number };
  /** The last try to switch the peer off, and what came of it; `offAt`: when its power was last confirmed off. */
  fence: { readonly askedAt: Instant; readonly endedAt: Instant; readonly failedAt: Instant; readonly offAt: Instant; readonly said: string };
  /** What the witness was last told, when, and the sending moment of the newest question that it answered. */
  witness: { readonly askedAt: Instant; readonly answeredAt: Instant; readonly said: WitnessQuestion["asks"] | null };
  carrier: { main: boolean | null; heartbeat: boolean | null; redundant: boolean | null };
  /** When a carrier was lost last: what the peer said before knows nothing of it. */
  carrierLostAt: Instant;
  guard: { readonly present: boolean; readonly reason: string };
  /** Leaving: the command that asked for it, and whether good-byes go out already. */
  leaving: { readonly command: number; readonly promised: boolean } | null;
  /** A person works on this node: it takes nothing over, and nothing is handed to it (clusterd/maintenance.ts keeps it on disk). */
  maintenance: boolean;
  failed: string | null;
  /** By topic of news.ts: what people were told last. */
  told: readonly (string | undefined)[];
  /** People are told of links, peer and arbiter no more often than every other keepalive. */
  newsAt: Instant;
  holdings: [Holding, Holding];
}

export const EMPTY_RECORD: IdentityRecord = {
  epoch: 0, owner: null, offered: 0, stale: false, standing: false, promised: false, locked: false, lineage: [],
};

const newHolding = (record: IdentityRecord, at: Instant, wall: WallTime): Holding => ({
  role: "waiting", since: at, sinceWall: wall, because: "the daemon has just started: nothing is raised before the peer was heard",
  record, pending: null, confirmed: 0, ackedAt: NEVER, witness: { verdict: "idle", epoch: 0, grantedAt: NEVER },
  leaseUntil: NEVER, leaseTold: NEVER, claim: null, handover: null, claimHeard: null, uncertain: true,
  heldUntil: NEVER, trips: { count: 0, at: NEVER }, tied: false, inSync: null, gained: false, services: "stopped", told: "",
  steadySince: null, failbacks: { count: 0, at: NEVER }, moved: false,
});

export function initialState(config: CoreConfig, boot: string, at: Instant, wall: WallTime, records: readonly [IdentityRecord, IdentityRecord]): State {
  return {
    config, awaited: null, boot, now: at, wall, startedAt: at, wokeAt: at, stalls: [], seq: 0, nextBeatAt: at,
    sentAt: Array.from({ length: SENT_REMEMBERED }, () => NEVER), write: 0,
    peer: {
      boot: null, seq: 0, heardAt: NEVER, aliveSince: NEVER, heardWall: 0, beat: null, hello: null, foreignAt: NEVER, echoedAt: NEVER, left: false,
      links: { private: NEVER, lan: NEVER, serial: NEVER }, linkSeq: { private: 0, lan: 0, serial: 0 },
    },
    references: { askedAt: NEVER, agreedAt: NEVER, startedAt: NEVER, answered: 0 },
    fence: { askedAt: NEVER, endedAt: NEVER, failedAt: NEVER, offAt: NEVER, said: "" },
    witness: { askedAt: NEVER, answeredAt: NEVER, said: null },
    carrier: { main: null, heartbeat: null, redundant: null }, carrierLostAt: NEVER,
    guard: { present: false, reason: "the dead-man process has not started yet" },
    leaving: null, maintenance: false, failed: null, told: [], newsAt: at,
    holdings: [newHolding(records[0], at, wall), newHolding(records[1], at, wall)],
  };
}

/** A copy that a step may change without touching the original. */
export function copyState(state: State): State {
  return {
    ...state,
    sentAt: state.sentAt.slice(),
    peer: { ...state.peer, links: { ...state.peer.links }, linkSeq: { ...state.peer.linkSeq } },
    references: { ...state.references },
    carrier: { ...state.carrier },
    holdings: [{ ...state.holdings[0] }, { ...state.holdings[1] }],
  };
}

export const otherOf = (index: Index): Index => (index === 0 ? 1 : 0);

const AT_REST = new Set<Role>(["waiting", "standby", "failed"]);

const SETTLED = new Set<Role>(["waiting", "standby", "owner", "failed"]);
/** What this node is in the middle of with an identity; null: nothing changes hands, and nothing is being written. */
export function underWay({ holdings }: State): Role | null {
  return holdings.find(({ role, pending }) => !SETTLED.has(role) || pending !== null)?.role ?? null;
}

/** Is nothing up here, nor on its way? */
const holdsNothing = ({ holdings }: State): boolean => holdings.every(({ role }) => AT_REST.has(role));
export const atRest = (state: State): boolean => holdsNothing(state) && state.holdings.every(({ pending }) => pending === null);

/** A node without memory can neither own nor promise, so whoever hears it waits for an answer that cannot come. Once it holds
 *  nothing it is silent, and the peer may do what it does about a dead one. */
export const isMute = (state: State): boolean => state.failed !== null && holdsNothing(state);

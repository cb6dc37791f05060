// The vocabulary of the brain: what a node knows, what can happen to it, what it can ask for.
//
// Types only. Everything the daemon learns arrives as an Event with its moment; step() (step.ts) answers with the next
// state, effects in the order in which they must be carried out, and the reasons in words.

import type { Duration, Instant, Timing, WallTime } from "../base/time.ts";

/** 0 or 1: a node, and the identity at home there. */
export type Index = 0 | 1;

/** What the brain needs of the configuration. */
export interface CoreConfig {
  readonly self: Index;
  readonly cluster: string;
  readonly digest: string;
  readonly timing: Timing;
  /** Number of configured reference hosts; with neither them nor a witness silence never causes a takeover. */
  readonly references: number;
  /** A witness on a third machine is the arbiter; the reference hosts then only tell whether this node's LAN works. */
  readonly witness: boolean;
  /** The peer's power can be switched off from here, and no claim succeeds without; how long that may take. Null: it cannot. */
  readonly fence: Duration | null;
  readonly policy: "availability" | "balanced" | "safety";
  /** What follows a lost tie: a lock that a person clears, or nothing but the resynchronisation. */
  readonly divergence: "ask" | "newest";
  readonly soloBoot: "ask" | "allow";
  readonly soloWait: Duration;
  readonly failback: "manual" | "auto";
  readonly failbackDelay: Duration;
  /** How far apart heartbeats are at least on the serial line, by its speed; null = there is none. */
  readonly serial: Duration | null;
  /** By identity: is there anything to start, and what is mirrored? Without either, a handover has no freeze. */
  readonly hasServices: readonly [boolean, boolean];
  readonly mirrored: readonly [readonly string[], readonly string[]];
}

// ---- roles -----------------------------------------------------------------------------------------------------

/** What this node is to one identity. */
export const ROLES = ["waiting", "standby", "claiming", "acquiring", "raising", "owner", "freezing", "releasing", "offering", "failed"] as const;
export type Role = (typeof ROLES)[number];

/** The facts about one identity that survive a restart. Written and fsynced before anything the network could notice. */
export interface IdentityRecord {
  /** counter · 2 + node index, so that two nodes never create the same; 0 = never owned. Never goes back. */
  readonly epoch: number;
  readonly owner: Index | null;
  /** Highest epoch promised to the peer by an offer or grant; this node may then not own at or below it. */
  readonly offered: number;
  /** This node may lack versions that the owner of `epoch` has: it raises nothing by itself until resynchronised. */
  readonly stale: boolean;
  /** The peer's standing vote: it cannot claim before it has talked to us (clean leave, completed takeover, confirm-dead). */
  readonly standing: boolean;
  /** We left cleanly: no claim before we have talked to the peer. */
  readonly promised: boolean;
  /** 1999's standby lock: this node lost a tie; only `clusterd clear` removes it. */
  readonly locked: boolean;
  /** The last changes of owner, newest first. */
  readonly lineage: readonly { readonly epoch: number; readonly owner: Index }[];
}

export interface JournalRecord {
  readonly format: 1;
  readonly cluster: string;
  readonly node: Index;
  readonly identities: readonly [IdentityRecord, IdentityRecord];
}

// ---- heartbeats ------------------------------------------------------------------------------------------------

/** So many parts has a claim: one byte. */
export const CLAIM_PARTS = 255;

/** What one node says of one identity in each heartbeat. */
export interface IdentityBeat {
  readonly role: Role;
  readonly epoch: number;
  readonly owner: Index | null;
  /** The highest epoch that the sender has ever offered, as on its disk; 0 = none. What is granted later must be higher. */
  readonly offer: number;
  /** That offer stands: the receiver may own at that epoch from now on. A handover's token, or a grant. */
  readonly offers: boolean;
  readonly stale: boolean;
  readonly locked: boolean;
  readonly promised: boolean;
  /** Sender counts the receiver's promise as a permanent vote. */
  readonly standing: boolean;
  /** Owner only: the receiver has every version (its last resynchronisation is complete at this epoch). */
  readonly inSync: boolean;
  /** How much of its claim is gone, in parts of CLAIM_PARTS, rounded up; 0 = none is under way. */
  readonly claimed: number;
  /** Held down after repeated trips or a failed raise, or without a dead-man: grant it nothing now. A person's handover is taken all the same. */
  readonly held: boolean;
  /** Of a home: a person moved it away from here, so it does not come back by itself. */
  readonly moved: boolean;
}

/** One authenticated packet, on one link. At most 512 bytes on the wire. */
export interface Heartbeat {
  readonly sender: Index;
  /** 32 hex digits, drawn at each start of the daemon. */
  readonly boot: string;
  /** Counts up over all links of one boot, from 1. */
  readonly seq: number;
  /** Sender's wall clock when sending, for the peer's offset only. */
  readonly sentWall: WallTime;
  /** Newest heartbeat of the receiver's accepted boot that the sender has heard, and when (sender's wall clock). */
  readonly echo: { readonly boot: string; readonly seq: number; readonly heardWall: WallTime } | null;
  /** A boot of the receiver that the sender has heard but not yet accepted: answers a hello. */
  readonly hello: { readonly boot: string; readonly seq: number } | null;
  /** 16 hex digits of the configuration. */
  readonly digest: string;
  /** The node says good-bye: silence that follows is no death. */
  readonly leaving: boolean;
  /** A person works on the node: it takes nothing over, and nothing is handed to it. */
  readonly maintenance: boolean;
  /** Carrier on the sender's main and redundant NIC. */
  readonly mainCarrier: boolean;
  readonly redundantCarrier: boolean;
  /** How many reference hosts answered the newest finished round, 0–255; 255 = not asked. */
  readonly references: number;
  readonly identities: readonly [IdentityBeat, IdentityBeat];
}

export const LINKS = ["private", "lan", "serial"] as const;
export type LinkName = (typeof LINKS)[number];

// ---- the witness -----------------------------------------------------------------------------------------------

/** What a node is to an identity, as far as the witness is concerned: nothing is up here; it is on its way down; it is held; it is claimed. */
export const WANTS = ["none", "keep", "hold", "claim"] as const;

export interface WitnessAsk {
  readonly want: (typeof WANTS)[number];
  /** The newest epoch this node knows of. */
  readonly epoch: number;
  /** The epoch it holds or would hold. */
  readonly wanted: number;
}

export interface WitnessQuestion {
  readonly boot: string;
  /** An identity whose vote was granted is silent so long after the question was sent, unless granted anew (lease + release). */
  readonly silentAfter: Duration;
  readonly asks: readonly [WitnessAsk, WitnessAsk];
}

/** `granted`: this node has the vote. `idle`: it did not want it. `busy`: the other node's lease still runs there. `stale`: the other
 *  node owned later than this one knows. `unmet`: the witness has not met both nodes yet, so it may have forgotten something. */
export const VERDICTS = ["idle", "granted", "busy", "stale", "unmet"] as const;

export interface WitnessVote {
  readonly verdict: (typeof VERDICTS)[number];
  /** The newest epoch that the witness knows of. */
  readonly epoch: number;
}

// ---- events ----------------------------------------------------------------------------------------------------

export type Verb = "switchover" | "failback" | "clear" | "force-own" | "leave" | "confirm-dead" | "handover";

export type CoreEvent =
  /** Always first: what the journal says. `null` = it is there and cannot be trusted; `fresh` = there never was one. */
  | { readonly kind: "start"; readonly at: Instant; readonly wall: WallTime; readonly boot: string; readonly journal: JournalRecord | null; readonly fresh: boolean }
  /** The timer fired. */
  | { readonly kind: "tick"; readonly at: Instant; readonly wall: WallTime }
  /** An authenticated heartbeat. */
  | { readonly kind: "heard"; readonly at: Instant; readonly wall: WallTime; readonly link: LinkName; readonly beat: Heartbeat }
  /** The peer has sealed a packet in a version of the protocol that is not ours: it lives, and nothing it says is understood. */
  | { readonly kind: "foreign"; readonly at: Instant }
  /** A probe round of the reference hosts has `answered` of `of` by now; comes again when the count grows. */
  /** `unsure`: which round they answered is not known, so no lease or claim follows from it, only that they live. */
  | { readonly kind: "references"; readonly at: Instant; readonly startedAt: Instant; readonly answered: number; readonly of: number; readonly unsure?: true }
  /** The witness has answered the question sent at `startedAt`. */
  | { readonly kind: "witness"; readonly at: Instant; readonly startedAt: Instant; readonly votes: readonly [WitnessVote, WitnessVote] }
  /** The fence has ended: `ok` only if the peer's power was read back as off. */
  | { readonly kind: "fenced"; readonly at: Instant; readonly ok: boolean; readonly reason: string }
  /** ARP probe for an identity is over: the MAC that answered, or null. */
  | { readonly kind: "probed"; readonly at: Instant; readonly identity: Index; readonly startedAt: Instant; readonly mac: string | null }
  | { readonly kind: "persisted"; readonly at: Instant; readonly write: number }
  | { readonly kind: "persist-failed"; readonly at: Instant; readonly write: number; readonly reason: string }
  | { readonly kind: "raised"; readonly at: Instant; readonly identity: Index }
  | { readonly kind: "raise-failed"; readonly at: Instant; readonly identity: Index; readonly reason: string }
  | { readonly kind: "released"; readonly at: Instant; readonly identity: Index }
  | { readonly kind: "release-failed"; readonly at: Instant; readonly identity: Index; readonly reason: string }
  | { readonly kind: "services-started"; readonly at: Instant; readonly identity: Index; readonly ok: boolean; readonly detail: string }
  | { readonly kind: "services-stopped"; readonly at: Instant; readonly identity: Index; readonly ok: boolean; readonly detail: string }
  /** The last mirror pass of a handover. */
  | { readonly kind: "passed"; readonly at: Instant; readonly identity: Index; readonly ok: boolean; readonly detail: string }
  /** Our mirror says: the peer has every version of this identity's jobs, at this epoch. */
  | { readonly kind: "in-sync"; readonly at: Instant; readonly identity: Index; readonly epoch: number }
  | { readonly kind: "carrier"; readonly at: Instant; readonly nic: "main" | "heartbeat" | "redundant"; readonly up: boolean }
  /** Frames arrive that carry our own identity's MAC as their source: somebody else speaks with it. */
  | { readonly kind: "own-mac-heard"; readonly at: Instant; readonly identity: Index }
  /** The dead-man process is not there (any more); without it nothing is owned. */
  | { readonly kind: "guard"; readonly at: Instant; readonly present: boolean; readonly reason: string }
  /** A sound new configuration was read. */
  | { readonly kind: "configured"; readonly at: Instant; readonly config: CoreConfig }
  /** A person has begun to work on this node, or has ended that, or its time is over. */
  | { readonly kind: "maintenance"; readonly at: Instant; readonly on: boolean }
  | { readonly kind: "command"; readonly at: Instant; readonly id: number; readonly verb: Verb; readonly identity: Index | null; /** Why, where it is not a person who asks. */ readonly reason?: string };

// ---- effects ---------------------------------------------------------------------------------------------------

/** Begun in the given order; each outcome comes back as an event. Nothing that depends on a `persist` is ever in the same
 *  list: it follows from the `persisted` event, so nothing is said or raised that is not remembered. */
export type Effect =
  /** A heartbeat with this sequence number on every link, now; its content is beatOf(state). */
  | { readonly kind: "send"; readonly seq: number }
  | { readonly kind: "ask-references" }
  /** The question is witnessQuestion(state), now. */
  | { readonly kind: "ask-witness" }
  /** Switch the peer's power off and read it back. */
  | { readonly kind: "fence" }
  /** ARP probe; no answer within `timeout` ms is an answer too. */
  | { readonly kind: "probe-identity"; readonly identity: Index; readonly timeout: Duration }
  | { readonly kind: "persist"; readonly write: number; readonly record: JournalRecord }
  /** Tell dead-man and kernel: silent at `until`. `ackedAt` is the sending moment the lease counts from. */
  | { readonly kind: "lease"; readonly identity: Index; readonly until: Instant; readonly ackedAt: Instant }
  /** Identity up. Must not begin, nor go on to its next step, when the clock has passed `until`. */
  | { readonly kind: "raise"; readonly identity: Index; readonly epoch: number; readonly until: Instant }
  /** Identity down: link first, then verify, stand-in MAC, up again. */
  | { readonly kind: "release"; readonly identity: Index }
  | { readonly kind: "start-services"; readonly identity: Index; readonly epoch: number }
  | { readonly kind: "stop-services"; readonly identity: Index }
  | { readonly kind: "final-pass"; readonly identity: Index; readonly epoch: number }
  | { readonly kind: "announce"; readonly identity: Index }
  /** One line for people: log, history, `status`. `event` is static, `because` the row's sentence. */
  | { readonly kind: "tell"; readonly level: "info" | "warn" | "alarm"; readonly event: string; readonly identity: Index | null; readonly because: string }
  | { readonly kind: "answer"; readonly command: number; readonly ok: boolean; readonly text: string };

// ---- what people see -------------------------------------------------------------------------------------------

export interface IdentitySummary {
  readonly identity: Index;
  readonly role: Role;
  readonly owner: Index | null;
  readonly epoch: number;
  /** When this role began, and the sentence of the row that began it. */
  readonly since: WallTime;
  readonly because: string;
  /** Owner: milliseconds of lease left; null when not owner or a standing vote makes it endless. */
  readonly leaseLeft: Duration | null;
  readonly stale: boolean;
  readonly locked: boolean;
  readonly standing: boolean;
  readonly peerInSync: boolean;
  readonly services: "stopped" | "starting" | "started" | "stopping" | "failed";
  /** What this node waits for before it does more; null when nothing. */
  readonly waitsFor: string | null;
}

export interface Summary {
  readonly self: Index;
  readonly boot: string;
  readonly peer: { readonly state: "unknown" | "alive" | "late" | "silent" | "left"; readonly heardAgo: Duration | null; readonly sameConfiguration: boolean | null; readonly maintenance: boolean };
  readonly maintenance: boolean;
  readonly links: readonly { readonly link: LinkName; readonly state: "unknown" | "on-time" | "late" | "silent"; readonly heardAgo: Duration | null }[];
  readonly references: { readonly answered: number; readonly of: number; readonly majority: boolean; readonly ago: Duration | null };
  /** Null: none is configured. `ago`: since the newest question that it answered was sent. */
  readonly witness: { readonly ago: Duration | null; readonly verdicts: readonly [WitnessVote["verdict"], WitnessVote["verdict"]] } | null;
  readonly carrier: { readonly main: boolean | null; readonly heartbeat: boolean | null; readonly redundant: boolean | null };
  /** Of the last 24 hours. */
  readonly stalls: { readonly count: number; readonly worst: Duration };
  readonly identities: readonly [IdentitySummary, IdentitySummary];
  readonly problems: readonly string[];
}

// What an event teaches: facts go into the state here, nothing is decided.
//
// Heartbeats are believed from one boot of the peer at a time, in rising order of their sequence numbers. A new boot is
// believed once it has answered one of our own recent heartbeats, so nothing recorded earlier can pass for it. No clocks.

import type { Duration } from "../base/time.ts";
import { configure, settleConfiguration } from "./configure.ts";
import { isMajority } from "./lease.ts";
import { isSilent, stallBetween } from "./liveness.ts";
import { CLAIM_PARTS, LINKS, type CoreEvent, type Heartbeat, type Index, type LinkName, type Role } from "./model.ts";
import { NEVER, type Holding, type State } from "./state.ts";
import { noteFence } from "./fence.ts";
import { countWitness } from "./witness.ts";

/** A boot is believed when it echoes something we sent at most this long ago. */
const HANDSHAKE_LIMIT = 2_000;

type Of<K extends CoreEvent["kind"]> = CoreEvent & { kind: K };

/** Events that are dated where they began may come a little after a younger one. */
const OUT_OF_ORDER: Duration = 1000;
const HOUR: Duration = 3_600_000;

/** Time has passed. A gap of more than two keepalives means that we slept: silence and claims start anew from here. */
export function passTime(state: State, event: CoreEvent): void {
  const { kind, at: dated } = event;
  const at = Math.max(dated, state.now);
  if (dated < at && at - dated > (TIMELY.has(kind) ? ROUNDING : OUT_OF_ORDER)) state.failed ??= brokenClock(at - dated);
  const stall = stallBetween(state.now, at, state.config.timing.keepalive);
  state.now = at;
  if (kind === "tick" || kind === "heard" || kind === "start") state.wall = event.wall;
  if (stall === null) return;
  state.wokeAt = at;
  state.stalls = withStall(state.stalls, Math.floor(at / HOUR), stall);
  for (const holding of state.holdings) if (holding.claim !== null) holding.claim = { ...holding.claim, rounds: [NEVER] };
}

/** Dated when they are handed over: nothing can have come in between. */
const TIMELY: ReadonlySet<CoreEvent["kind"]> = new Set(["tick", "heard"]);
/** Two processes of one clock, as after a restart, agree to less than this. */
const ROUNDING: Duration = 5;
/** Whoever cannot tell how much time has passed can keep no lease. */
const brokenClock = (back: Duration): string => `the monotonic clock went back by ${Math.round(back)} ms: no lease can be kept by it`;

function withStall(stalls: State["stalls"], hour: number, stall: Duration): State["stalls"] {
  const [last] = stalls.slice(-1);
  if (last?.hour === hour) return [...stalls.slice(0, -1), { hour, count: last.count + 1, worst: Math.max(last.worst, stall) }];
  return [...stalls.filter((each) => each.hour > hour - 24), { hour, count: 1, worst: stall }];
}

/** Returns false when the event says nothing new (a duplicate, an unknown boot): no signal follows from it. */
export function observe(state: State, event: CoreEvent): boolean {
  switch (event.kind) {
    case "heard": return hear(state, event.beat, event.link, event.wall);
    case "foreign": state.peer.foreignAt = state.now; break;
    case "references": countReferences(state, event); break;
    case "witness": countWitness(state, event); break;
    case "fenced": noteFence(state, event); break;
    case "probed": countProbe(state.holdings[event.identity], state, event); break;
    case "persisted": confirm(state, event.write); break;
    case "services-started": state.holdings[event.identity].services = event.ok ? "started" : "failed"; break;
    case "services-stopped": state.holdings[event.identity].services = event.ok ? "stopped" : "failed"; break;
    case "configured": configure(state, event.config); break;
    case "carrier": noteCarrier(state, event); break;
    case "guard": state.guard = { present: event.present, reason: event.reason }; break;
    case "maintenance": state.maintenance = event.on; state.nextBeatAt = state.now; break; // said at once: the peer must not hand anything over
    case "in-sync": noteSync(state, event); break;
    case "command": if (event.verb === "leave" && state.leaving === null) state.leaving = { command: event.id, promised: false }; break;
  }
  return true;
}

function hear(state: State, beat: Heartbeat, link: LinkName, wall: number): boolean {
  const { peer } = state;
  if (beat.boot !== peer.boot) {
    if (!answersUs(state, beat)) {
      peer.hello = { boot: beat.boot, seq: beat.seq };
      return false;
    }
    peer.boot = beat.boot;
    peer.hello = null;
    peer.seq = 0;
    for (const each of LINKS) peer.linkSeq[each] = 0;
  }
  // The link works, also when the content is known: the same heartbeat came over another one, or later ones over a faster one.
  if (beat.seq > peer.linkSeq[link]) {
    peer.linkSeq[link] = beat.seq;
    peer.links[link] = state.now;
  }
  if (beat.seq <= peer.seq) return false;
  if (isSilent(state)) peer.aliveSince = state.now;
  noticeLanLoss(state, beat);
  peer.seq = beat.seq;
  peer.heardAt = state.now;
  peer.heardWall = wall;
  peer.beat = beat;
  peer.left = beat.leaving;
  settleConfiguration(state);
  countEcho(state, beat);
  for (const identity of [0, 1] as const) noticeClaim(state, state.holdings[identity], identity);
  return true;
}

function answersUs(state: State, beat: Heartbeat): boolean {
  return [beat.echo, beat.hello].some((said) => said !== null && said.boot === state.boot && state.now - sentAt(state, said.seq) <= HANDSHAKE_LIMIT);
}

/** When we sent that heartbeat; NEVER when it is too long ago to know, or was never sent. */
function sentAt(state: State, seq: number): number {
  const remembered = state.sentAt.length;
  return seq > state.seq || seq <= state.seq - remembered || seq < 1 ? NEVER : (state.sentAt[seq % remembered] ?? NEVER);
}

/** Is the peer's echo no acknowledgement of our ownership, because it contests or holds the identity itself? */
const contests = (role: Role): boolean =>
  role === "owner" || role === "claiming" || role === "acquiring" || role === "raising" || role === "freezing";

function countEcho(state: State, beat: Heartbeat): void {
  if (beat.echo === null || beat.echo.boot !== state.boot) return;
  const moment = sentAt(state, beat.echo.seq);
  if (moment === NEVER) return;
  if (moment > state.peer.echoedAt) state.peer.echoedAt = moment;
  for (const identity of [0, 1] as const)
    if (!contests(beat.identities[identity].role)) state.holdings[identity].ackedAt = Math.max(state.holdings[identity].ackedAt, moment);
}

function noticeClaim(state: State, holding: Holding, identity: Index): void {
  const said = state.peer.beat?.identities[identity];
  // Its last word before the raise: objecting comes too late, whatever we have said meanwhile.
  const complete = said?.role === "acquiring";
  if (said === undefined || (said.role !== "claiming" && !complete)) {
    holding.claimHeard = null;
    return;
  }
  const heard = holding.claimHeard;
  const yieldAt = Math.min(heard?.yieldAt ?? Infinity, complete ? state.now : claimEnd(state, said.claimed) - state.config.timing.release);
  if (heard === null || complete) holding.claimHeard = { askedAt: null, yieldAt, complete };
  else if (yieldAt < heard.yieldAt) holding.claimHeard = { ...heard, yieldAt };
}

/** When the peer's claim is over at the earliest, by how much of it was gone when it said so and two keepalives for the way. */
function claimEnd({ now, config: { timing } }: State, claimed: number): number {
  return now + timing.claim * (1 - claimed / CLAIM_PARTS) - 2 * timing.keepalive;
}

function countReferences(state: State, event: Of<"references">): void {
  const { references } = state;
  if (event.startedAt >= references.startedAt) {
    // Of one round the count only grows; what is counted for it late may begin at one again.
    references.answered = event.startedAt > references.startedAt ? event.answered : Math.max(references.answered, event.answered);
    references.startedAt = event.startedAt;
  }
  if (event.unsure === true || !isMajority(event.answered, state.config.references)) return;
  const said = state.peer.beat;
  // A peer without its LAN waits for just this word.
  if (said !== null && (!said.mainCarrier || !said.redundantCarrier)) state.nextBeatAt = state.now;
  references.agreedAt = Math.max(references.agreedAt, event.startedAt);
  if (state.config.witness) return;
  for (const holding of state.holdings) {
    const { claim } = holding;
    if (claim === null || event.startedAt < claim.startedAt) continue;
    const round = Math.max(...claim.rounds.filter((startedAt) => startedAt <= event.startedAt));
    holding.claim = { ...claim, agreedAt: Math.max(claim.agreedAt, event.startedAt), rounds: claim.rounds.filter((each) => each !== round) };
  }
}

function countProbe(holding: Holding, state: State, event: Of<"probed">): void {
  const { claim } = holding;
  if (claim === null || event.startedAt < claim.startedAt) return;
  const pause = state.config.timing.claim / 10;
  holding.claim = { ...claim, unanswered: event.mac === null ? claim.unanswered + 1 : 0, answeredBy: event.mac, probeAt: Math.max(state.now, event.startedAt + pause) };
}

function confirm(state: State, write: number): void {
  for (const holding of state.holdings) {
    if (holding.pending === null || holding.pending.write > write) continue;
    holding.record = holding.pending.record;
    holding.pending = null;
    holding.confirmed = write;
  }
}

function noteCarrier(state: State, event: Of<"carrier">): void {
  const lost = !event.up && state.carrier[event.nic] !== false;
  state.carrier[event.nic] = event.up;
  if (lost) state.carrierLostAt = state.now;
  state.nextBeatAt = state.now; // said at once: the peer's answer decides whether moving helps
}

/** The peer has lost its LAN. Is it the whole switch? What the reference hosts said before proves nothing: ask them now. */
function noticeLanLoss(state: State, beat: Heartbeat): void {
  const before = state.peer.beat;
  const lost = (before?.mainCarrier ?? true) && !beat.mainCarrier || (before?.redundantCarrier ?? true) && !beat.redundantCarrier;
  if (!lost) return;
  state.references = { ...state.references, askedAt: NEVER, startedAt: NEVER, answered: 0 };
}

function noteSync(state: State, event: Of<"in-sync">): void {
  const holding = state.holdings[event.identity];
  if (event.epoch === holding.record.epoch && state.peer.boot !== null) holding.inSync = { epoch: event.epoch, boot: state.peer.boot };
}

// What is due whatever happened: heartbeats, questions to the arbiter, lease renewals, votes and flags that follow from
// what was heard, good-byes, and the news that people want.

import { remember, say, type Scene } from "./actions.ts";
import { failbackObstacle, isAway } from "./guards.ts";
import { arbiterInterval, hasLease, holds, leaseEnd } from "./lease.ts";
import { inContact, sameConfiguration } from "./liveness.ts";
import type { CoreEvent, Effect, IdentityRecord, Index } from "./model.ts";
import { news } from "./news.ts";
import { atRest, type State } from "./state.ts";
import { askWitness } from "./witness.ts";

interface Context {
  readonly state: State;
  readonly effects: Effect[];
  readonly event: CoreEvent;
  /** A heartbeat that says something new. */
  readonly heard: boolean;
}

const BOTH = [0, 1] as const;
const FOLLOWING = 1.02;

export function duties(context: Context): void {
  for (const identity of BOTH) flags(context, identity);
  answerClaims(context);
  keepalive(context);
  askReferences(context);
  if (context.state.config.witness) askWitness(context.state, context.effects, arbiterInterval(context.state));
  probe(context);
  renew(context);
  if (context.state.leaving?.promised === false) leave(context, context.state.leaving);
  for (const identity of BOTH) steady(context, identity);
  news(context);
}

/** Records that follow from what the peer says, without a change of role. */
function flags(context: Context, identity: Index): void {
  const { state, heard } = context;
  const holding = state.holdings[identity];
  if (holding.gained && holding.pending === null) return gained(context, identity);
  const said = state.peer.beat;
  if (said === null) return;
  const theirs = said.identities[identity];
  const record = holding.pending?.record ?? holding.record;
  // A standing vote ends here first, and only then does the peer forget its promise: also while another record is being written.
  if (heard && !said.leaving && record.standing) return change(context, identity, { standing: false });
  if (holding.pending !== null) return;
  // A clean leave is a standing vote for whoever owns, also when the good-bye came while something else was being written.
  if (said.leaving && theirs.promised && holds(holding) && !record.standing && state.peer.hello === null) return change(context, identity, { standing: true });
  if (!heard || !inContact(state)) return;
  const forgets = record.promised && !theirs.standing && state.leaving === null;
  const resynchronised = theirs.role === "owner" && theirs.inSync && theirs.epoch === record.epoch && !theirs.standing && sameConfiguration(state) === true;
  if (forgets || (record.stale && resynchronised))
    change(context, identity, { promised: record.promised && !forgets, stale: record.stale && !resynchronised });
}

/** The files are where the identity was last, or at home if it never was anywhere. */
function gained(context: Context, identity: Index): void {
  const holding = context.state.holdings[identity];
  holding.gained = false;
  if ((holding.record.owner ?? identity) !== context.state.config.self && !holding.record.stale) change(context, identity, { stale: true });
}

function change(context: Context, identity: Index, changes: Partial<IdentityRecord>): void {
  const holding = context.state.holdings[identity];
  remember({ ...context, identity, holding }, { ...(holding.pending?.record ?? holding.record), ...changes });
}

/** An owner that hears a claim objects at once; the time in which it must be heard counts from that heartbeat. */
function answerClaims({ state, effects }: Context): void {
  for (const holding of state.holdings)
    if (holding.claimHeard !== null && holding.claimHeard.askedAt === null && holds(holding)) return say({ state, effects });
}

/** Node 1 keeps time with node 0 and answers its heartbeat rather than wake for one of its own a moment later: half the
 *  wakings, and echoes that are a round trip old instead of a keepalive. Its own timer goes on when node 0 does not; it is slower by
 *  so little that it comes due while the answer is still on its way, and costs no waking of its own either. */
function keepalive({ state, effects, heard }: Context): void {
  const { keepalive: interval } = state.config.timing;
  const inTime = state.config.self === 1 && heard && state.peer.heardAt === state.now && state.nextBeatAt - state.now <= interval / 2;
  if (state.now < state.nextBeatAt && !inTime) return;
  say({ state, effects });
  const pause = state.config.self === 1 ? FOLLOWING * interval : interval;
  state.nextBeatAt = !inTime && state.nextBeatAt + pause > state.now ? state.nextBeatAt + pause : state.now + pause;
}

function askReferences({ state, effects }: Context): void {
  // Half a millisecond of grace: a timer that fires a hair early must not skip a whole keepalive.
  if (state.config.references === 0 || state.now - state.references.askedAt < arbiterInterval(state) - 0.5) return;
  state.references.askedAt = state.now;
  effects.push({ kind: "ask-references" });
  if (state.config.witness) return;
  for (const holding of state.holdings)
    if (holding.claim !== null) holding.claim = { ...holding.claim, rounds: [...holding.claim.rounds, state.now] };
}

function probe({ state, effects }: Context): void {
  for (const identity of BOTH) {
    const holding = state.holdings[identity];
    if (holding.claim === null || state.now < holding.claim.probeAt) continue;
    holding.claim = { ...holding.claim, probeAt: Number.POSITIVE_INFINITY };
    effects.push({ kind: "probe-identity", identity, timeout: state.config.timing.claim * 0.08 });
  }
}

function renew({ state, effects }: Context): void {
  // Every other acknowledgement: telling costs a switch to the dead-man, and being told a keepalive less only errs on the safe side.
  const grain = 1.5 * state.config.timing.keepalive;
  for (const identity of BOTH) {
    const holding = state.holdings[identity];
    if (!hasLease(holding)) continue;
    holding.leaseUntil = Math.max(holding.leaseUntil, leaseEnd(state, holding));
    // While the peer claims, dead-man and kernel let go before its claim ends, also if we freeze before we yield.
    const until = Math.min(holding.leaseUntil, holding.claimHeard?.yieldAt ?? Infinity);
    const longer = until - holding.leaseTold;
    if (!holds(holding) || (longer >= 0 && longer < grain)) continue;
    holding.leaseTold = until;
    effects.push({ kind: "lease", identity, until, ackedAt: until - state.config.timing.lease });
  }
}

/** Since when an identity that is away could have gone home. Its first moment is seen at the next heartbeat at the latest. */
function steady({ state }: Context, identity: Index): void {
  const holding = state.holdings[identity];
  const could = state.config.failback === "auto" && isAway(state, identity) && failbackObstacle(state, identity) === null;
  holding.steadySince = could ? holding.steadySince ?? state.now : null;
}

/** Leaving: once nothing is held, promise on disk, then say it, then answer. */
function leave(context: Context, leaving: NonNullable<State["leaving"]>): void {
  const { state, effects, event } = context;
  if (!atRest(state)) return;
  const open = BOTH.filter((identity) => !state.holdings[identity].record.promised && state.holdings[identity].role !== "failed");
  for (const identity of open) {
    const holding = state.holdings[identity];
    remember({ state, effects, event, identity, holding } as Scene, { ...holding.record, promised: true });
  }
  if (open.length > 0) return;
  state.leaving = { ...leaving, promised: true };
  say({ state, effects });
  effects.push({ kind: "answer", command: leaving.command, ok: true, text: "nothing is held here any more" });
}

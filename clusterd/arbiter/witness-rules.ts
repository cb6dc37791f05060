// When does the witness give its vote? The third machine's whole judgement, pure: state and question in, state and votes out.
//
// The witness knows of each identity the newest epoch, whose parity names its owner, and until when a node that was granted
// the vote may still be up. It grants to one node at a time: to its owner at once; to the other only when the owner's lease has
// run out here, or the owner itself says that it holds nothing, and only if that other knows of the newest epoch. So who
// owned without the other's knowledge is not forgotten by the pair. Judgement by this machine's monotonic clock alone.
//
// After its own start it serves for a whole lease nobody but the owner it remembers. A witness that remembers nothing grants
// nothing until it has met both nodes, because only both together know the newest epoch.

import type { Duration, Instant } from "../base/time.ts";
import { ownerOf } from "../core/epochs.ts";
import type { Index, WitnessAsk, WitnessQuestion, WitnessVote } from "../core/model.ts";

/** On disk before any answer that follows from it. */
export interface WitnessRecord {
  readonly format: 1;
  readonly cluster: string;
  /** Which nodes it has met since it remembers. */
  readonly met: readonly [boolean, boolean];
  readonly identities: readonly [Remembered, Remembered];
}

interface Remembered {
  /** 0 = never owned. The parity is the owner's index. */
  readonly epoch: number;
  /** Who was granted the vote last: after a start of the witness, the one who may still be up. */
  readonly granted: Index | null;
  /** The daemon start that the epoch was granted to, if a claim: it may still say that it did not take it. */
  readonly boot: string | null;
  /** A granted node is silent so long after its question. */
  readonly silentAfter: Duration;
}

/** Was it written by a witness? */
export function isWitnessRecord(value: unknown): value is WitnessRecord {
  const { format, cluster, met, identities } = (value ?? {}) as Partial<Record<keyof WitnessRecord, unknown>>;
  const isRemembered = (one: Partial<Remembered> | null): boolean => Number.isSafeInteger(one?.epoch) && (one?.granted === null || one?.granted === 0 || one?.granted === 1) &&
    (one.boot === null || typeof one.boot === "string") && Number.isFinite(one.silentAfter);
  return format === 1 && typeof cluster === "string" && isPair(met) && met.every((flag) => typeof flag === "boolean") && isPair(identities) && identities.every(isRemembered);
}

const isPair = (value: unknown): value is readonly [never, never] => Array.isArray(value) && value.length === 2;

export interface WitnessState {
  readonly record: WitnessRecord;
  readonly startedAt: Instant;
  /** Who may be up, and until when nobody else is granted the vote. */
  readonly busy: readonly [Busy, Busy];
}

interface Busy {
  readonly node: Index | null;
  readonly until: Instant;
}

/** Two clocks may differ by so much in rate (ρ, DESIGN §4). */
const RATE = 0.01;
const withDrift = (duration: Duration): Duration => duration * (1 + RATE) / (1 - RATE);

const NOTHING: Remembered = { epoch: 0, granted: null, boot: null, silentAfter: 0 };

/** `record`: what is on disk, null if there is nothing that can be read. */
export function witnessAtStart(cluster: string, record: WitnessRecord | null, now: Instant): WitnessState {
  const known = record ?? { format: 1, cluster, met: [false, false], identities: [NOTHING, NOTHING] };
  const busy = ({ granted, silentAfter }: Remembered): Busy => ({ node: granted, until: now + withDrift(silentAfter) });
  return { record: known, startedAt: now, busy: [busy(known.identities[0]), busy(known.identities[1])] };
}

/** What node `from` gets to hear, and what is known afterwards. A question counts once, and in the order in which it was asked. */
export function judge(state: WitnessState, from: Index, question: WitnessQuestion, now: Instant): { readonly state: WitnessState; readonly votes: readonly [WitnessVote, WitnessVote] } {
  const met = ([0, 1] as const).map((node) => state.record.met[node] || node === from) as [boolean, boolean];
  const one = (identity: Index): Judged => judgeOne(state.record.identities[identity], state.busy[identity], { from, question, ask: question.asks[identity], now, startedAt: state.startedAt, met: met[0] && met[1] });
  const judged = [one(0), one(1)] as const;
  return {
    state: { ...state, record: { ...state.record, met, identities: [judged[0].known, judged[1].known] }, busy: [judged[0].busy, judged[1].busy] },
    votes: [judged[0].vote, judged[1].vote],
  };
}

interface Judged {
  readonly known: Remembered;
  readonly busy: Busy;
  readonly vote: WitnessVote;
}

interface Asked {
  readonly from: Index;
  readonly question: WitnessQuestion;
  readonly ask: WitnessAsk;
  readonly now: Instant;
  readonly startedAt: Instant;
  readonly met: boolean;
}

function judgeOne(before: Remembered, busy: Busy, { from, question, ask, now, startedAt, met }: Asked): Judged {
  const known = learn(before, from, question.boot, ask);
  const answer = (verdict: WitnessVote["verdict"], changes: Partial<Pick<Judged, "known" | "busy">> = {}): Judged =>
    ({ known, busy, vote: { verdict, epoch: (changes.known ?? known).epoch }, ...changes });
  const outdated = ask.epoch < known.epoch && !(ownerOf(known.epoch) === from && known.boot === question.boot);
  const freed = busy.node === from && ask.want === "none" ? { busy: { node: null, until: now } } : {};
  if (outdated) return answer("stale", freed);
  if (ask.want === "none" || ask.want === "keep") return answer("idle", freed);
  if (!met) return answer("unmet");
  // What was granted before our start is not known; it has run out after a lease.
  if (busy.node !== from && now < Math.max(busy.until, startedAt + withDrift(question.silentAfter))) return answer("busy");
  const granted = { epoch: Math.max(known.epoch, ask.wanted), granted: from, boot: ask.want === "claim" ? question.boot : known.boot, silentAfter: question.silentAfter };
  return answer("granted", { known: granted, busy: { node: from, until: now + withDrift(question.silentAfter) } });
}

/** A node's own word about epochs: of a newer one; or that it did not take the one that it was granted, in this very boot. */
function learn(before: Remembered, from: Index, boot: string, { want, epoch }: WitnessAsk): Remembered {
  if (epoch > before.epoch) return { ...before, epoch, boot: null };
  const declined = want === "none" && epoch < before.epoch && ownerOf(before.epoch) === from && before.boot === boot;
  return declined ? { ...before, epoch, boot: null } : before;
}

/** Must the record be written before the answer may go out? */
export const hasNews = (before: WitnessRecord, after: WitnessRecord): boolean => JSON.stringify(before) !== JSON.stringify(after);

/** Who may be up now, for people. */
export const holderNow = ({ busy }: WitnessState, identity: Index, now: Instant): Index | null =>
  now < busy[identity].until ? busy[identity].node : null;

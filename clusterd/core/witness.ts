// The third machine that remembers: what it is asked, what its answer means, and which of the two arbiters counts.
//
// Of the witness one vote for each identity is had: it grants to one node at a time, and to another only after the first
// one's lease has run out there. So a grant is the arbiter's agreement, in a claim as in a lease, and `stale` is knowledge
// that the reference hosts cannot have: the other node owned later. Its own rules are in arbiter/witness-rules.ts.

import type { Duration, Instant } from "../base/time.ts";
import type { CoreConfig, CoreEvent, Effect, Index, WitnessAsk, WitnessQuestion } from "./model.ts";
import type { Holding, State } from "./state.ts";

/** Is there a third voter at all? */
export const hasArbiter = ({ witness, references }: CoreConfig): boolean => witness || references > 0;

/** The sending moment of the newest question that the arbiter answered in favour of this identity's staying or coming here. */
export const arbiterAgreedAt = (state: State, holding: Holding): Instant =>
  state.config.witness ? holding.witness.grantedAt : state.references.agreedAt;

/** The witness knows of an owner after the last one that this node has heard of. */
export const isOutdated = ({ config }: State, { witness }: Holding): boolean => config.witness && witness.verdict === "stale";

function askOf({ role, record, pending, claim }: Holding): WitnessAsk {
  const known = (pending?.record ?? record).epoch;
  switch (role) {
    case "claiming": return { want: "claim", epoch: record.epoch, wanted: claim?.epoch ?? 0 };
    case "acquiring": return { want: "claim", epoch: record.epoch, wanted: known };
    case "raising": case "owner": case "freezing": return { want: "hold", epoch: record.epoch, wanted: record.epoch };
    // Perhaps still up: neither renewed nor given back.
    case "releasing": return { want: "keep", epoch: known, wanted: known };
    case "waiting": case "standby": case "offering": case "failed": return { want: "none", epoch: known, wanted: known };
  }
}

export function witnessQuestion({ boot, config, holdings }: State): WitnessQuestion {
  return { boot, silentAfter: config.timing.lease + config.timing.release, asks: [askOf(holdings[0]), askOf(holdings[1])] };
}

type Asks = WitnessQuestion["asks"];

const saysTheSame = (asks: Asks, before: Asks | null): boolean => before !== null && isSame(asks[0], before[0]) && isSame(asks[1], before[1]);
const isSame = (one: WitnessAsk, other: WitnessAsk): boolean => one.want === other.want && one.epoch === other.epoch && one.wanted === other.wanted;

/** Asked as often as reference hosts are, and at once whenever there is something new to say: a release frees the vote. */
export function askWitness(state: State, effects: Effect[], interval: Duration): void {
  if (!state.config.witness) return;
  const said = [askOf(state.holdings[0]), askOf(state.holdings[1])] as const;
  if (state.now - state.witness.askedAt < interval - 0.5 && saysTheSame(said, state.witness.said)) return;
  state.witness = { ...state.witness, askedAt: state.now, said };
  effects.push({ kind: "ask-witness" });
}

export function countWitness(state: State, event: CoreEvent & { kind: "witness" }): void {
  if (event.startedAt < state.witness.answeredAt) return;
  state.witness = { ...state.witness, answeredAt: event.startedAt };
  for (const identity of [0, 1] as const) countVote(state, identity, event);
}

function countVote(state: State, identity: Index, { startedAt, votes }: CoreEvent & { kind: "witness" }): void {
  const holding = state.holdings[identity];
  const { verdict, epoch } = votes[identity];
  const granted = verdict === "granted";
  holding.witness = { verdict, epoch, grantedAt: granted ? startedAt : holding.witness.grantedAt };
  const { claim } = holding;
  if (granted && claim !== null && startedAt >= claim.startedAt) holding.claim = { ...claim, agreedAt: startedAt };
}


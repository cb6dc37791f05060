// Which reference hosts answered which round of questions? Pure bookkeeping; the core judges the majority.
//
// An ICMP echo reply names its round. An ARP reply does not: it is counted for the oldest round that still waits for that
// host, so that a late or lost answer can only make an acknowledgement older than it is, never newer. With a lease longer than
// the pause between two questions a lost answer leaves them behind by one for good: that the hosts live is counted apart.

import type { Duration, Instant } from "../base/time.ts";

export interface Round {
  readonly number: number;
  readonly startedAt: Instant;
  readonly answered: ReadonlySet<string>;
}

/** `kept`: a round this old can no longer help anybody (the lease). */
export interface Rounds {
  begin(startedAt: Instant): Round;
  /** The round that grew by this answer, or null when none did. */
  answer(host: string, at: Instant, number: number | null): Round | null;
  /** So many hosts have answered something since then. */
  heardSince(startedAt: Instant): number;
}

const MOST = 256;

export function createRounds(kept: Duration): Rounds {
  let last = 0;
  const heard = new Map<string, Instant>();
  let waiting: (Round & { readonly answered: Set<string> })[] = [];

  return {
    begin: (startedAt) => {
      last = (last + 1) & 0xffff;
      const round = { number: last, startedAt, answered: new Set<string>() };
      waiting = [...waiting.filter((each) => startedAt - each.startedAt < kept), round].slice(-MOST);
      return round;
    },
    heardSince: (startedAt) => [...heard.values()].filter((at) => at >= startedAt).length,
    answer: (host, at, number) => {
      heard.set(host, at);
      waiting = waiting.filter((each) => at - each.startedAt < kept);
      const round = waiting.find((each) => (number === null || each.number === number) && !each.answered.has(host));
      round?.answered.add(host);
      return round ?? null;
    },
  };
}

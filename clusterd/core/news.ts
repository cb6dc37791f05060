// What people are told without a change of role: peer, links, configuration, arbiter, what is waited for, redundancy.
//
// Each topic has one value at a time; a line is told when it changes, and at first only if it is worth a warning.

import { peerInSync } from "./beat.ts";
import { FAILBACK_TRIES, FOREIGN, claimObstacle, isAway, triesSpent } from "./guards.ts";
import { holdsOn } from "./lease.ts";
import { isForeign, isSilent, linkState, peerState, sameConfiguration } from "./liveness.ts";
import type { Effect, Index, LinkName } from "./model.ts";
import { roundTolerance } from "./signals.ts";
import { NEVER, type State } from "./state.ts";

type Level = (Effect & { kind: "tell" })["level"];

interface Topic {
  readonly name: string;
  readonly identity: Index | null;
  /** The value now; null: not to be judged at this moment, the old one stands. */
  readonly now: (state: State) => string | null;
  /** The line for a new value; null: it goes without saying. */
  readonly line: (now: string) => readonly [Level, string] | null;
}

const yesOrNo = (is: boolean): string => (is ? "yes" : "no");

const peer: Topic = {
  name: "peer", identity: null,
  now: (state) => { const now = peerState(state); return now === "late" ? null : now; },
  line: (now) => [now === "silent" ? "alarm" : "info", `the peer is ${now}`],
};

const linkTopic = (link: LinkName): Topic => ({
  name: `link.${link}`, identity: null,
  now: (state) => {
    if (link === "serial" && state.config.serial === null) return null;
    const now = linkState(state, link);
    return now === "on-time" || (now === "silent" && !isSilent(state)) ? now : null;
  },
  line: (now) => now === "silent" ? ["warn", `no heartbeat on the ${link} link; nothing else changes`] : ["info", `heartbeats arrive on the ${link} link again`],
});

const configuration: Topic = {
  name: "configuration", identity: null,
  now: (state) => { const same = sameConfiguration(state); return same === null ? null : yesOrNo(same); },
  line: (now) => now === "yes" ? ["info", "the configurations of the two nodes agree"]
    : ["alarm", "the configurations of the two nodes differ: no takeover until they agree"],
};

const maintenance: Topic = {
  name: "peer-maintenance", identity: null,
  now: (state) => state.peer.beat === null ? null : yesOrNo(state.peer.beat.maintenance),
  line: (now) => now === "yes" ? ["warn", "the peer is in maintenance: it takes nothing over"] : ["info", "the peer's maintenance is over"],
};

const references: Topic = {
  name: "references", identity: null,
  now: (state) => {
    const { agreedAt } = state.references;
    if (state.config.references === 0 || agreedAt === NEVER) return null;
    return yesOrNo(state.now - Math.max(agreedAt, state.wokeAt) <= 2_500 + roundTolerance(state));
  },
  line: (now) => now === "yes" ? ["info", "a majority of the reference hosts answers"] : ["alarm", "no majority of the reference hosts answers"],
};

const witness: Topic = {
  name: "witness", identity: null,
  now: (state) => state.config.witness
    ? yesOrNo(state.now - Math.max(state.witness.answeredAt, state.startedAt, state.wokeAt) <= 2_500 + roundTolerance(state)) : null,
  line: (now) => now === "yes" ? ["info", "the witness answers"] : ["alarm", "the witness does not answer"],
};

const fence: Topic = {
  name: "fence", identity: null,
  now: ({ fence: { said } }) => said === "" ? null : said,
  line: (now) => ["alarm", now],
};

const waits = (identity: Index): Topic => ({
  name: `waits.${identity}`, identity,
  now: (state) => state.holdings[identity].role === "standby" && state.peer.boot !== null && isSilent(state) ? claimObstacle(state, identity) : "",
  line: (now) => now === "" ? null : ["alarm", `silent peer, but no takeover: ${now}`],
});

const veto = (identity: Index): Topic => ({
  name: `veto.${identity}`, identity,
  now: (state) => state.holdings[identity].claim?.answeredBy ?? "",
  line: (now) => now === "" ? null : ["alarm", `no takeover: ${now} answers for its address. The other node still speaks, or a third machine has that address`],
});

const version: Topic = {
  name: "version", identity: null,
  now: (state) => yesOrNo(isForeign(state)),
  line: (now) => now === "yes" ? ["alarm", FOREIGN] : ["info", "the other node is not heard in another version of the protocol any more"],
};

const failback = (identity: Index): Topic => ({
  name: `failback.${identity}`, identity,
  now: (state) => state.config.failback !== "auto" || !isAway(state, identity) ? null
    : triesSpent(state.holdings[identity]) >= FAILBACK_TRIES ? "stopped" : "on",
  line: (now) => now === "on" ? ["info", "it goes home by itself again"]
    : ["alarm", `${FAILBACK_TRIES} automatic failbacks within an hour did not last: it stays here until a person says \`clusterd failback\`, or \`clusterd clear\` here`],
});

const hold = (identity: Index): Topic => ({
  name: `hold.${identity}`, identity,
  now: (state) => {
    const holding = state.holdings[identity];
    return holding.role === "owner" ? yesOrNo(!holding.record.standing && holdsOn(state, holding) && state.now - state.references.agreedAt > state.config.timing.lease) : null;
  },
  line: (now) => now === "yes" ? ["alarm", "neither peer nor arbiter answers: it stays here by policy `availability`"] : ["info", "it is owned by a vote again"],
});

const redundancy = (identity: Index): Topic => ({
  name: `redundancy.${identity}`, identity,
  now: (state) => state.holdings[identity].role === "owner" ? yesOrNo(peerInSync(state, identity)) : null,
  line: (now) => ["info", now === "yes" ? "the peer has every file version: it may take over" : "the peer has to be resynchronised before it may take over"],
});

const TOPICS: readonly Topic[] = [
  peer, linkTopic("private"), linkTopic("lan"), linkTopic("serial"), version, configuration, maintenance, references, witness, fence,
  waits(0), veto(0), failback(0), hold(0), redundancy(0),
  waits(1), veto(1), failback(1), hold(1), redundancy(1),
];

const withTold = (told: State["told"], topic: number, value: string): State["told"] => TOPICS.map((_, each) => (each === topic ? value : told[each]));

/** No more often than every other keepalive. */
export function news({ state, effects }: { readonly state: State; readonly effects: Effect[] }): void {
  if (state.now < state.newsAt) return;
  state.newsAt = state.now + 2 * state.config.timing.keepalive;
  for (let topic = 0; topic < TOPICS.length; topic += 1) {
    const { name, identity, now, line } = TOPICS[topic] as Topic;
    const value = now(state);
    const before = state.told[topic];
    if (value === null || value === before) continue;
    state.told = withTold(state.told, topic, value);
    const said = line(value);
    if (said !== null && (before !== undefined || said[0] !== "info")) effects.push({ kind: "tell", level: said[0], event: name, identity, because: said[1] });
  }
}

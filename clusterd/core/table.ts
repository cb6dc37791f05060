// Every role, and what it makes of every signal: the whole behaviour, as data.
//
// Rows of a cell are tried from the top, the first whose guard holds is taken. Leaving out a signal is a compile error;
// ignoring one is a statement with its reason. The sentence `because` is what log, status, `clusterd explain` and the drawn
// diagram print. What the actions do is in actions.ts, what the signals mean in signals.ts.

import type { ActionName } from "./actions.ts";
import type { GuardName } from "./guards.ts";
import type { Role } from "./model.ts";
import type { Signal } from "./signals.ts";

export interface Row {
  readonly when: GuardName;
  readonly to: Role;
  readonly do: readonly ActionName[];
  readonly because: string;
  readonly level?: "info" | "warn" | "alarm";
}
export interface Ignored {
  readonly ignored: string;
}
export type Cell = readonly Row[] | Ignored;
export type Table = { readonly [R in Role]: { readonly [S in Signal]: Cell } };

const ignore = <S extends Signal>(because: string, ...signals: readonly S[]): { [K in S]: Ignored } =>
  Object.fromEntries(signals.map((signal) => [signal, { ignored: because }])) as { [K in S]: Ignored };

const row = (when: GuardName, to: Role, actions: readonly ActionName[], because: string, level: Row["level"] = "info"): Row =>
  ({ when, to, do: actions, because, level });

// Rows that several roles share. ------------------------------------------------------------------------------------

const NOTHING_UP = ignore("the identity is not up here", "node-failed", "guard-missing", "unheard", "lan-lost", "home-steady", "own-mac-heard");
const NOTHING_HELD = { ...NOTHING_UP, ...ignore("this node does not hold the identity", "lease-over") };
const NO_CLAIM = ignore("no claim is under way", "claim-broken", "fence-due", "claim-complete");
const NO_RAISE = ignore("no raise is under way", "raised", "raise-failed");
const NO_RELEASE = ignore("no release is under way", "released", "release-failed");
const NO_PASS = ignore("no handover is under way", "passed", "pass-failed", "overdue");
const SERVICE_NEWS = ignore("shown in status; the role does not depend on it", "services-started", "services-stopped");
const NO_SOLO = ignore("only a node that never heard its peer, and holds nothing, goes on alone", "solo");
const alone = (stay: Role) => ({
  solo: [row("may-claim", "claiming", ["begin-claim", "send", "ask-references"], "booted alone, and solo_boot = allow: claim aloud, with the arbiter's word", "warn"),
    row("nobody-to-ask", "acquiring", ["acquire-alone"], "booted alone, and solo_boot = allow: nobody is there to be asked", "alarm"),
    row("otherwise", stay, [], "alone, but something else stands against it")],
} as const);

const ADOPT = [row("otherwise", "standby", ["adopt", "send"], "the peer knows a newer epoch: its word about the owner counts")] as const;
const FORGET = {
  clear: [row("otherwise", "standby", ["clear-lock", "answer-done"], "a person cleared the standby lock")],
} as const;
const HOLDER_LETS_GO = {
  "lease-over": [row("otherwise", "releasing", ["trip", "stop-services", "release", "send"],
    "the lease is over: neither peer nor arbiter has acknowledged in time", "alarm")],
  "node-failed": [row("otherwise", "releasing", ["doubt", "stop-services", "release", "send"],
    "this node has failed and can keep no promise any more: let the peer take over", "alarm")],
  "guard-missing": [row("otherwise", "releasing", ["doubt", "stop-services", "release", "send"],
    "the dead-man process is gone: nothing would silence us if we hung", "alarm")],
  "peer-newer": [row("otherwise", "releasing", ["adopt-lost", "stop-services", "release", "send"],
    "the peer owns it at a newer epoch: yield at once", "alarm")],
  unheard: [row("otherwise", "releasing", ["doubt", "lock", "stop-services", "release", "send"],
    "the peer claims it and does not hear us: yield, we cannot object", "alarm")],
} as const;
const FAIL = [row("otherwise", "failed", ["fail"], "the journal could not be written: without memory this node may own nothing", "alarm")] as const;
const FAIL_HOLDING = [row("otherwise", "releasing", ["fail", "stop-services", "release", "send"],
  "the journal could not be written: without memory this node may own nothing", "alarm")] as const;
const LEFT_ALONE = [row("otherwise", "standby", [], "leaving: nothing is held here")] as const;
const NOT_OWNER = [row("otherwise", "standby", ["answer-not-owner"], "asked to hand over what is not held here")] as const;

// The table. --------------------------------------------------------------------------------------------------------

export const TABLE = {
  waiting: {
    ...NOTHING_HELD, ...NO_CLAIM, ...NO_RAISE, ...NO_RELEASE, ...NO_PASS, ...SERVICE_NEWS,
    ...ignore("silence after our own start proves nothing; it waits to hear the peer", "peer-silent"),
    ...ignore("a heartbeat counts once it echoes ours (contact)", "peer-heard"),
    "peer-newer": [row("otherwise", "standby", ["adopt", "send"], "heard the peer, which knows a newer epoch")],
    contact: [row("otherwise", "standby", ["certain", "send"], "heard the peer, and the peer hears us")],
    offer: [row("may-take-offer", "acquiring", ["accept-offer", "send"], "the peer hands it over to us"),
      row("otherwise", "waiting", [], "an offer that cannot be taken now")],
    ...alone("waiting"),
    persisted: [row("otherwise", "waiting", [], "remembered")],
    "persist-failed": FAIL,
    "hand-over": [row("otherwise", "waiting", ["answer-not-owner"], "asked to hand over what is not held here")],
    "force-own": [row("peer-holds-or-claims", "waiting", ["answer-peer-owns"], "refused: the peer holds it and is heard"),
      row("otherwise", "acquiring", ["acquire-alone", "answer-done"], "a person said that this node shall own it", "alarm")],
    "confirm-dead": [row("otherwise", "waiting", ["answer-use-force"], "this node knows too little of the data's age: `clusterd force-own` decides that")],
    leave: [row("otherwise", "waiting", [], "leaving: nothing is held here")],
    clear: [row("otherwise", "waiting", ["clear-lock", "answer-done"], "a person cleared the standby lock")],
  },

  standby: {
    ...NOTHING_HELD, ...NO_CLAIM, ...NO_RAISE, ...NO_RELEASE, ...NO_PASS, ...SERVICE_NEWS, ...FORGET, ...alone("standby"),
    ...ignore("the normal case", "peer-heard"),
    "peer-newer": ADOPT,
    "peer-silent": [
      row("standing-vote", "acquiring", ["acquire"], "we owned it last and the peer's standing vote is with us: take it back"),
      row("may-claim", "claiming", ["begin-claim", "send", "ask-references"], "the peer is silent on every link: claim aloud", "warn"),
      row("otherwise", "standby", [], "the peer is silent, and this node must not claim")],
    contact: [row("peer-should-own", "offering", ["grant"], "nobody holds it and it is the peer's to take: grant it"),
      row("uncertain", "standby", ["certain"], "the peer is heard: both nodes know again who owns what"),
      row("otherwise", "standby", [], "the peer is heard")],
    offer: [row("may-take-offer", "acquiring", ["accept-offer", "send"], "the peer hands it over to us"),
      row("otherwise", "standby", [], "an offer that cannot be taken now")],
    persisted: [row("otherwise", "standby", [], "remembered")],
    "persist-failed": FAIL,
    "hand-over": NOT_OWNER,
    "force-own": [row("peer-holds-or-claims", "standby", ["answer-peer-owns"], "refused: the peer holds it and is heard"),
      row("otherwise", "acquiring", ["acquire-alone", "answer-done"], "a person said that this node shall own it", "alarm")],
    "confirm-dead": [row("peer-reachable", "standby", ["answer-peer-alive"], "refused: the peer is heard"),
      row("could-own", "acquiring", ["acquire-alone", "answer-done"], "a person confirmed that the peer is dead", "alarm"),
      row("otherwise", "standby", ["answer-use-force"], "the peer is confirmed dead, but this node must not claim")],
    leave: LEFT_ALONE,
  },

  claiming: {
    ...NOTHING_HELD, ...NO_RAISE, ...NO_RELEASE, ...NO_PASS, ...SERVICE_NEWS, ...NO_SOLO,
    ...ignore("the reason for the claim", "peer-silent"),
    ...ignore("dealt with as a heartbeat heard", "contact"),
    "peer-newer": [row("otherwise", "standby", ["drop-claim", "adopt", "send"], "the peer knows a newer epoch: the claim is void")],
    "peer-heard": [row("otherwise", "standby", ["drop-claim", "send"], "the peer was heard: the claim is dropped")],
    "claim-broken": [row("may-claim", "claiming", ["begin-claim", "ask-references"], "the arbiter missed a round: the claim starts again"),
      row("otherwise", "standby", ["drop-claim", "send"], "the claim has lost its ground")],
    "fence-due": [row("may-claim", "claiming", ["fence"], "the claim has stood: make sure by its power that the peer is off", "alarm"),
      row("otherwise", "standby", ["drop-claim", "send"], "the claim has lost its ground")],
    "claim-complete": [row("may-claim", "acquiring", ["send", "acquire"],
      "the peer stayed silent through the whole claim and the arbiter agreed in every round: take over", "alarm"),
      row("otherwise", "standby", ["drop-claim", "send"], "the claim has lost its ground")],
    offer: [row("may-take-offer", "acquiring", ["drop-claim", "accept-offer", "send"], "the peer hands it over to us"),
      row("otherwise", "standby", ["drop-claim", "send"], "the peer was heard: the claim is dropped")],
    persisted: [row("otherwise", "claiming", [], "remembered")],
    "persist-failed": FAIL,
    "hand-over": NOT_OWNER,
    "force-own": [row("otherwise", "acquiring", ["drop-claim", "acquire-alone", "answer-done"], "a person said that this node shall own it", "alarm")],
    "confirm-dead": [row("otherwise", "acquiring", ["drop-claim", "acquire-alone", "answer-done"], "a person confirmed that the peer is dead", "alarm")],
    clear: [row("otherwise", "claiming", ["clear-lock", "answer-done"], "a person cleared the standby lock")],
    leave: [row("otherwise", "standby", ["drop-claim", "send"], "leaving: the claim is dropped")],
  },

  acquiring: {
    ...NOTHING_UP, ...NO_CLAIM, ...NO_RAISE, ...NO_RELEASE, ...NO_PASS, ...SERVICE_NEWS, ...NO_SOLO,
    ...ignore("the epoch is being written; what follows decides", "peer-silent", "contact", "peer-heard", "offer"),
    "peer-newer": [row("otherwise", "standby", ["adopt", "send"], "the peer knows an epoch newer than the one being written")],
    "lease-over": [row("otherwise", "standby", ["send"], "the votes ran out before the epoch was on disk: nothing was raised, the claim may begin anew", "warn")],
    persisted: [row("otherwise", "raising", ["raise"], "the epoch is on disk: raise the identity")],
    "persist-failed": FAIL,
    "hand-over": [row("otherwise", "acquiring", ["answer-busy"], "a takeover is under way")],
    "force-own": [row("otherwise", "acquiring", ["answer-busy"], "a takeover is under way")],
    "confirm-dead": [row("otherwise", "acquiring", ["answer-busy"], "a takeover is under way")],
    leave: [row("otherwise", "standby", ["doubt"], "leaving: nothing is raised any more")],
    clear: [row("otherwise", "acquiring", ["clear-lock", "answer-done"], "a person cleared the standby lock")],
  },

  raising: {
    ...NO_CLAIM, ...NO_PASS, ...NO_RELEASE, ...SERVICE_NEWS, ...NO_SOLO, ...HOLDER_LETS_GO,
    ...ignore("the identity is on its way up", "peer-silent", "contact", "peer-heard", "offer", "lan-lost", "home-steady", "persisted", "own-mac-heard"),
    raised: [row("otherwise", "owner", ["announce", "send", "start-services"], "the identity is up, as the kernel confirms")],
    "raise-failed": [row("otherwise", "releasing", ["raise-failed", "release", "send"], "the identity did not come up", "alarm")],
    "persist-failed": FAIL_HOLDING,
    "hand-over": [row("otherwise", "raising", ["answer-busy"], "a takeover is under way")],
    "force-own": [row("otherwise", "raising", ["answer-busy"], "a takeover is under way")],
    "confirm-dead": [row("otherwise", "raising", ["answer-busy"], "a takeover is under way")],
    leave: [row("otherwise", "releasing", ["release", "send"], "leaving: the raise is taken back")],
    clear: [row("otherwise", "raising", ["clear-lock", "answer-done"], "a person cleared the standby lock")],
  },

  owner: {
    ...NO_CLAIM, ...NO_PASS, ...NO_RAISE, ...NO_RELEASE, ...SERVICE_NEWS, ...NO_SOLO, ...HOLDER_LETS_GO,
    ...ignore("the owner goes on while its lease lasts", "peer-silent", "contact", "peer-heard"),
    ...ignore("it is ours already", "offer"),
    "lan-lost": [row("can-hand-over-at-once", "releasing", ["hand-over-at-once", "release", "send", "stop-services"],
      "our LAN is gone and the peer still sees it: hand over at once", "alarm"),
      row("otherwise", "owner", [], "our LAN is gone, but moving would not help")],
    "home-steady": [row("home-not-ready", "owner", [], "its home has been well for failback_delay, but is not at this very moment"),
      row("nothing-to-freeze", "releasing", ["begin-failback", "release", "send"], "failback = auto: its home has been well for failback_delay; nothing to stop and nothing to mirror"),
      row("can-hand-over", "freezing", ["begin-failback", "stop-services", "send"], "failback = auto: its home has been well for failback_delay; stop the services, then a last mirror pass"),
      row("otherwise", "owner", [], "its home cannot take it just now")],
    "own-mac-heard": [row("otherwise", "owner", ["announce"], "another port speaks with our MAC: announce again", "alarm")],
    persisted: [row("otherwise", "owner", [], "remembered")],
    "persist-failed": FAIL_HOLDING,
    "hand-over": [row("nothing-to-freeze", "releasing", ["begin-handover", "release", "send"], "planned handover, nothing to stop and nothing to mirror"),
      row("can-hand-over", "freezing", ["begin-handover", "stop-services", "send"], "planned handover: stop the services, then a last mirror pass"),
      row("otherwise", "owner", ["answer-obstacle"], "a handover was asked for and cannot be")],
    "force-own": [row("otherwise", "owner", ["answer-already"], "it is ours already")],
    "confirm-dead": [row("peer-reachable", "owner", ["answer-peer-alive"], "refused: the peer is heard"),
      row("otherwise", "owner", ["count-standing", "answer-done"], "a person confirmed that the peer is dead: its vote stands", "warn")],
    leave: [row("nothing-to-freeze", "releasing", ["begin-handover", "release", "send"], "leaving: hand over first"),
      row("can-hand-over", "freezing", ["begin-handover", "stop-services", "send"], "leaving: hand over first"),
      row("otherwise", "releasing", ["stop-services", "release", "send"], "leaving, and the peer cannot take over", "warn")],
    clear: [row("otherwise", "owner", ["clear-lock", "answer-done"], "a person cleared the standby lock")],
  },

  freezing: {
    ...NO_CLAIM, ...NO_RAISE, ...NO_RELEASE, ...NO_SOLO, ...HOLDER_LETS_GO,
    ...ignore("the handover goes on as long as the lease lasts", "peer-silent", "contact", "peer-heard", "offer", "lan-lost", "home-steady", "own-mac-heard", "persisted"),
    ...ignore("start was asked for before the freeze", "services-started"),
    "services-stopped": [row("nothing-to-mirror", "releasing", ["release", "send"], "services are stopped: let go"),
      row("otherwise", "freezing", ["final-pass"], "services are stopped: the last mirror pass")],
    passed: [row("can-hand-over", "releasing", ["release", "send"], "the peer has every file: let go"),
      row("otherwise", "owner", ["abort-handover", "start-services"], "the peer is not ready any more: stay")],
    "pass-failed": [row("otherwise", "owner", ["abort-handover", "start-services"], "the last mirror pass failed: stay, and start the services again", "warn")],
    overdue: [row("otherwise", "owner", ["abort-handover", "start-services"], "the freeze took too long: stay", "warn")],
    "persist-failed": FAIL_HOLDING,
    "hand-over": [row("otherwise", "freezing", ["answer-busy"], "a handover is under way")],
    "force-own": [row("otherwise", "owner", ["abort-handover", "start-services", "answer-done"], "a person said that it stays here")],
    "confirm-dead": [row("otherwise", "freezing", ["answer-busy"], "a handover is under way")],
    leave: [row("otherwise", "freezing", [], "leaving: the handover is under way already")],
    clear: [row("otherwise", "freezing", ["clear-lock", "answer-done"], "a person cleared the standby lock")],
  },

  releasing: {
    ...ignore("the identity is on its way down", "lease-over", "node-failed", "guard-missing", "unheard", "lan-lost", "home-steady", "own-mac-heard", "peer-silent", "contact", "peer-heard", "offer", "overdue"),
    ...NO_CLAIM, ...NO_PASS, ...SERVICE_NEWS, ...NO_SOLO,
    ...ignore("the raise was overtaken by the release", "raised", "raise-failed"),
    "peer-newer": [row("otherwise", "releasing", ["adopt"], "the peer owns it at a newer epoch")],
    released: [row("for-a-handover", "offering", ["offer"], "verified down: offer it to the peer"),
      row("otherwise", "standby", ["send"], "verified down")],
    "release-failed": [row("otherwise", "releasing", ["release"], "the identity is not verified down: once more", "alarm")],
    persisted: [row("otherwise", "releasing", [], "remembered")],
    "persist-failed": [row("otherwise", "releasing", ["fail"], "the journal could not be written", "alarm")],
    "hand-over": [row("otherwise", "releasing", ["answer-busy"], "the identity is on its way down")],
    "force-own": [row("otherwise", "releasing", ["answer-busy"], "the identity is on its way down")],
    "confirm-dead": [row("otherwise", "releasing", ["answer-busy"], "the identity is on its way down")],
    leave: [row("otherwise", "releasing", [], "leaving: the identity is on its way down already")],
    clear: [row("otherwise", "releasing", ["clear-lock", "answer-done"], "a person cleared the standby lock")],
  },

  offering: {
    ...NOTHING_HELD, ...NO_CLAIM, ...NO_RAISE, ...NO_RELEASE, ...NO_SOLO, ...SERVICE_NEWS,
    ...ignore("the handover's passes are over", "passed", "pass-failed"),
    ...ignore("the offer stands while the peer is heard", "contact", "peer-heard"),
    "peer-newer": [row("otherwise", "standby", ["adopt", "answer-handed-over", "send"], "the peer owns it now")],
    "peer-silent": [row("otherwise", "standby", ["withdraw", "send"], "the peer fell silent before it took the offer", "warn")],
    overdue: [row("otherwise", "standby", ["withdraw", "send"], "the peer did not take the offer", "warn")],
    offer: [row("may-take-offer", "acquiring", ["withdraw", "accept-offer", "send"], "the peer offers it at a newer epoch: ours is void"),
      row("otherwise", "offering", [], "an offer that cannot be taken now")],
    persisted: [row("otherwise", "offering", ["send"], "the offer is on disk: say it")],
    "persist-failed": FAIL,
    "hand-over": [row("otherwise", "offering", ["answer-busy"], "a handover is under way")],
    "force-own": [row("peer-reachable", "offering", ["answer-busy"], "a handover is under way"),
      row("otherwise", "acquiring", ["withdraw", "acquire-alone", "answer-done"], "a person said that this node shall own it", "alarm")],
    "confirm-dead": [row("otherwise", "offering", ["answer-busy"], "a handover is under way")],
    leave: [row("otherwise", "offering", [], "leaving: the handover is under way already")],
    clear: [row("otherwise", "offering", ["clear-lock", "answer-done"], "a person cleared the standby lock")],
  },

  failed: {
    ...ignore("this node has failed: it does nothing until the daemon is started again",
      "lease-over", "node-failed", "guard-missing", "unheard", "peer-silent", "claim-broken", "fence-due", "claim-complete", "contact", "lan-lost", "home-steady", "overdue", "solo",
      "peer-heard", "offer", "peer-newer", "persisted", "persist-failed", "raised", "raise-failed", "released", "release-failed",
      "services-started", "services-stopped", "passed", "pass-failed", "own-mac-heard", "leave"),
    "hand-over": [row("otherwise", "failed", ["answer-failed"], "this node has failed")],
    "force-own": [row("otherwise", "failed", ["answer-failed"], "this node has failed")],
    "confirm-dead": [row("otherwise", "failed", ["answer-failed"], "this node has failed")],
    clear: [row("otherwise", "failed", ["answer-failed"], "this node has failed")],
  },
} as const satisfies Table;

// What the rows of the table do: each action changes the holding, asks for effects, or answers a person.
//
// Records only change through remember(): the new record is written first, and becomes true with the `persisted` event.

import { nextEpoch, withOwner } from "./epochs.ts";
import { isFenced } from "./fence.ts";
import { claimObstacle, handoverObstacle, triesSpent } from "./guards.ts";
import { leaseEnd, takesTheVote, wasSurelyAlone } from "./lease.ts";
import { inContact } from "./liveness.ts";
import type { CoreEvent, Effect, IdentityRecord, Index, JournalRecord } from "./model.ts";
import { NEVER, isMute, otherOf, type Holding, type State } from "./state.ts";

export interface Scene {
  readonly state: State;
  readonly holding: Holding;
  readonly identity: Index;
  readonly event: CoreEvent;
  readonly effects: Effect[];
}

const latest = (holding: Holding): IdentityRecord => holding.pending?.record ?? holding.record;

/** Asks for the journal to be written with this record in it. */
export function remember({ state, holding, effects }: Scene, record: IdentityRecord): void {
  state.write += 1;
  holding.pending = { write: state.write, record, standing: record.standing || holding.pending?.standing === true };
  effects.push({ kind: "persist", write: state.write, record: journalOf(state) });
}

const journalOf = (state: State): JournalRecord => ({
  format: 1, cluster: state.config.cluster, node: state.config.self,
  identities: [latest(state.holdings[0]), latest(state.holdings[1])],
});

/** A heartbeat with the state as it is when the effect is carried out. The moment is dated now: earlier is safe, later is not. */
export function say({ state, effects }: Pick<Scene, "state" | "effects">): void {
  if (isMute(state)) return;
  state.seq += 1;
  state.sentAt[state.seq % state.sentAt.length] = state.now;
  for (const holding of state.holdings)
    if (holding.claimHeard !== null && holding.claimHeard.askedAt === null) holding.claimHeard = { ...holding.claimHeard, askedAt: state.now };
  effects.push({ kind: "send", seq: state.seq });
}

function answer({ event, effects }: Scene, ok: boolean, text: string): void {
  if (event.kind === "command") effects.push({ kind: "answer", command: event.id, ok, text });
}

function answerHandover({ holding, effects }: Scene, ok: boolean, text: string): void {
  const command = holding.handover?.command ?? null;
  if (command !== null) effects.push({ kind: "answer", command, ok, text });
}

/** Whose word counts from now on, and whether our files can still be trusted. */
function adopt(scene: Scene, lost: boolean): void {
  const { state, holding, identity } = scene;
  const said = state.peer.beat?.identities[identity];
  if (said === undefined) return;
  const before = latest(holding);
  const peer = otherOf(state.config.self);
  const owner = said.owner ?? peer;
  // In good order, and we were there: who has crashed or taken its offer back meanwhile does not know what it missed.
  const handedOver = holding.handover?.planned === true && said.epoch === holding.handover.offer;
  const followed = owner === peer && before.owner === peer;
  const stale = handedOver || followed ? before.stale : true;
  // A tie lost while alive: 1999's standby lock. A node that died, froze or stalled and came back has lost no tie.
  const locked = before.locked || (state.config.divergence === "ask" && stale && !followed && (lost ? !hasJustStalled(state) : holding.tied));
  holding.uncertain = false;
  remember(scene, { ...withOwner(before, owner, said.epoch), stale, locked, standing: false });
}

function acquire(scene: Scene, epoch: number, changes: Partial<IdentityRecord>): void {
  const { state, holding } = scene;
  const before = latest(holding);
  holding.inSync = null;
  holding.moved = false;
  remember(scene, { ...withOwner(before, state.config.self, epoch), stale: false, promised: false, ...changes });
  holding.leaseUntil = leaseEnd(state, holding);
}

const knownEpochs = ({ state, holding, identity }: Scene): number[] => {
  const said = state.peer.beat?.identities[identity];
  return [latest(holding).epoch, latest(holding).offered, said?.epoch ?? 0, said?.offer ?? 0, holding.witness.epoch];
};

function beginHandover(scene: Scene, { planned, automatic = false }: { readonly planned: boolean; readonly automatic?: boolean }): void {
  const { state, holding, event } = scene;
  const offer = nextEpoch(otherOf(state.config.self), ...knownEpochs(scene));
  holding.handover = { startedAt: state.now, planned, automatic, offer, letGoAt: NEVER, command: event.kind === "command" && event.verb !== "leave" ? event.id : null };
}

/** From when it is on disk, this node owns nothing up to that epoch. */
function promiseOffer(scene: Scene, offered: number): void {
  const before = latest(scene.holding);
  if (before.offered < offered) remember(scene, { ...before, offered });
}

/** A peer whose power is off gives its vote, as after a person's word; if it may boot alone and own, it takes it back unheard. */
const confirmedOff = (state: State): boolean => isFenced(state) && state.config.soloBoot === "ask";

const letGo = (holding: Holding): void => {
  holding.uncertain = true;
};

const TRIPS_FORGOTTEN_AFTER = 60_000;

const hasJustStalled = (state: State): boolean => state.now - state.wokeAt < state.config.timing.lease;

function trip(scene: Scene): void {
  const { state, holding } = scene;
  holding.tied = !hasJustStalled(state);
  const { count, at } = holding.trips;
  const trips = state.now - at < TRIPS_FORGOTTEN_AFTER ? count + 1 : 1;
  holding.trips = { count: trips, at: state.now };
  // The first is forgiven at once; from the second on the pair must not ping-pong.
  if (trips > 1) holding.heldUntil = state.now + state.config.timing.holdDown * 2 ** Math.min(trips - 2, 6);
  answerHandover(scene, false, "the lease ended during the handover");
  holding.handover = null;
  // Judged now, by the votes up to the lapse: what the arbiter says later proves nothing about the time between.
  holding.uncertain = !wasSurelyAlone(state);
}

export const ACTIONS = {
  send: (scene) => say(scene),
  "ask-references": ({ state, effects }) => {
    if (state.config.references === 0) return;
    effects.push({ kind: "ask-references" });
    state.references.askedAt = state.now;
  },
  fence: ({ state, effects }) => {
    state.fence = { ...state.fence, askedAt: state.now };
    effects.push({ kind: "fence" });
  },
  announce: ({ identity, effects }) => effects.push({ kind: "announce", identity }),
  certain: ({ holding }) => {
    holding.uncertain = false;
  },
  doubt: ({ holding }) => letGo(holding),
  trip: (scene) => trip(scene),
  lock: (scene) => {
    const { locked } = latest(scene.holding);
    remember(scene, { ...latest(scene.holding), locked: locked || scene.state.config.divergence === "ask", stale: true });
  },
  fail: (scene) => {
    const { state, holding, event } = scene;
    state.failed = event.kind === "persist-failed" ? event.reason : "unknown";
    answerHandover(scene, false, `the journal could not be written: ${state.failed}`);
    holding.handover = null;
    holding.claim = null;
    holding.pending = null;
    letGo(holding);
  },

  // Claim and takeover
  "begin-claim": (scene) => {
    const { state, holding } = scene;
    const { timing: { claim }, self, witness, references } = state.config;
    holding.claim = {
      startedAt: state.now, epoch: nextEpoch(self, ...knownEpochs(scene)), agreedAt: NEVER, rounds: witness || references === 0 ? [] : [state.now],
      unanswered: 0, answeredBy: null, probeAt: state.now + 0.7 * claim,
    };
  },
  "drop-claim": ({ holding }) => {
    holding.claim = null;
  },
  acquire: (scene) => {
    const standing = latest(scene.holding).standing || confirmedOff(scene.state) || takesTheVote(scene.state, scene.identity);
    const epoch = scene.holding.claim?.epoch ?? nextEpoch(scene.state.config.self, ...knownEpochs(scene));
    scene.holding.claim = null;
    acquire(scene, epoch, { standing });
  },
  "acquire-alone": (scene) => {
    scene.holding.claim = null;
    acquire(scene, nextEpoch(scene.state.config.self, ...knownEpochs(scene)), {
      // A peer that is heard has given nobody its vote, whatever the person says.
      standing: scene.state.config.soloBoot === "ask" && !inContact(scene.state), locked: false,
    });
    // A person's word begins the lease; from then on the arbiter is asked, as for any owner.
    scene.holding.leaseUntil = Math.max(scene.holding.leaseUntil, scene.state.now + scene.state.config.timing.lease);
  },
  "accept-offer": (scene) => {
    const offer = scene.state.peer.beat?.identities[scene.identity].offer ?? 0;
    acquire(scene, offer, { standing: false });
  },
  raise: ({ state, holding, identity, effects }) => {
    holding.leaseUntil = Math.max(holding.leaseUntil, leaseEnd(state, holding));
    holding.leaseTold = holding.leaseUntil;
    holding.uncertain = false;
    holding.tied = false;
    holding.claimHeard = null;
    effects.push({ kind: "lease", identity, until: holding.leaseUntil, ackedAt: holding.leaseUntil - state.config.timing.lease });
    effects.push({ kind: "raise", identity, epoch: holding.record.epoch, until: holding.leaseUntil });
  },
  "raise-failed": ({ state, holding }) => {
    letGo(holding);
    holding.trips = { count: holding.trips.count + 1, at: state.now };
    holding.heldUntil = state.now + state.config.timing.holdDown * 2 ** Math.min(holding.trips.count, 6);
  },
  adopt: (scene) => adopt(scene, false),
  "adopt-lost": (scene) => {
    answerHandover(scene, false, "the peer took it over in the meantime");
    scene.holding.handover = null;
    adopt(scene, true);
  },

  // Release and handover
  release: (scene) => {
    const { holding, identity, effects } = scene;
    holding.leaseUntil = NEVER;
    holding.claimHeard = null;
    effects.push({ kind: "release", identity });
    // Written while the link goes down. It only forbids us; the peer is told when nothing speaks here any more.
    if (holding.handover !== null) promiseOffer(scene, holding.handover.offer);
  },
  "begin-handover": (scene) => beginHandover(scene, { planned: true }),
  "begin-failback": (scene) => {
    const { state, holding } = scene;
    holding.failbacks = { count: triesSpent(holding) + 1, at: state.now };
    holding.steadySince = null;
    beginHandover(scene, { planned: true, automatic: true });
  },
  "hand-over-at-once": (scene) => beginHandover(scene, { planned: false }),
  "abort-handover": (scene) => {
    answerHandover(scene, false, "the handover was given up; the identity stays where it was");
    scene.holding.handover = null;
  },
  offer: (scene) => {
    const { holding } = scene;
    if (holding.handover === null) return;
    holding.handover = { ...holding.handover, letGoAt: scene.state.now };
    promiseOffer(scene, holding.handover.offer);
    if (holding.pending === null) say(scene); // else when that is on disk
  },
  grant: (scene) => {
    const { state, holding } = scene;
    const offered = nextEpoch(otherOf(state.config.self), ...knownEpochs(scene));
    holding.handover = { startedAt: state.now, planned: true, automatic: false, offer: offered, letGoAt: NEVER, command: null };
    promiseOffer(scene, offered);
  },
  withdraw: (scene) => {
    const { state, holding } = scene;
    // A peer that has not heard of the offer takes us for the owner still: its takeover would count our vote.
    if (state.peer.echoedAt < (holding.handover?.letGoAt ?? NEVER)) letGo(holding);
    answerHandover(scene, false, "the peer did not take the identity");
    holding.handover = null;
  },
  "final-pass": ({ holding, identity, effects }) => effects.push({ kind: "final-pass", identity, epoch: holding.record.epoch }),

  // Services
  "start-services": ({ state, holding, identity, effects }) => {
    if (!state.config.hasServices[identity]) return;
    holding.services = "starting";
    effects.push({ kind: "start-services", identity, epoch: holding.record.epoch });
  },
  "stop-services": ({ state, holding, identity, effects }) => {
    if (state.config.hasServices[identity]) holding.services = "stopping";
    effects.push({ kind: "stop-services", identity });
  },

  // A person's words
  "clear-lock": (scene) => {
    if (latest(scene.holding).locked) remember(scene, { ...latest(scene.holding), locked: false });
    scene.holding.trips = { count: 0, at: NEVER };
    scene.holding.heldUntil = NEVER;
    scene.holding.failbacks = { count: 0, at: NEVER };
  },
  "count-standing": (scene) => remember(scene, { ...latest(scene.holding), standing: true }),
  "answer-done": (scene) => answer(scene, true, "done"),
  "answer-already": (scene) => answer(scene, true, "this node owns it already"),
  "answer-handed-over": (scene) => {
    const { holding, identity, state } = scene;
    answerHandover(scene, true, "the peer owns it now");
    const byHand = holding.handover?.command != null;
    holding.moved = byHand && identity === state.config.self;
    if (byHand) holding.failbacks = { count: 0, at: NEVER };
    holding.handover = null;
  },
  "answer-not-owner": (scene) => answer(scene, false, "this node does not hold it; ask the other node"),
  "answer-busy": (scene) => answer(scene, false, `this node is ${scene.holding.role}; try again when that is over`),
  "answer-peer-owns": (scene) => answer(scene, false, "the peer holds it and is heard; use `clusterd switchover` there"),
  "answer-peer-alive": (scene) => answer(scene, false, "the peer is heard: it is not dead"),
  "answer-use-force": (scene) => answer(scene, false, `${claimObstacle(scene.state, scene.identity) ?? "it was never heard"}; \`clusterd force-own\` overrides that`),
  "answer-obstacle": (scene) => answer(scene, false, `no handover: ${handoverObstacle(scene.state, scene.identity) ?? "unknown"}`),
  "answer-failed": (scene) => answer(scene, false, `this node has failed: ${scene.state.failed ?? "unknown"}; start the daemon again`),
} as const satisfies Record<string, (scene: Scene) => unknown>;

export type ActionName = keyof typeof ACTIONS;

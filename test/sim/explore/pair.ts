// Two nodes at a tick: the daemon's own core on both sides, and of the world just what decides.
//
// All that happens at one tick is carried through until nothing is left to do: timers, heartbeats (no delay, unless a choice
// delays one by a tick), answers of the reference hosts, writes, ifup and release. What takes time is a choice or a habit.
// An identity speaks from its ifup to its release, at most until the lease's end that the kernel was told, plus S: the worst case.

import { beatOf } from "../../../clusterd/core/beat.ts";
import type { CoreEvent, Effect, Heartbeat, IdentityRecord, Index, Verb } from "../../../clusterd/core/model.ts";
import { NEVER, otherOf, type State } from "../../../clusterd/core/state.ts";
import { begin, step } from "../../../clusterd/core/step.ts";
import { nextWake } from "../../../clusterd/core/wake.ts";
import { bootOf } from "./codec.ts";
import { checkEffect, checkSpeakers, checkStart, checkStep, checkWrite, unownedFor } from "./rules.ts";
import { CONFIGS, TICK, TIMING } from "./setting.ts";

export type Records = readonly [IdentityRecord, IdentityRecord];

/** One machine. */
export interface Side {
  readonly node: Index;
  /** Starts of the daemon so far. */
  life: number;
  state: State | null;
  disk: Records;
  writes: { readonly write: number; readonly records: Records }[];
  /** Heard while frozen; the socket keeps the oldest two. */
  backlog: Heartbeat[];
  /** By identity: when the kernel silences it; null = not up. */
  readonly up: [number | null, number | null];
  /** By identity: the newest epoch that this node has raised. */
  readonly raisedEpoch: [number, number];
  readonly raising: [boolean, boolean];
  readonly releasing: [boolean, boolean];
  /** What its services were last asked to do and have not done yet; they belong to identity 0. */
  services: "start" | "stop" | null;
  frozen: boolean;
  /** When it last woke from a freeze of more than two keepalives. */
  thawedAt: number;
  /** When a person last said that it shall own: that word is a vote of its own. */
  wordAt: number;
  slowDisk: boolean;
  slowIfup: boolean;
}

/** How this pair is, for good: node 1's timer comes first; writes, ifup, release and services take a tick each. */
export const HABITS = { secondFirst: 1, slow: 2 } as const;

export interface Pair {
  now: number;
  readonly sides: readonly [Side, Side];
  /** Heartbeats that arrive at the end of the next tick, when later ones have overtaken them. */
  flying: Heartbeat[];
  /** Bit n: nothing that node n sends arrives. */
  cut: number;
  /** Bit n: node n reaches the reference hosts. */
  reach: number;
  readonly habit: number;
  /** Ticks in a row in which nothing is wrong, somebody could own identity 0, and nobody does. */
  unowned: number;
  /** Rules broken at this tick. */
  readonly broken: string[];
}

/** What a choice does to heartbeats, writes and ifups that begin in this one tick; bit n: of node n. */
export interface Moment {
  readonly lost: number;
  readonly late: number;
  readonly failsWrite: number;
  readonly hangsWrite: number;
  readonly failsIfup: number;
  readonly hangsIfup: number;
}
export const NOTHING: Moment = { lost: 0, late: 0, failsWrite: 0, hangsWrite: 0, failsIfup: 0, hangsIfup: 0 };

/** Before the first start: nothing was ever owned; identity 1 rests (each node lacks versions of it). */
export function firstPair(habit: number): Pair {
  const empty = { epoch: 0, owner: null, offered: 0, standing: false, promised: false, locked: false, lineage: [] };
  const side = (node: Index): Side => ({
    node, life: 0, state: null, disk: [{ ...empty, stale: false }, { ...empty, stale: true }], writes: [], backlog: [], up: [null, null], raisedEpoch: [0, 0],
    raising: [false, false], releasing: [false, false], services: null, frozen: false, thawedAt: NEVER, wordAt: NEVER, slowDisk: false, slowIfup: false,
  });
  return { now: 0, sides: [side(0), side(1)], flying: [], cut: 0, reach: 3, habit, unowned: 0, broken: [] };
}

/** A copy that a tick may change; the core's states change by replacement only. */
export function copyPair(pair: Pair): Pair {
  const side = (of: Side): Side => ({
    ...of, writes: [...of.writes], backlog: [...of.backlog], up: [...of.up], raisedEpoch: [...of.raisedEpoch], raising: [...of.raising], releasing: [...of.releasing],
  });
  return { ...pair, sides: [side(pair.sides[0]), side(pair.sides[1])], flying: [...pair.flying], broken: [] };
}

type Job = () => void;

/** One tick of one pair, which it changes. */
export class Tick {
  readonly pair: Pair;
  readonly #moment: Moment;
  readonly #jobs: Job[] = [];
  /** Told to people, for a story; null when nobody reads it. */
  readonly told: ((text: string) => void) | null;

  constructor(pair: Pair, moment: Moment, told: ((text: string) => void) | null = null) {
    this.pair = pair;
    this.#moment = moment;
    this.told = told;
  }

  /** Lets the tick pass. */
  pass(): void {
    const { pair } = this;
    pair.now += TICK;
    for (const side of pair.sides) this.#silence(side);
    const overtaken = pair.flying.splice(0);
    for (const side of pair.sides) this.#finish(side);
    this.#settle();
    const order = (pair.habit & HABITS.secondFirst) === 0 ? pair.sides : [pair.sides[1], pair.sides[0]];
    for (let due = true; due;) {
      due = false;
      for (const side of order) {
        if (side.state === null || side.frozen || nextWake(side.state) > pair.now) continue;
        due = true;
        this.deliver(side, { kind: "tick", at: pair.now, wall: 0 });
        this.#settle();
      }
    }
    for (const beat of overtaken) this.#arrive(beat);
    this.#settle();
    pair.unowned = unownedFor(pair);
  }

  // ---- what choices do -----------------------------------------------------------------------------------------

  boot(side: Side): void {
    side.life += 1;
    side.up[0] = side.up[1] = null; // start by looking: what is up is taken down first
    const { now } = this.pair;
    const journal = { format: 1, cluster: CONFIGS[side.node].cluster, node: side.node, identities: side.disk } as const;
    const { state, effects } = begin(CONFIGS[side.node], { kind: "start", at: now, wall: 0, boot: bootOf(side.node, side.life), journal, fresh: false });
    side.state = state;
    checkStart(this.pair, side, state);
    this.#perform(side, effects);
    this.deliver(side, { kind: "guard", at: now, present: true, reason: "" });
    this.#settle();
  }

  /** The daemon ends; what was being written is on disk or not. */
  kill(side: Side, written: boolean): void {
    if (written) for (const { records } of side.writes) this.#written(side, records);
    Object.assign(side, { state: null, writes: [], backlog: [], frozen: false, slowDisk: false, slowIfup: false, raising: [false, false], releasing: [false, false], services: null });
  }

  powerOff(side: Side, written: boolean): void {
    this.kill(side, written);
    side.up[0] = side.up[1] = null;
  }

  /** Timer first, then the sockets, as in Node's event loop. */
  thaw(side: Side): void {
    side.frozen = false;
    if (side.state !== null && this.pair.now - side.state.now > 2 * TIMING.keepalive) side.thawedAt = this.pair.now;
    this.deliver(side, { kind: "tick", at: this.pair.now, wall: 0 });
    for (const beat of side.backlog.splice(0)) this.#arrive(beat);
    this.#settle();
  }

  command(side: Side, verb: Verb): void {
    if (verb === "force-own" || verb === "confirm-dead") side.wordAt = this.pair.now;
    this.happens(side, { kind: "command", at: this.pair.now, id: 1, verb, identity: 0 });
  }

  happens(side: Side, event: CoreEvent): void {
    this.deliver(side, event);
    this.#settle();
  }

  // ---- one event -----------------------------------------------------------------------------------------------

  deliver(side: Side, event: CoreEvent): void {
    const before = side.state;
    if (before === null || side.frozen) return;
    const { state, effects } = step(before, event);
    side.state = state;
    checkStep(this.pair, side, event, before, state, effects);
    this.#perform(side, effects);
    checkSpeakers(this.pair);
  }

  /** A person puts another configuration there, or the right one again. */
  reconfigure(side: Side, digest: string): void {
    if (side.state !== null) side.state = { ...side.state, config: { ...side.state.config, digest } };
  }

  #arrive(beat: Heartbeat): void {
    const side = this.pair.sides[otherOf(beat.sender)];
    if (side.frozen && side.backlog.length < 2) side.backlog.push(beat);
    else this.deliver(side, { kind: "heard", at: this.pair.now, wall: 0, link: "private", beat });
  }

  #settle(): void {
    for (let done = 0; this.#jobs.length > 0; done += 1) {
      if (done > 500) return void this.pair.broken.push("storm: a tick has no end");
      this.#jobs.shift()?.();
    }
  }

  /** What was begun at an earlier tick. */
  #finish(side: Side): void {
    if (!side.slowDisk) for (const write of side.writes.splice(0)) this.#complete(side, write, false);
    for (const identity of [0, 1] as const) {
      if (side.raising[identity] && !side.slowIfup) this.#raise(side, identity, false);
      if (side.releasing[identity]) this.#release(side, identity);
    }
    this.#serve(side);
  }

  #silence(side: Side): void {
    for (const identity of [0, 1] as const) if ((side.up[identity] ?? Number.POSITIVE_INFINITY) <= this.pair.now) side.up[identity] = null;
  }

  #perform(side: Side, effects: readonly Effect[]): void {
    for (const effect of effects) {
      checkEffect(this.pair, side, effect);
      this.#effect(side, effect);
    }
  }

  #effect(side: Side, effect: Effect): void {
    const { pair } = this;
    const own = 1 << side.node;
    const slow = (pair.habit & HABITS.slow) !== 0;
    switch (effect.kind) {
      case "send": return this.#send(side, effect.seq);
      case "ask-references":
        if ((pair.reach & own) !== 0) this.#later(() => this.deliver(side, { kind: "references", at: pair.now, startedAt: pair.now, answered: 3, of: 3 }));
        return;
      case "probe-identity": {
        const { identity } = effect;
        const answers = pair.cut === 0 && pair.sides[otherOf(side.node)].up[identity] !== null;
        return this.#later(() => this.deliver(side, { kind: "probed", at: pair.now, identity, startedAt: pair.now, mac: answers ? "02:00:5e:50:00:01" : null }));
      }
      case "persist": {
        const write = { write: effect.write, records: effect.record.identities };
        const fails = (this.#moment.failsWrite & own) !== 0;
        side.slowDisk ||= (this.#moment.hangsWrite & own) !== 0;
        if (side.slowDisk || (slow && !fails)) side.writes.push(write);
        else this.#later(() => this.#complete(side, write, fails));
        return;
      }
      case "lease":
        if (side.up[effect.identity] !== null) side.up[effect.identity] = effect.until + TIMING.release;
        return;
      case "raise": {
        const { identity } = effect;
        side.raising[identity] = true;
        side.slowIfup ||= (this.#moment.hangsIfup & own) !== 0;
        if (!side.slowIfup && !slow) this.#later(() => this.#raise(side, identity, (this.#moment.failsIfup & own) !== 0));
        return;
      }
      case "release": {
        const { identity } = effect;
        side.releasing[identity] = true;
        if (!slow) this.#later(() => this.#release(side, identity));
        return;
      }
      case "start-services": case "stop-services":
        side.services = effect.kind === "start-services" ? "start" : "stop";
        if (!slow) this.#later(() => this.#serve(side));
        return;
      case "tell": this.told?.(`${side.node}  ${effect.event} ${effect.identity ?? ""}  ${effect.because}`);
    }
  }

  #later(job: Job): void {
    this.#jobs.push(job);
  }

  #send(side: Side, seq: number): void {
    if (side.state === null) return;
    const beat = beatOf(side.state, seq, 0);
    const own = 1 << side.node;
    if (((this.pair.cut | this.#moment.lost) & own) !== 0) return;
    if ((this.#moment.late & own) !== 0) this.pair.flying.push(beat);
    else this.#later(() => this.#arrive(beat));
  }

  #complete(side: Side, { write, records }: Side["writes"][number], fails: boolean): void {
    if (fails) return this.deliver(side, { kind: "persist-failed", at: this.pair.now, write, reason: "EIO" });
    if (side.frozen) return void side.writes.push({ write, records });
    this.#written(side, records);
    this.deliver(side, { kind: "persisted", at: this.pair.now, write });
  }

  #written(side: Side, records: Records): void {
    checkWrite(this.pair, side, records);
    side.disk = records;
  }

  #raise(side: Side, identity: Index, fails: boolean): void {
    const { state } = side;
    if (state === null || side.frozen) return;
    side.raising[identity] = false;
    const { role, leaseTold } = state.holdings[identity];
    if (role !== "raising") return;
    const at = this.pair.now;
    if (fails || at >= leaseTold) return this.deliver(side, { kind: "raise-failed", at, identity, reason: "ifup" });
    side.up[identity] = leaseTold + TIMING.release;
    this.deliver(side, { kind: "raised", at, identity });
  }

  #release(side: Side, identity: Index): void {
    if (side.frozen) return;
    side.releasing[identity] = false;
    side.up[identity] = null;
    this.deliver(side, { kind: "released", at: this.pair.now, identity });
  }

  #serve(side: Side): void {
    const { services } = side;
    if (services === null || side.frozen) return;
    side.services = null;
    this.deliver(side, { kind: services === "start" ? "services-started" : "services-stopped", at: this.pair.now, identity: 0, ok: true, detail: "" });
  }
}

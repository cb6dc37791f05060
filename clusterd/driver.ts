// The loop: one event, one step, its effects in order; every outcome comes back as an event.
//
// The driver decides nothing and knows no protocol. It never waits: what takes time is begun here and reports later.
// The timer is set anew after each step for the moment at which silence alone would change something.

import { monotonicNow, type Instant } from "./base/time.ts";
import { beatOf } from "./core/beat.ts";
import type { CoreConfig, CoreEvent, Effect, Heartbeat, Index, JournalRecord, Verb, WitnessQuestion } from "./core/model.ts";
import { advance, type Decision } from "./core/step.ts";
import type { State } from "./core/state.ts";
import { nextWake } from "./core/wake.ts";
import { witnessQuestion } from "./core/witness.ts";
import type { Voted } from "./arbiter/witness-client.ts";
import type { LanEye, Takeover } from "./takeover/takeover.ts";

export interface ServicesDone {
  readonly ok: boolean;
  readonly detail: string;
}

/** The outside world, as the driver needs it. */
export interface Rim {
  readonly network: Takeover;
  readonly eye: LanEye;
  /** On every link; must not throw. */
  sendBeat(beat: Heartbeat): void;
  askWitness(question: WitnessQuestion, voted: Voted): void;
  /** Switches the peer off; `ok` only if that was read back. */
  fence(): Promise<{ readonly ok: boolean; readonly reason: string }>;
  persist(record: JournalRecord): Promise<void>;
  startServices(identity: Index): Promise<ServicesDone>;
  stopServices(identity: Index): Promise<ServicesDone>;
  finalPass(identity: Index, epoch: number): Promise<ServicesDone>;
  tell(told: Effect & { kind: "tell" }): void;
}

export interface CommandAnswer {
  readonly ok: boolean;
  readonly text: string;
}

/** An event without its moment, which is that of its arrival here. */
export type Unstamped = CoreEvent extends infer E ? (E extends CoreEvent ? Omit<E, "at"> : never) : never;

export class Driver {
  readonly #rim: Rim;
  readonly #answers = new Map<number, (answer: CommandAnswer) => void>();
  #state: State;
  #timer: NodeJS.Timeout | null = null;
  #wakeAt: Instant = Number.POSITIVE_INFINITY;
  #commands = 0;
  #stopped = false;

  /** `first`: begin() of the core, or the state that the daemon before this one left (restart.ts). */
  constructor(rim: Rim, first: Decision) {
    this.#rim = rim;
    this.#state = first.state;
    this.#perform(first.effects);
  }

  get state(): State {
    return this.#state;
  }

  /** Begins to tick. */
  run(): void {
    this.happened({ kind: "tick", wall: Date.now() });
  }

  /** No further effects; timers end. */
  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Something happened just now. */
  happened(event: Unstamped, at: Instant = monotonicNow()): void {
    if (this.#stopped) return;
    this.#perform(advance(this.#state, { ...event, at } as CoreEvent));
    this.#arm();
  }

  /** `reason`: why, where it is not a person who asks. */
  command(verb: Verb, identity: Index | null, reason?: string): Promise<CommandAnswer> {
    this.#commands += 1;
    const id = this.#commands;
    return new Promise((resolve) => {
      this.#answers.set(id, resolve);
      this.happened({ kind: "command", id, verb, identity, ...(reason !== undefined && { reason }) });
    });
  }

  /** A sound new configuration, between two events. */
  reconfigure(config: CoreConfig): void {
    this.happened({ kind: "configured", config });
  }

  #arm(): void {
    const at = nextWake(this.#state);
    if (at === this.#wakeAt && this.#timer !== null) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#wakeAt = at;
    // Rounded up: a timer that fires early would find nothing due and be set again.
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.happened({ kind: "tick", wall: Date.now() });
    }, Math.max(0, Math.ceil(at - monotonicNow())));
  }

  /** Deeds first: what is told goes to a log, files and people, and a client would wait for it (measured at a planned move: up to 2 ms). */
  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === "tell") setImmediate(() => this.#rim.tell(effect));
      else this.#begin(effect);
    }
  }

  #begin(effect: Exclude<Effect, { kind: "tell" }>): void {
    const { network, eye } = this.#rim;
    switch (effect.kind) {
      case "send": return this.#rim.sendBeat(beatOf(this.#state, effect.seq, Date.now()));
      case "ask-references":
        return eye.askReferences((startedAt, answered, of, unsure) => this.happened({ kind: "references", startedAt, answered, of, ...(unsure && { unsure }) }));
      case "ask-witness":
        return this.#rim.askWitness(witnessQuestion(this.#state), (startedAt, votes) => this.happened({ kind: "witness", startedAt, votes }));
      case "fence":
        return this.#report(this.#rim.fence().then((done) => ({ kind: "fenced" as const, ...done })));
      case "probe-identity":
        return eye.probeIdentity(effect.identity, effect.timeout, (startedAt, mac) =>
          this.happened({ kind: "probed", identity: effect.identity, startedAt, mac }));
      case "persist":
        return this.#report(this.#rim.persist(effect.record).then(
          () => ({ kind: "persisted" as const, write: effect.write }),
          (error: Error) => ({ kind: "persist-failed" as const, write: effect.write, reason: error.message })));
      case "lease": return network.lease(effect.identity, effect.until, effect.ackedAt);
      case "raise":
        return this.#report(network.raise(effect.identity, effect.until).then((done) =>
          done.ok ? { kind: "raised" as const, identity: effect.identity } : { kind: "raise-failed" as const, identity: effect.identity, reason: done.reason }));
      case "release":
        return this.#report(network.release(effect.identity).then((done) =>
          done.ok ? { kind: "released" as const, identity: effect.identity } : { kind: "release-failed" as const, identity: effect.identity, reason: done.reason }));
      case "start-services":
        return this.#report(this.#rim.startServices(effect.identity).then((done) => ({ kind: "services-started" as const, identity: effect.identity, ...done })));
      case "stop-services":
        return this.#report(this.#rim.stopServices(effect.identity).then((done) => ({ kind: "services-stopped" as const, identity: effect.identity, ...done })));
      case "final-pass":
        return this.#report(this.#rim.finalPass(effect.identity, effect.epoch).then((done) => ({ kind: "passed" as const, identity: effect.identity, ...done })));
      case "announce": return network.announce(effect.identity);
      case "answer": {
        this.#answers.get(effect.command)?.({ ok: effect.ok, text: effect.text });
        this.#answers.delete(effect.command);
      }
    }
  }

  /** A rejection here is a bug of the rim: it promised outcomes as data. Let it end the process; the guards let go. */
  #report(outcome: Promise<Unstamped>): void {
    void outcome.then((event) => this.happened(event));
  }
}

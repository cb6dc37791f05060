// Two nodes that run the daemon's own step() in virtual time, with a network, reference hosts, a witness and disks that obey the test.
//
// A host is its core state, its journal, and what the world outside would see of it: which identities speak. An identity
// speaks while it is raised and neither released nor silenced: the kernel's lease closes at the end that was told last, plus
// the release time at the latest, whether the daemon runs or not. A frozen host processes nothing; its kernel goes on.
//
// Left out: packets on the LAN itself (a veto by ARP probe sees the true speaker), services' own time, the mirror.

import { beatOf } from "../../clusterd/core/beat.ts";
import type { CoreConfig, CoreEvent, Effect, Heartbeat, Index, JournalRecord, LinkName, Verb } from "../../clusterd/core/model.ts";
import { begin, step } from "../../clusterd/core/step.ts";
import { otherOf, type State } from "../../clusterd/core/state.ts";
import { nextWake } from "../../clusterd/core/wake.ts";
import { witnessQuestion } from "../../clusterd/core/witness.ts";
import type { Random } from "./random.ts";
import { VirtualWitness } from "./witness.ts";

export interface Host {
  readonly index: Index;
  readonly config: CoreConfig;
  /** Local clock = virtual time · rate. */
  readonly rate: number;
  state: State | null;
  journal: JournalRecord | null;
  life: number;
  frozenUntil: number;
  backlog: CoreEvent[];
  wakeAt: number;
  /** By identity: virtual time at which it stops speaking by itself (kernel lease); null = not raised. */
  readonly up: [number | null, number | null];
  readonly services: [boolean, boolean];
  /** When the serial line has carried the last heartbeat; what is said before is left out. */
  lineFreeAt: number;
  /** Writes follow one another, as in the journal. */
  fsync: { delay: number; fails: boolean; freeAt: number };
  raiseDelay: number;
  raiseFails: boolean;
  syncs: boolean;
}

export interface Net {
  /** Loss probability from host i on a link; 1 = cut. */
  readonly loss: Record<LinkName, [number, number]>;
  delay: number;
  /** Share of reference hosts that host i reaches, as a count. */
  readonly references: [number, number];
  /** Loss between host i and the witness, each way. */
  readonly witness: [number, number];
}

export interface Told {
  readonly at: number;
  readonly node: Index;
  readonly event: string;
  readonly identity: Index | null;
  readonly because: string;
}

interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class World {
  now = 0;
  readonly told: Told[] = [];
  readonly answers = new Map<number, { ok: boolean; text: string }>();
  readonly hosts: [Host, Host];
  readonly net: Net = {
    loss: { private: [0, 0], lan: [0, 0], serial: [1, 1] },
    delay: 0.2, references: [3, 3], witness: [0, 0],
  };
  readonly witness = new VirtualWitness();
  /** Called after every event with the world as it stands. */
  onEvent: (() => void) | null = null;
  readonly #queue: Scheduled[] = [];
  readonly #random: Random;
  #order = 0;
  #command = 0;

  constructor(configs: readonly [CoreConfig, CoreConfig], random: Random, rates: readonly [number, number] = [1, 1]) {
    this.#random = random;
    const host = (index: Index): Host => ({
      index, config: configs[index], rate: rates[index], state: null, journal: null, life: 0, frozenUntil: 0, backlog: [], wakeAt: Infinity,
      up: [null, null], services: [false, false], lineFreeAt: 0, fsync: { delay: 0.3, fails: false, freeAt: 0 }, raiseDelay: 2, raiseFails: false, syncs: true,
    });
    this.hosts = [host(0), host(1)];
  }

  local(host: Host): number {
    return this.now * host.rate;
  }

  schedule(after: number, run: () => void): void {
    const item: Scheduled = { at: this.now + Math.max(0, after), order: (this.#order += 1), run };
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#queue[middle] as Scheduled;
      if (other.at < item.at || (other.at === item.at && other.order < item.order)) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, item);
  }

  /** Runs everything that is due within `duration` ms of virtual time. */
  run(duration: number): void {
    const end = this.now + duration;
    for (let next = this.#queue[0]; next !== undefined && next.at <= end; next = this.#queue[0]) {
      this.#queue.shift();
      this.now = next.at;
      next.run();
      this.onEvent?.();
    }
    this.now = end;
  }

  // ---- hosts ---------------------------------------------------------------------------------------------------

  boot(index: Index): void {
    const host = this.hosts[index];
    host.life += 1;
    host.backlog = [];
    host.frozenUntil = 0;
    host.fsync.freeAt = this.now;
    const boot = (Math.floor(this.#random.next() * 2 ** 32) >>> 0).toString(16).padStart(32, "0");
    const start = { kind: "start", at: this.local(host), wall: this.now, boot, journal: host.journal, fresh: host.journal === null } as const;
    const decision = begin(host.config, start);
    host.state = decision.state;
    this.#perform(host, decision.effects);
    this.#deliver(host, { kind: "guard", at: this.local(host), present: true, reason: "" });
  }

  powerOff(index: Index): void {
    const host = this.hosts[index];
    host.life += 1;
    host.state = null;
    host.backlog = [];
    host.up[0] = host.up[1] = null;
  }

  /** The daemon dies, the machine lives: the dead-man silences what is up at the end of the lease it was told. */
  killDaemon(index: Index): void {
    const host = this.hosts[index];
    host.life += 1;
    host.state = null;
    host.backlog = [];
  }

  freeze(index: Index, duration: number): void {
    const host = this.hosts[index];
    host.frozenUntil = this.now + duration;
    const { life } = host;
    this.schedule(duration, () => {
      if (host.life !== life || this.now < host.frozenUntil) return;
      const backlog = host.backlog;
      host.backlog = [];
      // The timer is handled before the sockets, as in Node's event loop.
      this.#deliver(host, { kind: "tick", at: this.local(host), wall: this.now });
      for (const event of backlog) this.#deliver(host, { ...event, at: this.local(host) });
    });
  }

  command(index: Index, verb: Verb, identity: Index | null = null): number {
    const host = this.hosts[index];
    this.#command += 1;
    this.#deliver(host, { kind: "command", at: this.local(host), id: this.#command, verb, identity });
    return this.#command;
  }

  event(index: Index, event: CoreEvent): void {
    this.#deliver(this.hosts[index], event);
  }

  speaks(index: Index, identity: Index): boolean {
    const until = this.hosts[index].up[identity];
    return until !== null && this.now < until;
  }

  /** Nodes that speak for the identity right now. */
  speakers(identity: Index): Index[] {
    return ([0, 1] as const).filter((index) => this.speaks(index, identity));
  }

  role(index: Index, identity: Index): string {
    return this.hosts[index].state?.holdings[identity].role ?? "off";
  }

  #deliver(host: Host, event: CoreEvent): void {
    if (host.state === null) return;
    if (this.now < host.frozenUntil) {
      host.backlog.push(event);
      return;
    }
    const decision = step(host.state, event);
    host.state = decision.state;
    this.#perform(host, decision.effects);
    this.#arm(host);
  }

  #arm(host: Host): void {
    if (host.state === null) return;
    // A hair late, never early: rounding must not make a timer fire before its moment for ever.
    const at = Math.max(nextWake(host.state) / host.rate, this.now) + 0.001;
    if (host.wakeAt > this.now && host.wakeAt <= at) return;
    host.wakeAt = at;
    const { life } = host;
    this.schedule(at - this.now, () => {
      if (host.life !== life || host.wakeAt !== at) return;
      host.wakeAt = Infinity;
      this.#deliver(host, { kind: "tick", at: this.local(host), wall: this.now });
    });
  }

  /** The outcome of something slow, unless the host has died meanwhile. */
  #later(host: Host, after: number, event: () => CoreEvent): void {
    const { life } = host;
    this.schedule(after, () => {
      if (host.life === life) this.#deliver(host, event());
    });
  }

  #perform(host: Host, effects: readonly Effect[]): void {
    for (const effect of effects) this.#effect(host, effect);
  }

  #effect(host: Host, effect: Effect): void {
    const at = (): number => this.local(host);
    switch (effect.kind) {
      case "send": return this.#send(host, effect.seq);
      case "persist": {
        const { fails, delay } = host.fsync;
        const { life } = host;
        const { write, record } = effect;
        host.fsync.freeAt = Math.max(host.fsync.freeAt, this.now) + delay;
        this.schedule(host.fsync.freeAt - this.now, () => {
          if (host.life !== life) return;
          if (fails) return this.#deliver(host, { kind: "persist-failed", at: at(), write, reason: "EIO" });
          host.journal = record;
          this.#deliver(host, { kind: "persisted", at: at(), write });
        });
        return;
      }
      case "ask-references": {
        const startedAt = at();
        const answered = this.net.references[host.index];
        if (answered > 0) this.#later(host, 2 * this.net.delay, () => ({ kind: "references", at: at(), startedAt, answered, of: host.config.references }));
        return;
      }
      case "ask-witness": return this.#askWitness(host);
      case "probe-identity": {
        const startedAt = at();
        const { identity, timeout } = effect;
        const reachable = this.net.loss.lan[host.index] < 1 && this.net.loss.lan[otherOf(host.index)] < 1;
        const answers = reachable && this.speaks(otherOf(host.index), identity);
        this.#later(host, answers ? 2 * this.net.delay : timeout, () => ({ kind: "probed", at: at(), identity, startedAt, mac: answers ? "02:00:5e:50:00:01" : null }));
        return;
      }
      case "lease":
        if (host.up[effect.identity] !== null && this.speaks(host.index, effect.identity)) host.up[effect.identity] = this.#silentAt(host, effect.until);
        return;
      case "raise": {
        const { identity, until } = effect;
        const { life } = host;
        this.schedule(host.raiseDelay, () => {
          if (host.life !== life || host.state === null) return;
          if (host.raiseFails || at() >= until) return this.#deliver(host, { kind: "raise-failed", at: at(), identity, reason: "too late" });
          if (host.state.holdings[identity].role !== "raising") return;
          host.up[identity] = this.#silentAt(host, host.state.holdings[identity].leaseTold);
          this.#deliver(host, { kind: "raised", at: at(), identity });
        });
        return;
      }
      case "release": {
        const { identity } = effect;
        this.#later(host, 1, () => {
          host.up[identity] = null;
          return { kind: "released", at: at(), identity };
        });
        return;
      }
      case "start-services":
        host.services[effect.identity] = true;
        return this.#later(host, 20, () => ({ kind: "services-started", at: at(), identity: effect.identity, ok: true, detail: "" }));
      case "stop-services":
        return this.#later(host, 20, () => {
          host.services[effect.identity] = false;
          return { kind: "services-stopped", at: at(), identity: effect.identity, ok: true, detail: "" };
        });
      case "final-pass":
        return this.#later(host, 50, () => ({ kind: "passed", at: at(), identity: effect.identity, ok: true, detail: "" }));
      case "announce": return;
      case "tell":
        if (effect.event === "identity.owner" && host.syncs) this.#syncLater(host, effect.identity as Index);
        this.told.push({ at: this.now, node: host.index, event: effect.event, identity: effect.identity, because: effect.because });
        return;
      case "answer":
        this.answers.set(effect.command, { ok: effect.ok, text: effect.text });
    }
  }

  #askWitness(host: Host): void {
    if (host.state === null) return;
    const startedAt = this.local(host);
    const question = witnessQuestion(host.state);
    const passes = (): boolean => !this.#random.chance(this.net.witness[host.index]);
    const delay = (): number => this.net.delay * (0.5 + this.#random.next());
    const number = this.witness.number();
    if (passes()) this.schedule(delay(), () => {
      const answered = this.witness.hear(host.index, number, question, this.now);
      if (answered !== null && passes()) this.#later(host, answered.after + delay(), () => ({ kind: "witness", at: this.local(host), startedAt, votes: answered.votes }));
    });
  }

  /** The mirror process: looks twice a second whether the peer needs a resynchronisation. */
  #syncLater(host: Host, identity: Index): void {
    const { life } = host;
    this.schedule(500, () => {
      const holding = host.state?.holdings[identity];
      if (host.life !== life || host.state === null || holding === undefined || holding.role !== "owner") return;
      if (this.now >= host.frozenUntil && host.state.peer.beat?.identities[identity].stale === true && host.syncs)
        this.#deliver(host, { kind: "in-sync", at: this.local(host), identity, epoch: holding.record.epoch });
      this.#syncLater(host, identity);
    });
  }

  /** By the guard layers: at the lease's end, at the latest after the release time. The simulation takes the worst case. */
  #silentAt(host: Host, until: number): number {
    return (until + host.config.timing.release) / host.rate;
  }

  #send(host: Host, seq: number): void {
    if (host.state === null) return;
    const beat: Heartbeat = beatOf(host.state, seq, this.now);
    const peer = this.hosts[otherOf(host.index)];
    for (const link of ["private", "lan", "serial"] as const) {
      const loss = this.net.loss[link][host.index];
      if (loss >= 1 || (loss > 0 && this.#random.chance(loss))) continue;
      const onLine = link === "serial" ? host.config.serial : 0;
      if (onLine === null || (link === "serial" && this.now < host.lineFreeAt)) continue;
      if (link === "serial") host.lineFreeAt = this.now + onLine;
      this.schedule(onLine + this.net.delay * (0.5 + this.#random.next()), () => {
        if (peer.state !== null) this.#deliver(peer, { kind: "heard", at: this.local(peer), wall: this.now, link, beat });
      });
    }
  }
}

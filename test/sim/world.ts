// Two nodes that run the daemon's own step() in virtual time, with a network, reference hosts, a witness and disks that obey the test.
//
// Left out, and printed beside every result: see LEFT_OUT.

import { beatOf } from "../../clusterd/core/beat.ts";
import type { CoreConfig, CoreEvent, Effect, Heartbeat, Index, LinkName, Verb } from "../../clusterd/core/model.ts";
import { advance, begin } from "../../clusterd/core/step.ts";
import { otherOf, type State } from "../../clusterd/core/state.ts";
import { nextWake } from "../../clusterd/core/wake.ts";
import { witnessQuestion } from "../../clusterd/core/witness.ts";
import { newHost, type Host } from "./host.ts";
import { newNet, NO_TROUBLE, type Net, type Trouble } from "./net.ts";
import { Queue } from "./queue.ts";
import type { Random } from "./random.ts";
import { VirtualWitness } from "./witness.ts";

export const LEFT_OUT = [
  "the packets' bytes, their keys and replays (test/clusterd/heartbeat)",
  "frames on the LAN: a veto by ARP probe sees the true speaker, switches learn at once (test/lab)",
  "dead-man and kernel lease are one thing that never fails and always takes the whole release time",
  "an ifdown that fails while the node yields: the guards are taken to silence it within S of the release",
  "the files themselves: of the mirror only whether the peer has every version (test/mirror)",
  "more than one daemon or machine a node, malice",
] as const;

export interface Told {
  readonly at: number;
  readonly node: Index;
  readonly event: string;
  readonly identity: Index | null;
  readonly because: string;
}

/** Looks on; checkers are such. Called with the world as it stands after the thing named. */
export interface Watcher {
  /** An event was handled by this host. */
  handled?(host: Host, event: CoreEvent): void;
  sent?(host: Host, beat: Heartbeat): void;
  /** A heartbeat is about to be handed over that was sent at `sentAt`. */
  arrives?(host: Host, beat: Heartbeat, sentAt: number): void;
  raising?(host: Host, effect: Effect & { kind: "raise" }): void;
  told?(line: Told): void;
}

class Packet {
  readonly world: World;
  readonly to: Host;
  readonly link: LinkName;
  readonly beat: Heartbeat;
  readonly sentAt: number;

  constructor(world: World, to: Host, link: LinkName, beat: Heartbeat, sentAt: number) {
    this.world = world;
    this.to = to;
    this.link = link;
    this.beat = beat;
    this.sentAt = sentAt;
  }

  run(): void {
    this.world.arrive(this);
  }
}

const AT_REST = new Set(["waiting", "standby", "owner"]);

export class World {
  now = 0;
  readonly told: Told[] = [];
  readonly answers = new Map<number, { ok: boolean; text: string }>();
  readonly hosts: [Host, Host];
  readonly net: Net = newNet();
  readonly witness = new VirtualWitness();
  /** The MAC of a third machine that has the identities' addresses, and answers every probe. */
  foreign: string | null = null;
  /** Called after everything that happens. */
  onEvent: (() => void) | null = null;
  watcher: Watcher = {};
  /** Of every event that any host has handled. */
  hash = 0;
  events = 0;
  readonly #queue = new Queue();
  readonly #random: Random;
  #command = 0;

  constructor(configs: readonly [CoreConfig, CoreConfig], random: Random, rates: readonly [number, number] = [1, 1]) {
    this.#random = random;
    this.hosts = [newHost(0, configs[0], rates[0]), newHost(1, configs[1], rates[1])];
  }

  local(host: Host): number {
    return (this.now - host.missed) * host.rate;
  }

  schedule(after: number, run: () => void): void {
    this.#queue.push(after > 0 ? this.now + after : this.now, { run });
  }

  /** Runs everything that is due within `duration` ms of virtual time. */
  run(duration: number): void {
    const end = this.now + duration;
    const [first, second] = this.hosts;
    for (;;) {
      const host = first.wakeAt <= second.wakeAt ? first : second;
      const next = this.#queue.firstAt;
      if (next <= host.wakeAt) {
        if (next > end) break;
        this.now = next;
        this.#queue.pop()?.run();
      } else {
        if (host.wakeAt > end) break;
        this.now = host.wakeAt;
        host.wakeAt = Infinity;
        this.#deliver(host, { kind: "tick", at: this.local(host), wall: this.now + host.wallOffset });
      }
      this.onEvent?.();
    }
    this.now = end;
  }

  // ---- hosts ---------------------------------------------------------------------------------------------------

  boot(index: Index): void {
    const host = this.hosts[index];
    this.#end(host);
    host.frozenUntil = 0;
    host.machineFrozen = false;
    host.guardTime = host.config.timing.release;
    host.fsync.freeAt = this.now;
    const boot = (Math.floor(this.#random.next() * 2 ** 32) >>> 0).toString(16).padStart(32, "0");
    const fresh = host.journal === null && !host.unreadable;
    const decision = begin(host.config, { kind: "start", at: this.local(host), wall: this.now, boot, journal: host.journal, fresh });
    host.state = decision.state;
    this.#perform(host, decision.effects);
    this.#deliver(host, { kind: "guard", at: this.local(host), present: true, reason: "" });
  }

  powerOff(index: Index): void {
    this.killDaemon(index);
    this.hosts[index].up[0] = this.hosts[index].up[1] = null;
  }

  /** The daemon dies, the machine lives: the dead-man silences what is up at the end of the lease it was told. */
  killDaemon(index: Index): void {
    this.#end(this.hosts[index]);
  }

  #end(host: Host): void {
    host.life += 1;
    host.state = null;
    host.backlog = [];
    host.wakeAt = Infinity;
  }

  /** All processes stand still. */
  freeze(index: Index, duration: number): void {
    const host = this.hosts[index];
    if (host.state === null || host.machineFrozen) return;
    host.frozenUntil = Math.max(host.frozenUntil, this.now + duration);
    const { life } = host;
    this.schedule(duration, () => {
      if (host.life === life && this.now >= host.frozenUntil) this.#thaw(host);
    });
  }

  /** The whole machine stands still, kernel and clock too, and nothing in it can know. */
  freezeMachine(index: Index, duration: number): void {
    const host = this.hosts[index];
    if (host.state === null || host.machineFrozen) return;
    const { life } = host;
    const left = host.up.map((until) => (until !== null && until > this.now ? until - this.now : null));
    host.machineFrozen = true;
    host.frozenUntil = this.now + duration;
    host.up[0] = host.up[1] = null;
    this.schedule(duration, () => {
      if (host.life !== life) return;
      host.machineFrozen = false;
      host.missed += duration;
      for (const identity of [0, 1] as const) host.up[identity] = left[identity] == null ? null : this.now + (left[identity] as number);
      this.#thaw(host);
    });
  }

  #thaw(host: Host): void {
    const { backlog } = host;
    host.backlog = [];
    // The timer is handled before the sockets, as in Node's event loop.
    this.#deliver(host, { kind: "tick", at: this.local(host), wall: this.now + host.wallOffset });
    for (const event of backlog) this.#deliver(host, { ...event, at: this.local(host) });
  }

  /** `clusterd restart`: the next daemon goes on with the state of the one before, unless what it held has gone meanwhile. Returns false when refused. */
  restart(index: Index, gap: number): boolean {
    const host = this.hosts[index];
    const { state } = host;
    if (state === null || this.now < host.frozenUntil || state.leaving !== null) return false;
    if (state.holdings.some((holding) => !AT_REST.has(holding.role) || holding.pending !== null)) return false;
    this.#end(host);
    const { life } = host;
    this.schedule(gap, () => {
      if (host.life !== life || host.state !== null) return;
      const kept = ([0, 1] as const).every((identity) => state.holdings[identity].role !== "owner" || this.speaks(index, identity));
      if (!kept) {
        host.up[0] = host.up[1] = null;
        return this.boot(index);
      }
      host.state = state;
      host.guardTime = host.config.timing.release;
      this.#deliver(host, { kind: "configured", at: this.local(host), config: host.config });
      this.#deliver(host, { kind: "guard", at: this.local(host), present: true, reason: "" });
    });
    return true;
  }

  /** A new configuration is on its disk; `reloads`: and SIGHUP is given, which a shorter release time refuses. */
  configure(index: Index, changes: Partial<CoreConfig>, reloads: boolean): void {
    const host = this.hosts[index];
    host.config = { ...host.config, ...changes };
    if (reloads && host.config.timing.release >= host.guardTime) this.#deliver(host, { kind: "configured", at: this.local(host), config: host.config });
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
    this.events += 1;
    // Thousandths of a millisecond, and the kind: what happened when, on which node.
    this.hash = Math.imul(this.hash ^ ((this.now * 1000) >>> 0) ^ (event.kind.length << 1 | host.index), 0x01000193) | 0;
    this.#perform(host, advance(host.state, event));
    if (host.state !== null) this.#arm(host, host.state);
    this.watcher.handled?.(host, event);
  }

  /** A hair late, never early: rounding must not make a timer fire before its moment for ever. */
  #arm(host: Host, state: State): void {
    const at = nextWake(state) / host.rate + host.missed;
    host.wakeAt = (at > this.now ? at : this.now) + 0.001;
  }

  // ---- effects -------------------------------------------------------------------------------------------------

  /** The outcome of something slow, unless the host has died meanwhile. */
  #later(host: Host, after: number, event: () => CoreEvent): void {
    const { life } = host;
    this.schedule(after, () => {
      if (host.life === life) this.#deliver(host, event());
    });
  }

  #perform(host: Host, effects: readonly Effect[]): void {
    for (const effect of effects)
      if (effect.kind === "send") this.#send(host, effect.seq);
      else if (effect.kind === "lease") this.#lease(host, effect.identity, effect.until);
      else this.#effect(host, effect);
  }

  #lease(host: Host, identity: Index, until: number): void {
    if (this.speaks(host.index, identity)) host.up[identity] = this.#silentAt(host, until);
  }

  #effect(host: Host, effect: Exclude<Effect, { kind: "send" | "lease" }>): void {
    const at = (): number => this.local(host);
    switch (effect.kind) {
      case "persist": return this.#persist(host, effect);
      case "ask-references": {
        const startedAt = at();
        const answered = this.net.references[host.index];
        if (answered > 0) this.#later(host, 2 * this.net.delay + this.net.slowAnswers[host.index], () => ({ kind: "references", at: at(), startedAt, answered, of: 3 }));
        return;
      }
      case "fence": return this.#fence(host);
      case "ask-witness": return this.#askWitness(host);
      case "probe-identity": {
        const startedAt = at();
        const { identity, timeout } = effect;
        const reachable = this.net.loss.lan[host.index] < 1 && this.net.loss.lan[otherOf(host.index)] < 1;
        const mac = this.foreign ?? (reachable && this.speaks(otherOf(host.index), identity) ? "02:00:5e:50:00:01" : null);
        this.#later(host, mac !== null ? 2 * this.net.delay : timeout, () => ({ kind: "probed", at: at(), identity, startedAt, mac }));
        return;
      }
      case "raise": return this.#raise(host, effect);
      case "release": {
        const { identity } = effect;
        const until = host.up[identity];
        // The guards silence it within S, whatever ifdown does.
        if (until !== null) host.up[identity] = Math.min(until, this.now + host.guardTime / host.rate);
        if (host.releaseFails) return this.#later(host, 100, () => ({ kind: "release-failed", at: at(), identity, reason: "busy" }));
        this.#later(host, 1, () => {
          host.up[identity] = null;
          return { kind: "released", at: at(), identity };
        });
        return;
      }
      case "start-services":
        host.services[effect.identity] = true;
        return this.#later(host, host.serviceDelay, () => ({ kind: "services-started", at: at(), identity: effect.identity, ok: !host.serviceFails, detail: "" }));
      case "stop-services":
        return this.#later(host, host.serviceDelay, () => {
          host.services[effect.identity] = false;
          return { kind: "services-stopped", at: at(), identity: effect.identity, ok: !host.serviceFails, detail: "" };
        });
      case "final-pass":
        return this.#later(host, host.passDelay, () => ({ kind: "passed", at: at(), identity: effect.identity, ok: !host.passFails, detail: "" }));
      case "announce": return;
      case "tell": {
        if (effect.event === "identity.owner") this.#syncLater(host, effect.identity as Index);
        const line = { at: this.now, node: host.index, event: effect.event, identity: effect.identity, because: effect.because };
        this.told.push(line);
        this.watcher.told?.(line);
        return;
      }
      case "answer":
        this.answers.set(effect.command, { ok: effect.ok, text: effect.text });
    }
  }

  #persist(host: Host, { write, record }: Effect & { kind: "persist" }): void {
    const { fails, delay, lies } = host.fsync;
    const { life } = host;
    host.fsync.freeAt = Math.max(host.fsync.freeAt, this.now) + delay;
    this.schedule(host.fsync.freeAt - this.now, () => {
      if (host.life !== life) return;
      if (fails) return this.#deliver(host, { kind: "persist-failed", at: this.local(host), write, reason: "EIO" });
      if (!lies) {
        host.older = host.journal;
        host.journal = record;
        host.unreadable = false;
      }
      this.#deliver(host, { kind: "persisted", at: this.local(host), write });
    });
  }

  #raise(host: Host, effect: Effect & { kind: "raise" }): void {
    const { identity, until } = effect;
    const { life } = host;
    this.watcher.raising?.(host, effect);
    this.schedule(host.raiseDelay, () => {
      if (host.life !== life || host.state === null || host.machineFrozen) return;
      const at = this.local(host);
      if (host.raiseFails || at >= until) return this.#deliver(host, { kind: "raise-failed", at, identity, reason: "too late" });
      if (host.state.holdings[identity].role !== "raising") return;
      host.up[identity] = this.#silentAt(host, host.state.holdings[identity].leaseTold);
      this.#deliver(host, { kind: "raised", at, identity });
    });
  }

  /** The power switch does its work whether or not the node that asked for it is still there. */
  #fence(host: Host): void {
    const peer = this.hosts[otherOf(host.index)];
    const { works, delay, backAfter } = host.fence;
    if (works) this.schedule(delay, () => {
      this.powerOff(peer.index);
      if (backAfter !== Infinity) this.schedule(backAfter, () => { if (peer.state === null) this.boot(peer.index); });
    });
    this.#later(host, delay + 1, () => ({ kind: "fenced", at: this.local(host), ok: works, reason: works ? "" : "the power is still on" }));
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
    return (until + host.guardTime) / host.rate + host.missed;
  }

  #send(host: Host, seq: number): void {
    if (host.state === null) return;
    const beat: Heartbeat = beatOf(host.state, seq, this.now + host.wallOffset);
    this.watcher.sent?.(host, beat);
    const { index } = host;
    const { loss, trouble, filtered } = this.net;
    if (filtered) return;
    this.#carry(host, "private", beat, loss.private[index], trouble.private[index]);
    this.#carry(host, "lan", beat, loss.lan[index], trouble.lan[index]);
    if (loss.serial[index] < 1) this.#onLine(host, beat, loss.serial[index], trouble.serial[index]);
  }

  /** A slow line leaves out what is said while it still carries the last one. */
  #onLine(from: Host, beat: Heartbeat, loss: number, trouble: Trouble): void {
    const { serial } = from.config;
    if (serial === null || this.now < from.lineFreeAt) return;
    from.lineFreeAt = this.now + serial;
    this.#carry(from, "serial", beat, loss, trouble, serial);
  }

  #carry(from: Host, link: LinkName, beat: Heartbeat, loss: number, trouble: Trouble, onLine = 0): void {
    if (loss >= 1 || (loss > 0 && this.#random.chance(loss))) return;
    const to = this.hosts[otherOf(from.index)];
    const usual = onLine + this.net.delay * (0.5 + this.#random.next());
    this.#queue.push(trouble === NO_TROUBLE ? this.now + usual : this.#troubled(usual, trouble), new Packet(this, to, link, beat, this.now));
    if (trouble.duplicate > 0 && this.#random.chance(trouble.duplicate)) this.#queue.push(this.#troubled(usual + 5, trouble), new Packet(this, to, link, beat, this.now));
  }

  #troubled(usual: number, { delay, jitter, clogUntil }: Trouble): number {
    return Math.max(this.now + usual + delay + jitter * this.#random.next(), clogUntil);
  }

  /** A packet has come to the end of its way. */
  arrive({ to, link, beat, sentAt }: Packet): void {
    if (to.state === null || to.machineFrozen) return;
    if (to.version !== this.hosts[otherOf(to.index)].version) return this.#deliver(to, { kind: "foreign", at: this.local(to) });
    this.watcher.arrives?.(to, beat, sentAt);
    this.#deliver(to, { kind: "heard", at: this.local(to), wall: this.now + to.wallOffset, link, beat });
  }
}

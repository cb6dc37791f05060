// The judge of an episode: looks after every event whether a rule of reliability.md §2.2 is broken, as far as this world sees it.
//
//   I1  at most one node speaks for an identity            I2  an overlap after a machine's thaw ends within D + S
//   I3  epochs never go back, never have two owners, and nothing is said or raised that is not on disk
//   I6  a node that knows it may be stale takes nothing by itself     I8  an owner cut from peer and arbiter is silent by D + S
//   I9  in the end exactly one owner each (episode.ts)      I10 a lone survivor owns within Q + C + U
//   why  every change of owner has its ground              flap an identity stays where it is while all is calm
//
// I4 and I5 are the mirror's (test/mirror). I7, a takeover by a node that missed a newer epoch, cannot be promised without a
// witness: such takeovers are counted. What happens after the episode has left the promised assumptions is marked with the reason.

import type { Timing } from "../../clusterd/base/time.ts";
import type { CoreEvent, Effect, Heartbeat, Index } from "../../clusterd/core/model.ts";
import { holdsOn } from "../../clusterd/core/lease.ts";
import { otherOf } from "../../clusterd/core/state.ts";
import type { Host } from "./host.ts";
import type { Told, Watcher, World } from "./world.ts";

export interface Violation {
  readonly at: number;
  readonly rule: string;
  readonly detail: string;
  /** Why this lies outside the promised assumptions; null = it is a bug. */
  readonly outside: string | null;
}

const BOTH = [0, 1] as const;
/** I10: U, time to persist, raise and begin to speak beyond Q + C, with all well. */
const RAISE_TIME = 400;

export class Checks implements Watcher {
  readonly violations: Violation[] = [];
  /** Why the episode has left the promised assumptions. */
  outside: string | null = null;
  /** When the last fault began or a person said something, and when the last one is over. */
  #troubledAt = 0;
  #troubledUntil = 0;
  /** Time from a power cut in calm weather to the survivor's speaking, ms. */
  readonly takeovers: number[] = [];
  changes = 0;
  unknowing = 0;
  readonly #world: World;
  /** Of all that was ever loaded, what allows most. */
  #timing: Timing;
  readonly #highest: [number, number][] = [[0, 0], [0, 0]];
  readonly #owners: [Map<number, Index>, Map<number, Index>] = [new Map(), new Map()];
  readonly #journals: [Host["journal"], Host["journal"]] = [null, null];
  /** When a node last had a word from peer or arbiter, and when last one from the peer. */
  readonly #voteAt: [number, number] = [0, 0];
  readonly #heardAt: [number, number] = [0, 0];
  readonly #person: [boolean, boolean] = [false, false];
  readonly #diskLied: [boolean, boolean] = [false, false];
  /** By identity: the last node that spoke for it, and since when both do. */
  readonly #speaker: [Index | null, Index | null] = [null, null];
  readonly #bothSince: [number | null, number | null] = [null, null];
  #thawedAt = Number.NEGATIVE_INFINITY;
  #passedAt = 0;
  readonly #boots: [string, string] = ["", ""];
  readonly #bestSeq: [number, number] = [0, 0];

  constructor(world: World, timing: Timing) {
    this.#world = world;
    this.#timing = timing;
  }

  violate(rule: string, detail: string): void {
    if (this.violations.length < 5 && !this.violations.some((each) => each.rule === rule)) this.violations.push({ at: this.#world.now, rule, detail, outside: this.outside });
  }

  leavesTheModel(because: string): void {
    this.outside ??= because;
  }

  troubled(duration: number): void {
    this.#troubledAt = this.#world.now;
    this.#troubledUntil = Math.max(this.#troubledUntil, this.#troubledAt + duration);
  }

  /** Nothing has gone wrong for as long as it takes to get over anything. */
  #isCalm(): boolean {
    const { deadtime, claim, initdead } = this.#timing;
    const { now, hosts } = this.#world;
    return now - Math.max(this.#troubledUntil, ...hosts.map((host) => host.frozenUntil)) > 2 * (deadtime + claim + initdead) + 2000;
  }

  personSpoke(node: Index): void {
    this.#person[node] = true;
    this.troubled(0);
  }

  /** What the disk has lost is not the node's fault: from here epochs count anew. */
  diskDamaged(node: Index): void {
    this.#diskLied[node] = true;
    const { journal } = this.#world.hosts[node];
    for (const identity of BOTH) this.#highest[node]![identity] = journal?.identities[identity].epoch ?? 0;
  }

  retimed(timing: Timing): void {
    const old = this.#timing;
    this.#timing = {
      ...old, lease: Math.max(old.lease, timing.lease), release: Math.max(old.release, timing.release), deadtime: Math.max(old.deadtime, timing.deadtime),
      initdead: Math.max(old.initdead, timing.initdead), keepalive: Math.max(old.keepalive, timing.keepalive), claim: Math.min(old.claim, timing.claim),
    };
  }

  machineThawed(): void {
    this.#thawedAt = this.#world.now;
  }

  // ---- after every event ----------------------------------------------------------------------------------------

  handled(host: Host, event: CoreEvent): void {
    if (event.kind === "references") this.#agreed(host, event.answered * 2 > event.of);
    else if (event.kind === "witness") this.#voteAt[host.index] = this.#world.now;
    this.#overlap(0);
    this.#overlap(1);
    if (host.journal !== this.#journals[host.index]) this.#written(host);
    if (host.up[0] !== null || host.up[1] !== null) this.#cutOff(host);
  }

  #overlap(identity: Index): void {
    const { hosts, now } = this.#world;
    const first = hosts[0].up[identity];
    const second = hosts[1].up[identity];
    if (first === null || second === null || now >= first || now >= second) {
      this.#bothSince[identity] = null;
      return;
    }
    this.#bothSince[identity] ??= now;
    this.violate("I1", `both nodes speak for identity ${identity}`);
    const since = Math.max(this.#bothSince[identity], this.#thawedAt);
    const { lease, release } = this.#timing;
    if (this.#thawedAt > 0 && now - since > (lease + release) * 1.02) this.violate("I2", `${(now - since).toFixed(0)} ms after the thaw both still speak for identity ${identity}`);
  }

  /** I8: no vote of any kind for longer than D + S, and it speaks. */
  #cutOff(host: Host): void {
    const { now } = this.#world;
    const { lease, release } = this.#timing;
    if (now - this.#voteAt[host.index] <= (lease + release) / host.rate + 1 || (host.config.references === 0 && !host.config.witness) || host.state === null) return;
    for (const identity of BOTH) {
      const holding = host.state.holdings[identity];
      const { record, pending } = holding;
      if (!this.#world.speaks(host.index, identity) || record.standing || pending?.record.standing === true) continue;
      if (holdsOn(host.state, holding)) this.leavesTheModel("an owner stayed without any vote, as policy `availability` wants it to");
      else this.violate("I8", `${host.index} speaks for identity ${identity} though nobody has acknowledged it for ${(now - this.#voteAt[host.index]).toFixed(0)} ms`);
    }
  }

  /** I3 and I6, and the ground of every change of owner. */
  #written(host: Host): void {
    const { journal, index } = host;
    const before = this.#journals[index];
    this.#journals[index] = journal;
    if (journal === null) return;
    for (const identity of BOTH) {
      const record = journal.identities[identity];
      const highest = this.#highest[index] as [number, number];
      if (record.epoch < highest[identity]) this.violate("I3", `epoch of ${identity} went back on ${index}: ${highest[identity]} to ${record.epoch}`);
      if (record.epoch > highest[identity] && record.owner === index) this.#takes(host, identity, record.epoch, before?.identities[identity].stale === true);
      highest[identity] = Math.max(highest[identity], record.epoch);
      if (record.epoch === 0 || record.owner === null) continue;
      const known = this.#owners[identity].get(record.epoch);
      if (known !== undefined && known !== record.owner) this.violate("I3", `epoch ${record.epoch} of ${identity} has two owners`);
      this.#owners[identity].set(record.epoch, record.owner);
    }
  }

  #takes({ index, config: { soloBoot } }: Host, identity: Index, epoch: number, wasStale: boolean): void {
    const offered = (this.#world.hosts[otherOf(index)].journal?.identities[identity].offered ?? 0) >= epoch;
    if (wasStale && !offered && !this.#person[index] && !this.#diskLied[index] && soloBoot === "ask") this.violate("I6", `${index} knows that it may be stale and takes identity ${identity}`);
    if (!offered && Math.max(...this.#owners[identity].keys(), 0) > epoch) this.unknowing += 1;
  }

  // ---- what is said and done -------------------------------------------------------------------------------------

  sent({ journal, index }: Host, beat: Heartbeat): void {
    if (this.#diskLied[index]) return;
    for (const identity of BOTH) {
      const said = beat.identities[identity];
      const kept = journal?.identities[identity];
      if (said.epoch > (kept?.epoch ?? 0) || said.offer > (kept?.offered ?? 0) || (beat.leaving && said.promised && kept?.promised !== true))
        this.violate("I3", `${index} says of identity ${identity} what is not on its disk: epoch ${said.epoch}, offer ${said.offer}${said.promised ? ", promised" : ""}`);
    }
  }

  arrives(host: Host, beat: Heartbeat, sentAt: number): void {
    const { now, hosts } = this.#world;
    this.#voteAt[host.index] = now;
    if (beat.boot !== this.#boots[host.index]) {
      this.#boots[host.index] = beat.boot;
      this.#bestSeq[host.index] = 0;
    }
    if (beat.seq <= this.#bestSeq[host.index]) return;
    this.#bestSeq[host.index] = beat.seq;
    // A boot that it does not believe yet tells it nothing.
    if (beat.boot === host.state?.peer.boot) this.#heardAt[host.index] = now;
    if (now - sentAt <= 2 * hosts[0].config.timing.keepalive) this.#passedAt = now;
  }

  /** CP by the facts: nothing has passed for a claim's time, and both nodes reach a majority now. */
  #agreed(host: Host, majority: boolean): void {
    if (!majority) return;
    const { now, net, hosts } = this.#world;
    this.#voteAt[host.index] = now;
    if (hosts.some(({ state, frozenUntil }) => state === null || now < frozenUntil)) this.#passedAt = now;
    if (!host.config.witness && now - this.#passedAt > this.#timing.claim * 0.95 && net.references[0] >= 2 && net.references[1] >= 2) this.leavesTheModel("no word passed by chance, and both reached the reference hosts");
  }

  raising(host: Host, { identity, epoch }: Effect & { kind: "raise" }): void {
    const { soloBoot, witness } = host.config;
    if (soloBoot === "allow" && !witness && host.state?.peer.boot === null && this.#world.hosts[otherOf(host.index)].state !== null)
      this.leavesTheModel("solo_boot = allow: a node that never heard its peer went on alone while that lived");
    const kept = host.journal?.identities[identity];
    if (!this.#diskLied[host.index] && (kept?.epoch !== epoch || kept.owner !== host.index)) this.violate("I3", `${host.index} raises identity ${identity} at epoch ${epoch}, which is not on its disk`);
  }

  told({ node, event, identity, because }: Told): void {
    if (because === "") this.violate("why", `${event} without a reason`);
    if (identity === null) return;
    if (event.startsWith("hold.") && because.includes("stays here") && this.#world.hosts[otherOf(node)].state !== null)
      this.leavesTheModel("policy availability: an owner without votes stayed while its peer lived");
    if (event === "identity.acquiring") this.#ground(node, identity, because);
    if (event === "identity.owner") this.#moved(node, identity);
  }

  /** A takeover says that the peer was silent: was it? */
  #ground(node: Index, identity: Index, because: string): void {
    const host = this.#world.hosts[node];
    const silent = this.#world.now - this.#heardAt[node];
    if (because.startsWith("the peer stayed silent") && silent < (this.#timing.claim / host.rate) * 0.99)
      this.violate("why", `${node} took identity ${identity} though it had a word of the peer ${silent.toFixed(0)} ms ago`);
    if (because.startsWith("a person") && !this.#person[node]) this.violate("why", `${node} took identity ${identity} at a person's word that nobody has said`);
  }

  #moved(node: Index, identity: Index): void {
    const { hosts } = this.#world;
    const before = this.#speaker[identity];
    this.#speaker[identity] = node;
    if (before === node || before === null) return;
    this.changes += 1;
    if (hosts[before].up[identity] !== null && hosts[node].config.failback === "manual" && this.#isCalm()) this.violate("flap", `identity ${identity} moved from ${before} to ${node} in calm weather`);
  }

  // ---- I10 ----------------------------------------------------------------------------------------------------

  /** A node has just lost its power while all was calm: the other one must own what it may, in time. */
  died(dead: Index): void {
    const world = this.#world;
    const { now } = world;
    const survivor = otherOf(dead);
    const { state, rate, config: { timing: { deadtime, claim, keepalive } } } = world.hosts[survivor];
    const calm = this.#isCalm();
    this.troubled(0);
    // With a fence it takes as long as the agent takes, or a person.
    if (!calm || state === null || state.leaving !== null || state.config.fence !== null) return;
    for (const identity of BOTH) {
      const { role, record, uncertain, heldUntil } = state.holdings[identity];
      if (role !== "standby" || record.stale || record.locked || uncertain || heldUntil > state.now) continue;
      const limit = (deadtime + claim) / rate + 4 * keepalive + RAISE_TIME;
      world.schedule(limit, () => {
        if (this.#troubledAt === now && !world.speaks(survivor, identity)) this.violate("I10", `${limit.toFixed(0)} ms after the death of ${dead} its identity ${identity} is still not owned: ${world.role(survivor, identity)}`);
      });
      const look = (): void => {
        if (this.#troubledAt !== now) return;
        if (world.speaks(survivor, identity)) this.takeovers.push(world.now - now);
        else if (world.now - now < limit) world.schedule(5, look);
      };
      world.schedule(deadtime, look);
    }
  }
}

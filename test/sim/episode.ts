// One episode: a pair that has settled, two minutes of random overlapping faults, then quiet; checkers look after every event.
//
// Clean-partition assumption (CP): while nothing passes between the nodes in either direction, the reference hosts are reached
// from one side only. `outside: true` gives it up, and allows machine freezes; violations then are counted apart.
// With a witness there is no such assumption: any of the two may reach it at any time, and it may die and come back.

import type { CoreConfig, Index } from "../../clusterd/core/model.ts";
import { random, type Random } from "./random.ts";
import { coreConfig } from "./setting.ts";
import { World } from "./world.ts";

export interface EpisodeOptions {
  readonly seed: number;
  readonly changes?: Partial<CoreConfig>;
  readonly faults?: number;
  readonly freezes?: boolean;
}

export interface Violation {
  readonly at: number;
  readonly rule: string;
  readonly detail: string;
}

export interface EpisodeResult {
  readonly world: World;
  readonly violations: readonly Violation[];
  readonly hash: number;
  readonly story: readonly string[];
}

const LENGTH = 120_000;

type Fault = (world: World, chance: Random, duration: number, note: (text: string) => void) => void;

/** Links and references as the currently active faults want them. */
class Weather {
  cut: [number, number] = [0, 0];
  oneLink = { private: 0, lan: 0 };
  lossy = 0;
  /** Which side keeps the references while nothing passes. */
  side: Index = 0;
  down = 0;
  /** Which node does not reach the witness. */
  unwitnessed: [number, number] = [0, 0];

  apply(world: World): void {
    for (const link of ["private", "lan"] as const)
      for (const from of [0, 1] as const)
        world.net.loss[link][from] = this.cut[from] > 0 || this.oneLink[link] > 0 ? 1 : this.lossy;
    for (const node of [0, 1] as const) world.net.witness[node] = this.unwitnessed[node] > 0 ? 1 : this.lossy;
    const parted = ([0, 1] as const).every((from) => world.net.loss.private[from] >= 1 && world.net.loss.lan[from] >= 1);
    for (const node of [0, 1] as const)
      world.net.references[node] = this.down > 0 || (parted && this.side !== node) ? 0 : 3;
  }
}

function faults(weather: Weather): Record<string, Fault> {
  const during = (world: World, duration: number, on: () => void, off: () => void): void => {
    on();
    weather.apply(world);
    world.schedule(duration, () => { off(); weather.apply(world); });
  };
  const node = (chance: Random): Index => (chance.chance(0.5) ? 0 : 1);
  return {
    partition: (world, chance, duration, note) => {
      const side = node(chance);
      note(`all links cut, references on the side of ${side}`);
      during(world, duration, () => { weather.cut[0] += 1; weather.cut[1] += 1; weather.side = side; }, () => { weather.cut[0] -= 1; weather.cut[1] -= 1; });
    },
    move: (world, chance, _duration, note) => {
      const side = node(chance);
      note(`the references are now on the side of ${side}`);
      weather.side = side;
      weather.apply(world);
    },
    mute: (world, chance, duration, note) => {
      const from = node(chance);
      note(`${from} is mute`);
      during(world, duration, () => { weather.cut[from] += 1; }, () => { weather.cut[from] -= 1; });
    },
    cable: (world, chance, duration, note) => {
      const link = chance.chance(0.5) ? "private" : "lan";
      note(`link ${link} cut`);
      during(world, duration, () => { weather.oneLink[link] += 1; }, () => { weather.oneLink[link] -= 1; });
    },
    loss: (world, chance, duration, note) => {
      const share = chance.between(0.05, 0.4);
      note(`loss ${share.toFixed(2)}`);
      during(world, duration, () => { weather.lossy = share; }, () => { weather.lossy = 0; });
    },
    gateway: (world, _chance, duration, note) => {
      note("all references down");
      during(world, duration, () => { weather.down += 1; }, () => { weather.down -= 1; });
    },
    unwitnessed: (world, chance, duration, note) => {
      const index = node(chance);
      note(`${index} does not reach the witness`);
      during(world, duration, () => { weather.unwitnessed[index] += 1; }, () => { weather.unwitnessed[index] -= 1; });
    },
    witness: (world, chance, duration, note) => {
      note("the witness is off");
      world.witness.stop();
      world.schedule(chance.chance(0.5) ? chance.between(1, 500) : duration, () => { if (!world.witness.isOn) world.witness.start(world.now); });
    },
    crash: (world, chance, duration, note) => {
      const index = node(chance);
      note(`power off ${index}`);
      world.powerOff(index);
      world.schedule(duration, () => { if (world.hosts[index].state === null) world.boot(index); });
    },
    restart: (world, chance, _duration, note) => {
      const index = node(chance);
      note(`daemon of ${index} killed`);
      world.killDaemon(index);
      world.schedule(chance.between(50, 3000), () => {
        const host = world.hosts[index];
        if (host.state !== null) return;
        host.up[0] = host.up[1] = null; // start by looking: whatever is up is taken down first
        world.boot(index);
      });
    },
    stall: (world, chance, _duration, note) => {
      const index = node(chance);
      const length = chance.between(20, 400);
      note(`${index} stalls for ${length.toFixed(0)} ms`);
      world.freeze(index, length);
    },
    freeze: (world, chance, duration, note) => {
      const index = node(chance);
      note(`${index} freezes`);
      world.freeze(index, Math.min(duration, 10_000));
    },
    disk: (world, chance, duration, note) => {
      const index = node(chance);
      const delay = chance.between(1, 1500);
      note(`fsync of ${index} takes ${delay.toFixed(0)} ms`);
      world.hosts[index].fsync.delay = delay;
      world.schedule(duration, () => { world.hosts[index].fsync.delay = 0.3; });
    },
    ifup: (world, chance, duration, note) => {
      const index = node(chance);
      const fails = chance.chance(0.5);
      note(`ifup of ${index} ${fails ? "fails" : "is slow"}`);
      world.hosts[index].raiseFails = fails;
      world.hosts[index].raiseDelay = fails ? 2 : 700;
      world.schedule(duration, () => { world.hosts[index].raiseFails = false; world.hosts[index].raiseDelay = 2; });
    },
    operator: (world, chance, _duration, note) => {
      const index = node(chance);
      const identity = node(chance);
      const verb = chance.pick(["switchover", "failback", "clear", "clear"] as const);
      note(`${verb} ${identity} on ${index}`);
      world.command(index, verb, identity);
    },
    carrier: (world, chance, duration, note) => {
      const index = node(chance);
      const nic = chance.chance(0.5) ? "main" : "redundant";
      note(`${index} loses carrier on ${nic}`);
      const set = (up: boolean): void => world.event(index, { kind: "carrier", at: world.local(world.hosts[index]), nic, up });
      set(false);
      world.schedule(duration, () => set(true));
    },
  };
}

/** Plays the episode of this seed. */
export function play({ seed, changes = {}, faults: count = 8, freezes = false }: EpisodeOptions): EpisodeResult {
  const chance = random(seed);
  const rates: [number, number] = [1 + chance.between(-0.005, 0.005), 1 + chance.between(-0.005, 0.005)];
  const world = new World([coreConfig(0, changes), coreConfig(1, changes)], random(seed ^ 0x5eed), rates);
  const weather = new Weather();
  const menu = faults(weather);
  const fit = (name: string): boolean => name === "freeze" ? freezes : name === "witness" || name === "unwitnessed" ? changes.witness === true : true;
  const names = Object.keys(menu).filter(fit);
  // Without one, nothing is drawn for it: the seeds that once broke a rule stay what they were.
  if (changes.witness === true) world.witness.rate = 1 + chance.between(-0.005, 0.005);
  world.witness.start(0);
  const violations: Violation[] = [];
  const story: string[] = [];
  let hash = 0;
  const note = (text: string): void => { story.push(`${world.now.toFixed(1).padStart(10)}  fault  ${text}`); };
  const violate = (rule: string, detail: string): void => {
    if (violations.length < 5) violations.push({ at: world.now, rule, detail });
  };

  const epochs = [new Map<number, Index>(), new Map<number, Index>()] as const;
  const highest = [[0, 0], [0, 0]];
  let told = 0;
  world.onEvent = () => {
    for (const identity of [0, 1] as const) {
      if (world.speaks(0, identity) && world.speaks(1, identity)) violate("I1", `both nodes speak for identity ${identity}`);
      for (const node of [0, 1] as const) {
        const record = world.hosts[node].journal?.identities[identity];
        if (record === undefined) continue;
        if (record.epoch < (highest[node]?.[identity] ?? 0)) violate("I3", `epoch of ${identity} went back on ${node}`);
        (highest[node] as number[])[identity] = record.epoch;
        if (record.epoch > 0 && record.owner !== null) {
          const known = epochs[identity].get(record.epoch);
          if (known !== undefined && known !== record.owner) violate("I3", `epoch ${record.epoch} of ${identity} has two owners`);
          epochs[identity].set(record.epoch, record.owner);
        }
      }
    }
    for (; told < world.told.length; told += 1) {
      const line = world.told[told] as (typeof world.told)[number];
      if (line.because === "") violate("reason", `${line.event} without a reason`);
      const text = `${line.at.toFixed(1).padStart(10)}  ${line.node}  ${line.event} ${line.identity ?? ""}  ${line.because}`;
      story.push(text);
      for (let at = 0; at < text.length; at += 7) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) >>> 0;
    }
  };

  world.boot(0);
  world.boot(1);
  world.run(5000);
  for (let fault = 0; fault < count; fault += 1) {
    const name = chance.pick(names);
    const duration = chance.chance(0.3) ? chance.between(50, 1500) : chance.between(500, 40_000);
    world.schedule(chance.between(0, LENGTH - 10_000), () => menu[name]?.(world, chance, duration, note));
  }
  world.run(LENGTH);
  world.run(60_000);
  // Quiet: every fault is over. A person clears the locks and, where neither node may go on by itself, decides.
  for (const index of [0, 1] as const) {
    if (world.hosts[index].state === null) world.boot(index);
    world.command(index, "clear");
  }
  world.run(20_000);
  for (const identity of [0, 1] as const) if (world.speakers(identity).length === 0) {
    note(`nobody owns ${identity}: a person decides`);
    const better = world.hosts.map((host) => host.state?.holdings[identity].record.epoch ?? 0);
    world.command((better[0] ?? 0) >= (better[1] ?? 0) ? 0 : 1, "force-own", identity);
  }
  world.run(10_000);
  for (const identity of [0, 1] as const)
    if (world.speakers(identity).length !== 1) violate("I9", `identity ${identity} has ${world.speakers(identity).length} owners after the quiet time: ${world.role(0, identity)} ${world.role(1, identity)}`);
  return { world, violations, hash, story };
}


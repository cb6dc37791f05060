// The menu of faults. Each is begun at its moment, lasts for its duration, and may overlap any other.
//
// What a fault draws comes from its own generator, so that leaving one out of an episode changes nothing in the others (shrink.ts).

import type { Index, LinkName, Verb } from "../../clusterd/core/model.ts";
import { otherOf } from "../../clusterd/core/state.ts";
import type { Checks } from "./checks.ts";
import { damageJournal, type Host } from "./host.ts";
import type { Random } from "./random.ts";
import { TIMINGS } from "./setting.ts";
import type { Gust, Weather } from "./weather.ts";
import type { World } from "./world.ts";

export interface Scene {
  readonly world: World;
  readonly weather: Weather;
  readonly checks: Checks;
}

export interface Fault {
  /** Does it now; returns what it does, in words. */
  readonly strike: (scene: Scene, chance: Random, duration: number) => string;
  /** Why two nodes cannot promise anything after it; left out: they do. */
  readonly outside?: string;
  /** … unless a fence makes sure that the other one is off. */
  readonly fenceCovers?: true;
  /** Only where there is one. */
  readonly needs?: "witness";
}

const node = (chance: Random): Index => (chance.chance(0.5) ? 0 : 1);
const oneLink = (chance: Random): LinkName => (chance.chance(0.5) ? "private" : "lan");
const ms = (duration: number): string => `${duration.toFixed(0)} ms`;

/** For as long as it lasts. */
function blow({ world, weather, checks }: Scene, gust: Gust, duration: number): void {
  checks.troubled(duration);
  weather.blow(gust);
  world.schedule(duration, () => weather.abate(gust));
}

/** Comes and goes, at a pace of its own, until the time is over. */
function flap(scene: Scene, gust: Gust, chance: Random, duration: number): void {
  if (duration <= 0) return;
  const length = Math.min(duration, chance.between(20, 1500));
  const pause = chance.between(20, 1500);
  blow(scene, gust, length);
  scene.world.schedule(length + pause, () => flap(scene, gust, chance, duration - length - pause));
}

/** A host's property is changed for a while, then it is as at first. */
function upset<K extends keyof Host>({ world, checks }: Scene, host: Host, duration: number, changes: Partial<Host> & Pick<Host, K>, back: Pick<Host, K>): void {
  checks.troubled(duration);
  Object.assign(host, changes);
  world.schedule(duration, () => Object.assign(host, back));
}

function upsetDisk({ world, checks }: Scene, host: Host, duration: number, changes: Partial<Host["fsync"]>): void {
  checks.troubled(duration);
  Object.assign(host.fsync, changes);
  world.schedule(duration, () => Object.assign(host.fsync, { delay: 0.3, fails: false, lies: false }));
}

function powerCut({ world, checks }: Scene, index: Index, duration: number): void {
  if (world.hosts[index].state !== null) checks.died(index);
  world.powerOff(index);
  world.schedule(duration, () => {
    checks.troubled(0);
    if (world.hosts[index].state === null) world.boot(index);
  });
}

/** The daemon dies and is started again: whatever is up is taken down first. */
function killDaemon({ world, checks }: Scene, index: Index, pause: number): void {
  const host = world.hosts[index];
  world.killDaemon(index);
  world.schedule(pause, () => {
    checks.troubled(0);
    if (host.state !== null) return;
    host.up[0] = host.up[1] = null;
    world.boot(index);
  });
}

/** SIGTERM: hand over, promise, a few good-byes, end. */
function leave({ world, checks }: Scene, index: Index, away: number): void {
  const host = world.hosts[index];
  const command = world.command(index, "leave");
  const { life } = host;
  const look = (patience: number): void => {
    if (host.life !== life) return;
    if (!world.answers.has(command) && patience > 0) return world.schedule(20, () => look(patience - 20));
    world.schedule(4 * host.config.timing.keepalive, () => {
      if (host.life !== life) return;
      world.powerOff(index);
      world.schedule(away, () => {
        checks.troubled(0);
        if (host.state === null) world.boot(index);
      });
    });
  };
  look(130_000);
}

/** What may go wrong in the middle of something. */
function blowOfFate(scene: Scene, chance: Random, index: Index, duration: number): string {
  switch (chance.int(5)) {
    case 0: powerCut(scene, index, duration); return `power off ${index}`;
    case 1: killDaemon(scene, index, chance.between(50, 2000)); return `daemon of ${index} killed`;
    case 2: scene.world.freeze(index, Math.min(duration, 10_000)); return `${index} freezes`;
    case 3: scene.weather.sides.fill(node(chance)); blow(scene, { loss: 1 }, duration); return "all links cut";
    default: blow(scene, { loss: 1, from: [index] }, duration); return `${index} is mute`;
  }
}

const ownerOf = (world: World, identity: Index): Index | null => world.speakers(identity)[0] ?? null;

export const FAULTS: Readonly<Record<string, Fault>> = {
  // ---- links and references
  partition: { strike: ({ weather, ...scene }, chance, duration) => {
    const side = node(chance);
    weather.sides.fill(side);
    blow({ weather, ...scene }, { loss: 1 }, duration);
    return `all links cut, the reference hosts on the side of ${side}`;
  } },
  evenly: { strike: (scene, chance, duration) => {
    for (const host of [0, 1, 2] as const) scene.weather.sides[host] = node(chance);
    blow(scene, { loss: 1 }, duration);
    return `all links cut, the reference hosts on the sides of ${scene.weather.sides.join(" ")}`;
  } },
  move: { strike: ({ weather, world, checks }, chance, duration) => {
    const pace = chance.between(100, 4000);
    const turns = 1 + chance.int(4);
    for (let turn = 0; turn < turns; turn += 1) world.schedule(Math.min(turn * pace, duration), () => {
      weather.sides.fill(otherOf(weather.sides[0]));
      weather.apply();
      checks.troubled(0);
    });
    return `the reference hosts change sides ${turns} times, every ${ms(pace)}`;
  } },
  mute: { strike: (scene, chance, duration) => {
    const from = node(chance);
    blow(scene, { loss: 1, from: [from] }, duration);
    return `${from} is mute`;
  } },
  cable: { strike: (scene, chance, duration) => {
    const link = oneLink(chance);
    blow(scene, { loss: 1, links: [link] }, duration);
    return `link ${link} cut`;
  } },
  loss: { strike: (scene, chance, duration) => {
    const loss = chance.chance(0.2) ? chance.between(0.5, 0.97) : chance.between(0.02, 0.5);
    const from = chance.chance(0.3) ? [node(chance)] : [0, 1] as const;
    blow(scene, { loss, from }, duration);
    return `loss ${loss.toFixed(2)} from ${from.join(" and ")}`;
  } },
  flap: { strike: (scene, chance, duration) => {
    const from = chance.chance(0.4) ? [node(chance)] : [0, 1] as const;
    flap(scene, { loss: 1, from }, chance, duration);
    return `all links from ${from.join(" and ")} come and go`;
  } },
  delay: { strike: (scene, chance, duration) => {
    const delay = chance.chance(0.3) ? chance.between(100, 3000) : chance.between(1, 100);
    const jitter = chance.chance(0.5) ? chance.between(0, 2 * delay) : 0;
    const from = chance.chance(0.4) ? [node(chance)] : [0, 1] as const;
    blow(scene, { from, trouble: { delay, jitter } }, duration);
    return `packets from ${from.join(" and ")} take ${ms(delay)} to ${ms(delay + jitter)}`;
  } },
  duplicate: { strike: (scene, chance, duration) => {
    const duplicate = chance.between(0.05, 0.5);
    const jitter = chance.between(0, 120);
    blow(scene, { trouble: { duplicate, jitter } }, duration);
    return `${(100 * duplicate).toFixed(0)} % of the packets come twice, up to ${ms(jitter)} apart`;
  } },
  clog: { strike: (scene, chance, duration) => {
    const from = chance.chance(0.5) ? [node(chance)] : [0, 1] as const;
    const length = Math.min(duration, 5000);
    blow(scene, { from, trouble: { clogUntil: scene.world.now + length } }, length);
    return `links from ${from.join(" and ")} are clogged for ${ms(length)}`;
  } },
  gateway: { strike: (scene, chance, duration) => {
    const hostsDown = [0, 1, 2].slice(0, 1 + chance.int(3));
    chance.chance(0.4) ? flap(scene, { hostsDown }, chance, duration) : blow(scene, { hostsDown }, duration);
    return `${hostsDown.length} reference hosts are down`;
  } },
  oneSided: { strike: (scene, chance, duration) => {
    const hosts = [0, 1, 2].slice(0, 1 + chance.int(3));
    const only = node(chance);
    blow(scene, { hostsOnly: { hosts, node: only } }, duration);
    return `${hosts.length} reference hosts answer only ${only}`;
  } },
  witnessCut: { needs: "witness", strike: (scene, chance, duration) => {
    const nodes = chance.chance(0.3) ? [0, 1] as const : [node(chance)];
    const loss = chance.chance(0.5) ? 1 : chance.between(0.1, 0.9);
    chance.chance(0.3) ? flap(scene, { witness: { nodes, loss } }, chance, duration) : blow(scene, { witness: { nodes, loss } }, duration);
    return `the witness hears ${(100 * (1 - loss)).toFixed(0)} % of ${nodes.join(" and ")}`;
  } },
  witnessOff: { needs: "witness", strike: ({ world, checks }, chance, duration) => {
    const length = chance.chance(0.5) ? chance.between(1, 500) : duration;
    checks.troubled(length);
    world.witness.stop();
    world.schedule(length, () => { if (!world.witness.isOn) world.witness.start(world.now); });
    return `the witness is off for ${ms(length)}`;
  } },
  witnessDisk: { needs: "witness", strike: ({ world, checks }, chance, duration) => {
    world.witness.fsync = chance.between(1, 800);
    checks.troubled(duration);
    world.schedule(duration, () => { world.witness.fsync = 0.3; });
    return `a write of the witness takes ${ms(world.witness.fsync)}`;
  } },
  slowAnswers: { strike: (scene, chance, duration) => {
    const slowAnswers = chance.between(10, 700);
    blow(scene, { slowAnswers }, duration);
    return `reference hosts answer after ${ms(slowAnswers)}`;
  } },
  carrier: { strike: ({ world, checks, ...scene }, chance, duration) => {
    const index = node(chance);
    const nic = chance.pick(["main", "redundant", "heartbeat"] as const);
    const set = (up: boolean): void => {
      world.event(index, { kind: "carrier", at: world.local(world.hosts[index]), nic, up });
      checks.troubled(0);
    };
    set(false);
    world.schedule(duration, () => set(true));
    if (nic === "main" && chance.chance(0.5)) blow({ world, checks, ...scene }, { loss: 1, links: ["lan"], hostsOnly: { hosts: [0, 1, 2], node: otherOf(index) } }, duration);
    return `${index} loses carrier on ${nic}`;
  } },

  // ---- nodes
  crash: { strike: (scene, chance, duration) => {
    const index = node(chance);
    powerCut(scene, index, duration);
    return `power off ${index}`;
  } },
  blackout: { strike: (scene, chance, duration) => {
    powerCut(scene, 0, duration);
    powerCut(scene, 1, chance.between(0, duration));
    return "power off both";
  } },
  daemon: { strike: (scene, chance) => {
    const index = node(chance);
    killDaemon(scene, index, chance.between(50, 3000));
    return `daemon of ${index} killed`;
  } },
  stall: { strike: ({ world }, chance) => {
    const index = node(chance);
    const length = chance.between(20, 1200);
    world.freeze(index, length);
    return `${index} stalls for ${ms(length)}`;
  } },
  stalls: { strike: ({ world, checks }, chance, duration) => {
    const index = node(chance);
    const again = (left: number): void => {
      if (left <= 0) return;
      const length = chance.between(20, 900);
      world.freeze(index, length);
      checks.troubled(0);
      const pause = length + chance.between(20, 2000);
      world.schedule(pause, () => again(left - pause));
    };
    again(Math.min(duration, 15_000));
    return `${index} stalls again and again`;
  } },
  freeze: { strike: ({ world }, chance, duration) => {
    const index = node(chance);
    world.freeze(index, Math.min(duration, 15_000));
    return `all processes of ${index} freeze`;
  } },
  deadMan: { strike: ({ world, checks }, chance) => {
    const index = node(chance);
    const set = (present: boolean): void => {
      world.event(index, { kind: "guard", at: world.local(world.hosts[index]), present, reason: present ? "" : "it died" });
      checks.troubled(0);
    };
    set(false);
    world.schedule(chance.between(50, 2000), () => set(true));
    return `the dead-man of ${index} dies`;
  } },
  restart: { strike: ({ world, checks }, chance) => {
    const index = node(chance);
    const gap = chance.between(150, 700);
    checks.personSpoke(index);
    return `clusterd restart on ${index}, ${ms(gap)}${world.restart(index, gap) ? "" : ": refused"}`;
  } },

  // ---- disks, ifup, services
  disk: { strike: (scene, chance, duration) => {
    const index = node(chance);
    const delay = chance.between(1, 2500);
    upsetDisk(scene, scene.world.hosts[index], duration, { delay });
    return `fsync of ${index} takes ${ms(delay)}`;
  } },
  diskFails: { strike: (scene, chance, duration) => {
    const index = node(chance);
    upsetDisk(scene, scene.world.hosts[index], Math.min(duration, 5000), { fails: true });
    return `the disk of ${index} fails`;
  } },
  lostWrite: { strike: (scene, chance, duration) => {
    const index = node(chance);
    scene.checks.diskDamaged(index);
    upsetDisk(scene, scene.world.hosts[index], Math.min(duration, 2000), { lies: true });
    scene.world.schedule(chance.between(0, 2500), () => powerCut(scene, index, chance.between(100, 5000)));
    return `the disk of ${index} says done and writes nothing, then its power goes`;
  } },
  rot: { strike: (scene, chance, duration) => {
    const index = node(chance);
    const how = chance.pick(["torn", "flipped", "both"] as const);
    powerCut(scene, index, duration);
    damageJournal(scene.world.hosts[index], how, chance);
    scene.checks.diskDamaged(index);
    return `power off ${index}, its journal ${how}`;
  } },
  ifup: { strike: (scene, chance, duration) => {
    const index = node(chance);
    const raiseFails = chance.chance(0.5);
    const raiseDelay = raiseFails ? 2 : chance.between(50, 5000);
    upset(scene, scene.world.hosts[index], duration, { raiseFails, raiseDelay }, { raiseFails: false, raiseDelay: 2 });
    return `ifup of ${index} ${raiseFails ? "fails" : `takes ${ms(raiseDelay)}`}`;
  } },
  ifdown: { strike: (scene, chance, duration) => {
    const index = node(chance);
    upset(scene, scene.world.hosts[index], Math.min(duration, 3000), { releaseFails: true }, { releaseFails: false });
    return `ifdown of ${index} fails`;
  } },
  services: { strike: (scene, chance, duration) => {
    const index = node(chance);
    const changes = { serviceDelay: chance.pick([20, 3000, 90_000]), serviceFails: chance.chance(0.4), passFails: chance.chance(0.3), passDelay: chance.pick([50, 5000, 110_000]) };
    upset(scene, scene.world.hosts[index], duration, changes, { serviceDelay: 20, serviceFails: false, passFails: false, passDelay: 50 });
    return `services of ${index} take ${ms(changes.serviceDelay)}${changes.serviceFails ? " and fail" : ""}, a last pass ${ms(changes.passDelay)}${changes.passFails ? " and fails" : ""}`;
  } },
  mirror: { strike: (scene, chance, duration) => {
    const index = node(chance);
    upset(scene, scene.world.hosts[index], duration, { syncs: false }, { syncs: true });
    return `the mirror of ${index} does not run`;
  } },
  wallClock: { strike: ({ world }, chance) => {
    const index = node(chance);
    const offset = chance.between(-6e11, 6e11);
    world.hosts[index].wallOffset = offset;
    return `the wall clock of ${index} steps by ${(offset / 3.15e10).toFixed(1)} years`;
  } },

  // ---- people
  operator: { strike: ({ world, checks }, chance) => {
    const index = node(chance);
    const identity = node(chance);
    const verb = chance.pick(["switchover", "failback", "clear"] as const satisfies readonly Verb[]);
    checks.personSpoke(index);
    world.command(index, verb, identity);
    return `${verb} ${identity} on ${index}`;
  } },
  /** The files change on one node, then on the other; each is told by SIGHUP or by a restart, the second one late. */
  reload: { strike: ({ world, checks }, chance, duration) => {
    const first = node(chance);
    const timing = chance.pick(TIMINGS);
    const added = chance.chance(0.3) ? `job ${chance.int(1000)}` : null;
    const { mirrored: [one, other] } = world.hosts[first].config;
    const mirrored = added === null ? [one, other] as const : [[...one, added], [...other, added]] as const;
    const changes = { timing, mirrored, digest: chance.int(2 ** 32).toString(16).padStart(16, "0") };
    const load = (index: Index): void => {
      checks.personSpoke(index);
      const needsRestart = timing.release < world.hosts[index].guardTime;
      world.configure(index, changes, !needsRestart);
      if (needsRestart || chance.chance(0.3)) world.restart(index, chance.between(150, 700));
    };
    checks.retimed(timing);
    load(first);
    world.schedule(duration, () => load(otherOf(first)));
    return `keepalive ${timing.keepalive} ms, lease ${timing.lease} ms, claim ${timing.claim} ms${added === null ? "" : ` and ${added}`} loaded on ${first}, later on the other`;
  } },
  leave: { strike: (scene, chance, duration) => {
    const index = node(chance);
    scene.checks.personSpoke(index);
    leave(scene, index, Math.min(duration, 20_000));
    return `SIGTERM to ${index}`;
  } },
  confirmDead: { strike: ({ world, checks }, chance) => {
    const index = node(chance);
    if (world.hosts[otherOf(index)].state !== null) return `a person sees that ${otherOf(index)} lives, and says nothing`;
    checks.personSpoke(index);
    world.command(index, "confirm-dead");
    return `confirm-dead on ${index}: true`;
  } },
  forceOwn: { strike: ({ world, checks }, chance) => {
    const index = node(chance);
    const identity = node(chance);
    if (world.hosts[otherOf(index)].state !== null || world.speaks(otherOf(index), identity)) return `a person sees that ${otherOf(index)} lives, and forces nothing`;
    checks.personSpoke(index);
    world.command(index, "force-own", identity);
    return `force-own ${identity} on ${index}, the other one being off`;
  } },

  // ---- two at once, at the wrong moment
  cutHandover: { strike: (scene, chance, duration) => {
    const { world, checks } = scene;
    const identity = node(chance);
    const giver = ownerOf(world, identity);
    if (giver === null) return `nobody has identity ${identity} to hand over`;
    checks.personSpoke(giver);
    world.command(giver, "switchover", identity);
    const after = chance.chance(0.7) ? chance.between(0, 12) : chance.between(0, 400);
    const victim = node(chance);
    world.schedule(after, () => {
      checks.troubled(0);
      blowOfFate(scene, chance, victim, duration);
    });
    return `switchover ${identity} on ${giver}, cut after ${after.toFixed(1)} ms at ${victim}`;
  } },
  cutTakeover: { strike: (scene, chance, duration) => {
    const { world, checks } = scene;
    const dead = node(chance);
    const { deadtime, claim } = world.hosts[dead].config.timing;
    powerCut(scene, dead, duration);
    const after = deadtime + claim * chance.between(0.2, 1.1);
    world.schedule(after, () => {
      checks.troubled(0);
      if (chance.chance(0.3)) world.boot(dead);
      else blowOfFate(scene, chance, otherOf(dead), chance.between(50, 5000));
    });
    return `power off ${dead}, and its takeover is cut after ${ms(after)}`;
  } },
  slowAndMoving: { strike: (scene, chance, duration) => {
    const { world, weather, checks } = scene;
    const side = node(chance);
    weather.sides.fill(side);
    upsetDisk(scene, world.hosts[side], duration, { delay: chance.between(100, 3000) });
    blow(scene, { loss: 1 }, duration);
    const { deadtime, claim } = world.hosts[side].config.timing;
    world.schedule(deadtime + claim * chance.between(0.5, 4), () => {
      weather.sides.fill(otherOf(side));
      weather.apply();
      checks.troubled(0);
    });
    return `all links cut, the reference hosts first with ${side}, whose disk is slow, then with ${otherOf(side)}`;
  } },
  brokenSilence: { strike: (scene, chance, duration) => {
    const { world, weather } = scene;
    const from = node(chance);
    weather.sides.fill(otherOf(from));
    const { deadtime, claim } = world.hosts[from].config.timing;
    const gust: Gust = { loss: 1, from: [from] };
    blow(scene, gust, duration);
    const deaf: Gust = { loss: 1, from: [otherOf(from)] };
    const begin = chance.between(0, deadtime + claim);
    world.schedule(begin, () => blow(scene, deaf, chance.between(0, deadtime + claim)));
    world.schedule(deadtime + claim * chance.between(0.3, 1.05), () => blow(scene, deaf, chance.between(0, 3000)));
    return `${from} is mute, and the other one now and then`;
  } },

  // ---- what two nodes cannot promise to survive
  machine: { outside: "a whole machine froze", fenceCovers: true, strike: ({ world, checks }, chance, duration) => {
    const index = node(chance);
    const length = Math.min(duration, 10_000);
    world.freezeMachine(index, length);
    world.schedule(length, () => checks.machineThawed());
    return `machine ${index} freezes`;
  } },
  split: { outside: "both nodes reached the reference hosts while nothing passed", fenceCovers: true, strike: (scene, _chance, duration) => {
    const { weather, world } = scene;
    const before = weather.split;
    weather.split = true;
    blow(scene, { loss: 1 }, duration);
    world.schedule(duration, () => {
      weather.split = before;
      weather.apply();
    });
    return "all links cut, the reference hosts with both";
  } },
  falseWord: { outside: "a person declared a living node dead", strike: ({ world, checks }, chance) => {
    const index = node(chance);
    checks.personSpoke(index);
    const verb = chance.pick(["confirm-dead", "force-own"] as const);
    world.command(index, verb, verb === "force-own" ? node(chance) : null);
    return `${verb} on ${index}, whatever the other one does`;
  } },
};


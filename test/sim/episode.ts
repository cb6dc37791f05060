// One episode: 240 s in the life of a pair. It settles, about eight faults overlap for two minutes, then it is left in peace,
// and in the end a person clears what waits for a person. Checkers look after every event (checks.ts).
//
// The seed decides everything: timing, what is configured, the clocks, which faults and when. Same seed, same trace hash.

import type { Timing } from "../../clusterd/base/time.ts";
import { PROFILES } from "../../clusterd/config/timing.ts";
import type { CoreConfig, Index } from "../../clusterd/core/model.ts";
import { summaryOf } from "../../clusterd/core/summary.ts";
import { Checks, type Violation } from "./checks.ts";
import { FAULTS } from "./faults.ts";
import { random, type Random } from "./random.ts";
import { coreConfig, SLOW, TIGHT } from "./setting.ts";
import { Weather } from "./weather.ts";
import { World, type Told } from "./world.ts";

export interface EpisodeOptions {
  /** Of both nodes; the seed decides what is left out. */
  readonly changes?: Partial<CoreConfig>;
  readonly faults?: number;
  /** Also faults that two nodes cannot promise to survive, and clocks beyond ρ. */
  readonly outside?: boolean;
  /** Only these of the seed's faults (by place), each for this share of its duration. */
  readonly keep?: ReadonlyMap<number, number>;
  /** Writes the story down. */
  readonly story?: boolean;
}

export interface EpisodeResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** Why the episode left the promised assumptions, if it did. */
  readonly outside: string | null;
  readonly hash: number;
  readonly events: number;
  readonly faults: number;
  /** From a power cut in calm weather to the survivor's speaking, ms, at the default timing only. */
  readonly takeovers: readonly number[];
  readonly changes: number;
  readonly unknowing: number;
  readonly told: readonly Told[];
  readonly story: readonly string[];
}

interface Planned {
  readonly name: string;
  readonly at: number;
  readonly duration: number;
  readonly seed: number;
}

const SETTLED = 5_000;
const FAULTS_UNTIL = 120_000;
const PEACE_UNTIL = 200_000;
const END = 240_000;
const BOTH = [0, 1] as const;

function drawTiming(chance: Random): Timing {
  const drawn = chance.next();
  return drawn < 0.36 ? PROFILES.balanced : drawn < 0.4 ? PROFILES.fast : drawn < 0.5 ? TIGHT : drawn < 0.75 ? PROFILES.safety : SLOW;
}

function drawConfig(chance: Random): Partial<CoreConfig> {
  const timing = drawTiming(chance);
  return {
    timing, hasServices: [chance.chance(0.4), chance.chance(0.4)], mirrored: [chance.chance(0.5) ? ["data"] : [], chance.chance(0.5) ? ["data"] : []],
    policy: chance.pick(["balanced", "balanced", "availability", "safety"] as const),
    soloBoot: chance.chance(0.85) ? "ask" : "allow", soloWait: 20_000, failback: chance.chance(0.8) ? "manual" : "auto", failbackDelay: 3000,
    witness: chance.chance(0.12),
  };
}

/** A swarm: each seed draws from its own half of the menu, so that some faults meet often. */
function drawFaults(chance: Random, count: number, outside: boolean, witness: boolean): readonly Planned[] {
  const names = Object.keys(FAULTS).filter((name) => (outside || FAULTS[name]?.outside === undefined) && (witness || FAULTS[name]?.needs !== "witness"));
  const swarm = names.filter(() => chance.chance(0.4));
  const menu = swarm.length < 3 ? names : swarm;
  return Array.from({ length: count }, () => ({
    name: chance.pick(menu), at: chance.between(SETTLED, FAULTS_UNTIL - 10_000),
    duration: chance.chance(0.4) ? chance.between(50, 1500) : chance.between(500, 30_000), seed: chance.int(2 ** 32),
  }));
}

/** Plays the episode of this seed. */
export function runEpisode(seed: number, { changes = {}, faults: count = 8, outside = false, keep, story: tells = false }: EpisodeOptions = {}): EpisodeResult {
  const chance = random(seed);
  const config = { ...drawConfig(chance), ...changes };
  const drift = outside && chance.chance(0.2) ? 0.1 : 0.0049;
  const rates: [number, number] = [1 + chance.between(-drift, drift), 1 + chance.between(-drift, drift)];
  const plan = drawFaults(chance, count, outside, config.witness === true);
  const world = new World([coreConfig(0, config), coreConfig(1, config)], random(seed ^ 0x5eed), rates);
  world.witness.rate = 1 + chance.between(-0.0049, 0.0049);
  world.witness.start(0);
  const { timing } = world.hosts[0].config;
  const weather = new Weather(world);
  const fenced = typeof config.fence === "number";
  // With a witness or fences no assumption is made on who reaches which reference host.
  weather.split = config.witness === true || fenced;
  const switches = random(seed ^ 0xfe4ce);
  if (fenced) for (const host of world.hosts) host.fence = { works: switches.chance(0.8), delay: switches.between(100, 5000), backAfter: switches.between(1000, 40_000) };
  const checks = new Checks(world, timing);
  world.watcher = checks;
  if (drift > 0.01) checks.leavesTheModel("the clocks' rates are further apart than ρ");
  const notes: string[] = [];
  const note = (text: string): void => { if (tells) notes.push(line(world.now, "fault", text)); };

  // One node may boot late, or alone.
  const late = chance.chance(0.15) ? chance.between(100, 30_000) : 0;
  const first: Index = chance.chance(0.5) ? 0 : 1;
  world.boot(first);
  world.schedule(late, () => { if (world.hosts[first === 0 ? 1 : 0].state === null) world.boot(first === 0 ? 1 : 0); });
  if (late > 0) note(`${first === 0 ? 1 : 0} boots only after ${late.toFixed(0)} ms`);
  plan.forEach(({ name, at, duration, seed: own }, place) => {
    const share = keep === undefined ? 1 : keep.get(place);
    const fault = FAULTS[name];
    if (share === undefined || fault === undefined) return;
    world.schedule(at, () => {
      checks.troubled(duration * share);
      const text = fault.strike({ world, weather, checks }, random(own), duration * share);
      if (fault.outside !== undefined && !(fault.fenceCovers === true && fenced)) checks.leavesTheModel(fault.outside);
      note(`${place}: ${text} (${(duration * share).toFixed(0)} ms)`);
    });
  });
  world.run(PEACE_UNTIL);
  settle(world, checks, note);
  world.run(END - world.now);
  for (const identity of BOTH) if (world.speakers(identity).length !== 1) checks.violate("I9", `identity ${identity} has ${world.speakers(identity).length} owners in the end: ${world.role(0, identity)}, ${world.role(1, identity)}`);
  return {
    seed, violations: checks.violations, outside: checks.outside, hash: world.hash >>> 0, events: world.events, faults: plan.length,
    takeovers: timing === PROFILES.balanced ? checks.takeovers : [], changes: checks.changes, unknowing: checks.unknowing, told: world.told,
    story: tells ? storyOf(world, notes, checks) : [],
  };
}

/** Peace is over: whoever does not own by now waits for a person and has said so. The person does what is asked. */
function settle(world: World, checks: Checks, note: (text: string) => void): void {
  for (const index of BOTH) {
    const host = world.hosts[index];
    // Whatever was loaded on one node only is now on both.
    if (host.state === null || host.state.failed !== null || host.state.config.digest !== world.hosts[1].config.digest || host.state.config.timing !== world.hosts[1].config.timing) {
      host.config = { ...world.hosts[1].config, self: index };
      note(`a person starts the daemon of ${index}`);
      world.powerOff(index);
      world.boot(index);
    }
  }
  world.run(10_000);
  for (const identity of BOTH) {
    if (world.speakers(identity).length > 0) continue;
    const waiting = BOTH.map((index) => waitsFor(world, index, identity));
    if (!waiting.some((each) => each !== null && /person|clear|resynchronis/.test(each)))
      checks.violate("I9", `nobody owns identity ${identity} and no person was asked: ${BOTH.map((index) => `${world.role(index, identity)} (${waiting[index]})`).join(", ")}`);
  }
  note("a person clears the locks");
  for (const index of BOTH) {
    checks.personSpoke(index);
    world.command(index, "clear");
  }
  world.run(10 * world.hosts[0].config.timing.keepalive);
  for (const identity of BOTH) {
    if (world.speakers(identity).length > 0) continue;
    const epochs = BOTH.map((index) => world.hosts[index].state?.holdings[identity].record.epoch ?? 0) as [number, number];
    note(`a person decides who owns ${identity}`);
    world.command(epochs[0] >= epochs[1] ? 0 : 1, "force-own", identity);
  }
}

function waitsFor({ hosts }: World, index: Index, identity: Index): string | null {
  const { state } = hosts[index];
  if (state === null) return null;
  const { waitsFor: reason, locked } = summaryOf(state).identities[identity];
  return reason ?? (locked ? "a person: the lock" : null);
}

const line = (at: number, who: string, text: string): string => `${at.toFixed(1).padStart(10)}  ${who.padEnd(5)}  ${text}`;

function storyOf(world: World, notes: readonly string[], checks: Checks): readonly string[] {
  const told = world.told.map(({ at, node, event, identity, because }) => line(at, String(node), `${event}${identity === null ? "" : ` ${identity}`}: ${because}`));
  const broken = checks.violations.map(({ at, rule, detail, outside }) => line(at, "BROKEN", `${rule}: ${detail}${outside === null ? "" : ` [outside: ${outside}]`}`));
  return [...notes, ...told, ...broken].map((text, order) => ({ text, order, at: Number.parseFloat(text) }))
    .sort((a, b) => a.at - b.at || a.order - b.order).map(({ text }) => text);
}

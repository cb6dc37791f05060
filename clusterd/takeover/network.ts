// The takeover part as a whole: brings identities up and down on this node's two LAN NICs, under dead-man and kernel lease.
//
// Operations on a NIC follow one another, never overlap (one NIC up and down: place.ts; the start: prepare.ts).
// Not here: whether an identity may be raised; that is the core's judgement.

import { existsSync } from "node:fs";
import { monotonicNow, type Duration, type Instant } from "../base/time.ts";
import { createEye, type Voice } from "../arbiter/lan-eye.ts";
import type { Config } from "../config/config.ts";
import type { Absent } from "../core/summary.ts";
import type { Index } from "../core/model.ts";
import type { NodeStatus } from "../status/control.ts";
import { areExchanged, exchange, markExchanged, mayExchange, readRoles, type Role } from "./exchange.ts";
import { createCarrierWatch } from "./carrier.ts";
import { createDeadMan } from "./dead-man.ts";
import { createKernelLease } from "./kernel-lease.ts";
import { heartbeatIfcfg, planNics, type NicPlan } from "./nic-plan.ts";
import { difference } from "./nic-state.ts";
import { atRest, bringDown, bringUp, lookAt, putRight, restDifference } from "./place.ts";
import type { NetworkLog, Place, Tools } from "./place.ts";
import { prepare, readScripts } from "./prepare.ts";
import { runScript, writeIfcfg } from "./scripts.ts";
import type { LanEye, NetworkOutcome, Takeover, TakeoverEvents } from "./takeover.ts";
import { startWaitingIp } from "./waiting-ip.ts";

export interface Network extends Takeover {
  readonly eye: LanEye;
  guards(): NodeStatus["guards"];
  /** A NIC is being changed just now: in words, or null. */
  atWork(): string | null;
  /** The main and the redundant NIC have changed their roles, in words; null = they have not. */
  exchanged(): string | null;
  /** By the role that they have by the configuration: NICs that are not there. */
  absent(): Absent;
  /** Addresses of services that came or went: on what is raised they do so at once. Null: done, or nothing to do; else what went wrong. */
  use(config: Config): Promise<string | null>;
  /** Ends every helper but the guards: what is held stays up until its lease ends, for the next daemon to go on with. */
  leave(): void;
}

/** The identity's clients hear nothing meanwhile. */
const EXCHANGE_PATIENCE: Duration = 1000;

/** Between two tries to take an identity down. */
const RELEASE_PAUSE: Duration = 100;

/** Between two tries to bring a NIC to rest that is silent, but not at rest, or to put the kernel lease back. */
const AGAIN: Duration = 1000;

export function createNetwork(config: Config, events: TakeoverEvents, log: NetworkLog): Network {
  const { timing, kernelLease: wish } = config.cluster;
  const mayGoOn = config.cluster.mainFailure === "redundant";
  let exchanged = mayGoOn && areExchanged();
  const plans = planNics(config, exchanged);
  let current = config;
  const places: readonly [Place, Place] = [atRest(plans[0]), atRest(plans[1])];
  const carrier = new Map<string, boolean>();
  const busy = new Set<string>();
  const restless = new Set<Place>();
  let kernelNeeded = wish === "yes";
  let closed = false;
  /** What the two NICs become when they change their roles; null: they cannot, or one such change is under way. */
  let others: readonly [Role, Role] | null = null;

  const ip = startWaitingIp();
  const watchdog = watchdogOf(config.cluster.watchdog);
  const deadman = createDeadMan({
    lost: (reason) => { events.guardLost(reason); },
    back: guardIsBack,
    watchdog: (trouble) => {
      if (trouble === null) log.info(`the watchdog ${watchdog} is armed: a machine on which the dead-man hangs, or a link cannot be set down, reboots`);
      else log.warn(`watchdog ${watchdog}: ${trouble}`);
    },
    fired: (nic, late, reason) => {
      log.warn(`dead-man: link of ${nic} set down ${late.toFixed(1)} ms after the end of its lease: ${reason}`);
      // By our own clock it has time left: the machine was suspended, or the renewal came too late. Somebody must raise it again.
      const place = places.find(({ plan }) => plan.nic === nic);
      if (place?.raised !== true || monotonicNow() >= place.until) return;
      events.guardLost(`the dead-man has set ${nic} down: ${reason}`);
      guardIsBack();
    },
  }, watchdog);
  const kernel = createKernelLease(plans, timing.lease + timing.release, timing.release, (reason) => {
    events.guardLost(reason);
    void restoreKernelLease();
  });
  const watch = createCarrierWatch([heartbeatIfcfg(config).nic, ...plans.map(({ nic }) => nic)], ip, {
    changed: (nic, up, at) => {
      carrier.set(nic, up);
      const place = placeOn(nic);
      if (!up && place === places[0] && others !== null && mayExchange(places, carrier.get(places[1].plan.nic) === true)) return void goOnHere(others);
      events.carrier(roleOf(nic), up, at);
    },
    seen: (nic, state) => {
      const place = placeOn(nic);
      // A link that is down is the carrier's affair.
      if (place?.raised === true && state.up && difference(state, place.plan) !== null) void alone(place, () => putRight(tools, place));
    },
    came: (nic) => void takeIn(nic),
  });
  const eye = createEye(config, voice, (nic, mac, at) => {
    const place = places.find(({ plan }) => plan.nic === nic && plan.mac === mac);
    if (place?.raised === true) events.ownMacHeard(place.plan.identity, at);
  }, (message) => { log.warn(message); });
  const tools: Tools = { config, ip, deadman, kernel, eye, log, kernelNeeded: () => kernelNeeded };

  const placeOn = (nic: string): Place | undefined => places.find(({ plan }) => plan.nic === nic);
  const roleOf = (nic: string): "main" | "redundant" | "heartbeat" => placeOn(nic)?.plan.role ?? "heartbeat";
  // Each identity has exactly one place on a node.
  const placeOf = (identity: Index): Place => places[identity === config.self ? 0 : 1];

  function guardIsBack(): void {
    if (deadman.isThere() && (!kernelNeeded || kernel.isThere())) events.guardBack();
  }

  async function restoreKernelLease(): Promise<void> {
    const problem = await kernel.start();
    if (problem !== null) {
      log.warn(`kernel lease: ${problem}; trying again`);
      setTimeout(() => { if (!closed) void restoreKernelLease(); }, AGAIN).unref();
      return;
    }
    for (const { held, plan, until } of places) if (held) kernel.begin(plan.identity, until + timing.release);
    guardIsBack();
  }

  /** From which NIC may we speak on the LAN? The identity at home first, then the redundant NIC, whatever it carries, then a resting main NIC. */
  function voice(): Voice | null {
    const [main, redundant] = places;
    const candidates = main.raised ? [main, redundant] : [redundant, main];
    const free = candidates.find(({ plan }) => carrier.get(plan.nic) === true && !busy.has(plan.nic));
    return free === undefined ? null : { nic: free.plan.nic, address: free.raised ? free.plan.address : free.plan.rest.address };
  }

  async function makeReady(): Promise<void> {
    others = await readRoles(planNics(current, !exchanged), (text) => { log.warn(text); });
    if (others !== null) log.info(`${places[1].plan.nic} can take the identity of ${config.nodes[config.self].name} should ${places[0].plan.nic} fail`);
  }

  /** The identity at home goes on on the redundant NIC. If that takes long, or fails, the core hears of the lost carrier, and may hand over. */
  async function goOnHere(roles: readonly [Role, Role]): Promise<void> {
    const [from, to] = [places[0].plan.nic, places[1].plan.nic];
    const before = [places[0], places[1]].map(({ plan, up, down }) => ({ plan, up, down })) as [Role, Role];
    others = null;
    const late = setTimeout(tellCarriers, EXCHANGE_PATIENCE);
    // Asked again in its turn: another operation may have come first.
    const done = await together(places, () => mayExchange(places, carrier.get(to) === true) ? exchange(tools, places, roles) : Promise.resolve("it is not free any more"));
    clearTimeout(late);
    others = done.ok ? before : roles;
    if (done.ok) {
      exchanged = !exchanged;
      markExchanged(exchanged);
      events.exchanged(`${from} has lost its carrier: the identity of ${config.nodes[config.self].name} goes on on ${to}, services and connections included (${Math.round(done.took)} ms)`);
    } else log.warn(`${from} has lost its carrier, and its identity could not go on on ${to}: ${done.reason}`);
    tellCarriers();
  }

  function tellCarriers(): void {
    for (const { plan } of places) events.carrier(plan.role, carrier.get(plan.nic) === true, monotonicNow());
  }

  const alone = (place: Place, work: () => Promise<string | null>): Promise<NetworkOutcome> => together([place], work);

  /** Runs operations on NICs one after another, and keeps the carrier watch and the voice off them meanwhile. */
  function together(which: readonly Place[], work: () => Promise<string | null>): Promise<NetworkOutcome> {
    const result = Promise.all(which.map(({ last }) => last)).then(async (): Promise<NetworkOutcome> => {
      const startedAt = monotonicNow();
      const nics = which.map(({ plan }) => plan.nic);
      for (const nic of nics) { busy.add(nic); watch.pause(nic); }
      const reason = await work();
      for (const nic of nics) { busy.delete(nic); watch.resume(nic); }
      const took = monotonicNow() - startedAt;
      return reason === null ? { ok: true, took } : { ok: false, reason, took };
    });
    for (const place of which) place.last = result;
    return result;
  }

  /** The peer may have the identity as soon as it is silent here, `tell` says so; until the NIC is at rest we go on alone. */
  function release(place: Place, startedAt: Instant, tell: (outcome: NetworkOutcome) => void): void {
    let silent = false;
    const told = (reason: string | null): void => {
      const took = monotonicNow() - startedAt;
      tell(reason === null ? { ok: true, took } : { ok: false, reason, took });
    };
    void alone(place, async () => {
      const wrong = await bringDown(tools, place, { silent: () => { silent = true; told(null); } });
      // It is asked for again at once, as long as it fails.
      if (wrong !== null && !silent) await new Promise((resolve) => setTimeout(resolve, RELEASE_PAUSE));
      return wrong;
    }).then((done) => {
      if (done.ok || !silent) return told(done.ok ? null : done.reason);
      restLater(place, done.reason);
    });
  }

  function restLater(place: Place, reason: string): void {
    log.warn(`${reason}: the identity is released, but the NIC is not at rest; trying again`);
    if (restless.has(place)) return;
    restless.add(place);
    setTimeout(() => { restless.delete(place); void rest(place); }, AGAIN).unref();
  }

  /** Judged in its turn: a raise may have come first. */
  async function rest(place: Place): Promise<void> {
    const done = await alone(place, async () => place.held || closed || restDifference(place.plan, await lookAt(tools, place.plan)) === null ? null : bringDown(tools, place));
    if (!done.ok && !closed) restLater(place, done.reason);
  }

  /** A NIC that has come back is as the machine makes it: without its part of the kernel's lease, and not at rest. */
  async function takeIn(nic: string): Promise<void> {
    log.info(`${nic} is there again`);
    ip.renew();
    const place = placeOn(nic);
    if (place === undefined) {
      const up = await runScript("ifup", nic);
      return up.ok ? undefined : log.warn(up.reason);
    }
    await alone(place, async () => {
      if (kernel.isThere()) await restoreKernelLease();
      const settings = await runScript("ifup", "--settings", nic);
      if (!settings.ok) log.warn(settings.reason);
      return place.raised ? putRight(tools, place, "for the NIC is another one now") : null;
    });
    await rest(place);
  }

  async function changePlan(place: Place, plan: NicPlan): Promise<string | null> {
    const problem = writeIfcfg(plan.nic, plan.ifcfg);
    if (problem !== null) return problem;
    place.plan = plan;
    await readScripts(place, (text) => { if (text !== null) log.warn(text); });
    return place.raised ? putRight(tools, place, "and the identity has other addresses by the new configuration") : null;
  }

  async function startGuards(note: (problem: string | null) => void): Promise<void> {
    const dead = await deadman.start();
    note(dead === null ? null : `no identity can be raised without the dead-man: ${dead}`);
    const worst = 3 * deadman.lateness();
    note(worst <= timing.release ? null : `release S (${timing.release} ms) is less than three times the dead-man's lateness (${worst.toFixed(1)} ms): set a slower profile`);
    if (wish === "no") return;
    const problem = await kernel.start();
    kernelNeeded = wish === "yes" || problem === null;
    if (problem !== null) (wish === "yes" ? note : log.info)(`no kernel lease: ${problem}`);
  }

  return {
    eye,
    guards: () => ({ deadman: deadman.isThere(), kernelLease: kernel.isThere(), watchdog: watchdog === null ? null : deadman.watchdog() ?? false }),
    prepare: async (keep = []) => {
      const prepared = await prepare(tools, places, startGuards, keep);
      eye.start();
      watch.start();
      // Not waited for: after a restart for an upgrade the lease is running.
      if (mayGoOn) void makeReady();
      return prepared;
    },
    raise: (identity, until) => alone(placeOf(identity), () => bringUp(tools, placeOf(identity), until)),
    release: (identity) => new Promise((resolve) => { release(placeOf(identity), monotonicNow(), resolve); }),
    lease: (identity, until) => {
      const place = placeOf(identity);
      // Also while it moves from one NIC to the other.
      place.until = until;
      if (!place.held) return;
      deadman.lease(place.plan.nic, until);
      kernel.renew(identity, until + timing.release);
    },
    announce: (identity) => {
      const { raised, plan } = placeOf(identity);
      if (raised) eye.announce(plan.nic, plan.mac, plan.addresses);
    },
    use: async (next) => {
      current = next;
      const changed = ([0, 1] as const).filter((at) => planNics(next, exchanged)[at].ifcfg !== places[at].plan.ifcfg);
      const done = await Promise.all(changed.map((at) => alone(places[at], () => changePlan(places[at], planNics(next, exchanged)[at]))));
      if (mayGoOn && changed.length > 0) await makeReady();
      return done.flatMap((each) => each.ok ? [] : [each.reason])[0] ?? null;
    },
    leave: () => {
      closed = true;
      watch.close();
      eye.close();
      ip.close();
    },
    atWork: () => busy.size === 0 ? null : `not now: ${[...busy].join(" and ")} ${busy.size === 1 ? "is" : "are"} being changed; ask again when that is over`,
    exchanged: () => exchanged ? `${places[0].plan.nic} carries the identity of ${config.nodes[config.self].name} in place of ${places[1].plan.nic}, until clusterd is started anew` : null,
    absent: () => Object.fromEntries(watch.absent().map((nic) => [roleOf(nic), nic])),
    close: async () => {
      if (mayGoOn) markExchanged(false);
      closed = true;
      for (const place of places) if (place.held) await alone(place, () => bringDown(tools, place));
      for (const place of places) await place.last;
      // Who brings these addresses up by other means when we are gone is not to meet our dead ends (network-scripts/functions).
      await ip.ask(["0.0.0.0/0", "::/0"].flatMap((all) => plans.map(({ table }) => `route del unreachable ${all} table ${table} metric 4294967295`)), []);
      watch.close();
      eye.close();
      deadman.close();
      await kernel.close();
      ip.close();
    },
  };
}

/** auto: the machine's, if it has one. */
const watchdogOf = (wish: string): string | null => wish === "no" ? null : wish !== "auto" ? wish : existsSync("/dev/watchdog") ? "/dev/watchdog" : null;

/** As asked for by the driver: the network part without its eye. */
export const createTakeover = (config: Config, events: TakeoverEvents, log: NetworkLog): Takeover => createNetwork(config, events, log);

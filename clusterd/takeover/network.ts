// The takeover part as a whole: brings identities up and down on this node's two LAN NICs, under dead-man and kernel lease.
//
// The fast path tells the waiting ip the very lines that `ifup --print` gave, then reads back what the kernel holds; if
// anything is not as it should be, ifup itself runs. Operations on a NIC follow one another, never overlap.
// Not here: whether an identity may be raised; that is the core's judgement.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { monotonicNow, type Instant } from "../base/time.ts";
import { createEye, type Voice } from "../arbiter/lan-eye.ts";
import type { Config } from "../config/config.ts";
import type { Index } from "../core/model.ts";
import { createCarrierWatch } from "./carrier.ts";
import { createDeadMan } from "./dead-man.ts";
import { createKernelLease } from "./kernel-lease.ts";
import { heartbeatIfcfg, planNics, type NicPlan } from "./nic-plan.ts";
import { carriesIdentity, difference, identityDifference, readState, SHOW_ALL, showIdentity, showNic, type NicState } from "./nic-state.ts";
import { printScript, runScript, writeIfcfg } from "./scripts.ts";
import type { Kept, LanEye, NetworkOutcome, Takeover, TakeoverEvents } from "./takeover.ts";
import { startWaitingIp } from "./waiting-ip.ts";

export interface Network extends Takeover {
  readonly eye: LanEye;
  guards(): { readonly deadman: boolean; readonly kernelLease: boolean };
  /** Ends every helper but the guards: what is held stays up until its lease ends, for the next daemon to go on with. */
  leave(): void;
}

export interface NetworkLog { info(message: string): void; warn(message: string): void }

interface Place {
  readonly plan: NicPlan;
  /** What `ifup --print` and `ifdown --print` said; empty before prepare(). */
  up: readonly string[];
  down: readonly string[];
  /** Raised, or being raised: its lease is watched. */
  held: boolean;
  /** Raised and seen in the kernel. */
  raised: boolean;
  until: Instant;
  /** The last operation on this NIC; the next one waits for it. */
  last: Promise<unknown>;
}

export function createNetwork(config: Config, events: TakeoverEvents, log: NetworkLog): Network {
  const { timing, kernelLease: wish } = config.cluster;
  const plans = planNics(config);
  const places = plans.map((plan): Place => ({ plan, up: [], down: [], held: false, raised: false, until: 0, last: Promise.resolve() }));
  const heartbeat = heartbeatIfcfg(config);
  const carrier = new Map<string, boolean>();
  const busy = new Set<string>();
  let kernelNeeded = wish === "yes";

  const ip = startWaitingIp();
  const watchdog = watchdogOf(config.cluster.watchdog);
  const deadman = createDeadMan({
    lost: (reason) => { events.guardLost(reason); },
    back: guardIsBack,
    watchdog: (trouble) => {
      if (trouble === null) log.info(`the watchdog ${watchdog} is armed: a machine on which the dead-man hangs, or a link cannot be set down, reboots`);
      else log.warn(`watchdog ${watchdog}: ${trouble}`);
    },
    fired: (nic, late, reason) => { log.warn(`dead-man: link of ${nic} set down ${late.toFixed(1)} ms after the end of its lease: ${reason}`); },
  }, watchdog);
  const kernel = createKernelLease(plans, timing.lease + timing.release, timing.release, (reason) => {
    events.guardLost(reason);
    void restoreKernelLease();
  });
  const watch = createCarrierWatch([heartbeat.nic, ...plans.map(({ nic }) => nic)], ip, (nic, up, at) => {
    carrier.set(nic, up);
    const place = places.find(({ plan }) => plan.nic === nic);
    events.carrier(place?.plan.role ?? "heartbeat", up, at);
  }, (nic, state) => {
    const place = places.find(({ plan }) => plan.nic === nic);
    // A link that is down is the carrier's affair.
    if (place?.raised === true && state.up && difference(state, place.plan) !== null) void alone(place, () => putRight(place));
  });
  const eye = createEye(config, voice, (nic, mac, at) => {
    const place = places.find(({ plan }) => plan.nic === nic && plan.mac === mac);
    if (place?.raised === true) events.ownMacHeard(place.plan.identity, at);
  }, (message) => { log.warn(message); });

  // Each identity has exactly one place on a node.
  const placeOf = (identity: Index): Place => places[identity === config.self ? 0 : 1] as Place;

  function guardIsBack(): void {
    if (deadman.isThere() && (!kernelNeeded || kernel.isThere())) events.guardBack();
  }

  async function restoreKernelLease(): Promise<void> {
    const problem = await kernel.start();
    if (problem !== null) return log.warn(`kernel lease: ${problem}`);
    for (const { held, plan, until } of places) if (held) kernel.begin(plan.identity, until + timing.release);
    guardIsBack();
  }

  /** From which NIC may we speak on the LAN? The identity at home first, then the redundant NIC, whatever it carries, then a resting main NIC. */
  function voice(): Voice | null {
    const [main, redundant] = places as [Place, Place];
    const candidates = main.raised ? [main, redundant] : [redundant, main];
    const free = candidates.find(({ plan }) => carrier.get(plan.nic) === true && !busy.has(plan.nic));
    return free === undefined ? null : { nic: free.plan.nic, address: free.raised ? free.plan.address : free.plan.rest.address };
  }

  /** Runs operations on one NIC one after another, and keeps the carrier watch and the voice off it meanwhile. */
  function alone(place: Place, work: (startedAt: Instant) => Promise<string | null>): Promise<NetworkOutcome> {
    const { nic } = place.plan;
    const result = place.last.then(async (): Promise<NetworkOutcome> => {
      const startedAt = monotonicNow();
      busy.add(nic);
      watch.pause(nic);
      const reason = await work(startedAt);
      busy.delete(nic);
      watch.resume(nic);
      const took = monotonicNow() - startedAt;
      return reason === null ? { ok: true, took } : { ok: false, reason, took };
    });
    place.last = result;
    return result;
  }

  async function bringUp(place: Place, until: Instant): Promise<string | null> {
    const { plan } = place;
    const refusal = guardRefusal(until);
    if (refusal !== null) return refusal;
    Object.assign(place, { held: true, until });
    deadman.lease(plan.nic, until);
    kernel.begin(plan.identity, until + timing.release);
    let wrong = place.up.length === 0 ? "it was never prepared" : identityDifference(await ip.ask(place.up, showIdentity(plan)), plan);
    if (wrong !== null && monotonicNow() < until) wrong = await bringUpSlowly(plan, wrong);
    if (wrong === null && monotonicNow() >= until) wrong = "the lease ended while it was being raised";
    if (wrong !== null) {
      const back = await bringDown(place);
      return `${plan.nic}: ${wrong}${back === null ? "" : `; and taking it back: ${back}`}`;
    }
    place.raised = true;
    eye.watch(plan.nic, plan.mac);
    eye.announce(plan.nic, plan.mac, plan.addresses);
    return null;
  }

  function guardRefusal(until: Instant): string | null {
    if (monotonicNow() >= until) return "the lease had ended before it began";
    if (!deadman.isThere()) return "there is no dead-man process to end it";
    return kernelNeeded && !kernel.isThere() ? "the kernel lease is not in place" : null;
  }

  /** What we raised has lost its address or MAC without our doing, by a person or another program: while the lease lasts, it gets them back. */
  async function putRight(place: Place): Promise<string | null> {
    const { plan } = place;
    const wrong = difference(await lookAt(plan), plan);
    if (wrong === null || !place.raised || monotonicNow() >= place.until) return null;
    log.warn(`${plan.nic}: ${wrong}, though it carries the identity of ${config.nodes[plan.identity].name} and we did not change it: putting it right`);
    const still = identityDifference(await ip.ask(place.up, showIdentity(plan)), plan);
    if (still !== null) log.warn(`${plan.nic}: ${still}; trying again`);
    else eye.announce(plan.nic, plan.mac, plan.addresses);
    return still;
  }

  async function bringUpSlowly(plan: NicPlan, why: string): Promise<string | null> {
    log.warn(`${plan.nic}: the fast path failed (${why}); running ifup`);
    const outcome = await runScript("ifup", plan.nic);
    return outcome.ok ? identityDifference(await ip.ask([], showIdentity(plan)), plan) : outcome.reason;
  }

  async function bringDown(place: Place): Promise<string | null> {
    const { plan } = place;
    const carried = place.held;
    place.raised = false;
    eye.hush(plan.nic);
    eye.watch(plan.nic, null);
    let wrong = await bringDownFast(place);
    if (wrong !== null) {
      log.warn(`${plan.nic}: the fast path failed (${wrong}); running ifdown`);
      const outcome = await runScript("ifdown", plan.nic);
      wrong = outcome.ok ? restDifference(plan, await lookAt(plan)) : outcome.reason;
    }
    if (wrong !== null) return `${plan.nic}: ${wrong}`;
    place.held = false;
    deadman.off(plan.nic);
    if (carried) closeSockets(plan);
    return null;
  }

  /** The link goes down first and is seen to be down; only then may the MAC change and the link come back. */
  async function bringDownFast({ plan, down }: Place): Promise<string | null> {
    const [linkDown, ...rest] = down;
    if (linkDown === undefined) return "it was never prepared";
    const first = await ip.ask([linkDown], [showNic(plan.nic)]);
    if (!first.ok) return first.reason;
    if (readState(first.answers[0], plan.nic)?.up !== false) return "its link is still up";
    kernel.end(plan.identity);
    deadman.off(plan.nic);
    const second = await ip.ask(rest, [showNic(plan.nic)]);
    return second.ok ? restDifference(plan, readState(second.answers[0], plan.nic)) : second.reason;
  }

  async function lookAt({ nic }: { readonly nic: string }): Promise<NicState | null> {
    const answer = await ip.ask([], [SHOW_ALL]);
    return answer.ok ? readState(answer.answers[0], nic) : null;
  }

  /** Connections to the identity's addresses would hang until they time out. A kernel that cannot close them does no harm. */
  function closeSockets({ addresses }: NicPlan): void {
    setImmediate(() => {
      for (const each of addresses) execFile("ss", ["--kill", "--no-header", "src", each.replace(/\/.*/, "")], { timeout: 2000 }, () => { /* best effort */ });
    });
  }

  async function prepare(keep: readonly Kept[] = []): Promise<{ found: string[]; problems: string[]; kept: Index[] }> {
    const found: string[] = [];
    const kept: Index[] = [];
    const problems: string[] = [];
    const note = (problem: string | null): void => { if (problem !== null) problems.push(problem); };
    for (const { nic, ifcfg } of [heartbeat, ...plans]) note(writeIfcfg(nic, ifcfg));
    const prepareOne = async (place: Place): Promise<void> => {
      const lease = keep.find(({ identity }) => identity === place.plan.identity);
      if (lease !== undefined && await stillUp(place, lease.until, note)) {
        kept.push(lease.identity);
        return;
      }
      const state = await lookAt(place.plan);
      if (state === null) note(`there is no NIC ${place.plan.nic}`);
      else if (carriesIdentity(state, place.plan)) found.push(`${place.plan.nic} carried the identity of ${config.nodes[place.plan.identity].name} (${state.mac} ${state.addresses.join(" ")})`);
      await rest(place, state, note);
    };
    // All at once: after a restart for an upgrade the lease is running.
    const [up] = await Promise.all([runScript("ifup", heartbeat.nic), startGuards(note), ...places.map(prepareOne)]);
    if (!up.ok) note(up.reason);
    // The dead-man of a killed daemon may have set a link down until just now.
    for (const place of places.filter(({ held }) => !held)) {
      const state = await lookAt(place.plan);
      if (state !== null && restDifference(place.plan, state) !== null) await rest(place, state, note);
    }
    eye.start();
    watch.start();
    return { found, problems, kept };
  }

  /** Left up by the daemon before this one, within its lease: taken over as it is. The old dead-man ends when ours starts. */
  async function stillUp(place: Place, until: Instant, note: (problem: string | null) => void): Promise<boolean> {
    const { plan } = place;
    if (identityDifference(await ip.ask([], showIdentity(plan)), plan) !== null) return false;
    await readScripts(place, note);
    if (monotonicNow() >= until) return false;
    Object.assign(place, { held: true, raised: true, until });
    deadman.lease(plan.nic, until);
    eye.watch(plan.nic, plan.mac);
    return true;
  }

  async function readScripts(place: Place, note: (problem: string | null) => void): Promise<void> {
    const [up, down] = await Promise.all([printScript("ifup", place.plan.nic), printScript("ifdown", place.plan.nic)]);
    if (typeof up === "string") note(up);
    else place.up = up;
    if (typeof down === "string") note(down);
    else place.down = down;
  }

  /** A NIC that rests already is left alone: a real one would take seconds to negotiate its link again. */
  async function rest(place: Place, state: NicState | null, note: (problem: string | null) => void): Promise<void> {
    const { plan } = place;
    await readScripts(place, note);
    const resting = restDifference(plan, state) === null && (await runScript("ifup", "--settings", plan.nic)).ok;
    if (state === null || resting) return;
    const outcome = await runScript("ifdown", plan.nic);
    note(outcome.ok ? null : outcome.reason);
    Object.assign(place, { held: false, raised: false });
    deadman.off(plan.nic);
    kernel.end(plan.identity);
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
    guards: () => ({ deadman: deadman.isThere(), kernelLease: kernel.isThere() }),
    prepare,
    raise: (identity, until) => alone(placeOf(identity), () => bringUp(placeOf(identity), until)),
    release: (identity) => alone(placeOf(identity), () => bringDown(placeOf(identity))),
    lease: (identity, until) => {
      const place = placeOf(identity);
      if (!place.held) return;
      place.until = until;
      deadman.lease(place.plan.nic, until);
      kernel.renew(identity, until + timing.release);
    },
    announce: (identity) => {
      const { raised, plan } = placeOf(identity);
      if (raised) eye.announce(plan.nic, plan.mac, plan.addresses);
    },
    leave: () => {
      watch.close();
      eye.close();
      ip.close();
    },
    close: async () => {
      for (const place of places) if (place.held) await alone(place, () => bringDown(place));
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

const restDifference = ({ rest }: NicPlan, state: NicState | null): string | null => difference(state, rest);

/** As asked for by the driver: the network part without its eye. */
export const createTakeover = (config: Config, events: TakeoverEvents, log: NetworkLog): Takeover => createNetwork(config, events, log);

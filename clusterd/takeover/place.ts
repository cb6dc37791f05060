// One identity's place on this node: the NIC that carries it, brought up and down under dead-man and kernel lease.
//
// The fast path tells the waiting ip the very lines that `ifup --print` gave, then reads back what the kernel holds; if
// anything is not as it should be, ifup itself runs.

import { execFile } from "node:child_process";
import { monotonicNow, type Instant } from "../base/time.ts";
import type { EyeProcess } from "../arbiter/lan-eye.ts";
import type { Config } from "../config/config.ts";
import type { DeadMan } from "./dead-man.ts";
import type { KernelLease } from "./kernel-lease.ts";
import type { NicPlan } from "./nic-plan.ts";
import { carriesIdentity, difference, identityDifference, readState, readStates, SHOW_ALL, showIdentity, showNic, type NicState } from "./nic-state.ts";
import { runScript } from "./scripts.ts";
import type { WaitingIp } from "./waiting-ip.ts";

export interface NetworkLog { info(message: string): void; warn(message: string): void }

/** What works on a place. */
export interface Tools {
  readonly config: Config;
  readonly ip: WaitingIp;
  readonly deadman: DeadMan;
  readonly kernel: KernelLease;
  readonly eye: EyeProcess;
  readonly log: NetworkLog;
  /** The kernel lease must be in place too. */
  kernelNeeded(): boolean;
}

export interface Place {
  /** Another NIC's, once the two have changed their roles (exchange.ts). */
  plan: NicPlan;
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

export const atRest = (plan: NicPlan): Place => ({ plan, up: [], down: [], held: false, raised: false, until: 0, last: Promise.resolve() });

export async function bringUp(tools: Tools, place: Place, until: Instant): Promise<string | null> {
  const { plan } = place;
  const { deadman, kernel, ip, eye } = tools;
  const refusal = guardRefusal(tools, until);
  if (refusal !== null) return refusal;
  Object.assign(place, { held: true, until });
  deadman.lease(plan.nic, until);
  kernel.begin(plan.identity, until + tools.config.cluster.timing.release);
  let wrong = place.up.length === 0 ? "it was never prepared" : identityDifference(await ip.ask(place.up, showIdentity(plan)), plan);
  if (wrong !== null && monotonicNow() < until) wrong = await bringUpSlowly(tools, plan, wrong);
  if (wrong === null && monotonicNow() >= until) wrong = "the lease ended while it was being raised";
  if (wrong !== null) {
    const back = await bringDown(tools, place);
    return `${plan.nic}: ${wrong}${back === null ? "" : `; and taking it back: ${back}`}`;
  }
  place.raised = true;
  eye.watch(plan.nic, plan.mac);
  eye.announce(plan.nic, plan.mac, plan.addresses);
  return null;
}

function guardRefusal({ deadman, kernel, kernelNeeded }: Tools, until: Instant): string | null {
  if (monotonicNow() >= until) return "the lease had ended before it began";
  if (!deadman.isThere()) return "there is no dead-man process to end it";
  return kernelNeeded() && !kernel.isThere() ? "the kernel lease is not in place" : null;
}

/** What we raised has lost its address or MAC without our doing, by a person or another program, or is to have others now: while the lease lasts, it gets them. */
export async function putRight(tools: Tools, place: Place, why?: string): Promise<string | null> {
  const { plan } = place;
  const { config, ip, eye, log } = tools;
  const wrong = difference(await lookAt(tools, plan), plan);
  if (wrong === null || !place.raised || monotonicNow() >= place.until) return null;
  log.warn(`${plan.nic}: ${wrong}, ${why ?? `though it carries the identity of ${config.nodes[plan.identity].name} and we did not change it`}: putting it right`);
  const still = identityDifference(await ip.ask(place.up, showIdentity(plan)), plan);
  if (still !== null) log.warn(`${plan.nic}: ${still}; trying again`);
  else eye.announce(plan.nic, plan.mac, plan.addresses);
  return still;
}

async function bringUpSlowly({ ip, log }: Tools, plan: NicPlan, why: string): Promise<string | null> {
  log.warn(`${plan.nic}: the fast path failed (${why}); running ifup`);
  const outcome = await runScript("ifup", plan.nic);
  return outcome.ok ? identityDifference(await ip.ask([], showIdentity(plan)), plan) : outcome.reason;
}

/** `moving`: the identity stays on this node, and so do its connections. `silent` is called as soon as the link has been
 *  seen to be down: all that is left is to bring the NIC to rest. */
export async function bringDown(tools: Tools, place: Place, { moving = false, silent }: { readonly moving?: boolean; readonly silent?: () => void } = {}): Promise<string | null> {
  const { plan } = place;
  const { deadman, eye, kernel, log } = tools;
  const carried = place.held;
  place.raised = false;
  eye.hush(plan.nic);
  eye.watch(plan.nic, null);
  let wrong = await bringDownFast(tools, place, silent);
  if (wrong !== null && await isGone(tools, plan)) {
    log.warn(`${plan.nic}: ${wrong}; it is not there, so nothing speaks from it`);
    kernel.end(plan.identity);
    silent?.();
    wrong = null;
  }
  if (wrong !== null) {
    log.warn(`${plan.nic}: the fast path failed (${wrong}); running ifdown`);
    const now = await lookAt(tools, plan);
    // Held down by the dead-man, after a failure before, it could not come to rest; and it is silent.
    if (now !== null && (!now.up || !carriesIdentity(now, plan))) deadman.off(plan.nic);
    const outcome = await runScript("ifdown", plan.nic);
    wrong = outcome.ok ? restDifference(plan, await lookAt(tools, plan)) : outcome.reason;
  }
  if (wrong === null) place.held = false;
  if (carried && !place.held && !moving) closeSockets(plan);
  if (wrong !== null) {
    // What cannot be taken down is silenced now, not at the end of its lease: the dead-man asks the kernel without `ip`.
    kernel.end(plan.identity);
    deadman.lease(plan.nic, monotonicNow());
    return `${plan.nic}: ${wrong}`;
  }
  deadman.off(plan.nic);
  return null;
}

/** The link goes down first and is seen to be down; only then may the MAC change and the link come back. */
async function bringDownFast({ ip, kernel, deadman }: Tools, place: Place, silent: () => void = () => undefined): Promise<string | null> {
  const { plan, down: [linkDown, ...rest] } = place;
  if (linkDown === undefined) return "it was never prepared";
  const first = await ip.ask([linkDown], [showNic(plan.nic)]);
  if (!first.ok) return first.reason;
  if (readState(first.answers[0], plan.nic)?.up !== false) return "its link is still up";
  place.held = false;
  kernel.end(plan.identity);
  deadman.off(plan.nic);
  // What follows cannot bring the link up with the identity's MAC: ip stops at the first line that the kernel refuses.
  silent();
  const second = await ip.ask(rest, [showNic(plan.nic)]);
  return second.ok ? restDifference(plan, readState(second.answers[0], plan.nic)) : second.reason;
}

export async function lookAt({ ip }: Tools, { nic }: { readonly nic: string }): Promise<NicState | null> {
  const answer = await ip.ask([], [SHOW_ALL]);
  return answer.ok ? readState(answer.answers[0], nic) : null;
}

/** The kernel does not know the NIC, nor any other that carries the identity: one that was renamed is not gone. */
async function isGone({ ip }: Tools, plan: NicPlan): Promise<boolean> {
  const answer = await ip.ask([], [SHOW_ALL]);
  const states = answer.ok ? readStates(answer.answers[0]) : [];
  return states.length > 0 && states.every(({ nic, state }) => nic !== plan.nic && !carriesIdentity(state, plan));
}

/** Connections to the identity's addresses would hang until they time out. A kernel that cannot close them does no harm. */
function closeSockets({ addresses }: NicPlan): void {
  setImmediate(() => {
    for (const each of addresses) execFile("ss", ["--kill", "--no-header", "src", each.replace(/\/.*/, "")], { timeout: 2000 }, () => { /* best effort */ });
  });
}

export const restDifference = ({ rest }: NicPlan, state: NicState | null): string | null => difference(state, rest);

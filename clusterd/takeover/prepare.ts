// Before the first tick: every NIC at rest, the guards in place; what the daemon before this one left up is taken over as it is.

import { monotonicNow, type Instant } from "../base/time.ts";
import type { Index } from "../core/model.ts";
import { heartbeatIfcfg } from "./nic-plan.ts";
import { carriesIdentity, identityDifference, showIdentity, type NicState } from "./nic-state.ts";
import { lookAt, restDifference } from "./place.ts";
import type { Place, Tools } from "./place.ts";
import { printScript, runScript, writeIfcfg } from "./scripts.ts";
import type { Kept } from "./takeover.ts";

export type Note = (problem: string | null) => void;

export interface Prepared { readonly found: readonly string[]; readonly problems: readonly string[]; readonly kept: readonly Index[] }

export async function prepare(tools: Tools, places: readonly Place[], startGuards: (note: Note) => Promise<void>, keep: readonly Kept[]): Promise<Prepared> {
  const { config } = tools;
  const heartbeat = heartbeatIfcfg(config);
  const found: string[] = [];
  const kept: Index[] = [];
  const problems: string[] = [];
  const note: Note = (problem) => { if (problem !== null) problems.push(problem); };
  for (const { nic, ifcfg } of [heartbeat, ...places.map(({ plan }) => plan)]) note(writeIfcfg(nic, ifcfg));
  const prepareOne = async (place: Place): Promise<void> => {
    const lease = keep.find(({ identity }) => identity === place.plan.identity);
    if (lease !== undefined && await stillUp(tools, place, lease.until, note)) {
      kept.push(lease.identity);
      return;
    }
    const state = await lookAt(tools, place.plan);
    if (state === null) note(`there is no NIC ${place.plan.nic}`);
    else if (carriesIdentity(state, place.plan)) found.push(`${place.plan.nic} carried the identity of ${config.nodes[place.plan.identity].name} (${state.mac} ${state.addresses.join(" ")})`);
    await rest(tools, place, state, note);
  };
  // All at once: after a restart for an upgrade the lease is running.
  const [up] = await Promise.all([runScript("ifup", heartbeat.nic), startGuards(note), ...places.map(prepareOne)]);
  if (!up.ok) note(up.reason);
  // The dead-man of a killed daemon may have set a link down until just now.
  for (const place of places.filter(({ held }) => !held)) {
    const state = await lookAt(tools, place.plan);
    if (state !== null && restDifference(place.plan, state) !== null) await rest(tools, place, state, note);
  }
  return { found, problems, kept };
}

/** Left up by the daemon before this one, within its lease: taken over as it is. The old dead-man ends when ours starts. */
async function stillUp({ ip, deadman, eye }: Tools, place: Place, until: Instant, note: Note): Promise<boolean> {
  const { plan } = place;
  if (identityDifference(await ip.ask([], showIdentity(plan)), plan) !== null) return false;
  await readScripts(place, note);
  if (monotonicNow() >= until) return false;
  Object.assign(place, { held: true, raised: true, until });
  deadman.lease(plan.nic, until);
  eye.watch(plan.nic, plan.mac);
  return true;
}

export async function readScripts(place: Pick<Place, "plan" | "up" | "down">, note: Note, folder?: string): Promise<void> {
  const [up, down] = await Promise.all([printScript("ifup", place.plan.nic, folder), printScript("ifdown", place.plan.nic, folder)]);
  if (typeof up === "string") note(up);
  else place.up = up;
  if (typeof down === "string") note(down);
  else place.down = down;
}

/** A NIC that rests already is left alone: a real one would take seconds to negotiate its link again. */
async function rest({ deadman, kernel }: Tools, place: Place, state: NicState | null, note: Note): Promise<void> {
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

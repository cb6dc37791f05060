// Before the first tick: every NIC at rest, the guards in place; what the daemon before this one left up is taken over as it is.

import { monotonicNow, type Duration } from "../base/time.ts";
import type { Index } from "../core/model.ts";
import { heartbeatIfcfg } from "./nic-plan.ts";
import { carriesIdentity, identityDifference, showIdentity, type NicState } from "./nic-state.ts";
import { lookAt, restDifference } from "./place.ts";
import type { Place, Tools } from "./place.ts";
import { printScript, runScript, writeIfcfg } from "./scripts.ts";
import type { Kept } from "./takeover.ts";

export type Note = (problem: string | null) => void;

export interface Prepared { readonly found: readonly string[]; readonly problems: readonly string[]; readonly kept: readonly Index[] }

/** After a restart for an upgrade everything but what is up waits for so long: until its lease has been renewed. */
const FIRST_RENEWAL: Duration = 400;

export async function prepare(tools: Tools, places: readonly Place[], startGuards: (note: Note) => Promise<void>, keep: readonly Kept[]): Promise<Prepared> {
  const heartbeat = heartbeatIfcfg(tools.config);
  const [found, problems]: [string[], string[]] = [[], []];
  const note: Note = (problem) => { if (problem !== null) problems.push(problem); };
  for (const { nic, ifcfg } of [heartbeat, ...places.map(({ plan }) => plan)]) note(writeIfcfg(nic, ifcfg));
  const raiseHeartbeat = async (tell: Note): Promise<void> => { const up = await runScript("ifup", heartbeat.nic); if (!up.ok) tell(up.reason); };
  const guards = startGuards(note);
  const kept = await stillUp(tools, places, keep);
  if (kept.length === 0) {
    await Promise.all([guards, raiseHeartbeat(note), ...places.map((place) => toRest(tools, place, guards, note, (what) => { found.push(what); }))]);
    return { found, problems, kept };
  }
  await guards;
  const renewed = new Promise((resolve) => setTimeout(resolve, FIRST_RENEWAL));
  const warn: Note = (problem) => { if (problem !== null) tools.log.warn(problem); };
  void renewed.then(() => raiseHeartbeat(warn));
  for (const place of places) place.last = renewed.then(() => place.held ? readScripts(place, warn) : toRest(tools, place, guards, warn, warn));
  return { found, problems, kept };
}

/** Left up by the daemon before this one, within its lease: taken over as it is. The old dead-man ends when ours starts. */
async function stillUp({ ip, deadman, eye }: Tools, places: readonly Place[], keep: readonly Kept[]): Promise<readonly Index[]> {
  const kept = await Promise.all(keep.map(async ({ identity, until }) => {
    const place = places.find(({ plan }) => plan.identity === identity) as Place;
    const { plan } = place;
    if (identityDifference(await ip.ask([], showIdentity(plan)), plan) !== null || monotonicNow() >= until) return [];
    Object.assign(place, { held: true, raised: true, until });
    deadman.lease(plan.nic, until);
    eye.watch(plan.nic, plan.mac);
    return [identity];
  }));
  return kept.flat();
}

async function toRest(tools: Tools, place: Place, guards: Promise<void>, note: Note, found: (what: string) => void): Promise<void> {
  const { plan } = place;
  const state = await lookAt(tools, plan);
  if (state === null) note(`there is no NIC ${plan.nic}`);
  else if (carriesIdentity(state, plan)) found(`${plan.nic} carried the identity of ${tools.config.nodes[plan.identity].name} (${state.mac} ${state.addresses.join(" ")})`);
  await rest(tools, place, state, note);
  await guards;
  // The dead-man of a killed daemon may have set a link down until just now.
  const now = await lookAt(tools, plan);
  if (now !== null && restDifference(plan, now) !== null) await rest(tools, place, now, note);
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
  // One that is held down by the dead-man could not come to rest.
  if (!carriesIdentity(state, plan)) deadman.off(plan.nic);
  const outcome = await runScript("ifdown", plan.nic);
  note(outcome.ok ? null : outcome.reason);
  Object.assign(place, { held: false, raised: false });
  deadman.off(plan.nic);
  kernel.end(plan.identity);
}

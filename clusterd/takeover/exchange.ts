// The main NIC has failed and the redundant one is free: the two change their roles, and the identity at home goes on here.
//
// Same owner, same lease, same epoch: nobody else has a part in it, services and connections go on. From then on what was the main NIC is
// the redundant one, with the admin address, and carries the other node's identity once it has a cable again. A new start of
// clusterd goes by the configuration again; a restart for an upgrade, or after a crash, goes on as it is.

import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { RUN } from "../base/paths.ts";
import { monotonicNow, type Duration } from "../base/time.ts";
import type { NicPlan } from "./nic-plan.ts";
import { bringDown, bringUp } from "./place.ts";
import type { Place, Tools } from "./place.ts";
import { readScripts } from "./prepare.ts";
import { EXCHANGED_SCRIPTS, writeIfcfg } from "./scripts.ts";

/** With less of its lease left the core decides instead. */
const LEAST_LEASE: Duration = 150;
const MARK = `${RUN}/nics-exchanged`;

export const areExchanged = (): boolean => existsSync(MARK);

export function markExchanged(exchanged: boolean): void {
  if (!exchanged) return rmSync(MARK, { force: true });
  mkdirSync(dirname(MARK), { recursive: true, mode: 0o700 });
  writeFileSync(MARK, "");
}

/** `home` has lost its carrier. */
export const mayExchange = ([home, spare]: readonly [Place, Place], spareHasCarrier: boolean): boolean =>
  home.raised && !spare.held && spareHasCarrier && home.until - monotonicNow() > LEAST_LEASE;

/** What a place becomes: its plan, and the lines that raise it and put it to rest, made beforehand. */
export type Role = Pick<Place, "plan" | "up" | "down">;

/** Null, with what is wrong told, where the NICs cannot change their roles. */
export async function readRoles(plans: readonly [NicPlan, NicPlan], warn: (text: string) => void): Promise<readonly [Role, Role] | null> {
  const problems: string[] = [];
  const note = (problem: string | null): void => { if (problem !== null) problems.push(problem); };
  const roles: readonly [Role, Role] = [{ plan: plans[0], up: [], down: [] }, { plan: plans[1], up: [], down: [] }];
  for (const { nic, ifcfg } of plans) note(writeIfcfg(nic, ifcfg, { folder: EXCHANGED_SCRIPTS, durably: false }));
  await Promise.all(roles.map((role) => readScripts(role, note, EXCHANGED_SCRIPTS)));
  for (const problem of problems) warn(`main_failure = redundant cannot be done: ${problem}`);
  return problems.length === 0 ? roles : null;
}

const roleOf = ({ plan, up, down }: Place): Role => ({ plan, up, down });

/** Null, or why the identity is where it was. The NIC that failed is silent before the other one speaks. */
export async function exchange(tools: Tools, places: readonly [Place, Place], roles: readonly [Role, Role]): Promise<string | null> {
  const [home, spare] = places;
  const before = [roleOf(home), roleOf(spare)] as const;
  const down = await bringDown(tools, home, { moving: true });
  if (down !== null && home.held) return down;
  const wrong = assign(places, roles) ?? await bringUp(tools, home, home.until);
  if (wrong !== null) {
    const back = assign(places, before) ?? await bringUp(tools, home, home.until);
    return back === null ? wrong : `${wrong}; and going back: ${back}`;
  }
  const rested = await bringDown(tools, spare);
  if (rested !== null) tools.log.warn(`${spare.plan.nic}: ${rested}`);
  return null;
}

/** The files too: when a fast path fails, ifup and ifdown go by them. After a power cut they are written anew. */
function assign(places: readonly [Place, Place], roles: readonly [Role, Role]): string | null {
  const problem = roles.map(({ plan: { nic, ifcfg } }) => writeIfcfg(nic, ifcfg, { durably: false })).find((each) => each !== null) ?? null;
  if (problem === null) places.forEach((place, index) => Object.assign(place, roles[index]));
  return problem;
}

// A rehearsed takeover and return: when it may begin, and what its report says. Pure but for keeping the reports.

import { mkdirSync, readFileSync } from "node:fs";
import { writeDurably } from "../base/files.ts";
import { STATE } from "../base/paths.ts";
import { formatDuration } from "../base/time.ts";
import type { Duration, WallTime } from "../base/time.ts";
import type { Index } from "../core/model.ts";
import type { NodeStatus } from "../status/control.ts";

export interface Leg {
  /** From the order to the new owner's address being up, to its services being up, and how long the address did not answer; null: not seen from there. */
  readonly took_ms: Duration;
  readonly services_ms: Duration | null;
  readonly outage_ms: Duration | null;
}

export interface Drill {
  readonly version: 1;
  readonly at: WallTime;
  readonly identity: string;
  readonly standIn: string;
  readonly seenFrom: string;
  readonly there: Leg | null;
  readonly back: Leg | null;
  readonly ok: boolean;
  readonly because: string;
}

/** Why this is no moment for a drill; null = it is. Nothing may be wrong with the pair: whatever is would be met in the middle. */
export function drillObstacle(identity: Index, own: NodeStatus, there: NodeStatus): string | null {
  const [home, standIn] = own.core.self === identity ? [own, there] : [there, own];
  const at = home.core.identities[identity];
  const name = own.nodes[identity];
  if (at.role !== "owner") return `${name} is not at home: ${home.node} is ${at.role}; \`clusterd failback\` first`;
  if (at.services !== "started" && at.services !== "stopped") return `the services of ${name} are ${at.services}`;
  if (!at.peerInSync) return `${standIn.node} does not have every file of ${name} yet: \`mirror status\` says why`;
  const resting = [home, standIn].find(({ maintenance }) => maintenance != null);
  if (resting !== undefined) return `${resting.node} is in maintenance`;
  const [problem] = [home, standIn].flatMap(({ node, core }) => core.problems.map((text) => `${node}: ${text}`));
  return problem ?? null;
}

const legText = (where: string, leg: Leg | null): string => leg === null ? `${where}: not done`
  : `${where}: ${leg.outage_ms === null ? "" : `${formatDuration(leg.outage_ms)} without an answer, `}moved in ${formatDuration(leg.took_ms)}${leg.services_ms === null ? "" : `, services up after ${formatDuration(leg.services_ms)}`}`;

export const drillText = ({ identity, standIn, seenFrom, there, back, ok, because }: Drill): string => [
  `${identity} to ${legText(standIn, there)}`, `${identity} ${legText("back home", back)}`,
  !ok ? `FAILED: ${because}` : there?.outage_ms === null ? `the outage was not measured: ${seenFrom} has no address on the LAN while its identity is away (ADMIN_IPADDR); \`clusterd drill ${identity}\` on ${standIn} measures it. The pair is as it was`
    : `as ${seenFrom} saw it, asking the address every 2 ms; the pair is as it was`,
].join("\n");

export function drillLine({ identity, there, back, ok, because }: Drill): string {
  if (!ok || there === null || back === null) return `that of ${identity} failed: ${because}`;
  return there.outage_ms === null || back.outage_ms === null ? `${identity} went there and came back; nobody measured the outage`
    : `${identity} did not answer for ${formatDuration(there.outage_ms)} there and ${formatDuration(back.outage_ms)} back`;
}

const FILE = `${STATE}/drills.json`;
const KEPT = 20;

/** Newest last. */
export function readDrills(): readonly Drill[] {
  try {
    const drills = JSON.parse(readFileSync(FILE, "utf8")) as unknown;
    return Array.isArray(drills) ? drills.filter((one: Partial<Drill> | null): one is Drill => one?.version === 1 && typeof one.at === "number" && typeof one.ok === "boolean") : [];
  } catch {
    return []; // none yet
  }
}

export function keepDrill(drill: Drill): void {
  mkdirSync(STATE, { recursive: true, mode: 0o700 });
  writeDurably(FILE, `${JSON.stringify([...readDrills(), drill].slice(-KEPT), null, 1)}\n`);
}

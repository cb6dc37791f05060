// What is wrong as one node sees it while all may still be served: the next fault might not be survived. Pure.
//
// Each has a key that stays the same as long as it is the same trouble, whatever figures its text holds.

import type { Duration } from "../base/time.ts";
import { formatDuration } from "../base/time.ts";
import { maintenanceText } from "../maintenance.ts";
import type { NodeStatus } from "./control.ts";
import { HOLDING } from "./text.ts";

export interface Trouble {
  readonly key: string;
  readonly text: string;
}

/** As long as `status` waits for the witness. */
const WITNESS_SILENT: Duration = 3000;

export function troublesOf({ node, nodes, core, configuration, jobs, maintenance, wall }: NodeStatus): readonly Trouble[] {
  const when = (is: boolean, key: string, text: string): readonly Trouble[] => (is ? [{ key, text }] : []);
  const { references, witness } = core;
  const pushed = jobs.filter(({ identity }) => holds(core, nodes, identity));
  return [
    ...when(references.of > 0 && !references.majority, "references", `${node}: ${references.answered} of ${references.of} reference hosts answer`),
    ...when(references.majority && references.answered < references.of, "reference", `${node}: only ${references.answered} of ${references.of} reference hosts answer: one that is retired still counts, so name another in \`references\``),
    ...when(witness !== null && (witness.ago === null || witness.ago > WITNESS_SILENT), "witness", `${node}: the witness does not answer`),
    ...(maintenance == null ? [] : [{ key: "maintenance", text: `${node}: in maintenance ${maintenanceText(maintenance, wall)}` }]),
    ...when(configuration.problem !== null, "configuration", `${node}: the new configuration was refused`),
    ...core.identities.flatMap(({ identity, role, stale, peerInSync }) => [
      ...when(stale, `stale ${identity}`, `${node} is stale for ${nodes[identity]}`),
      ...when(HOLDING.includes(role) && !peerInSync, `not in sync ${identity}`, `${node}: the peer is not in sync for ${nodes[identity]}`),
    ]),
    ...core.problems.map((text) => ({ key: text.replace(/[\d.]+ ?(ms|s|min|h|d)\b/g, ""), text: `${node}: ${text}` })),
    ...pushed.flatMap((job) => [
      ...when(job.lastGood === null, `job ${job.job}`, `${job.job} was never mirrored`),
      ...when(hasFailed(job), `job ${job.job}`, `${job.job}: ${job.lastResult ?? "the last run failed"}`),
    ]),
  ];
}

/** Services whose checks say that clients are not served as they should be. */
export const failingServices = ({ node, checks = [] }: NodeStatus): readonly Trouble[] =>
  checks.map(({ service, phase, checks: each }) => ({ service, phase, failing: each.find(({ state }) => state === "failing") })).filter(({ phase, failing }) => phase !== "well" || failing !== undefined)
    .map(({ service, phase, failing }) => ({ key: `service ${service}`, text: `${node}: ${service} fails its checks: ${failing?.said ?? phase}` }));

/** Jobs pushed from here whose last good run is older than `limit`. */
export const lagsOf = ({ core, nodes, jobs, wall }: NodeStatus, limit: Duration): readonly Trouble[] =>
  jobs.filter(({ identity, lastGood }) => lastGood !== null && wall - lastGood > limit && holds(core, nodes, identity))
    .map(({ job, lastGood }) => ({ key: `lag ${job}`, text: `${job} was last mirrored ${formatDuration(Math.round((wall - (lastGood ?? wall)) / 60_000) * 60_000)} ago` }));

/** A job counts where it is pushed from. */
export const holds = (core: NodeStatus["core"], nodes: NodeStatus["nodes"], identity: string): boolean => core.identities.some((one) => nodes[one.identity] === identity && one.role === "owner");
export const hasFailed = ({ lastGood, lastRun }: NodeStatus["jobs"][number]): boolean => lastGood !== null && lastRun !== null && lastRun > lastGood;

// What is wrong as one node sees it while all may still be served: the next fault might not be survived. Pure.
//
// Each has a key that stays the same as long as it is the same trouble, whatever figures its text holds.

import type { Duration } from "../base/time.ts";
import { formatDuration } from "../base/time.ts";
import { maintenanceText } from "../maintenance.ts";
import type { Index, Role } from "../core/model.ts";
import type { NodeStatus } from "./control.ts";

/** Roles in which the identity may be up on a node. */
export const HOLDING: readonly Role[] = ["raising", "owner", "freezing", "releasing"];

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
    ...when(references.of > 0 && !references.majority && references.ago !== null, "references", `${node}: ${references.answered} of ${references.of} reference hosts answer`),
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

export interface Unserved { readonly text: string; readonly next: string }

/** Why clients are not served, or by two. */
export const unserved = (known: readonly NodeStatus[]): readonly Unserved[] => [
  ...([0, 1] as const).flatMap((identity) => held(known, identity)),
  ...known.flatMap((status) => failingServices(status).map(({ text }) => ({ text, next: "`clusterd history` says what was tried; repair it there, or move it: `clusterd switchover`" }))),
];

function held(known: readonly NodeStatus[], identity: Index): readonly Unserved[] {
  const name = known[0]?.nodes[identity] ?? "";
  const holders = known.filter(({ core }) => HOLDING.includes(core.identities[identity].role));
  if (holders.length > 1) return [{ text: `${name} is held by both nodes`, next: "`clusterd stop` on the one that should not have it, and `clusterd support-bundle` on both: this must not happen" }];
  if (holders.some(({ core }) => core.identities[identity].services === "failed"))
    return [{ text: `services of ${name} failed to start on ${holders[0]?.node}`, next: `\`clusterd history\` there says why; once that is repaired \`clusterd reload\` there starts them, or \`clusterd switchover ${name}\`` }];
  if (holders.length === 1 || known.length === 1 && recorded(known[0] as NodeStatus, identity)) return [];
  const waitsFor = known.map(({ core }) => core.identities[identity].waitsFor).find((what) => what !== null);
  return [{ text: `nobody holds ${name}`, next: waitsFor == null ? "it should be over in seconds; `clusterd history` says what goes on" : `it waits for ${waitsFor}` }];
}

/** Without the other node's own word: it is the owner as far as we know, and we hear it. */
const recorded = ({ core }: NodeStatus, identity: Index): boolean => {
  const { owner } = core.identities[identity];
  return owner !== null && owner !== core.self && core.peer.state !== "silent";
};

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

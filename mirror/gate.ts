// May this run happen, here and now? Go, or a refusal with its reason and what to do next.
//
// Asked three times: before anything (who owns, clocks, configuration), when both sides have looked at their trees, and
// when the dry run has counted the deletions. Pure: facts in, verdict out. A refusal changes nothing anywhere.

import { createHash } from "node:crypto";
import { formatDuration } from "../clusterd/base/time.ts";
import type { Duration } from "../clusterd/base/time.ts";
import type { JobConfig } from "../clusterd/config/config.ts";
import type { Index, Role } from "../clusterd/core/model.ts";
import type { NodeStatus } from "../clusterd/status/control.ts";
import type { RunKind } from "./backup-names.ts";
import { EXIT } from "./exit-codes.ts";
import { MARKER } from "./tree.ts";
import type { TreeFacts } from "./tree.ts";

export type Verdict = { readonly go: true } | { readonly go: false; readonly code: number; readonly because: string };

const GO: Verdict = { go: true };
const refuse = (because: string, code: number = EXIT.refused): Verdict => ({ go: false, code, because });

/** Roles in which this node's version is the one that counts. */
const PUSHES: Readonly<Record<RunKind, readonly Role[]>> = {
  normal: ["owner"],
  recovery: ["owner"],
  // A handover freezes first and passes then.
  final: ["owner", "freezing"],
  live: ["owner"],
};

export interface Situation {
  readonly status: NodeStatus;
  readonly home: Index;
  readonly kind: RunKind;
  readonly offsetLimit: Duration;
  /** The job carries the configuration itself: then a difference is what it is there to end. */
  readonly carriesConfiguration: boolean;
}

export function mayRun({ status, home, kind, offsetLimit, carriesConfiguration }: Situation): Verdict {
  const identity = status.core.identities[home];
  const name = status.nodes[home];
  if (!PUSHES[kind].includes(identity.role))
    return refuse(`this node is ${identity.role} of identity ${name}, not its owner: only the owner pushes`, EXIT.notOwner);
  if (status.core.peer.sameConfiguration === false && !carriesConfiguration)
    return refuse("the two nodes run different configurations: `clusterd check` on both, then `clusterd reload`");
  if (status.offset !== null && Math.abs(status.offset) > offsetLimit)
    return refuse(`the clocks are ${formatDuration(Math.abs(status.offset))} apart (limit ${formatDuration(offsetLimit)}): times of files cannot be compared until they agree`);
  return GO;
}

/** The owner's side of a tree. `first`: never marked anywhere, and not empty, so it may be marked now. */
export function maySend(tree: TreeFacts, job: string): Verdict | { readonly go: "first" } {
  const { path, marker, known } = tree;
  if (!tree.exists) return refuse(`${path} does not exist here: mount it, or create it and run \`mirror mark ${job}\``);
  if (tree.leadsTo !== null) return refuse(`${path} leads through a symbolic link to ${tree.leadsTo}: name that path in the configuration, so that nobody can turn the link elsewhere`);
  if (tree.unmounted !== null) return refuse(`${tree.unmounted} is in /etc/fstab and not mounted, so ${path} is not complete: mount it`);
  const missing = known?.mounts.find((point) => !tree.mounts.includes(point));
  if (missing !== undefined) return refuse(`${missing} was mounted when ${path} was mirrored last and is not now: mount it, or run \`mirror mark ${job}\` if this is meant`);
  if (marker !== null && marker.job !== job) return refuse(`${path}${MARKER} says that this tree belongs to job ${marker.job}`);
  if (marker !== null && known !== null && marker.id !== known.id) return refuse(`${path} is another tree than the one mirrored so far (id ${marker.id}, was ${known.id}): is the right disk mounted? If so, \`mirror mark ${job}\``);
  if (marker !== null) return GO;
  if (known !== null) return refuse(`${path} has lost its marker ${MARKER}, so it is taken for not mounted: mount it, or run \`mirror mark ${job}\` if it is complete`);
  if (tree.empty) return refuse(`${path} is empty and was never mirrored: is its disk mounted? If so, \`mirror mark ${job}\``);
  return { go: "first" };
}

/** The receiver's side; asked there, by the receiver itself. */
export function mayReceive(tree: TreeFacts, job: string): Verdict {
  const { path, marker, known } = tree;
  if (tree.leadsTo !== null) return refuse(`${path} there leads through a symbolic link to ${tree.leadsTo}: nothing is written through it`);
  if (tree.unmounted !== null) return refuse(`${tree.unmounted} is in /etc/fstab there and not mounted, so ${path} is not`);
  const missing = known?.mounts.find((point) => !tree.mounts.includes(point));
  if (missing !== undefined) return refuse(`${missing} was mounted there when ${path} was mirrored last and is not now`);
  if (marker !== null && marker.job !== job) return refuse(`${path}${MARKER} there says that the tree belongs to job ${marker.job}`);
  if (known !== null && marker === null) return refuse(`${path} there has lost its marker ${MARKER}: not mounted? If it is, run \`mirror mark ${job}\` there`);
  return GO;
}

/** `there`: what the receiver told about the same entry. */
export function mayWrite(here: TreeFacts, there: { readonly id: string | null }): Verdict {
  if (here.marker !== null && there.id !== null && here.marker.id !== there.id)
    return refuse(`${here.path} is not the same tree on both nodes (id ${here.marker.id} here, ${there.id} there): is the right disk mounted on both?`);
  return GO;
}

/** What the dry run found, over all entries of the job. */
export interface Deletions {
  /** `path of the tree` + name, sorted. */
  readonly names: readonly string[];
  /** Entries in the source trees. */
  readonly files: number;
  /** A tree that is empty here and was not there. */
  readonly emptied: string | null;
  /** How many of `names` only the returning node ever had (recovery): they move to its dated directory, as they should. */
  readonly expected: number;
}

/** Below this many, a share means nothing: one file of five is 20 %. */
const FEW = 3;

export const hashOf = (names: readonly string[]): string => createHash("sha256").update([...names].sort().join("\0")).digest("hex");

export function mayDelete(job: JobConfig, deletions: Deletions, approved: string | null): Verdict {
  const count = deletions.names.length - deletions.expected;
  if (count === 0 || approved === hashOf(deletions.names)) return GO;
  const share = (count / Math.max(1, count + deletions.files)) * 100;
  const found = deletions.emptied !== null ? `${deletions.emptied} is empty here, the peer would lose all ${count} entries`
    : count > job.maxDelete ? `${count} deletions, max_delete is ${job.maxDelete}`
    : count > FEW && share > job.maxDeletePercent ? `${count} deletions are ${Math.round(share)} % of the files, max_delete_percent is ${job.maxDeletePercent}`
    : null;
  return found === null ? GO : refuse(`${found}: nothing was deleted. Look with \`mirror plan ${job.name}\`; if it is meant, \`mirror approve ${job.name}\``, EXIT.approval);
}

/** rsync's own limit for the real run, should the source shrink after the dry run. */
export const deletionLimit = (job: JobConfig, deletions: Deletions): number =>
  Math.max(deletions.names.length, Math.min(job.maxDelete, Math.max(FEW, Math.floor((deletions.files * job.maxDeletePercent) / 100))));

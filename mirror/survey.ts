// What would a push change on the peer, and how little must be compared to know it?
//
// A dry run of a tree compares all of it, which is most of what a run costs. It is left out where it could find nothing to delete, and what is sent
// fits in any case: into a tree that is empty there, and for a single file. What it has found need not be compared again: the push then
// gets the names. Only with few enough of them, and none that deletes (deletions come last, in a run that knows the whole tree) or has
// other names (a hard link is only seen with the others).

import { lstatSync, statfsSync } from "node:fs";
import { fromRsyncPrint } from "./walk.ts";
import { look } from "./batch.ts";
import { latin1 } from "./listed.ts";
import type { Need } from "./guards.ts";
import type { PeerTree } from "./receive-check.ts";
import type { Step } from "./plan.ts";
import type { Counts } from "./rsync-outcome.ts";
import type { Entry } from "./settings.ts";
import { lookAtTree } from "./tree.ts";

export interface Survey {
  readonly step: Step;
  /** Null: no dry run is needed. */
  readonly counts: Counts | null;
  /** So much is sent, at most. */
  readonly bytes: number;
  /** So many files, folders and links are made, at most. */
  readonly created: number;
}

export const needOf = ({ step, counts, bytes, created }: Survey): Need => ({ entry: step.entry, bytes, created, kept: counts === null ? 0 : counts.overwritten + counts.deleted.length });

/** ext2 to ext4, xfs, tmpfs (statfs(2)): a block that is used there is one block elsewhere. Others compress, or share blocks between files. */
const PLAIN = [0xef53, 0x58465342, 0x01021994];

/** Null: only a dry run can tell, or something may be deleted. */
export function atMost(entry: Entry, there: PeerTree): Need | null {
  if (entry.kind === "file") return { entry, bytes: lstatSync(entry.path, { throwIfNoEntry: false })?.size ?? 0, created: 1, kept: 1 };
  if (there.empty !== true) return null;
  const used = lookAtTree(entry.path, "").mounts.map((point) => statfsSync(point));
  const sum = (of: (one: (typeof used)[number]) => number): number => used.reduce((total, one) => total + of(one), 0);
  return used.every(({ type }) => PLAIN.includes(type)) ? { entry, bytes: sum(({ blocks, bfree, bsize }) => (blocks - bfree) * bsize), created: sum(({ files, ffree }) => files - ffree), kept: 0 } : null;
}

/** Beyond this many bytes a connection of its own is worth its start. */
const MANY_BYTES = 32 * 1024 * 1024;
/** A named entry costs about as much as comparing so many. */
const DEARER = 4;
const FEW = 1000;

export interface Sending {
  /** For standard input; null: the whole tree. */
  readonly names: readonly string[] | null;
  /** It is known what is sent, and nothing more is compared: how long it takes tells how fast that is. */
  readonly telling: boolean;
  readonly through: boolean;
}

/** `whole`: a consistent set. */
export function howToSend({ step: { entry }, counts, bytes }: Survey, whole: boolean): Sending {
  const names = entry.kind === "file" || counts === null || whole ? null : listable(entry.path, counts);
  const known = entry.kind === "file" || names !== null;
  return { names, telling: names !== null || (entry.kind === "tree" && counts === null), through: known && bytes < MANY_BYTES };
}

function listable(tree: string, { names, files, deleted }: Counts): readonly string[] | null {
  if (names === null || deleted.length > 0 || names.length > Math.max(FEW, files / DEARER)) return null;
  const plain = names.map((name) => (name === "./" ? name : fromRsyncPrint(name).replace(/\/$/, "")));
  const linked = plain.some((name) => { const stats = look(`${latin1(tree)}${name}`); return stats !== null && !stats.isDirectory() && stats.nlink > 1; });
  return linked ? null : plain;
}

// Epochs: numbers of ownership that never go back and that two nodes can never create alike.
//
// An epoch is counter · 2 + node index, so its parity names the node that may own it.

import type { IdentityRecord, Index } from "./model.ts";

/** The smallest epoch for `owner` that is greater than all of `known`. */
export function nextEpoch(owner: Index, ...known: readonly number[]): number {
  const newest = Math.max(0, ...known);
  return (Math.floor(newest / 2) + 1) * 2 + owner;
}

/** The node that an epoch was made for. */
export const ownerOf = (epoch: number): Index => (epoch % 2 === 0 ? 0 : 1);

const LINEAGE_KEPT = 16;

/** `record` after `owner` has become the owner at `epoch`. */
export function withOwner(record: IdentityRecord, owner: Index, epoch: number): IdentityRecord {
  const lineage = [{ epoch, owner }, ...record.lineage].slice(0, LINEAGE_KEPT);
  return { ...record, epoch, owner, lineage };
}

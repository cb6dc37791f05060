// A restart for an upgrade moves nothing, if the new daemon is back within the lease.
//
// The daemon that ends leaves its state in /run, its identities up, and dead-man and kernel with the last end of the lease
// they were told: they let go at that moment, whatever comes. The next daemon goes on in the same boot id and sequence, so
// the peer sees nothing but a few heartbeats less. Anything unusual, and it starts from the journal like any other.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { deserialize, serialize } from "node:v8";
import { RUN } from "./base/paths.ts";
import { monotonicNow } from "./base/time.ts";
import type { CoreConfig } from "./core/model.ts";
import type { State } from "./core/state.ts";
import type { Kept } from "./takeover/takeover.ts";

const FILE = `${RUN}/restart.state`;
/** Grows with every change of the state's shape: another version's state is not understood. */
const SHAPE = 5;
/** Leases are shorter in every profile; older files are of another life. */
const LONGEST = 10_000;
const AT_REST = new Set(["waiting", "standby", "owner"]);

/** Null when the state is left for the next daemon, else why this is no moment for a restart. */
export function leaveForRestart(state: State): string | null {
  const busy = state.holdings.find((holding) => !AT_REST.has(holding.role) || holding.pending !== null);
  if (busy !== undefined) return `not now: this node is ${busy.role}; ask again when that is over`;
  if (state.leaving !== null) return "this node is leaving";
  writeFileSync(FILE, serialize({ shape: SHAPE, state }), { mode: 0o600 });
  return null;
}

/** The state that a daemon left here moments ago, for this configuration; null when there is none. It is taken once. */
export function takeRestart(config: CoreConfig): State | null {
  try {
    const bytes = readFileSync(FILE);
    rmSync(FILE, { force: true });
    const left = deserialize(bytes) as { readonly shape: number; readonly state: State };
    const fits = left.shape === SHAPE && left.state.config.cluster === config.cluster && left.state.config.self === config.self;
    const age = monotonicNow() - left.state.now;
    // Younger than now: of the boot before, where /run outlives it.
    return fits && age >= 0 && age < LONGEST ? { ...left.state, config } : null;
  } catch {
    return null;
  }
}

export const heldBy = (state: State): readonly Kept[] =>
  state.holdings.flatMap((holding, identity) => (holding.role === "owner" ? [{ identity: identity as 0 | 1, until: holding.leaseTold }] : []));

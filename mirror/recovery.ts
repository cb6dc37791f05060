// When is a peer to be brought up to date, and how soon after a failed try again? Pure.
//
// A peer that came back lacks what was written while it was away; until the owner has pushed everything once, it may not own
// that identity. The same holds for a pair that meets for the first time.

import type { Index } from "../clusterd/core/model.ts";
import type { NodeStatus } from "../clusterd/status/control.ts";

export interface Attempts { readonly failed: number; readonly notBefore: number }
export const FRESH: Attempts = { failed: 0, notBefore: 0 };

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 60_000;

/** The identities that this node owns and the reachable peer does not have in full. */
export function behind(status: NodeStatus): readonly Index[] {
  const { peer, identities } = status.core;
  if (peer.state !== "alive" && peer.state !== "late") return [];
  if (peer.sameConfiguration === false) return [];
  return identities.filter(({ role, peerInSync }) => role === "owner" && !peerInSync).map(({ identity }) => identity);
}

/** Doubling pauses, up to a minute: a refusal that waits for a person is not to fill the log. */
export const afterFailure = ({ failed }: Attempts, now: number): Attempts =>
  ({ failed: failed + 1, notBefore: now + Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failed) });

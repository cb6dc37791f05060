// What clusterd says of the identities, so that an act begins when the one before is over.

import type { IdentitySummary } from "../../../clusterd/core/model.ts";
import { statusOfBoth } from "../home.ts";
import type { Lab } from "../lab.ts";

export interface Identities { readonly serv1: readonly IdentitySummary[]; readonly serv2: readonly IdentitySummary[] }

/** Each node's own view; empty for a node that is off or does not answer yet. */
export async function identitiesOf(lab: Lab): Promise<Identities> {
  const [serv1, serv2] = await statusOfBoth(lab);
  return { serv1: serv1?.core.identities ?? [], serv2: serv2?.core.identities ?? [] };
}

/** Each node owns its own identity, with everything started. */
export const isHome = ({ serv1, serv2 }: Identities): boolean =>
  serv1[0]?.role === "owner" && serv2[1]?.role === "owner" && serv1[0].services === "started";

/** serv1 has learned of serv2's epochs, and lacks nothing of them; serv2 thinks so too. */
export const isResynchronised = ({ serv1, serv2 }: Identities): boolean =>
  serv1.length === 2 && serv2.length === 2
  && serv1.every(({ epoch, stale }, at) => !stale && epoch === serv2[at]?.epoch)
  && serv2.every(({ role, peerInSync }) => role === "owner" && peerInSync);

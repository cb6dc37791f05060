// What clusterd says of the identities, so that an act begins when the one before is over.

import type { IdentitySummary } from "../../../clusterd/core/model.ts";
import type { NodeStatus } from "../../../clusterd/status/control.ts";
import type { Lab } from "../lab.ts";

export interface Identities { readonly serv1: readonly IdentitySummary[]; readonly serv2: readonly IdentitySummary[] }

/** Each node's own view; empty for a node that is off or does not answer yet. */
export async function identitiesOf(lab: Lab): Promise<Identities> {
  const [serv1, serv2] = await Promise.all(["serv1", "serv2"].map((node) => ask(lab, node)));
  return { serv1: serv1!, serv2: serv2! };
}

async function ask(lab: Lab, node: string): Promise<readonly IdentitySummary[]> {
  if (!lab.isOn(node)) return [];
  const out = await lab.exec(node, ["clusterd", "status", "--local", "--json"], { timeout: 10_000, reject: false });
  try {
    const { nodes } = JSON.parse(out) as { readonly nodes: readonly NodeStatus[] };
    return nodes[0]?.core?.identities ?? [];
  } catch {
    return [];
  }
}

/** Each node owns its own identity, with everything started. */
export const isHome = ({ serv1, serv2 }: Identities): boolean =>
  serv1[0]?.role === "owner" && serv2[1]?.role === "owner" && serv1[0].services === "started";

/** serv1 has learned of serv2's epochs, and lacks nothing of them; serv2 thinks so too. */
export const isResynchronised = ({ serv1, serv2 }: Identities): boolean =>
  serv1.length === 2 && serv2.length === 2
  && serv1.every(({ epoch, stale }, at) => !stale && epoch === serv2[at]?.epoch)
  && serv2.every(({ role, peerInSync }) => role === "owner" && peerInSync);

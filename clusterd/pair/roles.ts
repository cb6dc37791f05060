// Which NIC of the two machines has which role. Pure.
//
// The main NICs are where the default route leaves, the heartbeat NICs share another network, the redundant one is left over.
// What a person has said counts before all this. A choice that the facts do not settle is marked as not sure, and is asked.

import { networkOf } from "../config/addresses.ts";
import type { NicRole } from "../config/config.ts";
import type { Machine, Nic } from "./machine.ts";

/** `why`: as a comment in the node file. Not `sure`: a person is asked, with this as the proposal. */
export interface Choice { readonly nic: Nic; readonly why: string; readonly sure: boolean }
export type Roles = Readonly<Record<NicRole, Choice | null>>;
type Both<T> = readonly [T, T];

/** A network that both machines have addresses in. */
interface Shared { readonly network: string; readonly nics: Both<readonly Nic[]> }

/** What cannot carry a role unless a person says so: tunnels, VLANs and their like have no cable of their own. */
const OWN_CABLE: readonly (string | null)[] = [null, "bond", "team", "veth"];
export const isCandidate = ({ wireless, master, kind }: Nic): boolean => !wireless && master === null && OWN_CABLE.includes(kind);

export const candidates = ({ nics }: Machine): readonly Nic[] => nics.filter(isCandidate).toSorted((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));

export const addressIn = ({ addresses }: Nic, network: string | null): Nic["addresses"][number] | null => addresses.find((one) => network === null || nameOf(one) === network) ?? null;
const nameOf = ({ address, prefix }: Nic["addresses"][number]): string => `${networkOf(address, prefix)}/${prefix}`;

export function sharedNetworks(machines: Both<Machine>): readonly Shared[] {
  const [here, there] = machines.map(candidates) as unknown as Both<readonly Nic[]>;
  const networks = [...new Set(here.flatMap(({ addresses }) => addresses.map(nameOf)))];
  return networks.map((network): Shared => ({ network, nics: [here.filter((nic) => addressIn(nic, network) !== null), there.filter((nic) => addressIn(nic, network) !== null)] }))
    .filter(({ nics: [, theirs] }) => theirs.length > 0);
}

export interface Layout { readonly lan: string | null; readonly roles: Both<Roles> }

/** `said`: the interface of a role on a machine, where that is settled. */
export function layOut(machines: Both<Machine>, said: (at: 0 | 1, role: NicRole) => Nic | null): Layout {
  const shared = sharedNetworks(machines);
  const lan = lanOf(machines, shared, said);
  const taken: [Nic[], Nic[]] = [[], []];
  const choose = (role: NicRole, propose: (at: 0 | 1) => Choice | null): Both<Choice | null> => ([0, 1] as const).map((at) => {
    const nic = said(at, role);
    const choice = nic === null ? propose(at) : { nic, why: "as it was said", sure: true };
    if (choice !== null) taken[at].push(choice.nic);
    return choice;
  }) as unknown as Both<Choice | null>;
  const free = (at: 0 | 1, nics: readonly Nic[]): readonly Nic[] => nics.filter((nic) => !taken[at].includes(nic) && (["main", "heartbeat", "redundant"] as const).every((role) => said(at, role) !== nic));
  const main = choose("main", (at) => mainOf(machines[at], free(at, lan === null ? [] : lan.shared.nics[at]), lan));
  const cables = shared.filter(({ network, nics }) => network !== lan?.shared.network && nics.every((each, at) => free(at as 0 | 1, each).length > 0));
  const heartbeat = choose("heartbeat", (at) => {
    const cable = cables.find(({ nics }) => said(at === 0 ? 1 : 0, "heartbeat") === null || nics[at === 0 ? 1 : 0].includes(said(at === 0 ? 1 : 0, "heartbeat") as Nic));
    const [nic] = cable === undefined ? [] : free(at, cable.nics[at]);
    if (nic === undefined) {
      const alike = free(at, candidates(machines[at])).find(({ name }) => name === said(at === 0 ? 1 : 0, "heartbeat")?.name);
      return alike === undefined ? null : { nic: alike, why: "called as that of the other node", sure: false };
    }
    return cable === undefined ? null : { nic, why: `both nodes have an address in ${cable.network}, which is not the LAN`, sure: cables.length === 1 };
  });
  const redundant = choose("redundant", (at) => spare(free(at, candidates(machines[at])), lan?.shared.network ?? null));
  return { lan: lan?.shared.network ?? null, roles: ([0, 1] as const).map((at): Roles => ({ main: main[at], heartbeat: heartbeat[at], redundant: redundant[at] })) as unknown as Both<Roles> };
}

interface Lan { readonly shared: Shared; readonly sure: boolean }

function lanOf(machines: Both<Machine>, shared: readonly Shared[], said: (at: 0 | 1, role: NicRole) => Nic | null): Lan | null {
  const has = (nic: Nic | null, at: 0 | 1, { nics }: Shared): boolean => nic !== null && nics[at].includes(nic);
  const routed = ([0, 1] as const).map((at) => machines[at].nics.find(({ name }) => name === machines[at].gateway?.nic) ?? null);
  const open = shared.filter((one) => !([0, 1] as const).some((at) => has(said(at, "heartbeat"), at, one)));
  for (const known of [(one: Shared) => ([0, 1] as const).some((at) => has(said(at, "main"), at, one)), (one: Shared) => ([0, 1] as const).some((at) => has(routed[at] ?? null, at, one))]) {
    const found = open.find(known);
    if (found !== undefined) return { shared: found, sure: true };
  }
  return open[0] === undefined ? null : { shared: open[0], sure: open.length === 1 };
}

function mainOf({ gateway }: Machine, nics: readonly Nic[], lan: Lan | null): Choice | null {
  const routed = nics.find(({ name }) => name === gateway?.nic);
  if (routed !== undefined) return { nic: routed, why: `the default route leaves by it, to ${gateway?.address}`, sure: true };
  const [nic] = nics;
  return nic === undefined || lan === null ? null : { nic, why: `both nodes have an address in ${lan.shared.network}`, sure: lan.sure && nics.length === 1 };
}

/** What is left over: best a NIC with an address of the LAN, or with none, and a cable in it. */
function spare(nics: readonly Nic[], lan: string | null): Choice | null {
  const worth = (nic: Nic): number => (lan !== null && addressIn(nic, lan) !== null ? 4 : nic.addresses.length === 0 ? 2 : 0) + (nic.carrier ? 1 : nic.up ? -2 : 0);
  const [best, second] = nics.toSorted((a, b) => worth(b) - worth(a));
  if (best === undefined) return null;
  const onLan = lan !== null && addressIn(best, lan) !== null;
  const why = onLan ? "a second NIC on the LAN" : nics.length === 1 ? "the one that is left over" : "of those that are left over the likeliest";
  return { nic: best, why, sure: best.addresses.length === 0 || onLan ? second === undefined || worth(second) < worth(best) : false };
}

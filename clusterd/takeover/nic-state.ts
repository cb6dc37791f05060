// What the kernel says of a NIC now, and whether that is what was asked for. Exit codes lie; this is the proof.

import type { IpAnswer } from "./waiting-ip.ts";
import type { NicPlan } from "./nic-plan.ts";

export interface NicState {
  /** The kernel's number for it: another one is another NIC, whatever its name. */
  readonly index: number;
  readonly up: boolean;
  /** Up, and a cable with somebody at its other end. */
  readonly carrier: boolean;
  readonly mac: string;
  /** ADDRESS/PREFIX each. */
  readonly addresses: readonly string[];
}

interface IpAddressLine {
  readonly ifindex?: number;
  readonly ifname?: string;
  readonly flags?: readonly string[];
  readonly address?: string;
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

/** Reads one answer of `ip -j addr show`, of all NICs or of one; null when `nic` is not among them. */
export const readState = (answer: readonly unknown[] | undefined, nic: string): NicState | null => readStates(answer).find((each) => each.nic === nic)?.state ?? null;

export const readStates = (answer: readonly unknown[] | undefined): readonly { readonly nic: string; readonly state: NicState }[] =>
  ((answer ?? []) as readonly IpAddressLine[]).flatMap((line) => (line.ifname === undefined ? [] : [{ nic: line.ifname, state: stateOf(line) }]));

function stateOf(line: IpAddressLine): NicState {
  const flags = line.flags ?? [];
  const addresses = (line.addr_info ?? []).flatMap(({ local, prefixlen }) => (local === undefined ? [] : [`${local}/${prefixlen}`]));
  return { index: line.ifindex ?? 0, up: flags.includes("UP"), carrier: flags.includes("UP") && flags.includes("LOWER_UP"), mac: line.address ?? "", addresses };
}

/** Null when the NIC is up with exactly this MAC and these addresses, else the first difference in words. */
export function difference(state: NicState | null, wanted: { readonly mac: string; readonly addresses: readonly string[] }): string | null {
  if (state === null) return "there is no such NIC";
  if (!state.up) return "its link is down";
  if (state.mac !== wanted.mac) return `its MAC is ${state.mac}, not ${wanted.mac}`;
  const missing = wanted.addresses.find((each) => !state.addresses.includes(each));
  if (missing !== undefined) return `address ${missing} is missing`;
  const foreign = state.addresses.find((each) => !wanted.addresses.includes(each) && !each.startsWith("fe80:"));
  return foreign === undefined ? null : `address ${foreign} does not belong there`;
}

/** Without naming a NIC, because a NIC that is not there would end the waiting ip. Never `link show`: after that, the same
 *  process answers every `addr show` without addresses (iproute2 6.1). */
export const SHOW_ALL = "addr show";
export const showNic = (nic: string): string => `addr show dev ${nic}`;

/** What is asked after an identity was raised. */
export const showIdentity = ({ nic, table }: NicPlan): readonly string[] => [showNic(nic), `route show table ${table}`, `rule show priority ${table}`];

/** Null when the identity is up as planned, with its routing table and the rules that lead to it. */
export function identityDifference(answer: IpAnswer, plan: NicPlan): string | null {
  if (!answer.ok) return answer.reason;
  const [state, routes, rules] = answer.answers;
  const wrong = difference(readState(state, plan.nic), plan);
  if (wrong !== null) return wrong;
  if (!(routes ?? []).some((route) => (route as { dev?: string }).dev === plan.nic)) return `routing table ${plan.table} is empty`;
  const sources = (rules ?? []).map((rule) => (rule as { src?: string }).src);
  const lost = plan.addresses.map((each) => each.replace(/\/.*/, "")).find((each) => !each.includes(":") && !sources.includes(each));
  return lost === undefined ? null : `the rule that leads ${lost} to table ${plan.table} is missing`;
}

/** Does the NIC carry something of the identity? Its MAC or any of its addresses is enough. */
export const carriesIdentity = (state: NicState, plan: NicPlan): boolean =>
  (state.up && state.mac === plan.mac) || state.addresses.some((each) => plan.addresses.includes(each));

// What each NIC of this node carries, and how it rests: from the configuration to the ifcfg files that ifup reads.
//
// Identity i is at home on the main NIC of node i and away on the redundant NIC of the other node, so this node has
// two places: its own identity on main, the peer's on redundant. Pure; writing the files is ifcfg-files.ts.

import { peerOf } from "../config/config.ts";
import type { Config, MainNic, NodeIndex } from "../config/config.ts";

export interface NicPlan {
  readonly role: "main" | "redundant";
  readonly nic: string;
  readonly identity: NodeIndex;
  readonly mac: string;
  /** Main address of the identity. */
  readonly address: string;
  /** Every address of the identity as ADDRESS/PREFIX, IPv6 included. */
  readonly addresses: readonly string[];
  /** Number of the identity's routing table and of the rules that lead to it. */
  readonly table: number;
  readonly rest: { readonly mac: string; readonly address: string | null; readonly addresses: readonly string[] };
  /** Text of ifcfg-NIC. */
  readonly ifcfg: string;
}

/** First line of every generated file; a file without it is somebody else's. */
export const MARKER = "# Written by clusterd from /etc/cluster.d: edit there, changes here are lost.";

export const FIRST_TABLE = 1990;
// The identity at home is the node's first way out; anything on the redundant NIC is the second.
const METRIC = { main: 100, redundant: 200 } as const;

/** `exchanged`: the two NICs have changed their roles (exchange.ts). */
export function planNics(config: Config, exchanged = false): readonly [NicPlan, NicPlan] {
  const { main, redundant } = config.nodes[config.self];
  const [first, second] = exchanged ? [redundant.interface, main.interface] : [main.interface, redundant.interface];
  return [planNic(config, "main", first, config.self), planNic(config, "redundant", second, peerOf(config))];
}

function planNic(config: Config, role: "main" | "redundant", nic: string, identity: NodeIndex): NicPlan {
  const own = config.nodes[config.self];
  const { mac, address, prefix, address6 } = config.nodes[identity].main;
  const admin = role === "redundant" ? own.redundant.admin : null;
  const extra = config.services.filter((service) => service.home === identity).flatMap((service) => service.addresses);
  const plan = {
    role,
    nic,
    identity,
    mac: mac.toLowerCase(),
    address,
    addresses: [{ address, prefix }, ...extra, ...(address6 === null ? [] : [address6])].map((each) => `${each.address}/${each.prefix}`),
    table: FIRST_TABLE + identity,
    rest: {
      mac: own[role].standInMac.toLowerCase(),
      address: admin?.address ?? null,
      addresses: admin === null ? [] : [`${admin.address}/${admin.prefix}`],
    },
  };
  const home = config.nodes[identity];
  const text = lines([
    ["DEVICE", plan.nic], ["ONBOOT", "no"], ["CLUSTERD", home.name],
    ...identityKeys(home.main, plan.table, METRIC[role]),
    ...extra.flatMap((each, index) => [[`IPADDR${index + 1}`, each.address], [`PREFIX${index + 1}`, each.prefix], [`BROADCAST${index + 1}`, each.broadcast]] as const),
    ["REST_MACADDR", plan.rest.mac],
    ...(admin === null ? [] : [["REST_IPADDR", admin.address], ["REST_PREFIX", admin.prefix], ["REST_GATEWAY", own.main.gateway], ["REST_METRIC", METRIC.redundant]] as const),
  ]);
  return { ...plan, ifcfg: `${MARKER}\n# The identity of ${home.name} on the ${role} NIC of ${own.name}. Only clusterd raises it, never the boot.\n${text}` };
}

type Key = readonly [string, string | number | null];

const identityKeys = ({ mac, address, prefix, gateway, address6 }: MainNic, table: number, metric: number): readonly Key[] => [
  ["MACADDR", mac.toLowerCase()], ["IPADDR", address], ["PREFIX", prefix], ["GATEWAY", gateway],
  ["IPV6ADDR", address6 === null ? null : `${address6.address}/${address6.prefix}`],
  ["TABLE", table], ["METRIC", metric],
];

/** The private NIC carries no identity; it may come up at boot. */
export function heartbeatIfcfg(config: Config): { readonly nic: string; readonly ifcfg: string } {
  const { interface: nic, address, prefix } = config.nodes[config.self].heartbeat;
  return { nic, ifcfg: `${MARKER}\n# The private NIC of ${config.nodes[config.self].name}.\n${lines([["DEVICE", nic], ["ONBOOT", "yes"], ["IPADDR", address], ["PREFIX", prefix]])}` };
}

const lines = (keys: readonly Key[]): string => keys.flatMap(([key, value]) => (value === null ? [] : [`${key}=${value}\n`])).join("");

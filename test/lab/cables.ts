// The wiring: which ports the switch and the crossover bridge have, and the lines for `ip -batch` and `nft -f` that make,
// pull and cut them. Pure: text out, nothing done.
//
// Both bridges live in one network namespace of the lab's own, so names need not be unique on the machine. A port is
// named after what is plugged into it: serv1-eth0.

import type { NodeFacts } from "./sample.ts";

export const NICS = ["eth0", "eth1", "eth2"] as const;
export type Nic = (typeof NICS)[number];
/** `lan` = eth0 and eth2, `all` = the three. */
export type NicWord = Nic | "lan" | "all";
export const NIC_WORDS: readonly NicWord[] = [...NICS, "lan", "all"];

export const CROSSOVER: Nic = "eth1";

export const portOf = (node: string, nic: Nic): string => `${node}-${nic}`;
const bridgeOf = (nic: Nic): string => nic === CROSSOVER ? "crossover" : "lan";

/** Fixed interface indexes in the switch's namespace, so that the sniffer knows a port again after a power cut: 11–13, 21–23. */
export const portIndex = (node: 0 | 1, nic: Nic): number => 10 * (node + 1) + 1 + NICS.indexOf(nic);

export function nicsOf(word: NicWord): readonly Nic[] {
  if (word === "all") return NICS;
  return word === "lan" ? ["eth0", "eth2"] : [word];
}

export const bridgeLines = (): string[] =>
  ["lan", "crossover"].flatMap((bridge, at) => [
    `link add name ${bridge} index ${at + 2} type bridge forward_delay 0 stp_state 0 mcast_snooping 0`,
    `link set ${bridge} up`,
  ]);

/** eth0's burned-in MAC is the identity's, as on a real server; the other two have their own. The node's ends stay down. */
export function nodeCableLines(node: NodeFacts, at: 0 | 1, pid: number, unplugged: ReadonlySet<string>): string[] {
  return NICS.flatMap((nic) => {
    const port = portOf(node.name, nic);
    const mac = nic === "eth0" ? node.mac : `02:00:5e:${50 + NICS.indexOf(nic)}:00:0${at + 1}`;
    return [
      `link add name ${port} index ${portIndex(at, nic)} type veth peer name ${nic} address ${mac} netns ${pid}`,
      `link set ${port} master ${bridgeOf(nic)} ${unplugged.has(port) ? "down" : "up"}`,
    ];
  });
}

/** A machine with one NIC on the LAN: a client or a reference host. */
export const hostCableLines = (host: string, mac: string, pid: number): string[] => [
  `link add name ${host} type veth peer name eth0 address ${mac} netns ${pid}`,
  `link set ${host} master lan up`,
];

export const CUT_TABLE = `table bridge lab {
  chain cuts { type filter hook forward priority 0; }
}`;

/** One way: what `from` sends by its NIC does not reach `to`, by whichever of its ports. A host has one port, of its own name. */
export function cutRule(nodes: readonly string[], from: string, to: string, nic: NicWord): string {
  const portsOf = (end: string, nics: readonly Nic[]): string[] =>
    nodes.includes(end) ? nics.map((each) => portOf(end, each)) : end === "references" ? REFERENCES : [end];
  const into = portsOf(from, nicsOf(nic));
  const out = portsOf(to, nodes.includes(from) ? NICS : nicsOf(nic));
  return `add rule bridge lab cuts iifname { ${into.join(", ")} } oifname { ${out.join(", ")} } drop`;
}

export const REFERENCES = ["reference1", "reference2", "reference3"];

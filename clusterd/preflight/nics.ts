// The three NICs as the kernel shows them, and who answers on them.

import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { run } from "../base/exec.ts";
import { peerOf } from "../config/config.ts";
import type { Config, NicRole, NodeConfig } from "../config/config.ts";
import type { NodeStatus } from "../status/control.ts";
import type { Facts, NicFacts } from "./facts.ts";

const PATIENCE = 3000;
/** Three questions by ARP, and some time to spare. */
const PROBED = 5000;
const ROLES: readonly NicRole[] = ["main", "heartbeat", "redundant"];

interface Line {
  readonly ifname?: string; readonly flags?: readonly string[]; readonly address?: string; readonly permaddr?: string; readonly mtu?: number; readonly master?: string;
  /** veth, bridge, …: not of hardware. */
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

export async function lookAtNics(node: NodeConfig): Promise<Record<NicRole, NicFacts>> {
  const lines = await ask(["ip", "-j", "-d", "address", "show"]) as readonly Line[];
  return Object.fromEntries(ROLES.map((role) => [role, factsOf(node[role].interface, lines)])) as Record<NicRole, NicFacts>;
}

function factsOf(name: string, lines: readonly Line[]): NicFacts {
  const line = lines.find(({ ifname }) => ifname === name);
  const flags = line?.flags ?? [];
  const mac = line?.address ?? null;
  return {
    present: line !== undefined, up: flags.includes("UP"), carrier: flags.includes("LOWER_UP"), mac,
    // ip names it only where it differs from the present one. veth and its like have none of their own: whatever they have is what they were given.
    permanent: line?.linkinfo?.info_kind !== undefined ? null : line?.permaddr ?? mac,
    addresses: (line?.addr_info ?? []).flatMap(({ local, prefixlen }) => (local === undefined ? [] : [`${local}/${prefixlen}`])),
    mtu: line?.mtu ?? null, master: line?.master ?? null, wireless: existsSync(`/sys/class/net/${name}/phy80211`), duplex: sys(name, "duplex"),
  };
}

function sys(name: string, file: string): string | null {
  try {
    return basename(readFileSync(`/sys/class/net/${name}/${file}`, "utf8").trim());
  } catch {
    return null; // a NIC that is down does not say
  }
}

/** Who answers at the other node's addresses? */
export async function askNeighbours(config: Config, status: NodeStatus | null): Promise<Facts["neighbours"]> {
  const own = config.nodes[config.self];
  const other = peerOf(config);
  const peer = config.nodes[other];
  const there = await run(["ping", "-V"], { timeout: PATIENCE });
  if (there.failure !== null) return {};
  const holdsBoth = status === null || status.core.identities[other].role !== "standby";
  return {
    private: await answering(peer.heartbeat.address, own.heartbeat.interface),
    ...(holdsBoth ? {} : { identity: await answering(peer.main.address, null) }),
  };
}

interface Neighbour { readonly lladdr?: string; readonly dev?: string; readonly state?: readonly string[] }

/**
 * The MAC that answers there now, by ping or else, where a firewall drops that, by ARP; null: none. What the neighbour table
 * says by itself is no answer: it shows a dead node as REACHABLE for up to 45 s.
 */
export async function answering(address: string, nic: string | null): Promise<string | null> {
  const { failure } = await run(["ping", "-n", "-q", "-c", "2", "-i", "0.2", "-W", "1", ...(nic === null ? [] : ["-I", nic]), address], { timeout: PATIENCE });
  const entry = await neighbour(address, nic);
  return failure === null || entry === null ? entry?.lladdr ?? null : probed(address, nic ?? entry.dev ?? "", entry);
}

async function neighbour(address: string, nic: string | null): Promise<Neighbour | null> {
  const found = await ask(["ip", "-j", "neighbour", "show", "to", address, ...(nic === null ? [] : ["dev", nic])]) as readonly Neighbour[];
  return found.find(({ lladdr, state = [] }) => lladdr !== undefined && !state.includes("FAILED")) ?? null;
}

/** The kernel asks that MAC at once, three times a second apart as it is set up (ucast_solicit, retrans_time: arp(7)), and then says REACHABLE or FAILED. */
async function probed(address: string, nic: string, { state = [] }: Neighbour): Promise<string | null> {
  // What a person has entered stays as it is.
  if (state.includes("PERMANENT") || (await run(["ip", "neighbour", "change", "to", address, "dev", nic, "nud", "probe"], { timeout: PATIENCE })).failure !== null) return null;
  for (const end = performance.now() + PROBED; performance.now() < end; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const now = await neighbour(address, nic);
    if (now === null) return null;
    if (now.state?.includes("REACHABLE") === true) return now.lladdr ?? null;
  }
  return null;
}

async function ask(words: readonly string[]): Promise<unknown> {
  const ran = await run(words, { timeout: PATIENCE });
  try {
    return ran.stdout.trim() === "" ? [] : JSON.parse(ran.stdout);
  } catch {
    return []; // an ip without -j: iproute2 of before 2018
  }
}

// Under which names clients reach the pair by ssh, and the line by which they trust its authority. Pure.

import type { Config, NodeConfig } from "../config/config.ts";
import type { Authority } from "./certificate.ts";

type Pair = Pick<Config, "cluster" | "nodes" | "services">;

/** Whichever node holds the identity answers under these. */
function movingNames({ nodes, services, cluster: { zone } }: Pair): readonly string[] {
  const plain = [...nodes.map(({ name }) => name), ...services.flatMap(({ alias }) => alias ?? [])];
  const main = nodes.flatMap(({ main: { address, address6 } }) => [address, ...(address6 === null ? [] : [address6.address])]);
  return [...plain, ...(zone === null ? [] : plain.map((name) => `${name}.${zone}`)), ...main, ...services.flatMap(({ addresses }) => addresses.map(({ address }) => address))];
}

const ownNames = ({ heartbeat, redundant }: NodeConfig): readonly string[] => [heartbeat.address, ...(redundant.admin === null ? [] : [redundant.admin.address])];

/** ssh(1) compares in small letters. */
const each = (names: readonly string[]): readonly string[] => [...new Set(names.map((name) => name.toLowerCase()))];

/** What one node's certificate is good for: all that can move to it, and what is its own for ever. */
export const namesOf = (pair: Pair, node: NodeConfig): readonly string[] => each([...movingNames(pair), ...ownNames(node)]);

/** For a client's known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). It trusts the authority for these names and no others. */
export function knownHostsLine(pair: Pair, { publicKey }: Pick<Authority, "publicKey">): string {
  const { sshPort, name } = pair.cluster;
  const names = each([...movingNames(pair), ...pair.nodes.flatMap(ownNames)]);
  return `@cert-authority ${names.map((one) => (sshPort === 22 ? one : `[${one}]:${sshPort}`)).join(",")} ${publicKey} clusterd-${name}`;
}

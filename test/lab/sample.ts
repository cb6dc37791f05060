// What the lab must know of a configuration to wire the nodes up and to watch them: names, MACs, addresses.
//
// Read here by a few lines of its own, not by clusterd's loader: the witness must not share the accused's eyes.

import { readdirSync, readFileSync, statSync } from "node:fs";

export interface NodeFacts {
  readonly name: string;
  /** The identity's MAC: burned into eth0. */
  readonly mac: string;
  /** The main address first, then the services' own: what speaks for the identity. */
  readonly addresses: readonly [string, ...string[]];
  readonly prefix: string;
  readonly privateAddress: string;
  readonly privatePrefix: string;
  /** The tty of its end of the serial line; null: the pair has none. */
  readonly serial: string | null;
}

/** The two nodes of a configuration folder, in the order of `nodes` in cluster.conf. Throws when a needed key is missing. */
export function readNodes(folder: string): readonly [NodeFacts, NodeFacts] {
  const names = need(readPairs(`${folder}/cluster.conf`), "nodes", `${folder}/cluster.conf`).split(/[\s,]+/);
  const [first, second] = names;
  if (first === undefined || second === undefined) throw new Error(`${folder}/cluster.conf: nodes must name two nodes`);
  return [readNode(folder, first), readNode(folder, second)];
}

/** Reference hosts of a configuration. */
export const readReferences = (folder: string): readonly string[] =>
  (readPairs(`${folder}/cluster.conf`).get("references") ?? "").split(/[\s,]+/).filter((word) => word !== "");

/** Speed of the serial line; clusterd's default if the configuration names none. */
export const readSerialBaud = (folder: string): string => readPairs(`${folder}/cluster.conf`).get("serial_baud") ?? "115200";

/** The pair's third voter, which the lab then runs on one of its reference hosts. */
export interface WitnessFacts {
  readonly cluster: string;
  readonly address: string;
  readonly port: string;
}

/** Null when none is configured; the safety profile, which needs one, gets the last of the reference hosts. */
export function readWitness(folder: string, profile: string | null): WitnessFacts | null {
  const pairs = readPairs(`${folder}/cluster.conf`);
  const said = pairs.get("witness") ?? (profile === "safety" ? readReferences(folder).at(-1) : undefined);
  if (said === undefined) return null;
  const [address = "", port = "694"] = said.split(":");
  return { cluster: need(pairs, "name", `${folder}/cluster.conf`), address, port };
}

/** UDP port of the heartbeats; clusterd's default if the configuration names none. */
export const readHeartbeatPort = (folder: string): string => readPairs(`${folder}/cluster.conf`).get("port") ?? "694";

function readNode(folder: string, name: string): NodeFacts {
  const file = `${folder}/${name}.conf`;
  const pairs = readPairs(file);
  return {
    name,
    mac: need(pairs, "MAIN_MACADDR", file).toLowerCase(),
    addresses: [need(pairs, "MAIN_IPADDR", file), ...serviceAddresses(`${folder}/${name}`)],
    prefix: pairs.get("MAIN_PREFIX") ?? "24",
    privateAddress: need(pairs, "HEARTBEAT_IPADDR", file),
    privatePrefix: pairs.get("HEARTBEAT_PREFIX") ?? "24",
    serial: pairs.get("SERIAL_DEVICE") ?? null,
  };
}

function serviceAddresses(folder: string): string[] {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith(".conf"))
    .flatMap((file) => readPairs(`${folder}/${file}`).get("address") ?? [])
    .map((value) => value.replace(/\/.*/, ""));
}

function readPairs(file: string): Map<string, string> {
  const lines = readFileSync(file, "utf8").split("\n").map((line) => /^\s*([A-Za-z_0-9]+)\s*=\s*(.*?)\s*$/.exec(line));
  return new Map(lines.flatMap((match) => match === null ? [] : [[match[1]!, match[2]!.replace(/^"(.*)"$/, "$1")]]));
}

function need(pairs: Map<string, string>, key: string, file: string): string {
  const value = pairs.get(key);
  if (value === undefined) throw new Error(`${file}: ${key} is missing, and the lab cannot wire the node without it`);
  return value;
}

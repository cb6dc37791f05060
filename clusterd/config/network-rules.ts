// Which addresses, NICs and reference hosts can work together on two nodes.

import { problem } from "../base/errors.ts";
import type { Problem } from "../base/errors.ts";
import { isWithin, networkOf, whyNoHost } from "./addresses.ts";
import { prefixOf, referencesOf } from "./build.ts";
import type { Files, Findings, NodeFile } from "./files.ts";
import type { NODE } from "./options.ts";

type NodeKey = keyof typeof NODE;
/** An address, and who says so: `what` for the message. */
interface Use { readonly address: string; readonly what: string; readonly file: string; readonly line: number | null }

export function networkRules(files: Files, findings: Findings): void {
  for (const node of files.nodes) {
    interfaces(node, findings.problems);
    prefixes(node, findings);
    hosts(node, findings.problems);
    if (node.keys.values.ADMIN_IPADDR === null) findings.warnings.push(problem(node.keys.file, null, "no ADMIN_IPADDR: while its redundant NIC is idle, this node has no link over the LAN and cannot ask the reference hosts without its identity", "ADMIN_IPADDR=an address of the LAN that nobody else has"));
  }
  samePrivateAndPublicNets(files.nodes, findings.problems);
  const uses = addressesInUse(files);
  unique(uses, "address", findings.problems);
  unique(macsInUse(files.nodes), "MAC address", findings.problems);
  gateways(files.nodes, uses, findings.problems);
  references(files, uses, findings);
  witness(files, uses, findings.problems);
}

function interfaces({ keys, name }: NodeFile, problems: Problem[]): void {
  const roles = ["MAIN_INTERFACE", "HEARTBEAT_INTERFACE", "REDUNDANT_INTERFACE"] as const;
  for (const [index, key] of roles.entries()) {
    const first = roles.slice(0, index).find((other) => keys.values[other] !== undefined && keys.values[other] === keys.values[key]);
    if (first !== undefined) problems.push(problem(keys.file, keys.line(key), `${key} and ${first} are both ${keys.values[key]}: two roles on one NIC`, `${name} needs three; where there are too few, a macvlan can be the redundant one.`));
  }
}

function prefixes({ keys }: NodeFile, { problems, warnings }: Findings): void {
  const assumed: string[] = [];
  for (const role of ["MAIN", "HEARTBEAT"] as const) {
    const { [`${role}_PREFIX` as const]: prefix, [`${role}_NETMASK` as const]: netmask } = keys.values as Record<string, unknown>;
    if (prefix === null && netmask === null) assumed.push(role);
    else if (typeof prefix === "number" && typeof netmask === "number" && prefix !== netmask) problems.push(problem(keys.file, keys.line(`${role}_NETMASK`), `${role}_NETMASK is /${netmask}, but ${role}_PREFIX says /${prefix}`, "Keep one of the two."));
  }
  if (assumed.length > 0) warnings.push(problem(keys.file, null, `no prefix for ${assumed.map((role) => `${role}_IPADDR`).join(" and ")}: /24 is taken, as in 1999`, assumed.map((role) => `${role}_PREFIX=24`).join(", ")));
}

/** The kinds know an address alone; here it meets its prefix. */
function hosts({ keys }: NodeFile, problems: Problem[]): void {
  for (const [key, prefix] of [["MAIN_IPADDR", prefixOf(keys, "MAIN")], ["HEARTBEAT_IPADDR", prefixOf(keys, "HEARTBEAT")], ["ADMIN_IPADDR", prefixOf(keys, "ADMIN")]] as const) {
    const address = keys.values[key];
    const why = typeof address === "string" ? whyNoHost(address, prefix) : null;
    if (why !== null) problems.push(problem(keys.file, keys.line(key), `${key}: ${address} is ${why}`, "Each node needs an address of a host."));
  }
  const { MAIN_IPADDR: main, ADMIN_IPADDR: admin, HEARTBEAT_IPADDR: heartbeat } = keys.values;
  if (main === undefined) return;
  const prefix = prefixOf(keys, "MAIN");
  if (typeof admin === "string" && !isWithin(admin, main, prefix)) outside("ADMIN_IPADDR", admin);
  if (typeof keys.values.MAIN_GATEWAY === "string" && !isWithin(keys.values.MAIN_GATEWAY, main, prefix)) outside("MAIN_GATEWAY", keys.values.MAIN_GATEWAY);
  if (heartbeat !== undefined && overlap(main, prefix, heartbeat, prefixOf(keys, "HEARTBEAT"))) problems.push(problem(keys.file, keys.line("HEARTBEAT_IPADDR"), `HEARTBEAT_IPADDR ${heartbeat} lies in the network of MAIN_IPADDR (${networkOf(main, prefix)}/${prefix}): the kernel could not tell the two cables apart`, "Give the private cable a network of its own, such as 10.50.0.0/24; or set MAIN_PREFIX and HEARTBEAT_PREFIX right."));

  function outside(key: NodeKey, address: string): void {
    problems.push(problem(keys.file, keys.line(key), `${key} ${address} is outside the network of MAIN_IPADDR, ${networkOf(main as string, prefix)}/${prefix}`, "If the network is larger, say so with MAIN_PREFIX."));
  }
}

const overlap = (one: string, onePrefix: number, two: string, twoPrefix: number): boolean => isWithin(one, two, Math.min(onePrefix, twoPrefix));

function samePrivateAndPublicNets([first, second]: readonly NodeFile[], problems: Problem[]): void {
  if (first === undefined || second === undefined) return;
  for (const [role, why] of [["MAIN", "an identity can move only within one LAN"], ["HEARTBEAT", "the private cable is one network"]] as const) {
    const [a, b] = [first.keys.values[`${role}_IPADDR`], second.keys.values[`${role}_IPADDR`]];
    const [p, q] = [prefixOf(first.keys, role), prefixOf(second.keys, role)];
    if (a === undefined || b === undefined || a === b || (p === q && isWithin(a, b, p))) continue;
    problems.push(problem(second.keys.file, second.keys.line(`${role}_IPADDR`), `${role}_IPADDR ${b}/${q} and that of ${first.name}, ${a}/${p}, are not in one network: ${why}`, `Compare ${role}_IPADDR and ${role}_PREFIX in both files.`));
  }
}

function macsInUse(nodes: readonly NodeFile[]): readonly Use[] {
  return nodes.flatMap(({ name, keys }) => (keys.values.MAIN_MACADDR === undefined ? [] : [{ address: keys.values.MAIN_MACADDR, what: `MAIN_MACADDR of ${name}`, file: keys.file, line: keys.line("MAIN_MACADDR") }]));
}

function addressesInUse({ nodes, services }: Files): readonly Use[] {
  const ofNodes = nodes.flatMap(({ name, keys }) => (["MAIN_IPADDR", "HEARTBEAT_IPADDR", "ADMIN_IPADDR"] as const).flatMap((key) => {
    const address = keys.values[key];
    return typeof address === "string" ? [{ address, what: `${key} of ${name}`, file: keys.file, line: keys.line(key) }] : [];
  }));
  const sixes = nodes.flatMap(({ name, keys }) => (keys.values.MAIN_IPADDR6 ? [{ address: keys.values.MAIN_IPADDR6.address, what: `MAIN_IPADDR6 of ${name}`, file: keys.file, line: keys.line("MAIN_IPADDR6") }] : []));
  const ofServices = services.flatMap(({ name, service }) => (service.values.address ?? []).map(({ address }, index) =>
    ({ address, what: `address of the service ${name}`, file: service.file, line: service.lines("address")[index] ?? null })));
  return [...ofNodes, ...sixes, ...ofServices];
}

function unique(uses: readonly Use[], noun: string, problems: Problem[]): void {
  const firsts = new Map<string, Use>();
  for (const use of uses) {
    const { address, what, file, line } = use;
    const first = firsts.get(address);
    if (first === undefined) firsts.set(address, use);
    else problems.push(problem(file, line, `${what} is ${address}, the same ${noun} as ${first.what} (${first.file}${first.line === null ? "" : `:${first.line}`})`, "Every one must be different."));
  }
}

function gateways(nodes: readonly NodeFile[], uses: readonly Use[], problems: Problem[]): void {
  for (const { keys } of nodes) {
    const taken = uses.find(({ address }) => address === keys.values.MAIN_GATEWAY);
    if (taken !== undefined) problems.push(problem(keys.file, keys.line("MAIN_GATEWAY"), `MAIN_GATEWAY ${taken.address} is the ${taken.what}`, "The gateway is a machine outside the cluster."));
  }
}

function references(files: Files, uses: readonly Use[], { problems, warnings }: Findings): void {
  const { cluster, nodes } = files;
  if (cluster.values.references === undefined) return;
  const line = cluster.line("references");
  const say = (into: Problem[], message: string, hint: string | null): number => into.push(problem("cluster.conf", cluster.given.has("references") ? line : null, `[cluster] references: ${message}`, hint));
  const hosts = referencesOf(files);
  for (const [index, host] of hosts.entries()) {
    const own = uses.find(({ address }) => address === host);
    const cable = nodes.find(({ keys }) => keys.values.HEARTBEAT_IPADDR !== undefined && isWithin(host, keys.values.HEARTBEAT_IPADDR, prefixOf(keys, "HEARTBEAT")));
    if (hosts.indexOf(host) !== index) say(problems, `${host} stands there twice: one host has one vote`, "Name each host once.");
    else if (own !== undefined) say(problems, `${host} is the ${own.what}: a node cannot vouch for itself`, "Choose a router, a switch with an address, a printer.");
    else if (cable !== undefined) say(problems, `${host} lies on the private cable, which says nothing about the LAN`, "Choose hosts on the LAN.");
  }
  // With a witness they do not vote.
  if (cluster.values.witness !== null) return;
  if (hosts.length === 0) say(warnings, "none, and no gateway: unexplained silence will never cause a takeover", "references = three addresses of the LAN that answer ARP or ping");
  else if (hosts.length < 3) say(warnings, `${hosts.length === 1 ? "one host: without it there is no majority" : "two hosts: a majority is both of them"}; three or more are advised`, "references = a router, a managed switch, a server, a printer …");
}

function witness({ cluster }: Files, uses: readonly Use[], problems: Problem[]): void {
  const own = uses.find(({ address }) => address === cluster.values.witness?.address);
  if (own !== undefined) problems.push(problem("cluster.conf", cluster.line("witness"), `[cluster] witness: ${own.address} is the ${own.what}: the third voter is a third machine`, "Any machine will do that shares neither power nor switch with one node alone."));
}

// Two machines and what a person has said → a pair: the keys of its files each with its reason, what is to be asked, and why
// it cannot be. Pure; nothing is asked or written here.

import { isWithin } from "../config/addresses.ts";
import type { NicRole } from "../config/config.ts";
import { CLUSTER, NODE } from "../config/options.ts";
import type { Option, Options } from "../config/options.ts";
import { didYouMean } from "../config/suggest.ts";
import { newDraft, nodeNamed, setKey } from "../import/draft.ts";
import type { Draft, DraftNode, NodeKey } from "../import/draft.ts";
import { hasBlanks } from "./answers.ts";
import type { Keys, Said } from "./answers.ts";
import type { Machine, Nic } from "./machine.ts";
import { addressIn, candidates, isCandidate, layOut } from "./roles.ts";
import type { Choice, Roles } from "./roles.ts";

export interface Question {
  /** `cluster`, or the node's name: where in the answer file the answer stands. */
  readonly section: string;
  readonly key: string;
  readonly asks: string;
  /** Taken when nobody answers. */
  readonly proposal: string | null;
  /** Without an answer and a proposal there is no pair. */
  readonly required: boolean;
}

export interface Proposal {
  /** Keys with their reasons, for write.ts. */
  readonly draft: Draft;
  readonly questions: readonly Question[];
  readonly obstacles: readonly string[];
  readonly notes: readonly string[];
}

type Both<T> = readonly [T, T];
const KEY = { main: "MAIN_INTERFACE", heartbeat: "HEARTBEAT_INTERFACE", redundant: "REDUNDANT_INTERFACE" } as const;
const ROLES = Object.keys(KEY) as readonly NicRole[];
const NAMES = { main: "where clients come in", heartbeat: "with the private cable", redundant: "the spare on the LAN" } as const;
const NONE: Keys = new Map();
/** For a private cable without addresses. */
const CABLE_NETS = ["10.50.0", "10.51.0", "172.30.50", "192.168.250"];

export function propose(machines: Both<Machine>, said: Said): Proposal {
  const of = ({ name }: Machine): Keys => said.get(name) ?? NONE;
  const saidNic = (at: 0 | 1, role: NicRole): Nic | null => machines[at].nics.find(({ name }) => name === of(machines[at]).get(KEY[role])) ?? null;
  const { lan, roles } = layOut(machines, saidNic);
  const net = CABLE_NETS.find((one) => machines.every(({ nics }) => nics.every(({ addresses }) => addresses.every(({ address }) => !isWithin(address, `${one}.0`, 16))))) ?? null;
  const draft = newDraft();
  const questions: Question[] = [];
  for (const [at, machine] of machines.entries()) {
    const node = nodeNamed(draft, machine.name);
    if (node === null) continue;
    for (const [key, value] of of(machine)) setKey(node, key as NodeKey, value, null);
    questions.push(...nodeKeys(node, machine, roles[at as 0 | 1], { lan, cable: net === null ? null : `${net}.${at + 1}` }));
  }
  for (const [key, value] of said.get("cluster") ?? NONE) draft.cluster.set(key as keyof typeof CLUSTER, value);
  if (!draft.cluster.has("name")) draft.cluster.set("name", machines.map(({ name }) => name).join("-").slice(0, 32));
  const described = machines.some(({ config }) => config.has("cluster.conf"));
  if (!draft.cluster.has("references") && !described) questions.push({ section: "cluster", key: "references", asks: "reference hosts: three addresses on the LAN that both nodes can reach, not on one switch or power strip", proposal: null, required: false });
  draft.cluster.delete("nodes"); // write.ts has them from the draft
  return { draft, questions, obstacles: [...obstaclesOf(machines, said), ...ROLES.flatMap((role) => strangeNics(machines, said, role))], notes: described ? [] : notesOf(machines, roles) };
}

interface Networks { readonly lan: string | null; /** A proposal for the private NIC, where it has none. */ readonly cable: string | null }

function nodeKeys(node: DraftNode, machine: Machine, roles: Roles, { lan, cable: proposed }: Networks): readonly Question[] {
  const open: Question[] = [];
  const set = (key: NodeKey, value: string | null | undefined, why: string): void => { if (value != null) setKey(node, key, value, why); };
  const ask = (key: NodeKey, proposal: string | null, asks: string, required = true): void => { if (!node.keys.has(key)) open.push({ section: machine.name, key, asks, proposal, required }); };
  for (const role of ROLES) {
    const choice = roles[role];
    if (choice === null || !choice.sure) ask(KEY[role], choice?.nic.name ?? null, `the ${role} NIC of ${machine.name}, ${NAMES[role]}${others(machine, choice)}`);
    set(KEY[role], choice?.nic.name, choice?.why ?? "");
  }
  const address = roles.main === null ? null : addressIn(roles.main.nic, lan) ?? addressIn(roles.main.nic, null);
  const main = roles.main?.nic.name ?? "the main NIC";
  set("MAIN_IPADDR", address?.address, `${main} has it now`);
  ask("MAIN_IPADDR", null, `the address that clients know ${machine.name} by`);
  set("MAIN_MACADDR", roles.main?.nic.mac, `${main} was built with it`);
  if (!node.keys.has("MAIN_NETMASK")) set("MAIN_PREFIX", address === null ? null : String(address.prefix), `${main} has it now`);
  if (machine.gateway !== null && machine.gateway.nic === roles.main?.nic.name) set("MAIN_GATEWAY", machine.gateway.address, "the default route");
  const cable = roles.heartbeat === null ? null : addressIn(roles.heartbeat.nic, null);
  set("HEARTBEAT_IPADDR", cable?.address, `${roles.heartbeat?.nic.name} has it now`);
  if (!node.keys.has("HEARTBEAT_NETMASK")) set("HEARTBEAT_PREFIX", cable === null ? null : String(cable.prefix), `${roles.heartbeat?.nic.name} has it now`);
  if (roles.heartbeat !== null) {
    ask("HEARTBEAT_IPADDR", proposed, `the address of ${machine.name} on the private cable`);
    set("HEARTBEAT_IPADDR", proposed, "proposed: neither node uses this network");
    if (!node.keys.has("HEARTBEAT_NETMASK")) set("HEARTBEAT_PREFIX", "24", "proposed");
  }
  const resting = roles.redundant === null || lan === null ? null : addressIn(roles.redundant.nic, lan);
  set("ADMIN_IPADDR", resting?.address, `${roles.redundant?.nic.name} has it now`);
  const file = machine.config.get(`${machine.name}.conf`);
  if (file === undefined || hasBlanks(file)) ask("ADMIN_IPADDR", null, `a free address of the LAN for ${machine.name} itself, which it has on the redundant NIC while that is idle`, false);
  return open;
}

const others = (machine: Machine, choice: Choice | null): string => {
  const names = candidates(machine).map(({ name, addresses }) => `${name}${addresses.length === 0 ? "" : ` (${addresses.map(({ address }) => address).join(" ")})`}`);
  return `${choice === null ? "" : ` (${choice.why})`}; there are ${names.join(", ")}`;
};

function strangeNics(machines: Both<Machine>, said: Said, role: NicRole): readonly string[] {
  return machines.flatMap(({ name, nics }) => {
    const nic = said.get(name)?.get(KEY[role]);
    return nic === undefined || nics.some((one) => one.name === nic) ? [] : [`${KEY[role]} of ${name} is ${nic}, and ${name} has no such NIC. ${didYouMean(nic, nics.map((one) => one.name))}`];
  });
}

function obstaclesOf(machines: Both<Machine>, said: Said): readonly string[] {
  const [here, there] = machines;
  const strangers = [...said.keys()].filter((section) => !["pair", "cluster", here.name, there.name].includes(section));
  return [
    ...(here.name === there.name ? [`both machines are called ${here.name}: give each its own name (hostnamectl set-hostname), and let each know the other's in /etc/hosts`] : []),
    ...(here.arch === there.arch ? [] : [`${here.name} is ${here.arch} and ${there.name} is ${there.arch}, so the program cannot be copied: unpack the release there, npm ci, clusterd install, and set the pair up by hand`]),
    ...strangers.map((section) => `the answers speak of ${section}, and the machines are called ${here.name} and ${there.name}`),
    ...machines.flatMap((machine) => tooFew(machine, said.get(machine.name) ?? NONE)),
    ...machines.filter(({ uid }) => uid !== 0).map(({ name }) => `on ${name} this is user ${machines.find((one) => one.name === name)?.uid}, not root: run it as root here, and log in there as root or as who may use sudo`),
    ...sameMacs(machines),
  ];
}

function tooFew(machine: Machine, said: Keys): readonly string[] {
  const usable = candidates(machine);
  if (usable.length >= 3 || ROLES.every((role) => said.has(KEY[role]))) return [];
  const left = machine.nics.filter((nic) => !isCandidate(nic)).map(({ name, wireless, master, kind }) => `${name} (${wireless ? "wireless" : master !== null ? `belongs to ${master}` : kind})`);
  return [`${machine.name} has ${usable.length} NICs that could take a role (${usable.map(({ name }) => name).join(", ") || "none"}), and three are needed${left.length === 0 ? "" : `; not counted: ${left.join(", ")}`}. Where there are too few, a macvlan can be the redundant one: make it, and name all three in the answer file`];
}

/** What a person who was asked has typed, judged at once; null: it will do. */
export function whyNot(machines: Both<Machine>, { section, key }: Question, typed: string): string | null {
  const said: Said = new Map([[section, new Map([[key, typed]])]]);
  const strange = ROLES.flatMap((role) => strangeNics(machines, said, role));
  if (strange.length > 0) return strange.join("\n");
  const { faults } = optionOf(section, key)?.kind.read({ section, key, isList: false, line: 0, values: [{ line: 0, text: typed, words: typed.split(/\s+/) }] }) ?? { faults: [] };
  return faults.length === 0 ? null : faults.map(({ message, hint }) => `${message}. ${hint ?? ""}`.trim()).join("\n");
}

/** What holds when nothing is answered. */
export const fallbackOf = ({ section, key }: Question): string => optionOf(section, key)?.fallbackSays ?? "none";
const optionOf = (section: string, key: string): Option<unknown> | undefined => ((section === "cluster" ? CLUSTER : NODE) as Options)[key];

/** Of a clone, or of a NIC that was given another's. */
function sameMacs(machines: Both<Machine>): readonly string[] {
  const all = machines.flatMap((machine) => candidates(machine).map(({ name, mac }) => ({ mac, where: `${name} of ${machine.name}` })));
  const twice = [...Map.groupBy(all, ({ mac }) => mac)].filter(([, where]) => where.length > 1);
  return twice.map(([mac, where]) => `${where.map((one) => one.where).join(" and ")} have one MAC, ${mac}: a cloned machine? Give each its own`);
}

function notesOf(machines: Both<Machine>, roles: Both<Roles>): readonly string[] {
  const counts = machines.map((machine) => candidates(machine).length);
  return [
    ...(counts[0] === counts[1] ? [] : [`${machines[0].name} has ${counts[0]} NICs, ${machines[1].name} has ${counts[1]}: those without a role are left alone`]),
    ...machines.flatMap(({ name, nics }) => nics.filter(({ wireless }) => wireless).map((nic) => `${nic.name} of ${name} is wireless, and is left alone: its MAC cannot move`)),
    ...machines.flatMap(({ name }, at) => {
      const nic = roles[at as 0 | 1].main?.nic;
      const [leased] = nic?.addresses.filter(({ dynamic }) => dynamic) ?? [];
      return nic === undefined || leased === undefined ? [] : [`${leased.address} of ${name} came by DHCP, and is taken for good: reserve it at the server, and take ${nic.name} from the DHCP client and from what starts it at boot, or the address comes back while the other node has it`];
    }),
    ...machines.flatMap(({ name }, at) => {
      const more = roles[at as 0 | 1].main?.nic.addresses.slice(1) ?? [];
      return more.length === 0 ? [] : [`${more.map(({ address }) => address).join(" and ")} of ${name}'s main NIC move only if a service has them: address = ADDRESS/PREFIX`];
    }),
  ];
}

// What the old files say, in our words: a pair of nodes, services, mirrored paths, times; and of each line what became of it.
//
// Each format's file fills one Draft; several may fill the same (keepalived.conf and lsyncd.conf often stand together).
// Not here: how a format is written (one file for each), how ours are written (write.ts).

import type { Timing } from "../base/time.ts";
import type { CLUSTER, MIRROR, NODE, SERVICE } from "../config/options.ts";

/** warned: will bite later; carried: stands in the new files; guessed: too, but a person must look; needless: clusterd does it by itself; lost: not carried over. */
export type Fate = "warned" | "carried" | "guessed" | "needless" | "lost";

export interface Where {
  readonly file: string;
  readonly line: number;
  /** As it stands there, without secrets. */
  readonly directive: string;
}

export interface Note extends Where {
  readonly fate: Fate;
  /** carried and guessed: where it stands now; the others: why not. */
  readonly text: string;
  /** What to do about it, when there is something to do. */
  readonly instead: string | null;
}

/** A file that was handed to us. */
export interface Source {
  /** For messages, as the person wrote it. */
  readonly file: string;
  readonly text: string;
  /** Whose file it is, where that was said. */
  readonly node: string | null;
}

export interface DraftValue { readonly value: string; readonly from: string | null }
export type NodeKey = keyof typeof NODE;

export interface DraftNode {
  name: string | null;
  readonly keys: Map<NodeKey, DraftValue>;
  /** A node file of 1999, taken as it stands. */
  raw: string | null;
}

export interface DraftService {
  name: string;
  home: DraftNode;
  readonly from: string[];
  /** Of two files that both describe it, the one that says more is its home's (VRRP's priority). */
  weight: number;
  readonly service: Map<keyof typeof SERVICE, string[]>;
  readonly mirror: Map<keyof typeof MIRROR, string[]>;
}

export interface Draft {
  readonly nodes: DraftNode[];
  readonly cluster: Map<keyof typeof CLUSTER, string>;
  readonly times: Partial<Record<keyof Timing, number>>;
  readonly services: DraftService[];
  /** Mirror descriptions of 1999, as they stand. */
  readonly descriptions: { readonly node: DraftNode; readonly name: string; readonly text: string }[];
  readonly notes: Note[];
  /** NICs that heartbeats were sent from. */
  readonly media: { readonly nic: string; readonly where: Where }[];
  /** Why nothing can be made of these files. */
  readonly obstacles: string[];
  /** netbios name of an smb.conf that was handed in; null: none was; "" : it has none. */
  netbios: string | null;
}

export const newDraft = (): Draft => ({ nodes: [], cluster: new Map(), times: {}, services: [], descriptions: [], notes: [], media: [], obstacles: [], netbios: null });

export function note(draft: Draft, fate: Fate, where: Where, text: string, instead: string | null = null): void {
  draft.notes.push({ ...where, fate, text, instead });
}

/** What is not carried over: a row of a format's table of directives. */
export interface Left { readonly fate: "needless" | "lost"; readonly text: string; readonly instead: string | null }
export const needless = (text: string): Left => ({ fate: "needless", text, instead: null });
export const lost = (text: string, instead: string | null): Left => ({ fate: "lost", text, instead });

/** A row of a table of directives; what a file says may be called anything. */
export const rowOf = <T>(table: Readonly<Record<string, T>>, key: string): T | undefined => (Object.hasOwn(table, key) ? table[key] : undefined);

export function leave(draft: Draft, where: Where, row: Left | undefined, unknown: { readonly what: string; readonly manual: string }): void {
  if (row === undefined) note(draft, "lost", where, `${unknown.what} is not known`, `look into ${unknown.manual} for what it did`);
  else note(draft, row.fate, where, row.text, row.instead);
}

/** The node of that name (`uname -n` may have printed a domain too); a new one while there are fewer than two. */
export function nodeNamed(draft: Draft, name: string): DraftNode | null {
  const short = name.split(".")[0] ?? name;
  const known = draft.nodes.find((node) => node.name === short);
  if (known !== undefined) return known;
  const unnamed = draft.nodes.find((node) => node.name === null);
  if (unnamed !== undefined) { unnamed.name = short; return unnamed; }
  return draft.nodes.length < 2 ? added(draft, short) : null;
}

/** The first node (primary, master, source) or the second, whatever they are called. */
export function nodeAt(draft: Draft, place: 0 | 1): DraftNode {
  while (draft.nodes.length <= place) added(draft, null);
  return draft.nodes[place] as DraftNode;
}

export const otherThan = (draft: Draft, node: DraftNode): DraftNode => nodeAt(draft, nodeAt(draft, 0) === node ? 1 : 0);

function added(draft: Draft, name: string | null): DraftNode {
  const node: DraftNode = { name, keys: new Map(), raw: null };
  draft.nodes.push(node);
  return node;
}

/** What an option of the command line said stands; of two files that say different things the first. */
export function setKey(node: DraftNode, key: NodeKey, value: string, from: string | null): void {
  if (!node.keys.has(key)) node.keys.set(key, { value, from });
}

/** Guesses a value of node files from `where`, for each of `nodes` that has none yet; the question is for the person who looks. */
export function guessKey(draft: Draft, nodes: readonly DraftNode[], key: NodeKey, value: string, where: Where, question: string): void {
  const open = nodes.filter((node) => !node.keys.has(key));
  for (const node of open) setKey(node, key, value, `guessed from ${where.file}:${where.line}`);
  const whose = open.length === 2 ? "both nodes" : open[0]?.name ?? `the ${open[0] === draft.nodes[0] ? "first" : "second"} node`;
  if (open.length > 0) note(draft, "guessed", where, `${key}=${value} of ${whose}`, question);
  else if (nodes.every((node) => node.keys.get(key)?.value === value)) note(draft, "carried", where, `${key}, as it was said already`);
  else note(draft, "lost", where, `${key} is ${nodes.map((node) => node.keys.get(key)?.value).join(" and ")} already`, null);
}

export const bothNodes = (draft: Draft): readonly DraftNode[] => [nodeAt(draft, 0), nodeAt(draft, 1)];

/** The service of that name at home on `node`, made when it is not there. A name is at home once: a second home gets a name of its own. */
export function serviceNamed(draft: Draft, wanted: string, home: DraftNode): DraftService {
  const base = slug(wanted);
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? base : `${base.slice(0, 28)}-${number}`;
    const there = draft.services.find((service) => service.name === name);
    if (there !== undefined && there.home !== home) continue;
    if (there !== undefined) return there;
    const made: DraftService = { name, home, from: [], weight: 0, service: new Map(), mirror: new Map() };
    draft.services.push(made);
    return made;
  }
}

/** As serviceNamed(), but never one that is there already. */
export function newService(draft: Draft, wanted: string, home: DraftNode): DraftService {
  const base = slug(wanted);
  const taken = new Set(draft.services.map(({ name }) => name));
  let name = base;
  for (let number = 2; taken.has(name); number += 1) name = `${base.slice(0, 28)}-${number}`;
  return serviceNamed(draft, name, home);
}

/** At most 32 small letters, digits, _ and -. */
const slug = (text: string): string => text.toLowerCase().replace(/[^a-z0-9_-]+/g, "-").replace(/^[^a-z0-9]+|-+$/g, "").slice(0, 32) || "service";

export function append<K>(map: Map<K, string[]>, key: K, value: string): void {
  const list = map.get(key) ?? [];
  if (!list.includes(value)) map.set(key, [...list, value]);
}

/** Lines with their numbers from 1; a backslash at the end joins the next one. */
export function logicalLines(text: string, { joined }: { readonly joined: boolean }): readonly { readonly line: number; readonly text: string }[] {
  const lines: { line: number; text: string }[] = [];
  let open: { line: number; text: string } | null = null;
  for (const [index, content] of text.replace(/^\uFEFF/, "").split(/\r\n|\n/).entries()) {
    const one: { line: number; text: string } = open === null ? { line: index + 1, text: content } : { line: open.line, text: `${open.text} ${content}` };
    open = joined && one.text.endsWith("\\") ? { line: one.line, text: one.text.slice(0, -1) } : null;
    if (open === null) lines.push(one);
  }
  return open === null ? lines : [...lines, open];
}

// Do names of users and groups mean the same numbers on both nodes? Runs carry numbers (--numeric-ids): where a number is somebody else's on the
// other node, a takeover hands this one's files to that one.
//
// Only numbers that own something in the trees matter, so these are gathered, once a day and from so many entries at most. Node core only.

import { lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { STATE } from "../clusterd/base/paths.ts";
import type { JobConfig } from "../clusterd/config/config.ts";
import { walk } from "./walk.ts";

/** name → number, of passwd(5) and group(5). Who is in neither, as in a directory service, is nobody's concern here. */
export interface Ids { readonly users: Readonly<Record<string, number>>; readonly groups: Readonly<Record<string, number>> }
export interface UsedIds { readonly users: readonly number[]; readonly groups: readonly number[] }

const LOOKED_AT = 50_000;
const DAY = 86_400_000;

export const idsHere = (): Ids => ({ users: numbers("/etc/passwd"), groups: numbers("/etc/group") });

function numbers(file: string): Readonly<Record<string, number>> {
  const lines = read(file).split("\n").map((line) => line.split(":"));
  return Object.fromEntries(lines.flatMap(([name = "", , id = ""]) => (/^\d+$/.test(id) ? [[name, Number(id)] as const] : [])));
}

/** A sentence for each name whose files would be another's there. Pure. */
export function strangers(here: Ids, there: Ids, used: UsedIds, peer: string): readonly string[] {
  return (["users", "groups"] as const).flatMap((kind) => used[kind].flatMap((number) => {
    const names = Object.keys(here[kind]).filter((name) => here[kind][name] === number);
    const [name] = names;
    if (name === undefined || names.some((one) => there[kind][one] === number)) return [];
    const other = Object.keys(there[kind]).find((one) => there[kind][one] === number);
    const own = there[kind][name];
    return [`${kind === "users" ? "user" : "group"} ${name} is ${number} here and ${own ?? "not known"} on ${peer}${other === undefined ? "" : `, where ${number} is ${other}`}`];
  }));
}

/** Whether anything could be strange at all: the walk can be spared where both nodes know the same. Pure. */
export const alike = (here: Ids, there: Ids): boolean =>
  (["users", "groups"] as const).every((kind) => Object.entries(here[kind]).every(([name, number]) => there[kind][name] === number));

/** The numbers that own what is in the job's trees, as of today. */
export function usedIds({ name, entries }: JobConfig, now = Date.now()): UsedIds {
  const file = `${STATE}/mirror/owners/${name}.json`;
  const paths = entries.map(({ path }) => path);
  const known = readJson(file) as { at: number; paths: readonly string[] } & UsedIds | null;
  if (known !== null && Math.abs(now - known.at) < DAY && String(known.paths) === String(paths)) return known;
  const [users, groups] = [new Set<number>(), new Set<number>()];
  let left = LOOKED_AT;
  for (const path of paths) for (const found of below(path)) {
    if ((left -= 1) < 0) break;
    const stats = lstatSync(found, { throwIfNoEntry: false });
    if (stats !== undefined) { users.add(stats.uid); groups.add(stats.gid); }
  }
  const used: UsedIds = { users: [...users].sort((a, b) => a - b), groups: [...groups].sort((a, b) => a - b) };
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, JSON.stringify({ at: now, paths, ...used }), { mode: 0o600 });
  return used;
}

function* below(path: string): Generator<string | Buffer> {
  yield path;
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) for (const found of walk(path)) yield found.path;
}

function readJson(file: string): unknown {
  try { return JSON.parse(read(file)); } catch { return null; }
}

const read = (path: string): string => {
  try { return readFileSync(path, "utf8"); } catch { return ""; }
};

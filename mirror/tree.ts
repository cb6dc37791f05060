// Is a tree really there, or only its empty mount point?
//
// Each mirrored tree carries a marker file, `.clusterd-tree`, with the job's name and an id drawn once. The marker is
// mirrored like any file, so both sides hold the same. Beside it, each node remembers (STATE/mirror/trees/JOB.json) which
// id it has seen and which file systems were mounted on the way to the tree and in it. A tree that was marked once and
// has no marker now is not mounted; a tree with another id is another disk.

import { existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, statSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { writeDurably } from "../clusterd/base/files.ts";
import { STATE } from "../clusterd/base/paths.ts";

export const MARKER = ".clusterd-tree";

export interface TreeFacts {
  readonly path: string;
  readonly exists: boolean;
  /** Where the path really leads, when a symbolic link is on the way; else null. */
  readonly leadsTo: string | null;
  /** Nothing in it but, perhaps, the marker. */
  readonly empty: boolean;
  readonly marker: { readonly job: string; readonly id: string } | null;
  /** What this node remembers of it; null = never seen. */
  readonly known: KnownTree | null;
  /** Mount points at the tree, above it (the nearest) and in it, now. */
  readonly mounts: readonly string[];
  /** A file system of /etc/fstab that belongs here and is not mounted. */
  readonly unmounted: string | null;
}

export interface KnownTree { readonly id: string; readonly mounts: readonly string[] }

const stateFile = (job: string): string => `${STATE}/mirror/trees/${job}.json`;

export function knownTrees(job: string): Readonly<Record<string, KnownTree>> {
  try {
    return toKnown(JSON.parse(readFileSync(stateFile(job), "utf8")));
  } catch {
    return {}; // never mirrored here, or the state was lost: the markers still speak
  }
}

/** What of the file is of the kind that we write. */
export function toKnown(value: unknown): Readonly<Record<string, KnownTree>> {
  const isTree = (tree: Partial<KnownTree> | null): tree is KnownTree =>
    typeof tree?.id === "string" && Array.isArray(tree.mounts) && tree.mounts.every((point) => typeof point === "string");
  return Object.fromEntries(Object.entries((value ?? {}) as Record<string, KnownTree | null>).filter((one): one is [string, KnownTree] => isTree(one[1])));
}

export function rememberTrees(job: string, trees: readonly TreeFacts[]): void {
  const marked = trees.flatMap((tree) => tree.marker === null ? [] : [[tree.path, { id: tree.marker.id, mounts: tree.mounts }] as const]);
  if (marked.length === 0) return;
  const file = stateFile(job);
  const text = `${JSON.stringify({ ...knownTrees(job), ...Object.fromEntries(marked) }, null, 1)}\n`;
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeDurably(file, text);
}

export function lookAtTree(path: string, job: string, system: { readonly mountinfo?: string; readonly fstab?: string } = {}): TreeFacts {
  const mounted = mountPoints(system.mountinfo ?? read("/proc/self/mountinfo"));
  const exists = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const names = exists ? readdirSync(path) : [];
  return {
    path, exists, leadsTo: exists ? elsewhere(path) : null,
    empty: names.every((name) => name === MARKER),
    marker: names.includes(MARKER) ? parseMarker(read(join(path, MARKER))) : null,
    known: knownTrees(job)[path] ?? null,
    mounts: mountsOf(path, mounted),
    unmounted: fstabPoints(system.fstab ?? read("/etc/fstab")).find((point) => point !== "/" && related(point, path) && !mounted.includes(point)) ?? null,
  };
}

function elsewhere(path: string): string | null {
  const real = realpathSync(path);
  return slash(real) === slash(path) ? null : slash(real);
}

/** Writes the marker, keeping the id of one that is there. */
export function markTree(path: string, job: string): void {
  const before = lookAtTree(path, job).marker;
  writeDurably(join(path, MARKER), `# clusterd mirrors this tree. Without this file it takes the tree for not mounted and touches nothing.\njob ${job}\nid ${before?.job === job ? before.id : randomBytes(8).toString("hex")}\n`, 0o644);
}

export function parseMarker(text: string): { readonly job: string; readonly id: string } | null {
  const job = /^job (\S+)$/m.exec(text)?.[1];
  const id = /^id ([0-9a-f]{16})$/m.exec(text)?.[1];
  return job === undefined || id === undefined ? null : { job, id };
}

/** Mount points in the order of /proc/self/mountinfo (proc(5)): the fifth field, with \040 for a space. */
export const mountPoints = (mountinfo: string): readonly string[] =>
  mountinfo.split("\n").flatMap((line) => line.split(" ")[4] ?? []).map(unescape);

/** Second field of fstab(5), of what is a file system at a place. */
export const fstabPoints = (fstab: string): readonly string[] =>
  fstab.split("\n").filter((line) => !line.trim().startsWith("#")).flatMap((line) => line.trim().split(/\s+/)[1] ?? []).filter((point) => point.startsWith("/")).map(unescape);

const unescape = (text: string): string => text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
const slash = (path: string): string => (path.endsWith("/") ? path : `${path}/`);
const related = (point: string, tree: string): boolean => slash(tree).startsWith(slash(point)) || slash(point).startsWith(slash(tree));

/** The nearest mount point at or above the tree, and every one in it. */
export function mountsOf(tree: string, points: readonly string[]): readonly string[] {
  const above = points.filter((point) => slash(tree).startsWith(slash(point))).sort((a, b) => b.length - a.length)[0];
  const inside = points.filter((point) => slash(point).startsWith(slash(tree)) && slash(point) !== slash(tree));
  return [...new Set([...(above === undefined ? [] : [above]), ...inside])].sort();
}

const read = (path: string): string => {
  try { return readFileSync(path, "utf8"); } catch { return ""; }
};

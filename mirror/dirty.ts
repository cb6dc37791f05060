// Which paths are not on the peer yet, and since when? Pure.
//
// Paths are absolute and their characters are bytes (latin1), so that every name can be told from every other. What is known of each
// is one of three: it itself changed; names in this folder changed; everything in this folder is new.

import type { Instant, WallTime } from "../clusterd/base/time.ts";

/** Each includes the one before. */
export const EXTENTS = ["self", "names", "all"] as const;
export type Extent = (typeof EXTENTS)[number];

export interface Dirt { readonly extent: Extent; /** First and last change that the peer lacks. */ readonly since: WallTime; readonly last: WallTime; /** When the last was heard of: this decides. */ readonly heard: Instant }

/** Beyond this many a list is no help: a full pass is cheaper. */
export const MOST = 50_000;

export type DirtyPaths = Map<string, Dirt>;

export function addDirt(paths: DirtyPaths, path: string, extent: Extent, now: WallTime, heard: Instant): void {
  const before = paths.get(path);
  if (before === undefined) paths.set(path, { extent, since: now, last: now, heard });
  else paths.set(path, { extent: wider(before.extent, extent), since: before.since, last: now, heard });
}

const wider = (a: Extent, b: Extent): Extent => (EXTENTS.indexOf(a) > EXTENTS.indexOf(b) ? a : b);

/** A batch has arrived: what has not changed again since it was put together is clean. Returns what went. */
export function cleanSent(paths: DirtyPaths, sent: ReadonlyMap<string, Dirt>): readonly (readonly [string, Dirt])[] {
  const gone = [...sent].filter(([path, dirt]) => paths.get(path) === dirt);
  for (const [path] of gone) paths.delete(path);
  for (const [path, { last }] of sent) { // the older change has arrived
    const again = paths.get(path);
    if (again !== undefined) paths.set(path, { ...again, since: Math.min(again.last, Math.max(again.since, last)) });
  }
  return gone;
}

/** A full run that began then was good: every change from before it has arrived. */
export function cleanBefore(paths: DirtyPaths, began: Instant): readonly (readonly [string, Dirt])[] {
  const gone = [...paths].filter(([, { heard }]) => heard < began);
  for (const [path] of gone) paths.delete(path);
  return gone;
}

/** One line of the journal (dirty-journal.ts): `+ self 1763721912345 /srv/www/page`, `- /srv/www/page`. */
export const addLine = (path: string, extent: Extent, now: WallTime): string => `+ ${extent} ${now} ${escape(path)}\n`;
export const cleanLine = (path: string): string => `- ${escape(path)}\n`;

const escape = (path: string): string => path.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
const unescape = (text: string): string => text.replace(/\\([\\n])/g, (_, one: string) => (one === "n" ? "\n" : "\\"));

const LINE = /^(?:\+ (self|names|all) (\d{1,15})|-) (.+)$/s;

/** What the journal's lines add up to, heard of when they are read. A line that a crash has torn, at the end, says nothing: the change it tells of is newer than what is watched. */
export function readLines(text: string, heard: Instant): DirtyPaths {
  const paths: DirtyPaths = new Map();
  for (const line of text.split("\n").slice(0, -1)) {
    const [, extent, time, path] = LINE.exec(line) ?? [];
    if (path === undefined) continue;
    if (extent === undefined) paths.delete(unescape(path));
    else addDirt(paths, unescape(path), extent as Extent, Number(time), heard);
  }
  return paths;
}

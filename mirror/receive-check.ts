// The receiving side's answer to `check`: its trees, their room, what their file systems can carry, its rsync, its users. Node core only.

import { existsSync, mkdirSync, statSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { BACKUPS } from "../clusterd/base/paths.ts";
import type { JobConfig } from "../clusterd/config/config.ts";
import { abilitiesOf } from "./abilities.ts";
import type { Abilities } from "./abilities.ts";
import { mayReceive } from "./gate.ts";
import { idsHere } from "./ids.ts";
import type { Ids } from "./ids.ts";
import { installedRsync } from "./receive-rsync.ts";
import { entryKey } from "./settings.ts";
import type { Entry } from "./settings.ts";
import { lookAtTree } from "./tree.ts";

/** What is absent, an older peer does not tell. */
export interface CheckAnswer {
  readonly rsync: string | null;
  readonly rsyncLacks?: readonly string[];
  readonly wall: number;
  readonly entries: Readonly<Record<string, PeerTree | { readonly refused: string }>>;
  /** Of the dated directories. */
  readonly kept?: Abilities;
  readonly ids?: Ids;
}

export interface PeerTree {
  readonly id: string | null;
  /** Nothing is there that could be deleted. */
  readonly empty?: boolean;
  /** Bytes. */
  readonly freeTree: number;
  readonly freeBackups: number;
  /** Null: the file system makes them as they are needed. */
  readonly inodesTree?: number | null;
  readonly inodesBackups?: number | null;
  /** The dated directories are on another file system than the tree. */
  readonly apart?: boolean;
  readonly abilities?: Abilities;
}

export function check(job: JobConfig): CheckAnswer {
  const rsync = installedRsync();
  const entries = job.entries.map((entry) => {
    const found = look(job, entry);
    return [entryKey(entry), "refused" in found ? found : { ...found, abilities: abilitiesOf(entry.kind === "tree" ? entry.path : dirname(entry.path)) }] as const;
  });
  mkdirSync(BACKUPS, { recursive: true, mode: 0o700 });
  return { rsync: rsync?.version ?? null, rsyncLacks: rsync?.lacks ?? [], wall: Date.now(), entries: Object.fromEntries(entries), kept: abilitiesOf(BACKUPS), ids: idsHere() };
}

/** May this entry be written now? Asked before each push, too. */
export function look(job: JobConfig, entry: Entry): PeerTree | { readonly refused: string } {
  const tree = entry.kind === "tree" ? lookAtTree(entry.path, job.name) : null;
  const verdict = tree === null ? { go: true as const } : mayReceive(tree, job.name);
  if (!verdict.go) return { refused: verdict.because };
  const point = job.consistent ? tree?.mounts.find((one) => `${one}/`.startsWith(entry.path)) : undefined;
  if (point !== undefined) return { refused: `consistent = yes, and ${point} is a file system of its own there: name a folder in it, which can be exchanged` };
  const [there, kept] = [roomAt(entry.path), roomAt(BACKUPS)];
  return { id: tree?.marker?.id ?? null, empty: tree?.empty ?? false, freeTree: there.bytes, freeBackups: kept.bytes, inodesTree: there.inodes, inodesBackups: kept.inodes, apart: there.device !== kept.device };
}

/** Some file systems count nothing. */
const UNTOLD = Number.MAX_SAFE_INTEGER;

/** Free for root where `path` is or would be. */
function roomAt(path: string): { readonly bytes: number; readonly inodes: number | null; readonly device: number } {
  let folder = path;
  while (folder !== "/" && !existsSync(folder)) folder = dirname(folder);
  const { bavail, blocks, bsize, files, ffree } = statfsSync(folder);
  return { bytes: blocks === 0 ? UNTOLD : bavail * bsize, inodes: files === 0 ? null : ffree, device: statSync(folder).dev };
}

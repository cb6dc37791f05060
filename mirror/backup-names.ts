// Where the file versions go that a run replaced or deleted: BACKUPS/job/DATE.RUN.KIND/the path they had.
//
// The name of a run is its date (UTC, sortable) and six random hex digits; the sender makes it up, the receiver only
// accepts names of this shape. Pure.

import { randomBytes } from "node:crypto";
import type { WallTime } from "../clusterd/base/time.ts";

export const KINDS = ["normal", "final", "recovery", "live", "restore"] as const;
/** normal: by schedule or hand. final: a handover's last pass. recovery: the peer has come back, and may have versions of its own.
 *  live: changes sent while they happen. restore: a person put an older version back, on this node. */
export type Kind = (typeof KINDS)[number];
/** Those that one node asks of the other. */
export type RunKind = Exclude<Kind, "restore">;

/** `2026-11-21T04-05-12Z.3f2a9c` */
export type RunId = string;

const RUN = /^(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)\.([0-9a-f]{6})$/;

export const newRunId = (wall: WallTime, random: string = randomBytes(3).toString("hex")): RunId =>
  `${new Date(wall).toISOString().slice(0, 19).replaceAll(":", "-")}Z.${random}`;

export const isRunId = (word: string): boolean => RUN.test(word);
export const isKind = (word: string): word is Kind => (KINDS as readonly string[]).includes(word);
export const isRunKind = (word: string): word is RunKind => isKind(word) && word !== "restore";

export const backupDir = (backups: string, job: string, run: RunId, kind: Kind): string => `${backups}/${job}/${run}.${kind}`;

/** Of one entry: a tree's files keep the tree's path below the run, a single file that of its folder. */
export function entryBackupDir(dir: string, entry: { readonly path: string; readonly kind: "tree" | "file" }): string {
  const folder = entry.kind === "tree" ? entry.path : entry.path.slice(0, entry.path.lastIndexOf("/") + 1);
  return `${dir}${folder.replace(/\/+$/, "")}`;
}

/** The parts of a directory's name, or null if we did not make it. */
export function parseBackupName(name: string): { readonly run: RunId; readonly kind: Kind; readonly wall: WallTime } | null {
  const cut = name.lastIndexOf(".");
  const [run, kind] = [name.slice(0, cut), name.slice(cut + 1)];
  const date = RUN.exec(run)?.[1];
  if (date === undefined || !isKind(kind)) return null;
  const wall = Date.parse(`${date.slice(0, 10)}T${date.slice(11).replaceAll("-", ":")}`);
  return Number.isNaN(wall) ? null : { run, kind, wall };
}

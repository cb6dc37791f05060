// Is any file version lost, or claimed to be mirrored when it was not? Judged from what the services wrote down outside the
// nodes (store.pl), from the mirror's reports as they appeared, and from both disks. Pure but for reading them.
//
// A version may be missing for one reason only: whoever wrote it replaced or deleted it himself, on the same node, before any
// run claimed it. Once a run claims it, it must be on the peer: in the tree, or in a dated directory, or replaced by hand there too. Contents are unlike
// each other, so a version is known by its checksum.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";

import { parseBackupName } from "../../../mirror/backup-names.ts";
import { PARTIAL_DIR } from "../../../mirror/rsync-args.ts";

/** Times: wall clock, ms. */
export interface Version {
  readonly sha: string;
  readonly path: string;
  readonly node: 0 | 1;
  readonly closed: number;
}

/** What one service has said on one node. */
export interface Ledger {
  readonly versions: readonly Version[];
  /** Contents that were replaced or deleted on that node by hand, and when, at the earliest. */
  readonly gone: ReadonlyMap<string, number>;
  /** Paths whose writer was cut off while it wrote: what lies there is nobody's version. */
  readonly torn: ReadonlySet<string>;
}

/** A run that its owner reported as good. */
export interface Claim {
  readonly job: string;
  readonly run: string;
  readonly owner: 0 | 1;
  readonly started: number;
  readonly ended: number;
}

/** What lies on one node's disk: by checksum. `kept`: when the run began that moved it aside. */
export interface Disk {
  readonly live: ReadonlySet<string>;
  readonly kept: ReadonlyMap<string, number>;
}

export interface Missing {
  readonly version: Version;
  readonly claim: Claim | null;
}

export interface Verdict {
  readonly lost: readonly Missing[];
  readonly falselyClaimed: readonly Missing[];
  /** How many (version, claim) pairs were held against the peer's disk. */
  readonly claimed: number;
}

/** `claims` of this round; `promised`: checksums that earlier claims covered, to which those of this round are added. */
export function judge(ledgers: readonly [Ledger, Ledger], disks: readonly [Disk, Disk], claims: readonly Claim[], trees: Readonly<Record<string, string>>, promised: Set<string>): Verdict {
  const falselyClaimed: Missing[] = [];
  let claimed = 0;
  for (const claim of claims) {
    for (const version of ledgers[claim.owner].versions) {
      if (!version.path.startsWith(trees[claim.job]!) || !stoodDuring(version, claim, ledgers, disks)) continue;
      promised.add(version.sha);
      claimed += 1;
      const peer = 1 - claim.owner as 0 | 1;
      const there = disks[peer].live.has(version.sha) || disks[peer].kept.has(version.sha) || ledgers[peer].gone.has(version.sha);
      if (!there) falselyClaimed.push({ version, claim });
    }
  }
  const somewhere = (sha: string): boolean => disks.some(({ live, kept }) => live.has(sha) || kept.has(sha));
  // Claimed, it lay on both nodes: then whoever wrote must have replaced it on both.
  const byHand = ({ sha, node }: Version): boolean => ledgers[node].gone.has(sha) && (!promised.has(sha) || ledgers[1 - node as 0 | 1].gone.has(sha));
  const lost = ledgers.flatMap(({ versions }) => versions)
    .filter((version) => !somewhere(version.sha) && !byHand(version))
    .map((version) => ({ version, claim: null }));
  return { lost, falselyClaimed, claimed };
}

/** The version was what the owner's tree held from the run's beginning to its end. One that the peer's run had moved aside by
 *  then was not; the names of runs are to the second. */
function stoodDuring(version: Version, claim: Claim, ledgers: readonly [Ledger, Ledger], disks: readonly [Disk, Disk]): boolean {
  if (version.closed >= claim.started) return false;
  const gone = ledgers[claim.owner].gone.get(version.sha);
  if (gone !== undefined && gone <= claim.ended) return false;
  const movedAside = disks[claim.owner].kept.get(version.sha);
  return movedAside === undefined || movedAside > claim.ended;
}

/** A ledger's whole lines: `- TIME PATH SHA` (or x) before, `+ TIME PATH SHA` after. */
export function readLedger(text: string, node: 0 | 1): Ledger {
  const versions: Version[] = [];
  const gone = new Map<string, number>();
  const torn = new Set<string>();
  for (const line of text.slice(0, text.lastIndexOf("\n") + 1).split("\n")) {
    const [sign, time, path, sha] = line.split(" ");
    if (path === undefined || sha === undefined) continue;
    if (sign === "-" || sign === "x") {
      if (sha !== "0" && !gone.has(sha)) gone.set(sha, Number(time));
      if (sign === "-") torn.add(path);
    } else if (sign === "+") {
      versions.push({ sha, path, node, closed: Number(time) });
      torn.delete(path);
    }
  }
  return { versions, gone, torn };
}

export function joinLedgers(ledgers: readonly Ledger[]): Ledger {
  return {
    versions: ledgers.flatMap(({ versions }) => versions),
    gone: new Map(ledgers.flatMap(({ gone }) => [...gone])),
    torn: new Set(ledgers.flatMap(({ torn }) => [...torn])),
  };
}

/** What was there at first, with what had gone by the time the disks were read: a service on a busy node may still be writing. */
export const withGone = (first: Ledger, later: Ledger): Ledger => ({ versions: first.versions, gone: later.gone, torn: later.torn });

/** Reads a node's disk from outside. Dated directories are read again only when something was put into them: what a run once
 *  moved aside, nothing may write to. By the folder's change time: rsync gives its folders there the times of the tree's. */
export class DiskReader {
  readonly #root: string;
  readonly #known = new Map<string, { readonly changed: bigint; readonly files: readonly string[]; readonly folders: readonly string[] }>();

  constructor(root: string) {
    this.#root = root;
  }

  /** The trees first: a run that goes on meanwhile moves versions from there into a dated directory, never back. */
  read(trees: readonly string[], backups: string): Disk {
    const live = new Set(trees.flatMap((tree) => this.#below(`${this.#root}${tree}`, false)));
    const kept = new Map<string, number>();
    for (const job of list(`${this.#root}${backups}`)) {
      for (const run of list(`${this.#root}${backups}/${job}`)) {
        const wall = parseBackupName(run)?.wall;
        if (wall !== undefined) for (const sha of this.#below(`${this.#root}${backups}/${job}/${run}`, true)) kept.set(sha, Math.min(wall, kept.get(sha) ?? Infinity));
      }
    }
    return { live, kept };
  }

  #below(folder: string, remember: boolean): string[] {
    const changed = statSync(folder, { throwIfNoEntry: false, bigint: true })?.ctimeNs;
    if (changed === undefined) return [];
    const known = this.#known.get(folder);
    const found = known?.changed === changed ? known : { changed, ...readFolder(folder) };
    if (remember) this.#known.set(folder, found);
    return [...found.files, ...found.folders.flatMap((inner) => this.#below(inner, remember))];
  }
}

function readFolder(folder: string): { readonly files: readonly string[]; readonly folders: readonly string[] } {
  const entries = readdirSync(folder, { withFileTypes: true });
  const paths = (wanted: "isFile" | "isDirectory"): string[] => entries.filter((entry) => entry[wanted]() && entry.name !== PARTIAL_DIR).map(({ name }) => `${folder}/${name}`);
  return { files: paths("isFile").map((path) => createHash("sha256").update(readFileSync(path)).digest("hex")), folders: paths("isDirectory") };
}

const list = (folder: string): readonly string[] => existsSync(folder) ? readdirSync(folder) : [];

// Which file versions exist on the nodes, by checksum, and which of those that were written do not exist any more.

import { existsSync, readFileSync } from "node:fs";

import type { Lab } from "../lab.ts";

export interface Version {
  /** CLOCK_MONOTONIC, ms: when the writer had closed it. */
  readonly at: number;
  readonly sha: string;
  readonly path: string;
}

export interface Found {
  /** By path: the checksum. */
  readonly live: ReadonlyMap<string, string>;
  readonly kept: ReadonlyMap<string, string>;
}

/** What a writer has said: only whole lines. */
export function written(log: string): readonly Version[] {
  if (!existsSync(log)) return [];
  const text = readFileSync(log, "utf8");
  return text.slice(0, text.lastIndexOf("\n") + 1).split("\n").flatMap((line) => {
    const [at, sha, path] = line.split(" ");
    return at === undefined || sha === undefined || path === undefined ? [] : [{ at: Number(at), sha, path }];
  });
}

/** A writer that overwrites its own file meant to: of each path only its last version must be found. */
export function lasting(versions: readonly Version[]): readonly Version[] {
  return [...new Map(versions.map((version) => [version.path, version])).values()];
}

export async function find(lab: Lab, node: string, folder: string): Promise<Found> {
  return { live: await checksums(lab, node, folder), kept: await checksums(lab, node, "/var/backups/clusterd") };
}

/** Of every ordinary file below a folder, read on the node. */
export async function checksums(lab: Lab, node: string, folder: string): Promise<ReadonlyMap<string, string>> {
  const script = 'cd "$1" 2>/dev/null || exit 0; find . -type f -print0 | xargs -0r sha256sum -z';
  const out = await lab.exec(node, ["sh", "-c", script, "sh", folder], { maxBuffer: 1 << 28 });
  return new Map(out.split("\0").filter((line) => line !== "").map((line) => [`${folder}/${line.slice(66).replace(/^\.\//, "")}`, line.slice(0, 64)]));
}

export const same = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): number =>
  [...a].filter(([path, sha]) => b.get(path) === sha).length;

// The configuration for programs that start many times a minute: as it was last read, while nothing of it has changed.
//
// Reading and judging it costs 60 ms of a processor, most of it to load the code that does. So a sound configuration is kept in RUN with what was looked at:
// every file and folder of it, and of that code, by device, inode, size and time of change (ctime, which nobody can set, and which a new owner or mode
// changes, too). Symbolic links, and files changed a moment ago, are read anew each time: their names and times do not tell of every change.

import { lstatSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { readTrusted } from "../base/files.ts";
import { BACKUPS, ETC, RUN, STATE } from "../base/paths.ts";
import type { Config } from "./config.ts";
import type { Loaded } from "./load.ts";

export interface RememberOptions {
  readonly etc?: string;
  readonly self?: string;
  readonly file?: string;
  /** Two changes within one tick of the kernel's clock have one time: what changed less than so many ms ago may do so again unseen. */
  readonly settled?: number;
}

/** As loadConfig(); the warnings are not remembered. */
export async function loadRemembered({ etc = ETC, self = process.env["CLUSTERD_NODE"] ?? hostname().split(".")[0] ?? "", file = `${RUN}/configuration.json`, settled = 2000 }: RememberOptions = {}): Promise<Loaded> {
  const seen = look(etc, self, settled);
  const known = seen === null ? null : recall(file, seen);
  if (known !== null) return { ok: true, config: known, warnings: [] };
  const { loadConfig } = await import("./load.ts");
  const loaded = loadConfig({ etc, self });
  if (loaded.ok && seen !== null && look(etc, self, settled) === seen) remember(file, seen, loaded.config);
  return loaded;
}

/** Null: it cannot be told whether anything changes. */
function look(etc: string, self: string, settled: number): string | null {
  try {
    const lines = [`${self} ${STATE} ${RUN} ${BACKUPS}`];
    const newest = Math.max(...[etc, import.meta.dirname, join(import.meta.dirname, "../base")].map((folder) => lookAt(folder, lines)));
    return Date.now() - newest < settled ? null : lines.join("\n");
  } catch {
    return null; // a link, too many files, or something is gone just now
  }
}

/** More files than a configuration has: looking at them would cost what is to be saved. */
const MOST = 1000;

/** The folder and all in it but hidden files, which nobody reads; the newest time of change. */
function lookAt(folder: string, lines: string[]): number {
  let newest = note(folder, statSync(folder, { bigint: true }), lines);
  for (const name of readdirSync(folder).filter((one) => !one.startsWith("."))) {
    if (lines.length > MOST) throw new Error("too many to look at");
    const path = join(folder, name);
    const stats = lstatSync(path, { bigint: true });
    if (stats.isSymbolicLink()) throw new Error("who changes what it points to leaves no trace here");
    newest = Math.max(newest, stats.isDirectory() ? lookAt(path, lines) : note(path, stats, lines));
  }
  return newest;
}

function note(path: string, { dev, ino, size, ctimeNs }: { readonly dev: bigint; readonly ino: bigint; readonly size: bigint; readonly ctimeNs: bigint }, lines: string[]): number {
  lines.push(`${path} ${dev} ${ino} ${size} ${ctimeNs}`);
  return Number(ctimeNs / 1_000_000n);
}

function recall(file: string, seen: string): Config | null {
  const read = readTrusted(file);
  if (!read.ok) return null;
  try {
    const kept = JSON.parse(read.text) as { readonly seen: string; readonly config: Config };
    return kept.seen === seen ? kept.config : null;
  } catch {
    return null;
  }
}

/** Lost at worst: then it is read anew. */
function remember(file: string, seen: string, config: Config): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.${process.pid}`, JSON.stringify({ seen, config }), { mode: 0o600 });
    renameSync(`${file}.${process.pid}`, file);
  } catch { /* not root, or no room */ }
}

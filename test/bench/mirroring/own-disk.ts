// A disk of its own for serv1's tree. On one with serv2's the watcher would hear of every file that arrives there, which on two servers it does not.
//
// A file system in a file, mounted in a mount namespace that this process was started in: it is gone with the process, whatever happens.

import { execFileSync, spawnSync } from "node:child_process";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Pair } from "../../mirror/pair.ts";

const APART = "CLUSTERD_BENCH_APART";
/** Bytes; the file has only as many as are used. */
const SIZE = 60 * 2 ** 30;
/** The tree of a million files, and as much again. */
const INODES = 3_000_000;

/** This program once more, in a mount namespace of its own; null: this is it. */
export function apart(): number | null {
  if (process.env[APART] !== undefined) return null;
  const { status } = spawnSync("unshare", ["--mount", "--propagation", "private", process.execPath, ...process.execArgv, ...process.argv.slice(1)], { stdio: "inherit", env: { ...process.env, [APART]: "1" } });
  return status ?? 1;
}

/** Undone by what it returns. */
export function ownDisk({ home, data }: Pair): () => void {
  const image = join(home, "disk-of-serv1");
  writeFileSync(image, "");
  truncateSync(image, SIZE);
  execFileSync("mkfs.ext4", ["-q", "-F", "-N", String(INODES), "-E", "lazy_itable_init=1,lazy_journal_init=1", image]);
  execFileSync("mount", ["-o", "loop,noatime", image, data]);
  return () => void execFileSync("umount", [data]);
}

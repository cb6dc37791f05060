// Looking at what is installed below a root folder, and carrying a plan out. Synchronous; throws what the system says.
//
// A file is written beside its place and renamed into it: a program that is being replaced stays whole for who runs it.

import { createHash } from "node:crypto";
import { chmodSync, closeSync, constants, copyFileSync, lstatSync, mkdirSync, openSync, readFileSync, readlinkSync, readSync, renameSync, rmSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeDurably } from "../base/files.ts";
import type { Change, Found, Manifest } from "./plan.ts";

export const MANIFEST = "/var/lib/clusterd/installed.json";

const CHUNK = 1024 * 1024;

/** SHA-256 in hex; the Node that comes with us is too large to be read at once. */
export function hashFile(path: string): string {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(CHUNK);
  const fd = openSync(path, constants.O_RDONLY);
  try {
    for (let got = readSync(fd, buffer); got > 0; got = readSync(fd, buffer)) hash.update(buffer.subarray(0, got));
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}

export const hashText = (text: string): string => createHash("sha256").update(text).digest("hex");

export function lookAt(root: string, path: string): Found {
  const at = join(root, path);
  const stats = lstatSync(at, { throwIfNoEntry: false });
  if (stats === undefined) return { kind: "absent" };
  const mode = stats.mode & 0o7777;
  if (stats.isSymbolicLink()) return { kind: "link", target: readlinkSync(at) };
  if (stats.isDirectory()) return { kind: "folder", mode };
  return stats.isFile() ? { kind: "file", mode, sha: hashFile(at) } : { kind: "other" };
}

export function carryOut(root: string, changes: readonly Change[]): void {
  for (const change of changes) {
    if (change.do === "chmod") chmodSync(join(root, change.path), change.mode);
    else if (change.do === "remove") remove(join(root, change.path), change.kind === "folder");
    else put(root, change.wanted);
  }
}

function put(root: string, wanted: Extract<Change, { readonly wanted: unknown }>["wanted"]): void {
  const at = join(root, wanted.path);
  mkdirSync(dirname(at), { recursive: true });
  const draft = `${at}.new-${process.pid}`;
  switch (wanted.kind) {
    case "folder":
      mkdirSync(at, { recursive: true, mode: wanted.mode });
      chmodSync(at, wanted.mode); // the umask has had its say in mkdir
      return;
    case "link":
      rmSync(draft, { force: true });
      symlinkSync(wanted.target, draft);
      break;
    case "file":
      if (typeof wanted.from === "string") copyFileSync(wanted.from, draft, constants.COPYFILE_FICLONE);
      else writeFileSync(draft, wanted.from.text);
      chmodSync(draft, wanted.mode);
  }
  renameSync(draft, at);
}

function remove(at: string, folder: boolean): void {
  if (!folder) { rmSync(at, { force: true }); return; }
  try {
    rmdirSync(at);
  } catch (error) {
    // Something of somebody else's is in it, so it stays; another process may have removed it.
    if (!["ENOTEMPTY", "EEXIST", "ENOENT"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

export function readManifest(root: string): Manifest {
  try {
    return (JSON.parse(readFileSync(join(root, MANIFEST), "utf8")) as { readonly entries: Manifest }).entries;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new Error(`${join(root, MANIFEST)} cannot be read, so nobody knows what is clusterd's: ${(error as Error).message}`, { cause: error });
  }
}

export function writeManifest(root: string, entries: Manifest): void {
  mkdirSync(dirname(join(root, MANIFEST)), { recursive: true, mode: 0o700 });
  writeDurably(join(root, MANIFEST), `${JSON.stringify({ version: 1, entries }, null, 1)}\n`);
}

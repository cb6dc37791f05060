// Reading files that decide what root does, and writing files that must survive a power cut.
//
// A configuration file is only as trustworthy as the least person who can change it: readTrusted() refuses files and
// folders that others than root may write to. It checks the opened file, not the name, so that nothing can be swapped
// in between. Not here: what the text means.

import { closeSync, constants, fstatSync, fsyncSync, lstatSync, openSync, readSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { Stats } from "node:fs";
import { dirname } from "node:path";
import { reasonOf } from "./errors.ts";

const LARGEST = 1024 * 1024;

export type ReadFile =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly missing: boolean; readonly message: string; readonly hint: string | null };

const refuse = (message: string, hint: string | null = null, missing = false): ReadFile => ({ ok: false, missing, message, hint });

/** Who else than root could change this? Null when nobody, or when we are not root ourselves: then it is only a look. */
export function distrust(path: string, stats: Stats): { readonly message: string; readonly hint: string } | null {
  if (process.getuid?.() !== 0) return null;
  if (stats.uid !== 0) return { message: `belongs to user ${stats.uid}, not to root: whoever that is could command this node`, hint: `chown root:root ${path}` };
  if ((stats.mode & 0o022) !== 0) return { message: `may be written by ${(stats.mode & 0o002) !== 0 ? "everybody" : "its group"} (mode ${(stats.mode & 0o777).toString(8)})`, hint: `chmod go-w ${path}` };
  return null;
}

/** The same question for a folder by its name. Also says when it is missing or no folder. */
export function distrustFolder(path: string): { readonly message: string; readonly hint: string | null } | null {
  try {
    const stats = statSync(path);
    return stats.isDirectory() ? distrust(path, stats) : { message: "is not a folder", hint: null };
  } catch (error) {
    return { message: `cannot be read: ${reasonOf(error)}`, hint: null };
  }
}

/** The text of a small file that only root can have written: UTF-8, a byte order mark removed. Never throws. */
export function readTrusted(path: string): ReadFile {
  let fd: number;
  try {
    // O_NONBLOCK: a named pipe of that name must not hold us up for ever.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return refuse(missing ? "is missing" : `cannot be read: ${reasonOf(error)}`, null, missing);
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) return refuse("is not an ordinary file");
    const doubt = distrust(path, stats) ?? distrustLink(path);
    if (doubt !== null) return refuse(doubt.message, doubt.hint);
    if (stats.size > LARGEST) return refuse(`is larger than 1 MB (${stats.size} bytes): this is no configuration file`);
    return decode(readAll(fd));
  } catch (error) {
    return refuse(`cannot be read: ${reasonOf(error)}`);
  } finally {
    closeSync(fd);
  }
}

/** A symbolic link is as trustworthy as the folder that its target lies in. */
function distrustLink(path: string): { readonly message: string; readonly hint: string | null } | null {
  if (!lstatSync(path).isSymbolicLink()) return null;
  const folder = dirname(realpathSync(path));
  const doubt = distrustFolder(folder);
  return doubt && { message: `points into ${folder}, which ${doubt.message}`, hint: doubt.hint };
}

function readAll(fd: number): Buffer {
  const buffer = Buffer.allocUnsafe(LARGEST + 1); // zeros in a megabyte would cost more than the reading
  let size = 0;
  for (let got = -1; got !== 0 && size < buffer.length; size += got) got = readSync(fd, buffer, size, buffer.length - size, null);
  return buffer.subarray(0, size);
}

function decode(bytes: Buffer): ReadFile {
  if (bytes.length > LARGEST) return refuse("is larger than 1 MB: this is no configuration file");
  if (bytes.includes(0)) return refuse("holds a NUL byte: this is no text file");
  try {
    return { ok: true, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return refuse("is not UTF-8 text", "iconv -f latin1 -t utf-8 converts an old file");
  }
}

/** A new file that nobody else may read. Throws what the system says, also when there is one; of a try that failed nothing is left. */
export function createSecret(path: string, text: string): void {
  const fd = openSync(path, "wx", 0o600);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Replaces a file in one step that a power cut cannot halve: new file, fsync, rename, fsync of the folder. Throws what the system says. */
export function writeDurably(path: string, text: string, mode = 0o600): void {
  const draft = `${path}.new-${process.pid}`;
  try {
    // Of a process that had our number before a power cut.
    rmSync(draft, { force: true });
    const fd = openSync(draft, "wx", mode);
    try {
      // All of it, or an error: write(2) itself would put down what a nearly full disk still takes, and call it done.
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  const folder = openSync(dirname(path), constants.O_RDONLY);
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

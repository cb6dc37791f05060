// The cluster's secret: where it lies, who may read it, and the heartbeat keys that are made of it.
//
// The file holds 32 random bytes, raw or as 64 hex digits (with a line end, if you like). It is the same on both nodes
// and travels between them only over ssh. A file that others could have read or replaced is not a secret and is refused.

import { createSecretKey, hkdfSync, randomBytes, type KeyObject } from "node:crypto";
import { closeSync, constants, fstatSync, mkdirSync, openSync, readSync } from "node:fs";
import { dirname } from "node:path";
import { createSecret } from "../base/files.ts";
import type { LinkName } from "../core/model.ts";

export const KEY_BYTES = 32;

/** The HMAC key of each link and direction, by the sender's index. Key objects: with plain bytes each HMAC takes five times as long. */
export type HeartbeatKeys = { readonly [L in LinkName]: readonly [KeyObject, KeyObject] };

export type KeyOutcome = { readonly ok: true; readonly key: Buffer } | { readonly ok: false; readonly reason: string };

/** HKDF-SHA256 (RFC 5869). One key for each (cluster, link, sender), so no frame fits anywhere but where it was sent. */
export function deriveKeys(clusterKey: Buffer, cluster: string): HeartbeatKeys {
  const derive = (link: LinkName, sender: number): KeyObject =>
    createSecretKey(Buffer.from(hkdfSync("sha256", clusterKey, "clusterd heartbeat", JSON.stringify([cluster, link, sender]), KEY_BYTES)));
  const both = (link: LinkName): readonly [KeyObject, KeyObject] => [derive(link, 0), derive(link, 1)];
  return { private: both("private"), lan: both("lan"), serial: both("serial") };
}

/** Reads the key, or says what is wrong with the file and what to do. All checks are made on the opened file, not on its name. */
export function loadKey(path: string): KeyOutcome {
  let file: number;
  try {
    // O_NONBLOCK: a pipe in the key's place must not hang the daemon.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return refused(path, OPEN_PROBLEMS[codeOf(error)] ?? `cannot be opened: ${(error as Error).message}`);
  }
  try {
    return readKey(path, file);
  } catch (error) {
    return refused(path, `cannot be read: ${(error as Error).message}`);
  } finally {
    closeSync(file);
  }
}

/** Draws a new key. Never replaces an existing file: the peer would no longer be understood. */
export function createKey(path: string): KeyOutcome {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const key = randomBytes(KEY_BYTES);
    createSecret(path, `${key.toString("hex")}\n`);
    return { ok: true, key };
  } catch (error) {
    return refused(path, codeOf(error) === "EEXIST" ? "exists already and is kept. Remove it on both nodes first if you want a new one"
      : `cannot be created: ${(error as Error).message}`);
  }
}

function readKey(path: string, file: number): KeyOutcome {
  const { mode, uid } = fstatSync(file);
  const others = mode & 0o077;
  if ((mode & constants.S_IFMT) !== constants.S_IFREG) return refused(path, "is not a regular file. Put the key itself there");
  if (uid !== process.geteuid!()) return refused(path, `belongs to user ${uid}, not to user ${process.geteuid!()}. chown it, and draw a new key if that user is not trusted`);
  if (others !== 0) return refused(path, `has mode ${(mode & 0o777).toString(8).padStart(4, "0")}, so others may use it. chmod 600 it, and draw a new key if others had access`);

  const buffer = Buffer.alloc(80);
  const bytes = buffer.subarray(0, readSync(file, buffer, 0, buffer.length, 0));
  if (bytes.length === KEY_BYTES) return { ok: true, key: bytes };
  const text = bytes.toString("latin1").replace(/\r?\n$/, "");
  if (/^[0-9a-fA-F]{64}$/.test(text)) return { ok: true, key: Buffer.from(text, "hex") };
  return refused(path, `holds ${bytes.length === buffer.length ? "more than 66" : bytes.length} bytes that are neither 32 raw bytes nor 64 hex digits. Copy it from the peer again`);
}

const OPEN_PROBLEMS: Record<string, string> = {
  ENOENT: "is not there. Copy it from the peer, or draw one with clusterd install on the first node",
  ELOOP: "is a symbolic link. Put the key itself there, so that its owner and mode are what is checked",
  EACCES: "may not be read by this user. Run as root",
};

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "";

const refused = (path: string, why: string): KeyOutcome => ({ ok: false, reason: `key ${path} ${why}.` });

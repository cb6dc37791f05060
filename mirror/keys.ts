// The keys of the mirror: one of this node's own, and the peer's host key, pinned. Also what `clusterd install` writes
// into the peer's authorized_keys: one forced command, and nothing else (sshd(8), AUTHORIZED_KEYS FILE FORMAT).

import { chmodSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { writeDurably } from "../clusterd/base/files.ts";
import { KEYS } from "../clusterd/base/paths.ts";

export const MIRROR_KEY = `${KEYS}/mirror_ed25519`;
export const KNOWN_HOSTS = `${KEYS}/known_hosts`;

export interface EnsuredKeys { readonly created: boolean; readonly publicKey: string }

/** Makes this node's key unless it is there; the public half is what the peer needs. Throws with ssh-keygen's own words. */
export async function ensureKeys(comment: string): Promise<EnsuredKeys> {
  mkdirSync(KEYS, { recursive: true, mode: 0o700 });
  const created = !existsSync(MIRROR_KEY);
  if (created) {
    const { execa } = await import("execa");
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", `clusterd-mirror@${comment}`, "-f", MIRROR_KEY], { timeout: 30_000 });
  }
  chmodSync(MIRROR_KEY, 0o600);
  return { created, publicKey: readFileSync(`${MIRROR_KEY}.pub`, "utf8").trim() };
}

/** The line that lets the holder of `publicKey` mirror to this node, from those addresses, and do nothing else. `program` is
 *  the command with its arguments, e.g. `/usr/sbin/mirror receive`; it must hold no quotes. */
export function authorizedKeysLine({ publicKey, from, program }: { readonly publicKey: string; readonly from: readonly string[]; readonly program: string }): string {
  if (/["\\\n]/.test(program + from.join())) throw new Error(`${JSON.stringify(program)} cannot be written into authorized_keys`);
  const addresses = from.length === 0 ? "" : `,from="${from.join(",")}"`;
  return `restrict${addresses},command="${program}" ${publicKey.trim()}`;
}

/** Pins the peer's host key under its node's name, so that it counts at each of its addresses. Replaces an older pin of that name. */
export function pinHostKey(node: string, hostPublicKey: string): void {
  const [type, key] = hostPublicKey.trim().split(/\s+/);
  if (type === undefined || key === undefined || !/^(ssh-|ecdsa-)/.test(type)) throw new Error(`this is no public host key: ${hostPublicKey.slice(0, 40)}`);
  const others = existsSync(KNOWN_HOSTS) ? readFileSync(KNOWN_HOSTS, "utf8").split("\n").filter((line) => line !== "" && !(line.startsWith(`${node} `) && line.split(" ")[1] === type)) : [];
  mkdirSync(KEYS, { recursive: true, mode: 0o700 });
  writeDurably(KNOWN_HOSTS, `${[...others, `${node} ${type} ${key}`].join("\n")}\n`);
}

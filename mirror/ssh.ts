// How the mirror calls the peer: OpenSSH, with a connection that stays open, and nothing of the person's own set-up.
//
// A fresh connection costs 140–215 ms, a kept one 9 ms (hence ControlMaster). Only the pinned host key counts, under the
// node's name, so that both addresses of the peer are the same machine. curve25519 saves 80 ms of processor time.

import { RUN } from "../clusterd/base/paths.ts";
import { mkdirSync } from "node:fs";
import { KNOWN_HOSTS, MIRROR_KEY } from "./keys.ts";

export interface Peer { readonly node: string; readonly address: string; readonly port: number }

export const SOCKETS = `${RUN}/mirror`;
/** Which user's authorized_keys holds the forced command: owners, ACLs and device files need root's capabilities. */
const USER = "root";
const KEPT = 600;

export const controlPath = ({ address, port }: Peer): string => `${SOCKETS}/${address}-${port}`;

export function sshOptions(peer: Peer, key: string = MIRROR_KEY): readonly string[] {
  const { node, port } = peer;
  return [
    "-F", "none", "-T", "-p", String(port), "-l", USER, "-i", key,
    ...Object.entries({
      BatchMode: "yes", IdentitiesOnly: "yes", IdentityAgent: "none", PreferredAuthentications: "publickey",
      StrictHostKeyChecking: "yes", UserKnownHostsFile: KNOWN_HOSTS, GlobalKnownHostsFile: "/dev/null", HostKeyAlias: node, UpdateHostKeys: "no",
      KexAlgorithms: "curve25519-sha256,curve25519-sha256@libssh.org", ClearAllForwardings: "yes",
      ControlMaster: "auto", ControlPath: controlPath(peer), ControlPersist: String(KEPT),
      ConnectTimeout: "3", ServerAliveInterval: "2", ServerAliveCountMax: "3", LogLevel: "ERROR",
    }).flatMap(([key, value]) => ["-o", `${key}=${value}`]),
  ];
}

/** For rsync's -e: words separated by spaces, so none may hold one. */
export function remoteShell(peer: Peer): string {
  const words = ["ssh", ...sshOptions(peer)];
  const spaced = words.find((word) => /[\s'"]/.test(word));
  if (spaced !== undefined) throw new Error(`rsync -e cannot take ${JSON.stringify(spaced)}: no spaces or quotes in clusterd's own folders`);
  return words.join(" ");
}

export interface Answer { readonly code: number | null; readonly stdout: string; readonly stderr: string }

/** One request to the peer's forced command. Never throws. */
export async function askPeer(peer: Peer, words: readonly string[], timeout: number): Promise<Answer> {
  mkdirSync(SOCKETS, { recursive: true, mode: 0o700 });
  const { execa } = await import("execa");
  const result = await execa("ssh", [...sshOptions(peer), peer.address, words.join(" ")], { reject: false, timeout, stdin: "ignore", forceKillAfterDelay: 500, env: { LC_ALL: "C" } });
  return { code: result.exitCode ?? null, stdout: result.stdout, stderr: result.timedOut ? `no answer within ${timeout} ms` : result.stderr };
}

/** Ends kept connections, e.g. when the peer went silent: the next run must not wait for a dead one. */
export async function dropConnections(peers: readonly Peer[]): Promise<void> {
  const { execa } = await import("execa");
  await Promise.all(peers.map((peer) => execa("ssh", ["-O", "exit", ...sshOptions(peer), peer.address], { reject: false, timeout: 2000, stdio: "ignore" })));
}

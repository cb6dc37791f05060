// The keys of a node, and what the two nodes must know of each other before they can talk.
//
//   heartbeat.key      the cluster's secret, the same on both nodes; signs heartbeats
//   mirror_ed25519     this node's key for pushing files to the other, where it may run `mirror receive` and nothing else
//   control_ed25519    this node's key for questions to the other, where it may run `clusterd answer` and nothing else
//   known_hosts        the other node's host keys, pinned under its name
//
// `keys export` writes this node's public halves, its host keys and the heartbeat key into one bundle (mode 0600: it holds
// the secret); `keys import` takes the other node's. Every change is listed before it is made.

import { existsSync, mkdirSync, readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../base/exec.ts";
import { writeDurably } from "../base/files.ts";
import { otherNode } from "../config/config.ts";
import type { Config } from "../config/config.ts";
import { createKey, loadKey } from "../heartbeat/key.ts";
import { authorizedKeysLine } from "../../mirror/keys.ts";

const KEYS = "/var/lib/clusterd/keys";
const AUTHORIZED = "/root/.ssh/authorized_keys";
const PAIRS = ["mirror", "control"] as const;
const FORCED = { mirror: "/usr/sbin/mirror receive", control: "/usr/sbin/clusterd answer" } as const;

/** Something that will be done, said before it is. */
export interface Step { readonly what: string; readonly act: () => void | Promise<void> }

export interface Bundle {
  readonly clusterd: "keys";
  readonly version: 1;
  readonly node: string;
  /** `ssh-ed25519 BASE64`, without comment. */
  readonly mirror: string;
  readonly control: string;
  readonly hostKeys: readonly string[];
  /** 64 hex digits. */
  readonly heartbeat: string;
}

const keyPath = (root: string, name: string): string => join(root, KEYS, name);
const pairPath = (root: string, pair: string): string => keyPath(root, `${pair}_ed25519`);
const heartbeatPath = (root: string): string => keyPath(root, "heartbeat.key");

/** The keys that this node does not have yet. `withoutHeartbeat`: that one comes from the other node. */
export function ownKeySteps(root: string, node: string, withoutHeartbeat: boolean): readonly Step[] {
  const pairs = PAIRS.filter((pair) => !existsSync(pairPath(root, pair))).map((pair): Step => ({
    what: `make    ${KEYS}/${pair}_ed25519 (this node's ${pair} key)`,
    act: () => makePair(pairPath(root, pair), `clusterd-${pair}@${node}`),
  }));
  const heartbeat: readonly Step[] = withoutHeartbeat || existsSync(heartbeatPath(root)) ? [] : [{
    what: `make    ${KEYS}/heartbeat.key (the cluster's secret)`,
    act: () => { const made = createKey(heartbeatPath(root)); if (!made.ok) throw new Error(made.reason); },
  }];
  return [...pairs, ...heartbeat];
}

/** On the third machine: the witness's own key, which the nodes get by scp. */
export function witnessKeySteps(root: string): readonly Step[] {
  const path = keyPath(root, "witness.key");
  return existsSync(path) ? [] : [{
    what: `make    ${KEYS}/witness.key (the secret of the pair and its witness)`,
    act: () => { const made = createKey(path); if (!made.ok) throw new Error(made.reason); },
  }];
}

async function makePair(path: string, comment: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const made = await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path], { timeout: 30_000 });
  if (made.failure !== null) throw new Error(`ssh-keygen for ${path} ${made.failure}: mend that, and say \`clusterd install\` again`);
}

/** What the other node must know of this one. */
export function exportBundle(root: string, node: string): { readonly ok: true; readonly bundle: Bundle } | { readonly ok: false; readonly text: string } {
  // A folder that only root may look into throws, and is not taken for one without keys.
  const missing = PAIRS.map((pair) => `${pairPath(root, pair)}.pub`).filter((path) => statSync(path, { throwIfNoEntry: false }) === undefined);
  if (missing.length > 0) return { ok: false, text: `${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} missing: \`clusterd install\` makes this node's keys` };
  const heartbeat = loadKey(heartbeatPath(root));
  if (!heartbeat.ok) return { ok: false, text: heartbeat.reason };
  const hostKeys = hostKeysOf(root);
  if (hostKeys.length === 0) return { ok: false, text: "no host key in /etc/ssh: is the OpenSSH server installed?" };
  const publicKey = (pair: string): string => bare(readFileSync(`${pairPath(root, pair)}.pub`, "utf8"));
  return { ok: true, bundle: { clusterd: "keys", version: 1, node, mirror: publicKey("mirror"), control: publicKey("control"), hostKeys, heartbeat: heartbeat.key.toString("hex") } };
}

const bare = (line: string): string => line.trim().split(/\s+/).slice(0, 2).join(" ");

function hostKeysOf(root: string): readonly string[] {
  const folder = join(root, "/etc/ssh");
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => /^ssh_host_\w+_key\.pub$/.test(name)).sort().map((name) => bare(readFileSync(join(folder, name), "utf8")));
}

const PUBLIC = /^ssh-ed25519 [A-Za-z0-9+/]{20,}={0,2}$/;
const HOST = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/]{20,}={0,2}$/;

/** Strict: parts of it go into authorized_keys and known_hosts. */
export function readBundle(text: string): { readonly ok: true; readonly bundle: Bundle } | { readonly ok: false; readonly text: string } {
  const bad = (what: string): { readonly ok: false; readonly text: string } => ({ ok: false, text: `this is no bundle of \`clusterd keys export\`: ${what}` });
  let found: Partial<Record<keyof Bundle, unknown>>;
  try {
    found = JSON.parse(text) as typeof found;
  } catch {
    return bad("not JSON");
  }
  if (found === null || typeof found !== "object" || found.clusterd !== "keys") return bad("not ours");
  if (found.version !== 1) return bad(`version ${JSON.stringify(found.version)?.slice(0, 20)}, and this clusterd reads version 1`);
  const is = (value: unknown, pattern: RegExp): value is string => typeof value === "string" && pattern.test(value);
  if (!is(found.node, /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/)) return bad("no node name");
  for (const pair of PAIRS) if (!is(found[pair], PUBLIC)) return bad(`no ${pair} key`);
  if (!Array.isArray(found.hostKeys) || found.hostKeys.length === 0 || !found.hostKeys.every((key) => is(key, HOST))) return bad("no host keys");
  if (!is(found.heartbeat, /^[0-9a-f]{64}$/)) return bad("no heartbeat key");
  return { ok: true, bundle: found as Bundle };
}

export interface ImportOptions { readonly root: string; readonly config: Config; readonly replaceHeartbeat: boolean }

/** What taking over the other node's bundle changes here; nothing when it was imported before. */
export function importSteps(bundle: Bundle, { root, config, replaceHeartbeat }: ImportOptions): { readonly ok: true; readonly steps: readonly Step[] } | { readonly ok: false; readonly text: string } {
  const [self, peer] = [config.nodes[config.self], otherNode(config)];
  if (bundle.node === self.name) return { ok: false, text: `this bundle is ${self.name}'s own: import it on ${peer.name}` };
  if (bundle.node !== peer.name) return { ok: false, text: `this bundle is ${bundle.node}'s, but the other node is called ${peer.name} in the configuration` };
  const secret = heartbeatStep(root, bundle, replaceHeartbeat);
  if (!secret.ok) return secret;
  const from = [peer.heartbeat.address, ...(peer.redundant.admin === null ? [] : [peer.redundant.admin.address]), peer.main.address];
  const pinned = bundle.hostKeys.map((key) => `${peer.name} ${key}`);
  const allowed = PAIRS.map((pair) => `${authorizedKeysLine({ publicKey: bundle[pair], from, program: FORCED[pair] })} clusterd-${pair}@${peer.name}`);
  return { ok: true, steps: [
    ...secret.steps,
    ...lineStep(keyPath(root, "known_hosts"), pinned, (line) => line.startsWith(`${peer.name} `), `pin     the host keys of ${peer.name} in ${KEYS}/known_hosts`),
    ...lineStep(join(root, AUTHORIZED), allowed, (line) => isOurs(line, peer.name), `allow   ${peer.name}'s two keys in ${AUTHORIZED}, for \`${FORCED.mirror}\` and \`${FORCED.control}\` only`),
  ] };
}

const isOurs = (line: string, node = ""): boolean => PAIRS.some((pair) => line.includes(`command="${FORCED[pair]}"`) && line.includes(` clusterd-${pair}@${node}`));

type Steps = { readonly ok: true; readonly steps: readonly Step[] } | { readonly ok: false; readonly text: string };

function heartbeatStep(root: string, { node, heartbeat }: Bundle, replace: boolean): Steps {
  const path = heartbeatPath(root);
  const write = (what: string): Steps => ({ ok: true, steps: [{ what, act: () => { mkdirSync(dirname(path), { recursive: true, mode: 0o700 }); writeDurably(path, `${heartbeat}\n`); } }] });
  if (!existsSync(path)) return write(`write   ${KEYS}/heartbeat.key as it is on ${node}`);
  const ours = loadKey(path);
  if (ours.ok && ours.key.toString("hex") === heartbeat) return { ok: true, steps: [] };
  if (replace) return write(`replace ${KEYS}/heartbeat.key by that of ${node}`);
  return { ok: false, text: `the heartbeat keys of the two nodes differ. On one of them (only one): \`clusterd keys import FILE --replace-heartbeat-key\`` };
}

/** Lines of a file that are ours are replaced, all others stay as they are. */
function lineStep(path: string, lines: readonly string[], ours: (line: string) => boolean, what: string): readonly Step[] {
  const before = existsSync(path) ? readFileSync(path, "utf8").split("\n").filter((line, index, all) => line !== "" || index < all.length - 1) : [];
  const after = [...before.filter((line) => !ours(line)), ...lines];
  if (after.join("\n") === before.join("\n")) return [];
  return [{ what, act: () => { mkdirSync(dirname(path), { recursive: true, mode: 0o700 }); writeDurably(path, after.map((line) => `${line}\n`).join("")); } }];
}

/** `uninstall`: the other node may do nothing here any more. */
export const forgetSteps = (root: string): readonly Step[] =>
  existsSync(join(root, AUTHORIZED)) ? lineStep(join(root, AUTHORIZED), [], (line) => isOurs(line), `remove  the other node's keys from ${AUTHORIZED}`) : [];

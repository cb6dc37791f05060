// Questions to the other node: what it knows, and a handover. Over ssh, with a key that can ask nothing else.
//
// The peer's sshd runs `clusterd answer` for this key, whatever is asked (a forced command). Which machine answers is
// decided by its host key, pinned under the node's name: an unknown or other key is refused, at every address. The private
// link is tried first, then the LAN. Errors are data. Times in milliseconds.

import { readFileSync } from "node:fs";
import type { Client as SshClient, ClientChannel } from "ssh2";
import { reasonOf } from "../base/errors.ts";
import { KEYS } from "../base/paths.ts";
import { monotonicNow } from "../base/time.ts";
import type { Duration } from "../base/time.ts";
import { otherNode } from "../config/config.ts";
import type { Config } from "../config/config.ts";
import { candidateLinks, chooseLink } from "../../mirror/links.ts";
import type { Link } from "../../mirror/links.ts";
import type { ControlAnswer, NodeStatus } from "./control.ts";

export const CONTROL_KEY = `${KEYS}/control_ed25519`;
export const KNOWN_HOSTS = `${KEYS}/known_hosts`;
const USER = "root";
/** An answer is a status with its history. */
const LARGEST = 4 * 1024 * 1024;

export type PeerAnswer =
  | { readonly reached: true; readonly link: Link; readonly answer: ControlAnswer }
  | { readonly reached: false; readonly text: string };

export interface AskOptions {
  /** From the beginning to the answer. */
  readonly timeout: Duration;
  /** What this node knows, so that an address that has moved is not tried. */
  readonly status?: NodeStatus | null;
  readonly key?: string;
  readonly knownHosts?: string;
}

/** `words` as `clusterd answer` reads them: ["status"] or ["handover", NODE]. */
export async function askPeer(config: Config, words: readonly string[], { timeout, status = null, key = CONTROL_KEY, knownHosts = KNOWN_HOSTS }: AskOptions): Promise<PeerAnswer> {
  const started = monotonicNow();
  const { name } = otherNode(config);
  const fail = (text: string): PeerAnswer => ({ reached: false, text: `${name}: ${text}` });
  try {
    const pinned = pinnedKeys(knownHosts, name);
    if (pinned.length === 0) return fail(`its host key is not known here (${knownHosts}): \`clusterd keys import\` pins it`);
    const privateKey = readFileSync(key);
    const links = candidateLinks(config, status);
    const link = await chooseLink(links, config.cluster.sshPort, Math.min(700, timeout / (links.length + 1)));
    if (link === null) return fail(`no sshd answers at ${links.map(({ address }) => address).join(" or ")}, port ${config.cluster.sshPort}`);
    // Slow to load, and only wanted when somebody asks.
    const { Client } = (await import("ssh2")).default;
    const said = await converse(new Client(), { host: link.address, port: config.cluster.sshPort, privateKey, pinned, line: ["clusterd", "v1", ...words].join(" "), timeout: timeout - (monotonicNow() - started) });
    return "failed" in said ? fail(`${said.failed} (${link.name} link, ${link.address})`) : { reached: true, link, answer: said.answer };
  } catch (error) {
    return fail(reasonOf(error));
  }
}

export interface Pin { readonly type: string; readonly key: Buffer }

/** The host keys pinned for a node: lines `NODE TYPE BASE64`, as ssh reads them under HostKeyAlias. */
export function pinnedKeys(knownHosts: string, node: string): readonly Pin[] {
  const lines = readFileSync(knownHosts, "utf8").split("\n").map((line) => line.trim().split(/\s+/));
  return lines.flatMap(([name, type, key]) => (name === node && type !== undefined && key !== undefined ? [{ type, key: Buffer.from(key, "base64") }] : []));
}

interface Conversation {
  readonly host: string;
  readonly port: number;
  readonly privateKey: Buffer;
  readonly pinned: readonly Pin[];
  readonly line: string;
  readonly timeout: Duration;
}
type Said = { readonly answer: ControlAnswer } | { readonly failed: string };

function converse(client: SshClient, { host, port, privateKey, pinned, line, timeout }: Conversation): Promise<Said> {
  return new Promise((resolve) => {
    let mismatch = false;
    const done = (said: Said): void => { clearTimeout(timer); client.destroy(); resolve(said); };
    const timer = setTimeout(() => done({ failed: "did not answer in time" }), Math.max(1, timeout));
    client.on("error", (error) => done({ failed: mismatch ? "HOST KEY MISMATCH: this is not the machine whose key is pinned; nothing was asked" : error.message }));
    client.on("close", () => done({ failed: "closed the connection" }));
    client.on("ready", () => {
      // Without this each turn waits up to 40 ms for a delayed acknowledgement.
      client.setNoDelay(true);
      client.exec(line, (error, channel) => {
        if (error !== undefined) done({ failed: error.message });
        else collect(channel, done);
      });
    });
    client.connect({
      host, port, username: USER, privateKey, readyTimeout: Math.max(1, timeout), agentForward: false,
      // Asks sshd for the kind of key that is pinned; ssh2 itself would take any.
      algorithms: { serverHostKey: kindsOf(pinned) as never },
      hostVerifier: (offered: Buffer) => {
        mismatch = !pinned.some(({ key }) => key.equals(offered));
        return !mismatch;
      },
    });
  });
}

/** An RSA key signs under newer names than it is stored under (RFC 8332). */
export const kindsOf = (pinned: readonly Pin[]): readonly string[] => [...new Set(pinned.flatMap(({ type }) => (type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type])))];

function collect(channel: ClientChannel, done: (said: Said) => void): void {
  const [out, errors]: [Buffer[], Buffer[]] = [[], []];
  let size = 0;
  channel.on("data", (chunk: Buffer) => { out.push(chunk); size += chunk.length; if (size > LARGEST) done({ failed: "its answer has no end" }); });
  channel.stderr.on("data", (chunk: Buffer) => { if (errors.length < 16) errors.push(chunk); });
  channel.on("close", () => {
    const answer = parse(Buffer.concat(out).toString("utf8"));
    const said = Buffer.concat(errors).toString("utf8").trim().split("\n").at(-1) ?? "";
    done(answer === null ? { failed: said === "" ? "gave no answer of ours" : said } : { answer });
  });
}

function parse(text: string): ControlAnswer | null {
  try {
    const answer = JSON.parse(text) as ControlAnswer;
    return typeof answer.ok === "boolean" && typeof answer.text === "string" ? answer : null;
  } catch {
    return null;
  }
}

// The ssh session to the other machine, as the person would log in: agent, own keys, password. Node's ssh2; no ssh_config.
//
// Which machine it is, its host key says: pinned by us (under the name that was given, or the node's), known to the person's own
// ssh, in the answer file, or shown and confirmed. Ours is pinned before anything is done there.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { homedir } from "node:os";
import type { AnyAuthMethod, Client } from "ssh2";
import { run } from "../base/exec.ts";
import { reasonOf } from "../base/errors.ts";
import { KNOWN_HOSTS, kindsOf, pinnedKeys } from "../status/peer.ts";
import type { Pin } from "../status/peer.ts";
import { execute } from "./host.ts";
import { askSecret, askYes, atTerminal } from "./terminal.ts";

export interface Target { readonly user: string; readonly host: string; readonly port: number }

/** `root@serv2:22`, `root@[fe80::2%eth1]:22`; null when it is none. */
export function readTarget(text: string): Target | null {
  const [, user = "root", place = ""] = /^(?:([A-Za-z_][\w.-]*)@)?([^@]+)$/.exec(text) ?? [];
  const [, bracketed, name, after = "22"] = /^(?:\[([^\]]+)\]|([A-Za-z0-9][A-Za-z0-9.-]*))(?::(\d{1,5}))?$/.exec(place) ?? [];
  // A link-local address needs its NIC, and is all that a bare private cable has.
  const six = bracketed ?? (isIPv6(place) ? place : undefined);
  if (six !== undefined && !isIPv6(six)) return null;
  const host = six ?? name;
  return host === undefined || Number(after) > 65535 ? null : { user, host, port: Number(after) };
}

export interface LoginOptions {
  readonly target: Target;
  /** A private key, instead of those in ~/.ssh. */
  readonly identity: string | null;
  /** Under which the host key may be pinned, beside the target's own. */
  readonly names: readonly string[];
  /** From the answer file: SHA256:… */
  readonly hostKey: string | null;
}

export const fingerprint = (key: Buffer): string => `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
/** A public key begins with the length and the name of its type (RFC 4253). */
const typeOf = (key: Buffer): string => key.subarray(4, 4 + key.readUInt32BE(0)).toString("latin1");

export class Login {
  readonly #options: LoginOptions;
  /** The address to connect to next; the private one, once it is known. */
  address: string;
  #accepted: Pin | null = null;
  /** It was known to us, not only to the person's own ssh. */
  wasPinned = false;
  /** A person compares host keys; sshd waits two minutes for a login (LoginGraceTime), and then hangs up. */
  #comparing = false;
  #hungUp = false;
  #password: string | null = null;
  readonly #phrases = new Map<string, string>();

  constructor(options: LoginOptions) {
    this.#options = options;
    this.address = options.target.host;
  }

  /** What to pin, as `TYPE BASE64`; null before the first connection. */
  get hostKey(): string | null {
    return this.#accepted === null ? null : `${this.#accepted.type} ${this.#accepted.key.toString("base64")}`;
  }

  /** As an answer file has it. */
  get print(): string {
    return this.#accepted === null ? "" : fingerprint(this.#accepted.key);
  }

  /** Throws what a person can act on. */
  async connect(): Promise<Client> {
    this.#hungUp = false;
    try {
      return await this.#once();
    } catch (error) {
      if (this.#hungUp && this.#accepted !== null) return this.#once();
      throw error;
    }
  }

  async #once(): Promise<Client> {
    const { target: { user, host, port } } = this.#options;
    const known = await this.#known();
    const { Client: SshClient } = (await import("ssh2")).default;
    const client = new SshClient();
    const methods = this.#methods();
    let refused: string | null = null;
    let judged = Promise.resolve();
    return new Promise((resolve, give) => {
      const reject = (error: Error): void => {
        if (this.#comparing) this.#hungUp = true;
        void judged.then(() => give(refused === null ? error : new Error(`${where}: ${refused}`)));
      };
      const where = `${user}@${host}${this.address === host ? "" : ` (${this.address})`}`;
      client.on("error", (error) => reject(new Error(`${where}: ${/authentication methods failed/.test(error.message) ? "nobody lets us in: no key of the agent or of ~/.ssh is taken there, nor a password. ssh-copy-id, or --identity FILE" : whyNot(error)}`)));
      client.on("close", () => reject(new Error(`${where}: closed the connection`)));
      client.on("ready", () => { client.setNoDelay(true); resolve(client); });
      client.connect({
        host: this.address, port, username: user, readyTimeout: atTerminal() ? 300_000 : 30_000, keepaliveInterval: 5000, keepaliveCountMax: 6, tryKeyboard: true,
        ...(known.length > 0 && { algorithms: { serverHostKey: kindsOf(known) as never } }),
        hostVerifier: (key: Buffer, verify: (valid: boolean) => void) => {
          judged = this.#judge(key, known).then((why) => { refused = why; verify(why === null); });
        },
        authHandler: (_left, _partial, next) => {
          void methods.next().then(({ value, done }) => next((done === true ? false : value) as never), (error: unknown) => { refused = reasonOf(error); next(false as never); });
        },
      });
    });
  }

  /** Ours first; the person's own ssh may know it under the name that was given. */
  async #known(): Promise<readonly Pin[]> {
    if (this.#accepted !== null) return [this.#accepted];
    const { target: { host, port }, names } = this.#options;
    const pinned = [host, ...names].flatMap((name) => pinsOf(name));
    this.wasPinned = pinned.length > 0;
    if (this.wasPinned) return pinned;
    const found = await run(["ssh-keygen", "-F", port === 22 ? host : `[${host}]:${port}`], { timeout: 5000 });
    return found.stdout.split("\n").filter((line) => line !== "" && !/^[#@]/.test(line)).flatMap((line): readonly Pin[] => {
      const [, type, key] = line.split(/\s+/);
      return type === undefined || key === undefined ? [] : [{ type, key: Buffer.from(key, "base64") }];
    });
  }

  /** Why not; null when this is the machine. */
  async #judge(key: Buffer, known: readonly Pin[]): Promise<string | null> {
    const { target: { host }, hostKey } = this.#options;
    const [print, type] = [fingerprint(key), typeOf(key)];
    const accept = (): null => { this.#accepted = { type, key }; return null; };
    if (known.some((pin) => pin.key.equals(key))) return accept();
    if (known.length > 0) return `HOST KEY MISMATCH: it shows ${print} (${type}), and another key is known for it. Nothing was done there`;
    if (hostKey !== null) return hostKey === print ? accept() : `HOST KEY MISMATCH: it shows ${print} (${type}), the answers say ${hostKey}`;
    const says = `${host} shows the host key ${print} (${type})`;
    if (!atTerminal()) return `${says}, which nobody knows here. When \`ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub\` prints the same there: host_key = ${print} in [pair] of the answer file`;
    this.#comparing = true;
    const same = await askYes(`${says}.\nIs it what \`ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub\` prints there?`);
    this.#comparing = false;
    return same ? accept() : "the host key was not confirmed";
  }

  async *#methods(): AsyncGenerator<AnyAuthMethod> {
    const { target: { user: username }, identity } = this.#options;
    const agent = process.env["SSH_AUTH_SOCK"];
    if (agent !== undefined && agent !== "" && identity === null) yield { type: "agent", username, agent };
    for (const path of identity === null ? ["ed25519", "ecdsa", "rsa"].map((kind) => `${homedir()}/.ssh/id_${kind}`) : [identity]) {
      const key = await this.#privateKey(path, identity !== null);
      if (key !== null) yield { type: "publickey", username, key };
    }
    for (let tries = 0; tries < 3; tries += 1) {
      if (this.#password === null && !atTerminal()) return;
      this.#password ??= await askSecret(`${username}@${this.#options.target.host}'s password`);
      const password = this.#password;
      yield { type: "password", username, password };
      yield { type: "keyboard-interactive", username, prompt: (_name, _instructions, _language, prompts, finish) => finish(prompts.map(() => password)) };
      this.#password = null;
    }
  }

  async #privateKey(path: string, wanted: boolean): Promise<ParsedKey | null> {
    let text: Buffer;
    try {
      text = readFileSync(path);
    } catch (error) {
      if (wanted) throw new Error(`${path}: ${reasonOf(error)}`, { cause: error });
      return null;
    }
    const { utils } = (await import("ssh2")).default;
    const parse = (phrase?: string): ParsedKey | Error => { const parsed = utils.parseKey(text, phrase); return Array.isArray(parsed) ? parsed[0] as ParsedKey : parsed; };
    let key = parse(this.#phrases.get(path));
    if (key instanceof Error && /passphrase|encrypted/i.test(key.message) && atTerminal()) {
      this.#phrases.set(path, await askSecret(`passphrase of ${path}`));
      key = parse(this.#phrases.get(path));
    }
    if (!(key instanceof Error)) return key;
    if (wanted) throw new Error(`${path}: ${key.message}`);
    return null;
  }

  /** How to be root there: as we are, by sudo, or by sudo with the password of the login. */
  async become(client: Client): Promise<{ readonly before: string; readonly input: string }> {
    if (this.#options.target.user === "root") return { before: "", input: "" };
    this.#sudo ??= await succeeds(client, "sudo -n true") ? "free" : "password";
    if (this.#sudo === "free") return { before: "sudo -n ", input: "" };
    this.#password ??= atTerminal() ? await askSecret(`${this.#options.target.user}'s password, for sudo there`) : null;
    if (this.#password === null) throw new Error(`${this.#options.target.user}@${this.#options.target.host}: sudo there wants a password: log in as root, or let it be used without (NOPASSWD)`);
    return { before: "sudo -k -S -p '' ", input: `${this.#password}\n` };
  }

  #sudo: "free" | "password" | null = null;
}

const NO_ANSWER = "does not answer: is it on, is the cable in, does a firewall stand between?";
const UNREACHED: Readonly<Record<string, string>> = {
  ENOTFOUND: "nobody knows an address of that name: write it into /etc/hosts, or give the address itself", EAI_AGAIN: "nobody knows an address of that name: write it into /etc/hosts, or give the address itself",
  ECONNREFUSED: "no sshd listens there: start it, or give its port as HOST:PORT", ETIMEDOUT: NO_ANSWER, EHOSTUNREACH: NO_ANSWER, ENETUNREACH: "no route leads there: does this machine have an address in that network?",
};
const whyNot = (error: Error & { readonly code?: string; readonly level?: string }): string => UNREACHED[error.code ?? ""] ?? (error.level === "client-timeout" ? NO_ANSWER : error.message);

type ParsedKey = import("ssh2").ParsedKey;

async function succeeds(client: Client, line: string): Promise<boolean> {
  const { stdin, stdout, stderr, ended } = await execute(client, line, false);
  stdout.resume();
  stderr.resume();
  stdin.end();
  return await ended === 0;
}

function pinsOf(name: string): readonly Pin[] {
  try {
    return pinnedKeys(KNOWN_HOSTS, name);
  } catch {
    return []; // no such file yet
  }
}

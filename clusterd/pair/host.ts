// A machine that runs POSIX shell scripts as root: this one, or the other over ssh. What it prints can be another's input.

import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Client, ClientChannel } from "ssh2";
import { reasonOf } from "../base/errors.ts";
import { quote } from "./step.ts";
import type { Job, Source } from "./step.ts";

export interface Running { readonly stdin: Writable; readonly stdout: Readable; readonly stderr: Readable; readonly ended: Promise<number> }
export interface Said { readonly code: number; readonly out: string; readonly err: string }

export interface Host {
  /** `terminal`: as for a person who looks on, where ours is one. */
  open(script: string, terminal?: boolean): Promise<Running>;
  close(): void;
}

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C; export PATH LC_ALL; ";
/** Of what a script prints, so much is kept. */
const KEPT = 8 * 1024 * 1024;

export const localHost: Host = {
  open: async (script) => {
    const child = spawn("/bin/sh", ["-c", PATH + script], { stdio: ["pipe", "pipe", "pipe"] });
    const { promise: ended, resolve } = Promise.withResolvers<number>();
    child.on("error", (error) => { child.stderr.push(reasonOf(error)); resolve(127); });
    child.on("close", (code) => resolve(code ?? 1));
    return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, ended };
  },
  close: () => undefined,
};

/** `connect` is called again when the connection has gone: NICs change their addresses under it. */
export function remoteHost(connect: () => Promise<Client>, become: (client: Client) => Promise<{ readonly before: string; readonly input: string }>): Host {
  let client: Client | null = null;
  const connected = async (): Promise<Client> => {
    if (client !== null) return client;
    const made = await connect();
    made.on("close", () => { if (client === made) client = null; });
    client = made;
    return made;
  };
  return {
    open: async (script, terminal = false) => {
      const at = await connected();
      const { before, input } = await become(at);
      const running = await execute(at, `${before}/bin/sh -c ${quote(PATH + script)}`, terminal);
      if (input !== "") running.stdin.write(input);
      return running;
    },
    close: () => { client?.end(); client = null; },
  };
}

export function execute(client: Client, line: string, terminal: boolean): Promise<Running> {
  const pty = terminal && process.stderr.isTTY ? { pty: { rows: process.stderr.rows, cols: process.stderr.columns } } : {};
  return new Promise((resolve, reject) => {
    client.exec(line, pty, (error: Error | undefined, channel: ClientChannel) => {
      if (error !== undefined) return reject(error);
      const { promise: ended, resolve: end } = Promise.withResolvers<number>();
      channel.on("exit", (code: number | null) => end(code ?? 1));
      channel.on("close", () => end(255)); // without an exit code: the connection broke
      resolve({ stdin: channel, stdout: channel, stderr: channel.stderr, ended });
    });
  });
}

/** Runs it to its end, with all that its input needs. `shown`: what it prints goes to our standard error too. */
export async function runJob(hosts: readonly [Host, Host], job: Job, shown = false): Promise<Said> {
  const running = await hosts[job.at].open(job.script, shown);
  const [out, err] = [collect(running.stdout, shown), collect(running.stderr, shown)];
  const fed = typeof job.input === "object" ? await feed(hosts, job.input, running.stdin) : (running.stdin.on("error", () => {}), running.stdin.end(job.input ?? ""), null);
  const code = await running.ended;
  const said = { code, out: await out, err: await err };
  return fed !== null && fed.code !== 0 ? fed : said;
}

/** From one program into the other, perhaps on the other machine. */
async function feed(hosts: readonly [Host, Host], job: Source, into: Writable): Promise<Said> {
  const source = await hosts[job.at].open(job.script);
  const err = collect(source.stderr, false);
  source.stdin.on("error", () => {});
  source.stdin.end(job.input ?? "");
  // A reader that ends early says why by its exit code.
  await pipeline(source.stdout, into).catch(() => undefined);
  return { code: await source.ended, out: "", err: await err };
}

async function collect(stream: Readable, shown: boolean): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  stream.on("error", () => {});
  stream.on("data", (part: Buffer) => {
    if (shown) process.stderr.write(part);
    if (size < KEPT) parts.push(part);
    size += part.length;
  });
  await new Promise((resolve) => { stream.on("end", resolve); stream.on("close", resolve); stream.on("error", resolve); });
  return Buffer.concat(parts).toString("utf8");
}

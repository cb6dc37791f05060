// Kept versions as a tar stream: out of a dated directory of this node, or of the peer's through its forced command.
//
// tar carries owners, modes, times, ACLs and attributes. Names come from outside, so each is looked at before tar sees it: it must
// lie below the directory, and no folder on the way may be a link, which a kept version can well be.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { lstatSync, mkdirSync } from "node:fs";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { SOCKETS, sshOptions } from "../ssh.ts";
import type { Peer } from "../ssh.ts";

const CARRY = ["--numeric-owner", "--acls", "--xattrs", "--xattrs-include=user.*", "--xattrs-include=security.*"];

/** Null when these names (bytes, no first slash) may be read out of `folder`, else why not. */
export function mayRead(folder: string, names: readonly Buffer[]): string | null {
  for (const name of names) {
    const parts = name.toString("latin1").split("/");
    if (name.length === 0 || name.includes(0) || parts.some((part) => part === "" || part === "." || part === "..")) return "a name that leads elsewhere";
    for (let depth = 0; depth < parts.length; depth += 1) {
      const at = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(parts.slice(0, depth + 1).join("/"), "latin1")]);
      const stats = lstatSync(at, { throwIfNoEntry: false });
      if (stats === undefined) return "a version that is not there (any more)";
      if (depth < parts.length - 1 ? !stats.isDirectory() : stats.isDirectory()) return "a name that leads through a link or names a folder";
    }
  }
  return null;
}

/** tar of these names; they have been looked at. */
export function packHere(folder: string, names: readonly Buffer[]): ChildProcess {
  const child = spawn("tar", ["-C", folder, ...CARRY, "--no-recursion", "--null", "--verbatim-files-from", "-T", "-", "-cf", "-"], { stdio: ["pipe", "pipe", "inherit"], env: ENV });
  child.stdin?.on("error", () => { /* its exit code tells */ });
  child.stdin?.end(Buffer.concat(names.flatMap((name) => [name, Buffer.of(0)])));
  return child;
}

/** The same, asked of the peer: the names go to its standard input, base64url, one a line. */
export function packThere(peer: Peer, job: string, run: string, kind: string, names: readonly string[]): ChildProcess {
  mkdirSync(SOCKETS, { recursive: true, mode: 0o700 });
  const child = spawn("ssh", [...sshOptions(peer), peer.address, `clusterd-mirror v1 fetch ${job} ${run} ${kind}`], { stdio: ["pipe", "pipe", "pipe"], env: ENV });
  child.stdin?.on("error", () => { /* its exit code tells */ });
  child.stdin?.end(`${names.join("\n")}\n`);
  return child;
}

/** Unpacks below `folder`; null, or what went wrong. `moved` is told the bytes as they pass. */
export async function unpack(packing: ChildProcess, folder: string, moved: (bytes: number) => void): Promise<string | null> {
  const child = spawn("tar", ["-C", folder, ...CARRY, "--same-permissions", "-xf", "-"], { stdio: ["pipe", "ignore", "pipe"], env: ENV });
  const complaints = [packing, child].map((one) => lastWords(one));
  const ends = [packing, child].map((one) => once(one, "close").then(([code]) => code as number | null));
  const counter = new Transform({ transform: (chunk: Buffer, _encoding, done) => { moved(chunk.length); done(null, chunk); } });
  await pipeline(packing.stdout!, counter, child.stdin!).catch(() => { /* whichever end failed says why */ });
  const codes = await Promise.all(ends);
  const failed = codes.findIndex((code) => code !== 0);
  return failed === -1 ? null : complaints[failed]!() || `tar or ssh ended with ${codes[failed]}`;
}

function lastWords(child: ChildProcess): () => string {
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => { said = (said + text).slice(-2000); });
  child.on("error", (error) => { said = error.message; });
  return () => said.trim().split("\n").at(-1) ?? "";
}

const ENV = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };

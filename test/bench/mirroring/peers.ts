// What users would run instead: plain rsync over ssh, and lsyncd, each with a target of its own, in the pair's network.
//
// Their sshd takes a key without a forced command; it listens in the pair's network only.

import { execFile, execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Pair } from "../../mirror/pair.ts";
import { differences } from "./loads.ts";

const PORT = 2223;
const HOST = "10.77.0.2";
const FIRST_COPY_MS = 300_000;
const LOOK_MS = 500;
const run = promisify(execFile);

export class Peers {
  readonly #pair: Pair;
  readonly #folder: string;
  #sshd: ChildProcess | null = null;

  constructor(pair: Pair) {
    this.#pair = pair;
    this.#folder = join(pair.home, "peers");
  }

  /** Where a peer's copy lies. */
  target(name: string): string { return join(this.#folder, name); }

  async start(): Promise<void> {
    const at = (name: string): string => join(this.#folder, name);
    mkdirSync(this.#folder, { mode: 0o700 });
    for (const key of ["host", "key"]) await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at(key)]);
    copyFileSync(at("key.pub"), at("authorized"));
    writeFileSync(at("sshd_config"), `ListenAddress ${HOST}\nPort ${PORT}\nHostKey ${at("host")}\nAuthorizedKeysFile ${at("authorized")}\nStrictModes no\nPidFile none\nUsePAM no\nPermitRootLogin prohibit-password\n`);
    // curve25519 saves 80 ms a connection: the best that plain ssh can do without one that is kept.
    const options = ["-F none", `-p ${PORT}`, `-i ${at("key")}`, "-o BatchMode=yes", "-o StrictHostKeyChecking=no", "-o UserKnownHostsFile=/dev/null", "-o LogLevel=ERROR", "-o KexAlgorithms=curve25519-sha256"];
    writeFileSync(at("ssh"), `#!/bin/sh\nexec ssh ${options.join(" ")} "$@"\n`, { mode: 0o755 });
    // As for ours (pair.ts): a developer's .bashrc would cost each of their connections 150 ms.
    this.#sshd = spawn("nsenter", [...this.#pair.inside, "unshare", "--mount", "sh", "-eu", "-c", '[ ! -e /root/.bashrc ] || mount --bind /dev/null /root/.bashrc; exec /usr/sbin/sshd -D -e -f "$1"', "sh", at("sshd_config")], { stdio: ["ignore", "ignore", "pipe"] });
    await Promise.race([once(this.#sshd.stderr ?? this.#sshd, "data"), once(this.#sshd, "exit").then(() => { throw new Error("the peers' sshd has ended"); })]);
  }

  /** One pass of plain rsync, with what a careful person gives it. Milliseconds. */
  async rsync(source: string, target: string): Promise<number> {
    mkdirSync(target, { recursive: true });
    const began = performance.now();
    await run("nsenter", [...this.#pair.inside, "rsync", "-aHAXS", "--numeric-ids", "--modify-window=-1", "--delete", "--backup", `--backup-dir=${this.target("kept")}`, "-e", join(this.#folder, "ssh"), `${source}/`, `${HOST}:${target}/`]);
    return performance.now() - began;
  }

  /** lsyncd at a delay of one second, renames by ssh: its fastest. Null with the reason when it cannot be had. */
  async lsyncd(source: string, target: string): Promise<{ stop(): Promise<void> } | string> {
    const program = await findLsyncd(join(this.#folder, "lsyncd-package"));
    if (typeof program === "string") return program;
    const ssh = join(this.#folder, "ssh");
    const configuration = join(this.#folder, "lsyncd.lua");
    mkdirSync(target, { recursive: true });
    writeFileSync(configuration, `settings { nodaemon = true, statusFile = "${join(this.#folder, "lsyncd.status")}", insist = true }
sync { default.rsyncssh, source = "${source}", host = "${HOST}", targetdir = "${target}", delay = 1,
  ssh = { binary = "${ssh}" }, rsync = { binary = "/usr/bin/rsync", rsh = "${ssh}", archive = true, _extra = { "-HAXS", "--numeric-ids" } } }\n`);
    const child = spawn("nsenter", [...this.#pair.inside, program.path, configuration], { env: { ...process.env, LD_LIBRARY_PATH: program.libraries }, stdio: ["ignore", "ignore", "pipe"] });
    let words = "";
    child.stderr.on("data", (text) => { words = `${words}${String(text)}`.slice(-500); });
    const stop = async (): Promise<void> => { if (child.exitCode === null && child.signalCode === null) { child.kill("SIGTERM"); await once(child, "exit"); } };
    // Its first copy is not part of any load.
    for (const deadline = performance.now() + FIRST_COPY_MS; child.exitCode === null && performance.now() < deadline; await sleep(LOOK_MS))
      if (differences(source, target).every((line) => line.startsWith(".d..t"))) return { stop };
    await stop();
    return `lsyncd has not made its first copy within ${FIRST_COPY_MS / 60_000} minutes: ${words.trim()}`;
  }

  async stop(): Promise<void> {
    if (this.#sshd === null || this.#sshd.exitCode !== null) return;
    this.#sshd.kill("SIGTERM");
    await once(this.#sshd, "exit");
  }
}

/** The installed one, or Debian's package unpacked beside, so that nothing is installed on this machine. */
async function findLsyncd(folder: string): Promise<{ readonly path: string; readonly libraries: string } | string> {
  if (existsSync("/usr/bin/lsyncd")) return { path: "/usr/bin/lsyncd", libraries: "" };
  mkdirSync(folder, { recursive: true });
  try {
    await run("apt-get", ["download", "lsyncd", "liblua5.3-0"], { cwd: folder, timeout: 60_000 });
  } catch (error) {
    return `lsyncd is not installed and its Debian package cannot be fetched: ${(error as Error).message.trim().split("\n").at(-1) ?? ""}`;
  }
  for (const name of readdirSync(folder).filter((one) => one.endsWith(".deb"))) execFileSync("dpkg", ["-x", name, "."], { cwd: folder });
  const libraries = readdirSync(join(folder, "usr/lib")).map((one) => join(folder, "usr/lib", one)).join(":");
  return { path: join(folder, "usr/bin/lsyncd"), libraries };
}

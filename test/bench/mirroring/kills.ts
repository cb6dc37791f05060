// Whatever of a mirror is killed at whatever moment: the trees become the same again, every version that was replaced is kept, and no half-written file
// is ever seen under its name.
//
// Each round writes to some files (whole ones, by rename), perhaps starts a full run, and kills one of its own processes with SIGKILL as soon as it is there
// and a random moment later. Meanwhile the copy is looked at again and again: a file there says how long it is and what its checksum is.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pair } from "../../mirror/pair.ts";
import { differences } from "./loads.ts";
import { statistics } from "../statistics.ts";
import type { Statistics } from "../statistics.ts";

const MIRROR = new URL("../../../mirror/bin/mirror", import.meta.url).pathname;
const FILES = 200;
const LARGE = 5;
const LARGE_BYTES = 12_000_000;
const CHANGED = 12;
/** For the victim to appear, and then until it is hit. */
const APPEAR_MS = 1500;
const MOMENT_MS = 400;
const CONVERGE_MS = 90_000;

/** Whose life each round may end; `node`: everything of a node at once, as when it loses its power. */
const VICTIMS = {
  "sender": (one: Process) => one.side === 1 && /cli\.ts (daemon|run)/.test(one.command),
  "rsync here": (one: Process) => one.side === 1 && /^rsync /.test(one.command),
  "ssh": (one: Process) => one.side === 1 && /^ssh/.test(one.command),
  "receiver": (one: Process) => one.side === 2 && /cli\.ts receive/.test(one.command),
  "rsync there": (one: Process) => one.side === 2 && /rsync --server/.test(one.command),
  "node here": (one: Process) => one.side === 1,
  "node there": (one: Process) => one.side === 2,
} as const;
type Victim = keyof typeof VICTIMS;

interface Process { readonly pid: number; readonly parent: number; readonly side: 1 | 2; readonly command: string }

export interface Kills { readonly rounds: number; readonly killed: Readonly<Record<string, number>>; readonly converged_ms: Statistics | null; readonly looks: number; readonly wrong: readonly string[] }

export class Killing {
  readonly #pair: Pair;
  readonly #tell: (line: string) => void;
  readonly #versions = new Map<string, string>();
  readonly #wrong: string[] = [];
  #daemon: ChildProcess | null = null;
  #looks = 0;

  constructor(pair: Pair, tell: (line: string) => void) {
    this.#pair = pair;
    this.#tell = tell;
  }

  async kills(rounds: number, deadline: number): Promise<Kills> {
    const killed: Record<string, number> = {};
    const took: number[] = [];
    mkdirSync(this.#here, { recursive: true });
    for (let n = 0; n < FILES + LARGE; n += 1) this.#write(name(n), 0);
    try {
      this.#startDaemon();
      await this.#converge();
      let round = 1;
      for (; round <= rounds && performance.now() < deadline; round += 1) {
        const { victims, converged } = await this.#round(round);
        for (const victim of victims) killed[victim] = (killed[victim] ?? 0) + 1;
        took.push(converged);
        if (round % 10 === 0) this.#tell(`${round}/${rounds}: ${JSON.stringify(killed)}, ${this.#wrong.length} wrong`);
      }
      return { rounds: round - 1, killed, converged_ms: statistics(took), looks: this.#looks, wrong: this.#wrong };
    } finally {
      await this.#stopDaemon();
    }
  }

  get #here(): string { return `${this.#pair.data}/www`; }
  get #there(): string { return `${this.#pair.dataTwo}/www`; }

  async #round(round: number): Promise<{ readonly victims: readonly string[]; readonly converged: number }> {
    const before = new Map(this.#versions);
    const changed = new Set<string>();
    const victim = pick(Object.keys(VICTIMS) as Victim[]);
    const hunting = this.#kill(victim);
    for (let n = 0; n < CHANGED; n += 1) {
      const path = name(Math.floor(Math.random() * (FILES + (n % 6 === 0 ? LARGE : 0))));
      if (changed.has(path)) continue;
      changed.add(path);
      if (Math.random() < 0.15 && existsSync(`${this.#here}/${path}`)) { rmSync(`${this.#here}/${path}`); this.#versions.delete(path); } else this.#write(path, round);
    }
    const run = Math.random() < 0.4 ? spawn("nsenter", [...this.#pair.inside, MIRROR, "run", "www"], { env: { ...process.env, ...this.#pair.one.env }, stdio: "ignore" }) : null;
    const ended = run === null ? Promise.resolve() : once(run, "exit");
    const looking = new AbortController();
    const looks = this.#lookAgainAndAgain(changed, looking.signal);
    const victims = await hunting;
    const began = performance.now();
    await ended;
    if (this.#daemon === null || this.#daemon.exitCode !== null || this.#daemon.signalCode !== null) this.#startDaemon();
    await this.#converge(`round ${round}, ${victim} killed`);
    const converged = performance.now() - began;
    looking.abort();
    await looks;
    for (const path of changed) {
      const old = before.get(path);
      if (old !== undefined && !this.#kept(path).includes(old)) this.#wrong.push(`round ${round}, ${victim} killed: the version of ${path} that was replaced is nowhere`);
    }
    return { victims, converged };
  }

  /** Says whom it has hit, if anyone was there. */
  async #kill(victim: Victim): Promise<readonly string[]> {
    let found: readonly Process[] = [];
    for (const most = performance.now() + APPEAR_MS; found.length === 0 && performance.now() < most; await sleep(3)) found = this.#processes().filter(VICTIMS[victim]);
    await sleep(Math.random() ** 2 * MOMENT_MS);
    const now = this.#processes().filter(VICTIMS[victim]);
    const some = victim.startsWith("node") ? now : now.slice(0, 1);
    const daemon = this.#daemon;
    const gone = some.some(({ pid }) => pid === daemon?.pid) && daemon !== null ? once(daemon, "exit") : null;
    for (const { pid } of some) try { process.kill(pid, "SIGKILL"); } catch { /* it has just ended */ }
    if (daemon?.exitCode === null && daemon.signalCode === null) await gone;
    return some.length > 0 ? [victim] : [];
  }

  /** Of both nodes, as far as they belong to this pair: by their surroundings here, as sshd's children there. */
  #processes(): readonly Process[] {
    const all = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid)).flatMap((pid): Process[] => {
      try {
        const [, parent = "0"] = /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        const mine = readFileSync(`/proc/${pid}/environ`, "utf8").includes(`CLUSTERD_RUN=${this.#pair.one.root}/`);
        return [{ pid: Number(pid), parent: Number(parent), side: mine ? 1 : 2, command }];
      } catch {
        return []; // it has ended
      }
    });
    const there = new Set([this.#pair.sshdPid]);
    for (let size = 0; size < there.size;) { size = there.size; for (const { pid, parent } of all) if (there.has(parent)) there.add(pid); }
    there.delete(this.#pair.sshdPid);
    return all.filter(({ pid, side }) => pid !== process.pid && (side === 1 || there.has(pid)));
  }

  /** A whole file is there at once under its name, and says what it is. */
  #write(path: string, round: number): void {
    const body = randomBytes(path.startsWith("large") ? LARGE_BYTES : 2000 + Math.floor(Math.random() * 20_000));
    const digest = createHash("sha1").update(body).digest("hex");
    const full = `${this.#here}/${path}`;
    mkdirSync(full.replace(/\/[^/]+$/, ""), { recursive: true });
    writeFileSync(`${full}.new`, Buffer.concat([Buffer.from(`${digest} ${round}\n`), body]));
    renameSync(`${full}.new`, full);
    this.#versions.set(path, digest);
  }

  async #lookAgainAndAgain(paths: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    for (; !signal.aborted; await sleep(5)) for (const path of paths) {
      const found = said(`${this.#there}/${path}`);
      this.#looks += 1;
      if (found !== null && found.says !== found.is) { this.#wrong.push(`${path} was there with half its content`); return; }
    }
  }

  /** Checksums of all versions of a path that are kept there. */
  #kept(path: string): readonly string[] {
    const folder = `${this.#pair.dataTwo}/.backups/www`;
    return (existsSync(folder) ? readdirSync(folder) : []).flatMap((run) => said(`${folder}/${run}${this.#here}/${path}`)?.is ?? []);
  }

  async #converge(after = "at first"): Promise<void> {
    for (const most = performance.now() + CONVERGE_MS; ; await sleep(100)) {
      const differs = existsSync(this.#there) ? differences(this.#here, this.#there) : ["all"];
      if (differs.length === 0) return;
      if (performance.now() > most) { this.#wrong.push(`${after}: not the same after ${CONVERGE_MS / 1000} s: ${differs.length} differences, ${differs[0] ?? ""}`); return; }
    }
  }

  #startDaemon(): void {
    this.#daemon = spawn("nsenter", [...this.#pair.inside, MIRROR, "daemon"], { env: { ...process.env, ...this.#pair.one.env }, stdio: "ignore" });
  }

  async #stopDaemon(): Promise<void> {
    if (this.#daemon === null || this.#daemon.exitCode !== null || this.#daemon.signalCode !== null) return;
    this.#daemon.kill("SIGTERM");
    await once(this.#daemon, "exit");
  }
}

const name = (n: number): string => (n >= FILES ? `large/${n - FILES}` : `d${n % 10}/f${n}`);
const pick = <T>(all: readonly T[]): T => all[Math.floor(Math.random() * all.length)] as T;

/** Null: no such file. `is`: the checksum of its body, `says`: what its head says. */
function said(path: string): { readonly says: string; readonly is: string } | null {
  try {
    const bytes = readFileSync(path);
    return { says: bytes.toString("latin1", 0, 40), is: createHash("sha1").update(bytes.subarray(bytes.indexOf(0x0a) + 1)).digest("hex") };
  } catch {
    return null;
  }
}

// Runs another program and gives the full account of it, whatever comes of it.
//
// Words, never a shell. The program leads a process group of its own, so that a timeout ends its children too: first
// SIGTERM, after a grace SIGKILL. Expected outcomes (not there, exit code, signal, timeout) are data; the answer comes
// within timeout + 2 grace, also from a program that cannot be killed. Times in milliseconds.
//
// Why not execa here: loading it stops the event loop for 50 ms, and the daemon would load it in the middle of a takeover.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { formatDuration, monotonicNow } from "./time.ts";
import type { Duration } from "./time.ts";
import { reasonOf } from "./errors.ts";

export interface RunOptions {
  readonly timeout: Duration;
  readonly input?: string;
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Default true. False: a timeout ends only the program itself, and the terminal's Ctrl-C reaches it. */
  readonly killGroup?: boolean;
  /** From SIGTERM to SIGKILL. Default 2 s. */
  readonly grace?: Duration;
}

/** The account of one execution. `failure` is null only when the program ran and ended with exit code 0. */
export interface Ran {
  readonly command: readonly string[];
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  /** The last 1 MB of it. */
  readonly stdout: string;
  /** The last 20 lines. */
  readonly stderr: string;
  readonly took: Duration;
  /** What went wrong, without the command's name: "ended with exit code 1: no such device". */
  readonly failure: string | null;
}

const KEPT = 1024 * 1024;
const LAST_LINES = 20;
const GRACE = 2000;
/** What a program has written arrives within this after its end; a daemon that it left behind may hold the pipe open for ever. */
const DRAIN = 50;
const POLL = 20;

export async function run(words: readonly string[], options: RunOptions): Promise<Ran> {
  const started = monotonicNow();
  const [stdout, stderr] = [new Tail(), new Tail()];
  const end = await execute(words, options, stdout, stderr);
  const { exitCode = null, signal = null, timedOut = false } = end;
  const said = lastLines(stderr.text());
  return { command: words, exitCode, signal, timedOut, stdout: stdout.text(), stderr: said, took: monotonicNow() - started, failure: failureOf(end, said, options) };
}

/** One sentence: what was run, what came of it, how long it took. */
export function describe({ command, failure, took }: Ran): string {
  return `${command.map(quoted).join(" ")} ${failure ?? "succeeded"} (${formatDuration(Math.round(took))})`;
}

interface End { readonly exitCode?: number | null; readonly signal?: string | null; readonly timedOut?: boolean; readonly broken?: string }

function execute(words: readonly string[], { timeout, input, env, cwd, killGroup = true, grace = GRACE }: RunOptions, stdout: Tail, stderr: Tail): Promise<End> {
  const { promise, resolve } = Promise.withResolvers<End>();
  let child: ChildProcess;
  try {
    child = spawn(words[0] ?? "", words.slice(1), {
      detached: killGroup, stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"], env: { ...process.env, ...env }, ...(cwd !== undefined && { cwd }),
    });
  } catch (error) {
    return Promise.resolve({ broken: `could not be started: ${reasonOf(error)}` });
  }
  let timedOut = false;
  const timers: NodeJS.Timeout[] = [];
  const after = (wait: Duration, then: () => void): void => void timers.push(setTimeout(then, wait));
  after(timeout, () => {
    timedOut = true;
    kill(child, "SIGTERM", killGroup);
    after(grace, () => kill(child, "SIGKILL", killGroup));
    after(2 * grace, () => settle({ timedOut, broken: "did not end even after SIGKILL" }));
  });
  child.on("error", (error) => settle({ broken: reasonOf(error).replace(/^spawn .* ENOENT$/, `was not found${cwd === undefined ? "" : `, or its folder ${cwd}`}`) }));
  child.on("close", (exitCode, signal) => { if (!timedOut || !killGroup) settle({ exitCode, signal, timedOut }); });
  child.on("exit", (exitCode, signal) => {
    const end = { exitCode, signal, timedOut };
    if (timedOut && killGroup) afterGroup(end);
    else after(DRAIN, () => settle(end));
  });
  child.stdout?.on("data", (data: Buffer) => stdout.add(data));
  child.stderr?.on("data", (data: Buffer) => stderr.add(data));
  // A program need not read its input: EPIPE says nothing that its exit code does not.
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
  return promise;

  /** The leader has ended; its children have what is left of the grace. */
  function afterGroup(end: End): void {
    if (groupLives(child.pid)) after(POLL, () => afterGroup(end));
    else settle(end);
  }

  function settle(end: End): void {
    timers.forEach(clearTimeout);
    child.stdout?.destroy();
    child.stderr?.destroy();
    child.stdin?.destroy();
    child.unref();
    resolve(end);
  }
}

function kill({ pid }: ChildProcess, signal: NodeJS.Signals, group: boolean): void {
  try {
    if (pid !== undefined) process.kill(group ? -pid : pid, signal);
  } catch {
    // ESRCH: it has ended in the meantime.
  }
}

/** kill(2) with signal 0 counts zombies too, and a container's first process may never bury them: so look at each state. */
function groupLives(group: number | undefined): boolean {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).some((pid) => {
    try {
      // proc_pid_stat(5): "pid (name) state parent group …"; the name may hold anything.
      const [state, , member] = readFileSync(`/proc/${pid}/stat`, "utf8").split(")").at(-1)?.trim().split(" ") ?? [];
      return Number(member) === group && state !== "Z" && state !== "X";
    } catch {
      return false;
    }
  });
}

function failureOf(end: End, stderr: string, { timeout }: RunOptions): string | null {
  const last = stderr.split("\n").at(-1) ?? "";
  const said = last === "" ? "" : `: ${last}`;
  if (end.timedOut === true) return `took longer than ${formatDuration(timeout)} and was ended${end.broken === undefined ? "" : `, but ${end.broken}`}${said}`;
  if (end.broken !== undefined) return end.broken;
  if (end.signal != null) return `was ended by ${end.signal}${said}`;
  return end.exitCode === 0 ? null : `ended with exit code ${end.exitCode}${said}`;
}

/** The last part of an output. */
class Tail {
  #parts: Buffer[] = [];
  #size = 0;

  add(part: Buffer): void {
    this.#parts.push(part);
    this.#size += part.length;
    while (this.#size - (this.#parts[0]?.length ?? 0) >= KEPT) this.#size -= this.#parts.shift()?.length ?? 0;
  }

  text(): string {
    return Buffer.concat(this.#parts).subarray(-KEPT).toString("utf8");
  }
}

const lastLines = (text: string): string => text.trimEnd().split("\n").slice(-LAST_LINES).join("\n");
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word));

// Runs another program and gives the full account of it, whatever comes of it.
//
// Words, never a shell. The program leads a process group of its own, so that a timeout ends its children too: first
// SIGTERM, after a grace SIGKILL. Expected outcomes (not there, exit code, signal, timeout) are data; the answer comes
// within timeout + 2 grace, also from a program that cannot be killed. Times in milliseconds.
//
// Why not execa here: loading it stops the event loop for 50 ms, and the daemon would load it in the middle of a takeover.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { formatDuration, monotonicNow } from "./time.ts";
import type { Duration } from "./time.ts";
import { reasonOf } from "./errors.ts";

export interface RunOptions {
  readonly timeout: Duration;
  readonly input?: string;
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** `env` is the whole environment; nothing of ours is handed on. */
  readonly onlyEnv?: boolean;
  /** Ends the program before its time, in the way of a timeout. */
  readonly signal?: AbortSignal;
  /** Both outputs go to this file, emptied first, instead of to pipes: a daemon that is left behind may go on writing, where a
   *  closed pipe would end it. The account's `stderr` is then the file's last lines. */
  readonly outputFile?: string;
  readonly cwd?: string;
  /** Default true. False: a timeout ends only the program itself, and the terminal's Ctrl-C reaches it. */
  readonly killGroup?: boolean;
  /** As the init system would start it: without the priority, the memory privilege and the umask that the daemon has for itself. */
  readonly ordinary?: boolean;
  /** From SIGTERM to SIGKILL. Default 2 s. */
  readonly grace?: Duration;
}

/** The account of one execution. `failure` is null only when the program ran and ended with exit code 0. */
export interface Ran {
  readonly command: readonly string[];
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  readonly cancelled: boolean;
  /** The last 1 MB of it. */
  readonly stdout: string;
  /** The last 20 lines. */
  readonly stderr: string;
  readonly took: Duration;
  /** What went wrong, without the command's name: "ended with exit code 1: no such device". */
  readonly failure: string | null;
}

/** The words stay words: the shell only becomes the program, once it has put off what is the daemon's. */
const ORDINARY = 'umask 022; echo 0 2>/dev/null >/proc/self/oom_score_adj; renice -n 0 -p $$ >/dev/null 2>&1; chrt -o -p 0 $$ >/dev/null 2>&1; exec "$@"';
export const asOrdinary = (words: readonly string[]): readonly string[] => ["/bin/sh", "-c", ORDINARY, "sh", ...words];
/** POSIX sh, of the program that it should have become. */
const NOT_FOUND = /^sh: .*exec: .*not found$/;

const KEPT = 1024 * 1024;
const LAST_LINES = 20;
const GRACE = 2000;
/** What a program has written arrives within this after its end; a daemon that it left behind may hold the pipe open for ever. */
const DRAIN = 50;
const POLL = 20;

/** Whoever has systemd's socket could speak to it in our name: say, that another process is the daemon. */
function handedOn(): NodeJS.ProcessEnv {
  const { NOTIFY_SOCKET: _socket, WATCHDOG_USEC: _time, WATCHDOG_PID: _pid, ...rest } = process.env;
  return rest;
}

export async function run(words: readonly string[], options: RunOptions): Promise<Ran> {
  const started = monotonicNow();
  const [stdout, stderr] = [new Tail(), new Tail()];
  const ended = await execute(words, options, stdout, stderr);
  const said = lastLines(options.outputFile === undefined ? stderr.text() : written(options.outputFile));
  const end = options.ordinary === true && ended.exitCode === 127 && NOT_FOUND.test(said) ? { broken: "was not found" } : ended;
  const { exitCode = null, signal = null, timedOut = false, cancelled = false }: End = end;
  return { command: words, exitCode, signal, timedOut, cancelled, stdout: stdout.text(), stderr: said, took: monotonicNow() - started, failure: failureOf(end, said, options) };
}

/** One sentence: what was run, what came of it, how long it took. */
export function describe({ command, failure, took }: Ran): string {
  return `${command.map(quoted).join(" ")} ${failure ?? "succeeded"} (${formatDuration(Math.round(took))})`;
}

interface End { readonly exitCode?: number | null; readonly signal?: string | null; readonly timedOut?: boolean; readonly cancelled?: boolean; readonly broken?: string }

function execute(words: readonly string[], options: RunOptions, stdout: Tail, stderr: Tail): Promise<End> {
  const { timeout, signal: cancel, input, cwd, killGroup = true, grace = GRACE } = options;
  if (cancel?.aborted === true) return Promise.resolve({ cancelled: true });
  const { promise, resolve } = Promise.withResolvers<End>();
  let child: ChildProcess;
  try {
    child = launch(words, options);
  } catch (error) {
    return Promise.resolve({ broken: `could not be started: ${reasonOf(error)}` });
  }
  let [timedOut, cancelled] = [false, false];
  const timers: NodeJS.Timeout[] = [];
  const after = (wait: Duration, then: () => void): void => void timers.push(setTimeout(then, wait));
  after(timeout, () => {
    timedOut = !cancelled;
    if (timedOut) endEarly();
  });
  const onCancel = (): void => {
    cancelled = !timedOut;
    if (cancelled) endEarly();
  };
  cancel?.addEventListener("abort", onCancel, { once: true });
  child.on("error", (error) => settle({ broken: reasonOf(error).replace(/^spawn .* ENOENT$/, `was not found${cwd === undefined ? "" : `, or its folder ${cwd}`}`) }));
  child.on("close", (exitCode, signal) => { if (!(timedOut || cancelled) || !killGroup) settle({ exitCode, signal, timedOut, cancelled }); });
  child.on("exit", (exitCode, signal) => {
    const end = { exitCode, signal, timedOut, cancelled };
    if ((timedOut || cancelled) && killGroup) afterGroup(end);
    else after(DRAIN, () => settle(end));
  });
  child.stdout?.on("data", (data: Buffer) => stdout.add(data));
  child.stderr?.on("data", (data: Buffer) => stderr.add(data));
  // A program need not read its input: EPIPE says nothing that its exit code does not.
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
  return promise;

  function endEarly(): void {
    kill(child, "SIGTERM", killGroup);
    after(grace, () => kill(child, "SIGKILL", killGroup));
    after(2 * grace, () => settle({ timedOut, cancelled, broken: "did not end even after SIGKILL" }));
  }

  /** The leader has ended; its children have what is left of the grace. */
  function afterGroup(end: End): void {
    if (groupLives(child.pid)) after(POLL, () => afterGroup(end));
    else after(DRAIN, () => settle(end));
  }

  function settle(end: End): void {
    timers.forEach(clearTimeout);
    cancel?.removeEventListener("abort", onCancel);
    child.stdout?.destroy();
    child.stderr?.destroy();
    child.stdin?.destroy();
    child.unref();
    resolve(end);
  }
}

function launch(words: readonly string[], { input, env, onlyEnv = false, cwd, killGroup = true, outputFile, ordinary = false }: RunOptions): ChildProcess {
  const [program = "", ...more] = ordinary ? asOrdinary(words) : words;
  // Appending: who still writes there from an earlier execution goes on at the end, also after the file has been emptied.
  if (outputFile !== undefined) closeSync(openSync(outputFile, "w", 0o600));
  const output = outputFile === undefined ? "pipe" : openSync(outputFile, "a");
  try {
    return spawn(program, more, {
      detached: killGroup, stdio: [input === undefined ? "ignore" : "pipe", output, output], env: onlyEnv ? { ...env } : { ...handedOn(), ...env }, ...(cwd !== undefined && { cwd }),
    });
  } finally {
    if (typeof output === "number") closeSync(output);
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
  const names = processes();
  return names === null || names.filter((name) => /^\d+$/.test(name)).some((pid) => {
    try {
      // proc_pid_stat(5): "pid (name) state parent group …"; the name may hold anything.
      const [state, , member] = readFileSync(`/proc/${pid}/stat`, "utf8").split(")").at(-1)?.trim().split(" ") ?? [];
      return Number(member) === group && state !== "Z" && state !== "X";
    } catch {
      return false;
    }
  });
}

/** Null without a free file descriptor: then whoever waits goes on waiting, within its time. */
function processes(): readonly string[] | null {
  try {
    return readdirSync("/proc");
  } catch {
    return null;
  }
}

function failureOf(end: End, stderr: string, { timeout }: RunOptions): string | null {
  const last = stderr.split("\n").at(-1) ?? "";
  const said = last === "" ? "" : `: ${last}`;
  if (end.cancelled === true) return `was cancelled${end.broken === undefined ? "" : `, but ${end.broken}`}${said}`;
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

/** The end of an output file; empty when it is not there. */
function written(path: string): string {
  try {
    return readFileSync(path).subarray(-KEPT).toString("utf8");
  } catch {
    return "";
  }
}

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word));

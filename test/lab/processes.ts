// Starting and finding the lab's long-lived processes. A process is known by its number and its start time, so that a
// number used anew by the machine is never mistaken for ours.

import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { execa } from "execa";

import type { Cgroup } from "./cgroup.ts";

export interface Process {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. */
  readonly start: string;
}

/** What a shell says to join a group and then become a program: $0 = the group's file. */
export const JOIN = 'echo $$ >"$0" && exec "$@"';

/** Starts a program that outlives us, in its group, with its output appended to `log`. */
export function startInGroup(group: Cgroup, log: string, command: readonly string[]): Process {
  const output = openSync(log, "a");
  const child = spawn("sh", ["-c", JOIN, group.joinFile, ...command], { detached: true, stdio: ["ignore", output, output] });
  closeSync(output);
  child.unref();
  if (child.pid === undefined) throw new Error(`${command[0]}: could not be started`);
  return identify(child.pid);
}

/** The process with this number, as it is now. Throws when there is none. */
export function identify(pid: number): Process {
  const start = startTime(pid);
  if (start === null) throw new Error(`process ${pid} ended at once`);
  return { pid, start };
}

export const isAlive = (process: Process): boolean => startTime(process.pid) === process.start;

export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter((word) => word !== "").map(Number);
  } catch {
    return [];
  }
}

/** CLOCK_MONOTONIC, milliseconds: the same on all nodes of a lab, and in the logs of its clients and its sniffer. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Asks every 5 ms until the answer is neither null nor false. Throws after `timeout` ms, naming what was waited for. */
export async function until<T>(what: string, timeout: number, ask: () => T | null | false | Promise<T | null | false>): Promise<T> {
  const deadline = performance.now() + timeout;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`waited ${timeout} ms in vain for ${what}`);
    await sleep(5);
  }
}

/** Runs a program in the network namespace of a process; throws with its standard error if it fails. */
export async function inNetworkOf(process: Process, command: readonly string[], input = ""): Promise<string> {
  const { stdout } = await execa("nsenter", ["-t", String(process.pid), "-n", "--", ...command], { input });
  return stdout;
}

/** A zombie has ended, whatever its parent has yet to notice. */
function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" || state === "X" ? null : rest[18] ?? null;
  } catch {
    return null;
  }
}

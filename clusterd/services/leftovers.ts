// Which processes of a service go on after its stop? One that has forked away from its group outlives any ending of that group.
//
// They are known by the environment that they were started in (proc_pid_environ(5)), which children inherit. What cleans its
// environment away is not found, nor is what a systemd unit runs: systemd itself keeps track of that.

import { readdir, readFile } from "node:fs/promises";
import { monotonicNow, type Duration } from "../base/time.ts";

export interface Leftover { readonly pid: number; readonly name: string }

const LOOK: Duration = 50;

/** Those that are still there after `patience`: what is just ending is none. */
export async function leftoversOf(service: string, identity: string, patience: Duration): Promise<readonly Leftover[]> {
  const began = monotonicNow();
  for (;;) {
    const found = await startedFor(service, identity);
    if (found.length === 0 || monotonicNow() - began >= patience) return found;
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
}

/** One after another: a machine has thousands, and the event loop is to go on meanwhile. */
async function startedFor(service: string, identity: string): Promise<readonly Leftover[]> {
  const wanted = [`CLUSTERD_SERVICE=${service}`, `CLUSTERD_IDENTITY=${identity}`];
  const found: Leftover[] = [];
  for (const pid of (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    // A zombie has no environment any more.
    const environment = (await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "")).split("\0");
    if (!wanted.every((word) => environment.includes(word))) continue;
    found.push({ pid: Number(pid), name: (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "?")).trim() });
  }
  return found;
}

export const inWords = (left: readonly Leftover[]): string => {
  const some = left.slice(0, 5).map(({ pid, name }) => `${name} (${pid})`).join(", ");
  return `${left.length === 1 ? "a process goes" : `${left.length} processes go`} on after the stop: ${some}${left.length > 5 ? " …" : ""}. Its stop command has to end ${left.length === 1 ? "it" : "them"} too`;
};

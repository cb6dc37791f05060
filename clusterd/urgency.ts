// A restart must be over within the lease, on a busy machine too: until then the daemon runs before everything else.
//
// Real-time priority lasts through execve(2) and passes on to whatever is started (sched(7)). It is below the dead-man's, and
// of a height that is ours alone, so that it can be taken back from all who have it. Where chrt is refused, as in some
// containers, everything is as it would be without.

import { readFileSync } from "node:fs";
import { run } from "./base/exec.ts";

const PRIORITY = 10;
const LIMIT = 1000;

export async function beUrgent(): Promise<void> {
  await run(["chrt", "--all-tasks", "--rr", "--pid", String(PRIORITY), String(process.pid)], { timeout: LIMIT });
}

/** For this process and those that it has started. */
export async function ordinaryAgain(): Promise<void> {
  const urgent = [process.pid, ...children()].filter((pid) => priorityOf(pid) === PRIORITY);
  await Promise.all(urgent.map((pid) => run(["chrt", "--all-tasks", "--other", "--pid", "0", String(pid)], { timeout: LIMIT })));
}

const children = (): readonly number[] => read(`/proc/self/task/${process.pid}/children`).split(" ").filter((word) => word !== "").map(Number);

/** rt_priority of proc_pid_stat(5), field 40; the name before it may contain anything. */
function priorityOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[37]);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

// What a quiet pair costs: processor time and memory of the daemon, its dead-man and its other helpers, from /proc.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import type { Lab } from "../lab/lab.ts";
import { settle } from "../lab/home.ts";
import { collect } from "./result.ts";
import type { Result } from "./result.ts";

/** USER_HZ, the unit of times in /proc/PID/stat: 100 on every Linux that Node runs on (proc(5)). */
const TICKS_PER_SECOND = 100;
const WARMING = 60_000;

interface Member {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
  /** Of the process and of its children that have ended. */
  readonly ticks: number;
  readonly rss_mb: number;
}

/** For `seconds`, on a settled pair, which is left settled. Percent of one processor. */
export async function idle(lab: Lab, seconds: number, tell: (line: string) => void): Promise<Result> {
  const nodes = lab.nodes().map(({ name }) => name);
  // As after `clusterd install`, which warms the compile cache; a new node's first start compiles everything, and keeps 25 MB of it.
  for (const node of nodes) {
    await lab.exec(node, ["lab-daemons", "restart"], { timeout: 60_000 });
    await settle(lab);
  }
  // The first minute is the compilers' and not a quiet pair's.
  await sleep(WARMING);
  const before = nodes.map((node) => family(lab, node));
  const began = performance.now();
  await sleep(seconds * 1000);
  const elapsed = (performance.now() - began) / 1000;
  const each = nodes.map((node, at) => {
    const after = family(lab, node);
    const rss = (what: RegExp): number => after.find(({ command }) => what.test(command))?.rss_mb ?? NaN;
    const [daemon, deadMan] = [rss(DAEMON), rss(/deadman/)];
    const figures = {
      seconds: elapsed,
      cpu_percent: 100 * (ticks(after) - ticks(before[at]!)) / TICKS_PER_SECOND / elapsed,
      daemon_rss_mb: daemon, dead_man_rss_mb: deadMan, both_rss_mb: daemon + deadMan,
      all_rss_mb: after.reduce((sum, { rss_mb }) => sum + rss_mb, 0),
    };
    tell(`idle ${node}: ${JSON.stringify(figures)}; ms of processor: ${after.map((member) => share(member, before[at]!)).join(", ")}`);
    return figures;
  });
  return { fault: "idle", what: "a quiet pair, each node's worst", runs: nodes.length, figures: collect(each, Object.keys(each[0]!)), wrong: [] };
}

const DAEMON = /clusterd\/cli\.ts daemon/;
const ticks = (members: readonly Member[]): number => members.reduce((sum, each) => sum + each.ticks, 0);

/** For the search for what costs most. */
function share({ pid, command, ticks }: Member, before: readonly Member[]): string {
  const earlier = before.find((each) => each.pid === pid)?.ticks ?? 0;
  return `${DAEMON.test(command) ? "daemon" : command} ${(ticks - earlier) * 1000 / TICKS_PER_SECOND}`;
}

/** The daemon and all that descends from it. */
function family(lab: Lab, node: string): readonly Member[] {
  const all = readFileSync(lab.group(node).joinFile, "utf8").split("\n").filter((line) => line !== "").flatMap((pid) => look(Number(pid)));
  const found = all.filter(({ command }) => DAEMON.test(command));
  if (found.length !== 1) throw new Error(`${node}: ${found.length} daemons are running`);
  for (let at = 0; at < found.length; at++) found.push(...all.filter(({ parent, pid }) => parent === found[at]!.pid && pid !== parent));
  return found;
}

/** Nothing for a process that has just ended. */
function look(pid: number): Member[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
    const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    // Fields 4 and 14 to 17 of proc(5): parent, utime, stime, cutime, cstime.
    return [{ pid, parent: fields[1]!, command, ticks: fields.slice(11, 15).reduce((sum, each) => sum + each, 0), rss_mb: Number(rss ?? 0) / 1024 }];
  } catch {
    return [];
  }
}

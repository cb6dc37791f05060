// How much processor time have this process and all that it has started taken? From a group of its own (cgroup v2), so that what sshd starts counts too.

import { existsSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { Cgroup } from "../../lab/cgroup.ts";

let group: Cgroup | null = null;

/** From now on; what is started later belongs to it. Null is answered by processorSeconds where there is no cgroup v2. */
export function countProcessor(): void {
  const mine = Cgroup.named(`clusterd-bench-${process.pid}`);
  try {
    mine.create();
    writeFileSync(mine.joinFile, String(process.pid));
    group = mine;
    process.once("exit", () => { try { writeFileSync(`${mine.path}/../cgroup.procs`, String(process.pid)); rmdirSync(mine.path); } catch { /* something of ours still runs in it */ } });
  } catch { /* not root, or no cgroup at all */ }
}

export function processorSeconds(): number | null {
  const file = `${group?.path ?? ""}/cpu.stat`;
  if (group === null || !existsSync(file)) return null;
  return Number(/^usage_usec (\d+)$/m.exec(readFileSync(file, "utf8"))?.[1] ?? NaN) / 1e6;
}

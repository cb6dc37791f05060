// Who starts the crontab's lines: the system's cron or this process. Never both.
//
// The crontab file sets CLUSTERD_SCHEDULER=cron for its lines, the built-in scheduler sets builtin: a line started by the
// one that the configuration does not name does nothing, even if a forgotten file is still in /etc/cron.d.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { formatProblem, reasonOf } from "../clusterd/base/errors.ts";
import type { Config } from "../clusterd/config/config.ts";
import { parseCrontab } from "./schedule.ts";
import type { CronLine } from "./schedule.ts";

const HERE = dirname(import.meta.dirname);
export const CRONTAB = join(HERE, "crontab");
const BIN: Readonly<Record<string, string>> = { mirror: join(HERE, "mirror/bin/mirror"), clusterd: join(HERE, "clusterd/bin/clusterd") };
const LONGEST = 6 * 3_600_000;

/** Why this process must leave its work to the other scheduler; null when it may go on (or nobody scheduled it). */
export function leftTo(config: Config): string | null {
  const by = process.env["CLUSTERD_SCHEDULER"];
  return by === undefined || by === config.cluster.scheduler ? null : `scheduler = ${config.cluster.scheduler}: this run was started by ${by} and leaves the work to the other`;
}

export interface Scheduler { readonly lines: readonly CronLine[]; stop(): Promise<void> }

/** Runs the crontab file's lines with node-cron, each as a process of its own and never twice at once. */
export async function startScheduler(log: (text: string) => void, file = CRONTAB): Promise<Scheduler> {
  const { lines, problems } = parseCrontab(readCrontab(file, log), file);
  for (const one of problems) log(formatProblem(one));
  const cron = await import("node-cron");
  const tasks = lines.map((line) => cron.schedule(line.when, () => start(line, log), { noOverlap: true, name: `line ${line.line}` }));
  return { lines, stop: async () => { for (const task of tasks) await task.destroy(); } };
}

function readCrontab(file: string, log: (text: string) => void): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    log(`${file}: ${reasonOf(error)}: nothing is scheduled`);
    return "";
  }
}

function start({ line, command: [name = "", ...words] }: CronLine, log: (text: string) => void): Promise<void> {
  const program = BIN[name.split("/").at(-1) ?? ""] ?? name;
  return new Promise((resolve) => {
    const child = spawn(program, words, { stdio: ["ignore", "inherit", "inherit"], timeout: LONGEST, env: { ...process.env, CLUSTERD_SCHEDULER: "builtin" } });
    child.on("error", (error) => { log(`crontab:${line}: ${name}: ${error.message}`); resolve(); });
    child.on("exit", (code, signal) => {
      if (code !== 0) log(`crontab:${line}: ${[name, ...words].join(" ")} ended with ${signal ?? `exit ${code}`}`);
      resolve();
    });
  });
}

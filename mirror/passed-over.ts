// Which jobs has a scheduled run nothing to do for? cron asks every few minutes, and mostly the answer is all of them: known without loading the command line.

import type { JobConfig } from "../clusterd/config/config.ts";
import { askDaemon } from "../clusterd/status/control-client.ts";
import { liveNow } from "./live-state.ts";
import { readReport } from "./report.ts";
import { leftTo } from "./scheduler.ts";
import { settings } from "./settings.ts";
import { vouched } from "./vouched.ts";

/** Null: it must be run. */
export const whyNot = (job: JobConfig): string | null => vouched(job, liveNow(job.name), readReport(job.name), Date.now());

const KNOWN = ["--all", "--quiet", "--json"];

/** What `mirror run` with these words says when there is nothing to do; null = the command line has to look. */
export async function nothingToRun(words: readonly string[]): Promise<string | null> {
  const flags = words.filter((word) => word.startsWith("-"));
  const names = words.filter((word) => !word.startsWith("-"));
  if (!flags.includes("--quiet") || !flags.every((flag) => KNOWN.includes(flag)) || names.length !== (flags.includes("--all") ? 0 : 1)) return null;
  const read = await settings();
  if (!read.ok || leftTo(read.config) !== null) return null;
  const jobs = read.config.jobs.filter(({ name }) => names.length === 0 || name === names[0]);
  const passedOver = jobs.flatMap((job) => { const because = whyNot(job); return because === null ? [] : [{ job: job.name, because }]; });
  const others = jobs.filter(({ name }) => !passedOver.some(({ job }) => job === name));
  const json = flags.includes("--json");
  if (jobs.length === 0 || others.length > 0 && (json || names.length > 0 || !await areElsewhere(others))) return null;
  return json ? `${JSON.stringify({ version: 1, ok: true, jobs: [], passedOver })}\n` : "";
}

/** Jobs of the other node's identity are that node's to run: the same crontab stands on both. */
async function areElsewhere(jobs: readonly JobConfig[]): Promise<boolean> {
  const answer = await askDaemon({ ask: "status" });
  const status = answer.ok ? answer.status : undefined;
  return status !== undefined && jobs.every(({ home }) => status.core.identities[home].role === "standby");
}

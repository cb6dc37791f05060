// Enters a finished run into the job's report file, and tells the daemon, which tells people, when a job begins to fail: a job
// that fails every five minutes is one message, not a message every five minutes. Also enters a person's approval.

import type { Config, JobConfig } from "../clusterd/config/config.ts";
import { askDaemon } from "../clusterd/status/control-client.ts";
import { EXIT } from "./exit-codes.ts";
import type { RunResult } from "./run.ts";
import { readReport, writeReport } from "./report.ts";
import type { JobReport, RunReport } from "./report.ts";

const SAMPLE = 50;

/** A run on the wrong node is no failure: the same crontab lines stand on both. */
const isFailure = (report: RunReport): boolean => report.code !== EXIT.ok && report.code !== EXIT.notOwner && report.code !== EXIT.busy;

export async function enter(config: Config, job: JobConfig, result: RunResult): Promise<void> {
  const { report } = result;
  if (report.result === "dry" || report.code === EXIT.notOwner || report.code === EXIT.busy) return;
  const identity = config.nodes[job.home].name;
  const before = readReport(job.name) ?? blank(job.name, identity);
  writeReport(next(before, result));
  const known = isFailure(report) && before.lastRun?.result === report.result;
  if (!known) await askDaemon({ ask: "mirror-report", identity, epoch: report.epoch ?? 0, inSync: false, job: job.name, ok: report.code === EXIT.ok, detail: report.because });
}

export const blank = (job: string, identity: string): JobReport =>
  ({ version: 1, job, identity, lastRun: null, lastGood: null, lastRecovery: null, pending: null, approved: null });

/** Pure: what the file says after this run. An approval is used up by the run that it let through, and void for any other set. */
export function next(before: JobReport, { report, deletions, approvalHash }: RunResult): JobReport {
  const good = report.result === "good";
  const pending = report.result === "approval" && approvalHash !== null ? { run: report.run, hash: approvalHash, count: deletions.length, sample: deletions.slice(0, SAMPLE) } : good ? null : before.pending;
  return {
    ...before, lastRun: report, lastGood: good ? report : before.lastGood, lastRecovery: good && report.kind === "recovery" ? withEarlier(report, before) : before.lastRecovery,
    pending, approved: good || report.result === "approval" ? null : before.approved,
  };
}

/** A recovery that follows another, because a second job of the identity was not good or somebody had run this one before, finds nothing any more:
 *  what the first has kept is still what a person has to look at. */
function withEarlier(report: RunReport, { lastRun, lastRecovery }: JobReport): RunReport {
  if (report.kept > 0 || lastRun?.kind !== "recovery" || lastRecovery === null || lastRecovery.epoch !== report.epoch) return report;
  const { run, backups, kept, keptFiles } = lastRecovery;
  return { ...report, run, backups, kept, keptFiles };
}

export type Approval = { readonly ok: true; readonly count: number } | { readonly ok: false; readonly because: string };

export function approve(job: string, run: string | null): Approval {
  const report = readReport(job);
  if (report === null || report.pending === null) return { ok: false, because: `no run of ${job} waits for an approval` };
  if (run !== null && run !== report.pending.run) return { ok: false, because: `the run that waits is ${report.pending.run}, not ${run}: look again` };
  writeReport({ ...report, approved: report.pending.hash });
  return { ok: true, count: report.pending.count };
}

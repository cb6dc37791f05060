// All jobs of one identity, a few at a time: the last pass of a handover, and the recovery of a node that came back.
//
// Only when every job was good does the peer count as in sync, and only at the epoch at which every one of them ran.

import type { Duration } from "../clusterd/base/time.ts";
import type { Config, JobConfig } from "../clusterd/config/config.ts";
import type { Index } from "../clusterd/core/model.ts";
import { askDaemon } from "../clusterd/status/control-client.ts";
import type { RunKind } from "./backup-names.ts";
import { EXIT } from "./exit-codes.ts";
import { inParallel } from "./parallel.ts";
import type { RunReport } from "./report.ts";
import { runJob } from "./run.ts";

export interface PassResult {
  readonly ok: boolean;
  readonly identity: string;
  readonly epoch: number | null;
  readonly code: number;
  readonly detail: string;
  readonly jobs: readonly { readonly job: string; readonly report: RunReport }[];
}

export async function pass(config: Config, home: Index, { kind, within }: { readonly kind: RunKind; readonly within: Duration }): Promise<PassResult> {
  const deadline = Date.now() + within;
  const began = await now(home);
  const identity = config.nodes[home].name;
  const one = async (job: JobConfig): Promise<{ readonly job: string; readonly report: RunReport }> => {
    // A scheduled run of the same job may just be going on: it is waited for, rather than a handover failed.
    const result = await runJob(config, job, { kind, dryRun: false, until: deadline, patience: deadline - Date.now() });
    return { job: job.name, report: result.report };
  };
  // A handover needs all or none.
  const jobs = await inParallel(config.jobs.filter((job) => job.home === home), config.cluster.parallel, one, ({ report }) => report.code === EXIT.ok || kind !== "final");
  const bad = jobs.find(({ report }) => report.code !== EXIT.ok);
  const epochs = new Set(jobs.map(({ report }) => report.epoch));
  const ended = await now(home);
  const epoch = jobs[0]?.report.epoch ?? ended?.epoch ?? null;
  if (bad !== undefined) return { ok: false, identity, epoch, code: bad.report.code, detail: `${bad.job}: ${bad.report.because}`, jobs };
  if (epochs.size > 1 || epoch === null) return { ok: false, identity, epoch, code: EXIT.refused, detail: "the epoch changed during the pass", jobs };
  // What a reload has added was not among these jobs (DECISIONS, 2026-11-21).
  if (began?.loaded !== ended?.loaded) return { ok: false, identity, epoch, code: EXIT.refused, detail: "the configuration changed during the pass", jobs };
  const detail = jobs.length === 0 ? "nothing to mirror" : jobs.map(({ job, report }) => `${job}: ${report.because}`).join("; ");
  if (kind === "normal") return { ok: true, identity, epoch, code: EXIT.ok, detail, jobs };
  const told = await askDaemon({ ask: "mirror-report", identity, epoch, inSync: true, job: jobs.map(({ job }) => job).join(",") || "none", ok: true, detail });
  return { ok: told.ok, identity, epoch, code: told.ok ? EXIT.ok : EXIT.refused, detail: told.ok ? detail : `clusterd did not take the report: ${told.text}`, jobs };
}

/** The identity's epoch, and which configuration clusterd goes by. */
async function now(home: Index): Promise<{ readonly epoch: number; readonly loaded: number } | null> {
  const answer = await askDaemon({ ask: "status" });
  return answer.ok && answer.status !== undefined ? { epoch: answer.status.core.identities[home].epoch, loaded: answer.status.configuration.loaded } : null;
}

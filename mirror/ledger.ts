// What is not on the other node yet, and since when; and after a takeover: what may be stale here. Reads files only.

import type { WallTime } from "../clusterd/base/time.ts";
import type { Config, JobConfig } from "../clusterd/config/config.ts";
import type { NodeStatus } from "../clusterd/status/control.ts";
import { readDirty } from "./dirty-journal.ts";
import { listed } from "./live-job.ts";
import { readState } from "./live-state.ts";
import { readReport } from "./report.ts";
import { readTold } from "./told.ts";
import type { Ledger, Told } from "./told.ts";

export interface JobLedger {
  readonly job: string;
  readonly identity: string;
  /** This node pushes: what its peer lacks. Null: it does not, or nobody can say. */
  readonly own: Ledger | null;
  /** What the owner last said. If it died then, this is stale here, and whatever it changed after `at`. Null: it never said, or all is settled. */
  readonly told: Told | null;
}

export function jobLedger(config: Config, job: JobConfig, status: NodeStatus | null, now: WallTime): JobLedger {
  const identity = status?.core.identities[job.home] ?? null;
  const owner = identity !== null && (identity.role === "owner" || identity.role === "freezing");
  return { job: job.name, identity: config.nodes[job.home].name, own: owner ? ownLedger(job, now) : null, told: settled(job, owner, identity?.epoch ?? 0) ? null : readTold(job.name) };
}

function ownLedger(job: JobConfig, now: WallTime): Ledger {
  const state = readState(job.name);
  const good = readReport(job.name)?.lastGood?.started ?? 0;
  return {
    at: now, mode: state?.by == null ? "passes" : `live by ${state.by}`, because: state?.because ?? "no mirror process looks after it",
    unlistedSince: state === null ? good : state.unlistedSince, ...listed(readDirty(job.name)),
  };
}

/** An owner's knowledge of what the last owner said is over when that node has come back and been brought up to date, or when it is our own epoch. */
function settled(job: JobConfig, owner: boolean, epoch: number): boolean {
  const told = readTold(job.name);
  if (told === null || !owner) return told === null;
  return told.epoch >= epoch || (readReport(job.name)?.lastRecovery?.ended ?? 0) > told.heard;
}

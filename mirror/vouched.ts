// Must a scheduled run compare everything just now, or does the watcher vouch for the tree? Pure.
//
// Passes remain the truth: at least every `full_pass` everything is compared. In between a run has nothing to find when the watcher has missed
// nothing since the last good one and every change that it told of has arrived. What no watcher tells of (README) waits for the full one.

import { formatDuration } from "../clusterd/base/time.ts";
import type { WallTime } from "../clusterd/base/time.ts";
import type { JobConfig } from "../clusterd/config/config.ts";
import type { LiveNow } from "./live-state.ts";
import type { JobReport } from "./report.ts";

/** Why nothing need be compared; null = it must be. */
export function vouched({ fullPass, before }: Pick<JobConfig, "fullPass" | "before">, live: LiveNow | null, report: JobReport | null, now: WallTime): string | null {
  if (live?.by == null || live.unlistedSince !== null || live.dirty > 0) return null;
  if (report?.lastRun?.result !== "good" || report.pending !== null || report.lastGood === null) return null;
  if (before.length > 0) return null; // the run is there for what the hook makes
  const age = now - report.lastGood.started;
  return age < 0 || age >= fullPass ? null : `nothing to compare: ${live.by} has told of every change and all have arrived; everything was compared ${formatDuration(age)} ago`;
}

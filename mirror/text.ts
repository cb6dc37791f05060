// Reports as a person reads them. Pure.

import { formatDuration } from "../clusterd/base/time.ts";
import type { WallTime } from "../clusterd/base/time.ts";
import type { Progress } from "./rsync-outcome.ts";
import type { JobReport, Received, RunReport } from "./report.ts";

export function runText(job: string, report: RunReport): string {
  const took = formatDuration(report.ended - report.started);
  const lines = [`${job}: ${WORDS[report.result]}${report.link === null ? "" : ` over the ${report.link} link`} in ${took}: ${report.because}`];
  if (report.kept > 0) lines.push(`  ${report.kept} replaced or deleted versions are kept on the peer in ${report.backups}`);
  if (report.kind === "recovery") for (const file of report.keptFiles) lines.push(`  ${file.unmirrored ? "only there " : "older copy "} ${file.path}`);
  return lines.join("\n");
}

const WORDS: Readonly<Record<RunReport["result"], string>> = {
  good: "mirrored", dry: "dry run", approval: "waits for approval", refused: "refused", busy: "busy", unreachable: "peer not reached", "peer-refused": "peer refused", incomplete: "not complete",
};

/** One line of a terminal, redrawn: `www /srv/www/ [#####.....]  52 %  12.34MB/s 0:00:03`. */
export function progressLine(path: string, { percent, rate, left }: Progress, columns: number): string {
  const width = 20;
  const full = Math.round((percent / 100) * width);
  return `${path} [${"#".repeat(full)}${".".repeat(width - full)}] ${String(percent).padStart(3)} % ${rate} ${left}`.slice(0, columns - 1);
}

export function statusText(rows: readonly { readonly job: string; readonly owner: string; readonly report: JobReport | null; readonly received: Received | null; readonly lastGood: WallTime | null }[], now: WallTime): string {
  if (rows.length === 0) return "no mirror jobs are configured";
  return rows.map(({ job, owner, report, received, lastGood }) => {
    const age = lastGood === null ? "never mirrored" : `last good run ${formatDuration(now - lastGood)} ago${received !== null && received.at === lastGood ? " (received)" : ""}`;
    const last = report?.lastRun;
    const trouble = last && last.result !== "good" ? `\n  last run ${WORDS[last.result]}: ${last.because}` : "";
    const waits = report?.pending ? `\n  ${report.pending.count} deletions wait for \`mirror approve ${job}\`` : "";
    return `${job} (identity ${owner}): ${age}${trouble}${waits}`;
  }).join("\n");
}

// Reports as a person reads them. Pure.

import { formatDuration } from "../clusterd/base/time.ts";
import type { WallTime } from "../clusterd/base/time.ts";
import type { JobLedger } from "./ledger.ts";
import type { LiveNow } from "./live-state.ts";
import type { Ledger } from "./told.ts";
import type { Going } from "./progress.ts";
import type { Progress } from "./rsync-outcome.ts";
import type { ScrubState } from "./scrub/state.ts";
import { scrubText } from "./scrub/text.ts";
import type { Choice } from "./whole-file.ts";
import type { JobReport, Received, RunReport } from "./report.ts";

export function runText(job: string, report: RunReport): string {
  const took = formatDuration(report.ended - report.started);
  const lines = [`${job}: ${WORDS[report.result]}${report.link === null ? "" : ` over the ${report.link} link`} in ${took}: ${report.because}`];
  if (report.kept > 0) lines.push(`  ${report.kept} replaced or deleted versions are kept on the peer in ${report.backups}`);
  for (const warning of report.warnings) lines.push(`  warning: ${warning}`);
  if (report.kind === "recovery") for (const file of report.keptFiles) lines.push(`  ${file.unmirrored ? "only there " : "older copy "} ${file.path}`);
  return lines.join("\n");
}

const WORDS: Readonly<Record<RunReport["result"], string>> = {
  good: "mirrored", dry: "dry run", approval: "waits for approval", refused: "refused", "no-clusterd": "refused", busy: "busy", unreachable: "peer not reached", "peer-refused": "peer refused", incomplete: "not complete",
};

/** One line of a terminal, redrawn: `www /srv/www/ [#####.....]  52 %  12.34MB/s 0:00:03`. */
export function progressLine(path: string, { percent, rate, left }: Progress, columns: number): string {
  const width = 20;
  const full = Math.round((percent / 100) * width);
  return `${path} [${"#".repeat(full)}${".".repeat(width - full)}] ${String(percent).padStart(3)} % ${rate} ${left}`.slice(0, columns - 1);
}

export interface StatusRow {
  readonly job: string; readonly owner: string; readonly report: JobReport | null; readonly received: Received | null; readonly lastGood: WallTime | null; readonly live: LiveNow | null; /** How the last push sent changed files. */ readonly sending?: Choice | null; /** Of the run that goes on, if it sends. */ readonly going?: Going | null; readonly scrub?: ScrubState;
}

export function statusText(rows: readonly StatusRow[], now: WallTime): string {
  if (rows.length === 0) return "no mirror jobs are configured";
  return rows.map(({ job, owner, report, received, lastGood, live, sending, going, scrub }) => {
    const age = lastGood === null ? "never mirrored" : `last good run ${formatDuration(now - lastGood)} ago${received !== null && received.at === lastGood ? " (received)" : ""}`;
    const last = report?.lastRun;
    const trouble = last && last.result !== "good" ? `\n  last run ${WORDS[last.result]}: ${last.because}` : "";
    const warnings = (last?.warnings ?? []).map((warning) => `\n  warning: ${warning}`).join("");
    const waits = report?.pending ? `\n  ${report.pending.count} deletions wait for \`mirror approve ${job}\`` : "";
    const running = going == null ? "" : `\n  runs now: ${going.path} ${going.percent} %, ${going.rate}, ${going.left} left`;
    const way = sending == null ? "" : `\n  changed files go as ${sending.because}`;
    const compared = [scrub?.now, scrub?.last].map((round) => (round == null ? "" : `\n  ${scrubText(round, now)}`)).join("");
    return `${job} (identity ${owner}): ${age}${live === null ? "" : `\n  ${liveText(live, now)}`}${running}${way}${trouble}${warnings}${waits}${compared}`;
  }).join("\n");
}

function liveText({ by, because, dirty, oldest, lag, unlistedSince }: LiveNow, now: WallTime): string {
  const way = by === null ? "changes travel with runs" : `changes travel live, by ${by}${unlistedSince === null ? "" : ", and with runs"}`;
  const waiting = dirty === 0 ? "" : `; ${dirty} under way${oldest === null ? "" : `, the oldest for ${formatDuration(now - oldest)}`}`;
  const late = lag === null ? "" : `; lag ${formatDuration(lag.p50)} (p50), ${formatDuration(lag.p99)} (p99), ${formatDuration(lag.max)} at most`;
  return `${way} (${because})${waiting}${late}`;
}

const SHOWN = 1000;

export function ledgerText({ job, identity, own, told }: JobLedger, now: WallTime, shown = SHOWN): string {
  const paths = ({ dirty, total }: Ledger): string => [...dirty.slice(0, shown).map(({ path, since }) => `\n  ${path}  for ${formatDuration(now - since)}`), ...(total > shown ? [`\n  … and ${total - shown} more`] : [])].join("");
  const unlisted = (ledger: Ledger): string => ledger.unlistedSince === null ? "" : ledger.unlistedSince === 0 ? "; never mirrored in full" : `; not watched, so whatever changed in the last ${formatDuration(now - ledger.unlistedSince)} may be missing from the list (${ledger.because})`;
  const lines = [
    ...(own === null ? [] : [`${job} (identity ${identity}): ${own.total === 0 ? "nothing known to be missing" : `${own.total} paths are not`} on the other node, ${own.mode}${unlisted(own)}${paths(own)}`]),
    ...(told === null ? [] : [`${job} (identity ${identity}): its owner said ${formatDuration(now - told.heard)} ago (epoch ${told.epoch}): ${told.total} paths not here${unlisted(told)}; what it changed after that is not known here${paths(told)}`]),
  ];
  return lines.length === 0 ? `${job} (identity ${identity}): the owner has not said what is missing here` : lines.join("\n");
}

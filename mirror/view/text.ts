// `mirror watch`: all jobs at a glance, one line each. Pure: two looks in, a page out; rates are what happened between them.

import { formatDuration } from "../../clusterd/base/time.ts";
import type { WallTime } from "../../clusterd/base/time.ts";
import { painter, table } from "../../clusterd/status/table.ts";
import type { Paint } from "../../clusterd/status/table.ts";
import type { StatusRow } from "../text.ts";

/** One job, once. */
export interface Look extends StatusRow { /** A run is going on just now. */ readonly running: boolean }
export interface Looks { readonly at: WallTime; readonly jobs: readonly Look[] }

/** Changes a second that have reached the other node since the look before; null when nobody counted. */
export function rate(job: Look, at: WallTime, before: Looks | null): number | null {
  const then = before?.jobs.find((one) => one.job === job.job)?.live;
  if (before === null || job.live === null || then == null || at <= before.at) return null;
  return Math.max(0, ((job.live.lag?.changes ?? 0) - (then.lag?.changes ?? 0)) * 1000 / (at - before.at));
}

export function viewText({ at, jobs }: Looks, before: Looks | null, colour: boolean): string {
  const paint = painter(colour);
  if (jobs.length === 0) return "no mirror jobs are configured";
  const rows = jobs.map((job) => [paint("bold", job.job), job.owner, way(job, paint), waiting(job, at, paint), perSecond(rate(job, at, before)), lag(job), run(job, at, paint), scrubbed(job, at, paint)]);
  return `${new Date(at).toISOString().slice(11, 19)} UTC, Ctrl-C ends\n\n${table([["JOB", "OWNER", "CHANGES TRAVEL", "NOT THERE YET", "RATE", "LAG p50/p99/max", "LAST GOOD RUN", "SCRUB"], ...rows], paint)}`;
}

function way({ live }: Look, paint: Paint): string {
  if (live === null) return paint("dim", "not from here");
  return live.by === null ? paint("yellow", "with runs") : live.unlistedSince === null ? paint("green", `live, ${live.by}`) : paint("yellow", `live, ${live.by}, and runs`);
}

const waiting = ({ live }: Look, at: WallTime, paint: Paint): string =>
  live === null ? "" : live.dirty === 0 ? "nothing" : paint("yellow", `${live.dirty}${live.oldest === null ? "" : ` for ${formatDuration(at - live.oldest)}`}`);

const perSecond = (changes: number | null): string => (changes === null ? "" : `${changes.toFixed(1)}/s`);
const lag = ({ live }: Look): string => (live?.lag == null ? "" : [live.lag.p50, live.lag.p99, live.lag.max].map((one) => formatDuration(one)).join(" / "));

function run({ running, going, lastGood, report }: Look, at: WallTime, paint: Paint): string {
  const age = lastGood === null ? paint("red", "never") : `${formatDuration(at - lastGood)} ago`;
  const trouble = report?.lastRun != null && report.lastRun.result !== "good" ? paint("red", `, last one ${report.lastRun.result}`) : "";
  return `${running ? paint("green", going == null ? "runs now; " : `runs now, ${going.percent} %, ${going.rate}, ${going.left} left; `) : ""}${age}${trouble}`;
}

function scrubbed({ scrub }: Look, at: WallTime, paint: Paint): string {
  const round = scrub?.now ?? scrub?.last ?? null;
  if (round === null) return paint("dim", "never");
  const bad = round.rotten.length === 0 ? "" : paint("red", `, ${round.rotten.length} differ`);
  return `${round.ended === null ? `under way, ${round.files} files` : `${formatDuration(at - round.ended)} ago`}${bad}`;
}

// The configuration as the mirror sees it, and a few questions to it.

import { createHash } from "node:crypto";
import { formatProblem } from "../clusterd/base/errors.ts";
import { ETC } from "../clusterd/base/paths.ts";
import { loadRemembered } from "../clusterd/config/remembered.ts";
import { didYouMean } from "../clusterd/config/suggest.ts";
import type { Config, JobConfig } from "../clusterd/config/config.ts";

export type Entry = JobConfig["entries"][number];

/** The configuration, or all its problems as one text. */
export async function settings(): Promise<{ readonly ok: true; readonly config: Config } | { readonly ok: false; readonly text: string }> {
  const loaded = await loadRemembered();
  return loaded.ok ? loaded : { ok: false, text: loaded.problems.map(formatProblem).join("\n") };
}

export const findJob = (config: Config, name: string): JobConfig | undefined => config.jobs.find((job) => job.name === name);

/** Names an entry between the nodes by what it is, not by its place: the two nodes' files may differ for a moment. */
export const entryKey = ({ kind, path }: Entry): string => createHash("sha256").update(`${kind} ${path}`).digest("hex").slice(0, 12);

/** Does the job carry the configuration folder itself? */
export const carriesConfiguration = (job: JobConfig): boolean => job.entries.every(({ path }) => `${path}/`.startsWith(`${ETC}/`));

/** For whoever named a job that there is not. */
export const noJob = ({ jobs }: Pick<Config, "jobs">, name: string): string =>
  `there is no job ${name}. ${jobs.length === 0 ? "None is configured: a service's file with [mirror] describes one." : didYouMean(name, jobs.map((job) => job.name))}`;

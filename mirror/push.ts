// One rsync of a run, to its end: tried again where that helps, and a Stop where not.

import { EXIT } from "./exit-codes.ts";
import type { Duration, WallTime } from "../clusterd/base/time.ts";
import type { JobConfig } from "../clusterd/config/config.ts";
import { maySend } from "./gate.ts";
import { asInput } from "./listed.ts";
import { insist, Stop } from "./must.ts";
import type { Step } from "./plan.ts";
import { rsync } from "./rsync.ts";
import type { RsyncCall } from "./rsync.ts";
import type { Counts, Progress } from "./rsync-outcome.ts";
import type { Session } from "./session.ts";
import type { Link } from "./links.ts";
import { ofTotal } from "./progress.ts";
import { readReport } from "./report.ts";
import { readSpeeds, writeSpeeds } from "./speeds.ts";
import { howToSend } from "./survey.ts";
import type { Survey } from "./survey.ts";
import { lookAtTree } from "./tree.ts";
import { chooseWhole, measured } from "./whole-file.ts";

export interface Pushing { readonly job: JobConfig; readonly session: Session; readonly link: Link["name"]; readonly deadline: WallTime; /** rsync's own limit of deletions. */ readonly limit: number; readonly onProgress: (progress: Progress) => void }

export const dryRun = (step: Step, session: Session, deadline: WallTime): Promise<Counts> => complete(step, step.dry, deadline, { session, countOnly: true });

export async function push(survey: Survey, { job, session, link, deadline, limit, onProgress }: Pushing): Promise<Counts> {
  const { step } = survey;
  // Once more, just before: between the dry run and now the disk may have gone.
  if (step.entry.kind === "tree") insist(maySend(lookAtTree(step.entry.path, job.name), job.name));
  const { names, through, telling } = howToSend(survey, job.consistent);
  const { speeds } = readSpeeds(job.name);
  const choice = chooseWhole(job.wholeFile, speeds, { link, files: survey.counts?.transferred ?? 1, bytes: survey.bytes }, isCutOff(job.name));
  const began = Date.now();
  const known = (progress: Progress): void => onProgress(survey.counts === null ? progress : ofTotal(progress, survey.bytes, Date.now() - began));
  const counts = await complete(step, step.real(limit, { listed: names !== null, through, whole: choice.whole }), deadline, { onProgress: known, countOnly: true, ...(through ? { session } : {}), ...(names === null ? {} : { input: asInput(names) }) });
  const load = { link, files: counts.transferred, bytes: counts.bytes };
  if (counts.transferred > 0) writeSpeeds(job.name, { speeds: telling && job.bwlimit === null ? measured(speeds, load, choice.whole, counts, Date.now() - began) : speeds, last: choice });
  return counts;
}

/** Has the run before left half-received files? */
const isCutOff = (job: string): boolean => ["incomplete", "unreachable", "peer-refused"].includes(readReport(job)?.lastRun?.result ?? "");

/** Files that vanished under rsync are normal in a live tree; a second pass right away is then whole. */
async function complete(step: Step, args: readonly string[], deadline: WallTime, more: Partial<RsyncCall>): Promise<Counts> {
  for (let attempt = 1; ; attempt += 1) {
    const { outcome, counts, refusal } = await rsync(args, { cwd: step.cwd, timeout: left(deadline), ...more });
    if (outcome.kind === "complete") return counts;
    if (refusal !== null) throw new Stop("peer-refused", EXIT.peerRefused, `${step.entry.path}: the peer refused: ${refusal}`);
    if (outcome.kind === "unreachable") throw new Stop("unreachable", EXIT.unreachable, `${step.entry.path}: ${outcome.because}`);
    if (!outcome.again || attempt === 3) throw new Stop("incomplete", EXIT.incomplete, `${step.entry.path}: ${outcome.because}`);
  }
}

export function left(deadline: WallTime): Duration {
  const rest = deadline - Date.now();
  if (rest <= 0) throw new Stop("incomplete", EXIT.incomplete, "the time for this run is over");
  return rest;
}

// One run of one job, from the lock to the report in its file (book.ts): gate → check on both sides → dry run → push → commit.
//
// Every way out is a RunReport. Nothing is written anywhere before the dry run has counted the deletions, where there can be any; nothing counts as
// mirrored before the peer has confirmed, after the last byte, that this node was still the owner (commit).

import { otherNode } from "../clusterd/config/config.ts";
import type { Config, JobConfig } from "../clusterd/config/config.ts";
import type { Duration } from "../clusterd/base/time.ts";
import { reasonOf } from "../clusterd/base/errors.ts";
import { newRunId } from "./backup-names.ts";
import { enter } from "./book.ts";
import { sessionTo } from "./early.ts";
import type { RunKind, RunId } from "./backup-names.ts";
import { EXIT, RECEIVE_EXIT } from "./exit-codes.ts";
import { deletionLimit, hashOf, mayDelete } from "./gate.ts";
import type { Deletions } from "./gate.ts";
import { fits, judge } from "./guards.ts";
import type { Scene } from "./guards.ts";
import { hook } from "./hooks.ts";
import type { Link } from "./links.ts";
import { jobLock, sendLock, whenFree } from "./lock.ts";
import type { Lock } from "./lock.ts";
import { thisMoment } from "./moment.ts";
import { insist, lookHere, mustOwn, mustReach, Stop } from "./must.ts";
import { planRun } from "./plan.ts";
import { ProgressNote } from "./progress.ts";
import { dryRun, left, push } from "./push.ts";
import type { Step } from "./plan.ts";
import type { CommitAnswer } from "./receive.ts";
import type { CheckAnswer, PeerTree } from "./receive-check.ts";
import { readReport } from "./report.ts";
import type { EntryReport, RunReport } from "./report.ts";
import type { Counts, Progress } from "./rsync-outcome.ts";
import { insistOn, lookAround } from "./scene.ts";
import { entryKey } from "./settings.ts";
import type { Session } from "./session.ts";
import { remoteShell } from "./ssh.ts";
import type { Peer } from "./ssh.ts";
import { atMost, needOf } from "./survey.ts";
import type { Survey } from "./survey.ts";
import { lookAtTree, rememberTrees } from "./tree.ts";
import type { Kept } from "./kept.ts";

export interface RunOptions {
  readonly kind: RunKind;
  readonly dryRun: boolean;
  /** Wall time in ms at which the run is over, one way or the other. Default: when the job's own timeout has passed. */
  readonly until?: number;
  /** How long another run of the same job is waited for. Default: not at all. */
  readonly patience?: Duration;
  /** Hears once that it is waited for, and which process holds it. */
  readonly onWait?: (holder: number) => void;
  readonly onProgress?: (path: string, progress: Progress) => void;
}

/** The report, and what a person may want to see of the dry run. */
export interface RunResult { readonly report: RunReport; readonly deletions: readonly string[]; readonly approvalHash: string | null }

const REQUEST_TIMEOUT = 15_000;
const LIVE_PATIENCE = 60_000;

export async function runJob(config: Config, job: JobConfig, options: RunOptions): Promise<RunResult> {
  const lock = await whenFree(() => jobLock(job.name), Date.now() + (options.patience ?? 0), options.onWait);
  const [started, began] = [Date.now(), thisMoment()];
  const run = newRunId(started);
  const facts: Found = { kind: options.kind, begun: false, link: null, epoch: null, entries: [], deletions: [], hash: null, kept: { total: 0, files: [] }, backups: null, warnings: [] };
  const report = (result: RunReport["result"], code: number, because: string): RunResult => ({
    report: {
      run, kind: facts.kind, started, began, ended: Date.now(), result, code, because, link: facts.link?.name ?? null, epoch: facts.epoch,
      entries: facts.entries, backups: facts.backups, kept: facts.kept.total, keptFiles: facts.kept.files, warnings: facts.warnings,
    },
    deletions: facts.deletions, approvalHash: facts.hash,
  });
  if (!lock.ok) return report("busy", EXIT.busy, `another run of ${job.name} is going on (process ${lock.holder})`);
  let sending: Lock | null = null;
  try {
    const done = await liveDone(job.name).then((free) => { sending = free; return carryOut(config, job, run, options, facts); }).then((because) => report(options.dryRun ? "dry" : "good", EXIT.ok, because), (error: unknown) =>
      error instanceof Stop ? report(error.result, error.code, error.message) : report("refused", EXIT.usage, reasonOf(error)));
    const trouble = facts.begun ? await hook("after", job, { run, kind: facts.kind }, done.report.result) : null;
    const result = trouble === null ? done : { ...done, report: { ...done.report, because: `${done.report.because}; ${trouble}` } };
    // While no live batch can begin: what the run claims is known before anything there is replaced.
    await enter(config, job, result);
    return result;
  } finally {
    free(sending);
    lock.release();
  }
}

const free = (lock: Lock | null): void => { if (lock?.ok === true) lock.release(); };

/** A live batch lasts for a moment, and none begins while a run waits. */
async function liveDone(job: string): Promise<Lock> {
  const lock = await whenFree(() => sendLock(job), Date.now() + LIVE_PATIENCE);
  if (!lock.ok) throw new Stop("busy", EXIT.busy, `a live batch of ${job} is going on (process ${lock.holder})`);
  return lock;
}

/** Filled as the run goes on, so that a run that stops says how far it came. */
interface Found {
  /** What it turned out to be: whoever starts a run to a peer that has come back, what only that one has is a recovery's. */
  kind: RunKind;
  /** The job's `before` was begun, so its `after` has to follow. */
  begun: boolean;
  link: Link | null; epoch: number | null; entries: readonly EntryReport[]; deletions: readonly string[]; hash: string | null;
  kept: Kept; backups: string | null; warnings: readonly string[];
}

async function carryOut(config: Config, job: JobConfig, run: RunId, options: RunOptions, found: Found): Promise<string> {
  const deadline = Math.min(options.until ?? Infinity, Date.now() + job.timeout);
  const status = await mustOwn(config, job, options.kind);
  const { epoch: current, peerInSync } = status.core.identities[job.home];
  found.epoch = current;
  if (options.kind === "normal" && !peerInSync) found.kind = "recovery";
  lookHere(job, options.dryRun);
  found.link = await mustReach(config, status);
  const peer: Peer = { node: otherNode(config).name, address: found.link.address, port: config.cluster.sshPort };
  // Questions and dry runs share one receiver (session.ts), which starts while this side looks around; the push has a connection of its own.
  const session = sessionTo(peer);
  try {
    return await overSession(job, run, options, found, { peer, session, epoch: found.epoch, deadline });
  } finally {
    session.close();
  }
}

interface Way { readonly peer: Peer; readonly session: Session; readonly epoch: number; readonly deadline: number }

async function overSession(job: JobConfig, run: RunId, options: RunOptions, found: Found, { peer, session, epoch, deadline }: Way): Promise<string> {
  const ask = (...words: readonly string[]): Promise<string> => request(session, ["clusterd-mirror", "v1", ...words], Math.min(REQUEST_TIMEOUT, left(deadline)));
  const common = [job.name, String(epoch), run] as const;

  // Each node looks around while the other does.
  const [there, here] = await Promise.all([ask("check", ...common).then((answer) => JSON.parse(answer) as CheckAnswer), lookAround(job)]);
  const scene: Scene = { job, peer: peer.node, here, there, needs: null };
  found.warnings = insistOn(judge(scene));
  if (!options.dryRun) {
    found.begun = true;
    const trouble = await hook("before", job, { run, kind: found.kind }, "");
    if (trouble !== null) throw new Stop("refused", EXIT.refused, trouble);
  }
  const steps = planRun({ job, run, kind: found.kind, epoch, remoteShell: remoteShell(peer), address: peer.address });
  const surveys = await surveyAll(steps, scene, session, deadline, options.dryRun);
  const fresh = found.kind === "recovery" ? new Set(JSON.parse(await ask("fresh", ...common)) as string[]) : new Set<string>();
  const deletions = deletionsOf(surveys, fresh);
  found.deletions = deletions.names;
  found.hash = deletions.names.length === 0 ? null : hashOf(deletions.names);
  found.entries = surveys.flatMap(({ step, counts }) => counts === null ? [] : [entryReport(step, counts)]);
  insist(mayDelete(job, deletions, readReport(job.name)?.approved ?? null), "approval");
  insistOn(judge({ ...scene, needs: surveys.map(needOf) }));
  if (options.dryRun) return describe(found.entries);

  const done: EntryReport[] = [];
  const limit = deletionLimit(job, deletions);
  const note = new ProgressNote(job.name);
  for (const survey of surveys) {
    const { step, counts } = survey;
    const onProgress = (progress: Progress): void => { note.write(step.entry.path, progress); options.onProgress?.(step.entry.path, progress); };
    const pushed = counts?.changed === 0 ? counts : await push(survey, { job, session, link: found.link?.name ?? "private", deadline, limit, onProgress });
    done.push(entryReport(step, { ...pushed, deleted: job.consistent ? counts?.deleted ?? [] : pushed.deleted })); // nothing is deleted from a new set
    found.entries = done;
  }
  note.drop();
  const committed = JSON.parse(await request(session, ["clusterd-mirror", "v1", "commit", ...common, found.kind], job.consistent ? left(deadline) : Math.min(REQUEST_TIMEOUT, left(deadline)))) as CommitAnswer;
  found.backups = committed.backups;
  found.kept = { total: committed.kept, files: [] };
  if (found.kind === "recovery" && committed.kept > 0) found.kept = JSON.parse(await ask("list", ...common, found.kind)) as Kept;
  rememberTrees(job.name, treesOf(job));
  return describe(found.entries);
}

const treesOf = (job: JobConfig) => job.entries.filter(({ kind }) => kind === "tree").map(({ path }) => lookAtTree(path, job.name));

/** The peer's answer to one request, or Stop. What the peer has not heard yet it may know in a moment: three tries. */
export async function request(session: Session, words: readonly string[], timeout: Duration): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const { peer } = session;
    const { code, stdout, stderr } = await session.ask(words, timeout);
    if (code === 0) return stdout;
    const because = stderr.trim().split("\n").at(-1) ?? "";
    if (code === RECEIVE_EXIT.retry && attempt < 4) { await new Promise((resolve) => setTimeout(resolve, 250 * attempt)); continue; }
    if (code === 255 || code === null) throw new Stop("unreachable", EXIT.unreachable, `ssh to ${peer.node} (${peer.address}): ${because}`);
    throw new Stop("peer-refused", EXIT.peerRefused, `${peer.node} refused: ${because.replace(/^clusterd-mirror: refused: /, "")}`);
  }
}

/** `whole`: a person wants to know what would happen, and not only whether it may. */
async function surveyAll(steps: readonly Step[], { there }: Scene, session: Session, deadline: number, whole: boolean): Promise<readonly Survey[]> {
  const done: Survey[] = [];
  for (const step of steps) {
    const answer = there.entries[entryKey(step.entry)] as PeerTree; // refused ones have ended the run (guards.ts)
    const most = whole ? null : atMost(step.entry, answer);
    if (most !== null && fits(answer, most)) { done.push({ step, counts: null, bytes: most.bytes, created: most.created }); continue; }
    const counts = await dryRun(step, session, deadline);
    done.push({ step, counts, bytes: counts.bytes, created: counts.created });
  }
  return done;
}

function deletionsOf(surveys: readonly Survey[], fresh: ReadonlySet<string>): Deletions {
  const trees = surveys.flatMap(({ step, counts }) => step.entry.kind === "tree" && counts !== null ? [{ step, counts }] : []);
  const emptied = trees.find(({ step, counts }) => counts.deleted.length > 0 && lookAtTree(step.entry.path, "").empty);
  const names = trees.flatMap(({ step, counts }) => counts.deleted.map((name) => step.entry.path + name)).sort();
  return {
    names, expected: names.filter((name) => fresh.has(name)).length,
    files: trees.reduce((sum, { counts }) => sum + counts.files, 0),
    emptied: emptied?.step.entry.path ?? null,
  };
}

const entryReport = (step: Step, counts: Counts): EntryReport =>
  ({ path: step.entry.path, files: counts.files, transferred: counts.transferred, bytes: counts.bytes, deleted: counts.deleted.length });

function describe(entries: readonly EntryReport[]): string {
  const sum = (of: (entry: EntryReport) => number): number => entries.reduce((total, entry) => total + of(entry), 0);
  return `${sum(({ files }) => files)} entries, ${sum(({ transferred }) => transferred)} files sent (${sum(({ bytes }) => bytes)} bytes), ${sum(({ deleted }) => deleted)} deleted`;
}

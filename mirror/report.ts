// What happened: one file per job (STATE/mirror/JOB.json), written whole, read by `status`, the next run and people.
//
// Node core only: the daemon reads these too and must stay small.

import { mkdirSync, readFileSync } from "node:fs";
import { writeDurably } from "../clusterd/base/files.ts";
import { STATE } from "../clusterd/base/paths.ts";
import type { WallTime } from "../clusterd/base/time.ts";
import { isRunKind } from "./backup-names.ts";
import type { Moment } from "./moment.ts";
import type { RunId, RunKind } from "./backup-names.ts";

export interface EntryReport {
  readonly path: string;
  readonly files: number;
  readonly transferred: number;
  readonly bytes: number;
  readonly deleted: number;
}

export interface KeptFile {
  readonly path: string;
  readonly size: number;
  readonly mtime: WallTime;
  /** Written after the returning node's last good run as owner: nobody else ever had this version. */
  readonly unmirrored: boolean;
}

const RESULTS = ["good", "approval", "refused", "no-clusterd", "busy", "unreachable", "peer-refused", "incomplete", "dry"] as const;

export interface RunReport {
  readonly run: RunId;
  readonly kind: RunKind;
  readonly started: WallTime;
  /** The same, for this node's own processes: what they heard before it has gone over. Null: not known. */
  readonly began: Moment | null;
  readonly ended: WallTime;
  readonly result: (typeof RESULTS)[number];
  /** Exit code of the command that would report just this. */
  readonly code: number;
  readonly because: string;
  readonly link: string | null;
  readonly epoch: number | null;
  readonly entries: readonly EntryReport[];
  /** On the peer; null when nothing was kept. */
  readonly backups: string | null;
  /** File versions kept there, and the first thousand of them by name. */
  readonly kept: number;
  readonly keptFiles: readonly KeptFile[];
  /** What the guards found that did not stop it. */
  readonly warnings: readonly string[];
}

export interface JobReport {
  readonly version: 1;
  readonly job: string;
  readonly identity: string;
  readonly lastRun: RunReport | null;
  readonly lastGood: RunReport | null;
  /** Of the last recovery, until the next: what only the returning node had. */
  readonly lastRecovery: RunReport | null;
  /** Deletions that wait for a person. */
  readonly pending: { readonly run: RunId; readonly hash: string; readonly count: number; readonly sample: readonly string[] } | null;
  /** Hash of the deletions that a person has allowed, once. */
  readonly approved: string | null;
}

/** Written by the receiving side after a good run: the standby's knowledge of the same. */
export interface Received { readonly job: string; readonly run: RunId; readonly kind: RunKind; readonly epoch: number; readonly at: WallTime; readonly kept: number }

const FOLDER = `${STATE}/mirror`;
const RECEIVED = `${FOLDER}/received`;

export const reportFile = (job: string): string => `${FOLDER}/${job}.json`;
const receivedFile = (job: string): string => `${RECEIVED}/${job}.json`;

export const readReport = (job: string): JobReport | null => toReport(readJson(reportFile(job)));

type Json = Readonly<Record<string, unknown>>;
const asObject = (value: unknown): Json => (typeof value === "object" && value !== null ? value as Json : {});
const isText = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => Number.isFinite(value);
const isKind = (value: unknown): value is RunKind => isText(value) && isRunKind(value);
const orNull = <T>(value: unknown, is: (value: unknown) => value is T): T | null => (is(value) ? value : null);

/** A report of ours, perhaps of an older version: what it lacks is absent, what is of another kind counts as absent. Null: none of ours. */
export function toReport(value: unknown): JobReport | null {
  const { version, job, identity, lastRun, lastGood, lastRecovery, pending, approved } = asObject(value);
  if (version !== 1 || !isText(job) || !isText(identity)) return null;
  return { version, job, identity, lastRun: toRun(lastRun), lastGood: toRun(lastGood), lastRecovery: toRun(lastRecovery), pending: toPending(pending), approved: orNull(approved, isText) };
}

function toRun(value: unknown): RunReport | null {
  const run = asObject(value);
  const { started, began, ended, because, epoch, entries, backups, kept, keptFiles, warnings, link, code, kind } = run;
  if (!isNumber(started)) return null;
  return {
    run: isText(run["run"]) ? run["run"] : "", kind: isKind(kind) ? kind : "normal", started, began: toMoment(began), ended: isNumber(ended) ? ended : started,
    result: RESULTS.find((one) => one === run["result"]) ?? "incomplete", code: isNumber(code) ? code : 1, because: isText(because) ? because : "",
    link: orNull(link, isText), epoch: orNull(epoch, isNumber), entries: listOf(entries, toEntry), backups: orNull(backups, isText),
    kept: isNumber(kept) ? kept : 0, keptFiles: listOf(keptFiles, toKept), warnings: Array.isArray(warnings) ? warnings.filter(isText) : [],
  };
}

function toMoment(value: unknown): Moment | null {
  const { boot, at } = asObject(value);
  return isText(boot) && isNumber(at) ? { boot, at } : null;
}

const listOf = <T>(value: unknown, to: (one: Json) => T | null): readonly T[] => (Array.isArray(value) ? value.flatMap((one) => to(asObject(one)) ?? []) : []);

function toEntry({ path, files, transferred, bytes, deleted }: Json): EntryReport | null {
  return isText(path) && isNumber(files) && isNumber(transferred) && isNumber(bytes) && isNumber(deleted) ? { path, files, transferred, bytes, deleted } : null;
}

function toKept({ path, size, mtime, unmirrored }: Json): KeptFile | null {
  return isText(path) && isNumber(size) && isNumber(mtime) && typeof unmirrored === "boolean" ? { path, size, mtime, unmirrored } : null;
}

function toPending(value: unknown): JobReport["pending"] {
  const { run, hash, count, sample } = asObject(value);
  return isText(run) && isText(hash) && isNumber(count) && Array.isArray(sample) ? { run, hash, count, sample: sample.filter(isText) } : null;
}

export function writeReport(report: JobReport): void {
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  writeDurably(reportFile(report.job), `${JSON.stringify(report, null, 1)}\n`);
}

export const readReceived = (job: string): Received | null => toReceived(readJson(receivedFile(job)));

export function toReceived(value: unknown): Received | null {
  const { job, run, kind, epoch, at, kept } = asObject(value);
  return isText(job) && isText(run) && isKind(kind) && isNumber(epoch) && isNumber(at) && isNumber(kept) ? { job, run, kind, epoch, at, kept } : null;
}

export function writeReceived(received: Received): void {
  mkdirSync(RECEIVED, { recursive: true, mode: 0o700 });
  writeDurably(receivedFile(received.job), `${JSON.stringify(received)}\n`);
}

/** For `status`: the last good run of each of these jobs, whether this node sent or received it. Jobs that never ran are not in it. */
export function readReports(jobs: readonly string[]): { readonly job: string; readonly identity: string; readonly lastGood: WallTime | null; readonly lastRun: WallTime | null; readonly lastResult: string | null }[] {
  return [...jobs].sort().flatMap((job) => {
    const [report, received] = [readReport(job), readReceived(job)];
    if (report === null && received === null) return [];
    return [{ job, identity: report?.identity ?? "", lastGood: lastGood(report, received), lastRun: report?.lastRun?.ended ?? null, lastResult: report?.lastRun ? `${report.lastRun.result}: ${report.lastRun.because}` : null }];
  });
}

export function lastGood(report: JobReport | null, received: Received | null): WallTime | null {
  const times = [report?.lastGood?.ended, received?.at].filter((time) => time !== undefined);
  return times.length === 0 ? null : Math.max(...times);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return null; // no report yet; a torn one cannot be, it is renamed into place
  }
}

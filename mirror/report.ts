// What happened: one file per job (STATE/mirror/JOB.json), written whole, read by `status`, the next run and people.
//
// Node core only: the daemon reads these too and must stay small.

import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import { writeDurably } from "../clusterd/base/files.ts";
import { STATE } from "../clusterd/base/paths.ts";
import type { WallTime } from "../clusterd/base/time.ts";
import type { RunKind, RunId } from "./backup-names.ts";

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

export interface RunReport {
  readonly run: RunId;
  readonly kind: RunKind;
  readonly started: WallTime;
  readonly ended: WallTime;
  readonly result: "good" | "approval" | "refused" | "busy" | "unreachable" | "peer-refused" | "incomplete" | "dry";
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

export function readReport(job: string): JobReport | null {
  const report = readJson(`${FOLDER}/${job}.json`) as JobReport | null;
  return report?.version === 1 ? report : null;
}

export function writeReport(report: JobReport): void {
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  writeDurably(`${FOLDER}/${report.job}.json`, `${JSON.stringify(report, null, 1)}\n`);
}

export const readReceived = (job: string): Received | null => readJson(`${RECEIVED}/${job}.json`) as Received | null;

export function writeReceived(received: Received): void {
  mkdirSync(RECEIVED, { recursive: true, mode: 0o700 });
  writeDurably(`${RECEIVED}/${received.job}.json`, `${JSON.stringify(received)}\n`);
}

/** For `status`: each job's last good run, whether this node sent or received it. Jobs that never ran are not in it. */
export function readReports(): { readonly job: string; readonly identity: string; readonly lastGood: WallTime | null; readonly lastRun: WallTime | null; readonly lastResult: string | null }[] {
  return names(FOLDER).map((job) => {
    const report = readReport(job);
    return { job, identity: report?.identity ?? "", lastGood: lastGood(job, report), lastRun: report?.lastRun?.ended ?? null, lastResult: report?.lastRun === null || report === null ? null : `${report.lastRun.result}: ${report.lastRun.because}` };
  });
}

export function lastGood(job: string, report: JobReport | null = readReport(job)): WallTime | null {
  const times = [report?.lastGood?.ended, readReceived(job)?.at].filter((time) => time !== undefined);
  return times.length === 0 ? null : Math.max(...times);
}

function names(folder: string): readonly string[] {
  const found = [folder, RECEIVED].flatMap((one) => { try { return readdirSync(one); } catch { return []; } });
  return [...new Set(found.filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5)))].sort();
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return null; // no report yet; a torn one cannot be, it is renamed into place
  }
}

// `mirror backups | diff | restore | prune | confirm`: looking at kept versions and bringing them back, from either node.

import { execFile } from "node:child_process";
import { lstatSync, mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { Command } from "commander";
import { BACKUPS } from "../../clusterd/base/paths.ts";
import type { Config, JobConfig } from "../../clusterd/config/config.ts";
import { noJob } from "../settings.ts";
import { EXIT } from "../exit-codes.ts";
import { backupRuns } from "../kept.ts";
import { jobLock, whenFree } from "../lock.ts";
import type { Peer } from "../ssh.ts";
import { progressLine } from "../text.ts";
import { mayRead, packHere, packThere, unpack } from "./fetch.ts";
import { everything, find, notOwner } from "./find.ts";
import type { When } from "./find.ts";
import { restore } from "./restore.ts";
import { confirm, directories, judge, prune } from "./retention.ts";
import { isLater } from "./versions.ts";
import type { Chosen } from "./versions.ts";

/** What this file needs of commands.ts. */
export interface Ways {
  readonly say: (text: string) => void;
  readonly fail: (code: number, text: string) => void;
  readonly configured: (act: (config: Config) => Promise<void> | void) => Promise<void>;
  readonly withJob: (name: string, act: (config: Config, job: JobConfig) => Promise<void> | void) => Promise<void>;
}

const WHEN = [["--at <time>", "as it was then: \"2h ago\", \"14:05\", \"2026-11-20 14:05\""], ["--run <run>", "what this run replaced or deleted (`mirror backups` lists them)"]] as const;

export function addHistory(program: Command, { say, fail, configured, withJob }: Ways): void {
  program.command("backups [job] [path]").description("dated directories on this node; with a path (a folder ends with /) each kept version of it, on both nodes").option("--json", "one JSON object")
    .action((name: string | undefined, path: string | undefined, flags: { json?: true }) => name !== undefined && path !== undefined
      ? withJob(name, async (config, job) => {
        const { kept, missing } = await everything(config, job, path);
        if (flags.json) return say(JSON.stringify({ version: 1, ok: true, nodes: kept, missing }));
        for (const { node, versions, cut } of kept) {
          for (const version of versions) say(`${version.run}  ${version.kind.padEnd(8)}  ${node}  ${moment(version.mtime)}  ${String(version.size).padStart(10)}  ${version.path}`);
          if (cut) say(`… and more on ${node}: name a narrower path`);
        }
        if (missing !== null) process.stderr.write(`mirror: ${missing}\n`);
      })
      : configured((config) => {
        if (name !== undefined && config.jobs.every((job) => job.name !== name)) return fail(EXIT.usage, noJob(config, name));
        const runs = backupRuns(BACKUPS, name === undefined ? config.jobs.map((job) => job.name) : [name]);
        if (flags.json) return say(JSON.stringify({ version: 1, ok: true, runs }));
        if (runs.length === 0) say("no run has replaced or deleted anything on this node; what was replaced on the other one: `mirror backups JOB PATH`");
        for (const { folder, kind, files } of runs) say(`${folder}  ${kind}  ${files} files`);
      }));

  const diff = program.command("diff <job> <path>").description("how a kept version differs from the file as it is here now").option("--json", "one JSON object");
  for (const [flag, text] of WHEN) diff.option(flag, text);
  diff.action((name: string, path: string, flags: When) => withJob(name, async (config, job) => {
    const found = await find(config, job, path, flags);
    if ("wrong" in found) return fail(found.code, found.wrong);
    const folder = mkdtempSync(join(tmpdir(), "clusterd-diff-"));
    try {
      const texts: { path: string; run: string; node: string; diff: string }[] = [];
      for (const one of found.chosen) {
        const name = Buffer.from(one.name, "base64url");
        const problem = await take(job.name, one, found.peer, config.nodes[config.self].name, folder);
        if (problem !== null) return fail(EXIT.incomplete, `${one.path}: ${problem}`);
        texts.push({ path: one.path, run: one.run, node: one.node, diff: await compare(Buffer.concat([Buffer.from(`${folder}/`), name]), Buffer.concat([Buffer.from("/"), name]), one) });
      }
      if (flags.json) return say(JSON.stringify({ version: 1, ok: true, differences: texts.filter((each) => each.diff !== "") }));
      for (const { diff: text } of texts) if (text !== "") process.stdout.write(text);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }));

  const back = program.command("restore <job> <path>").description("bring kept versions back; what they replace is kept too. A path that ends with / is a folder and all in it")
    .option("--to <folder>", "not into place, but below this folder").option("-n, --dry-run", "only say what would come back").option("--json", "one JSON object");
  for (const [flag, text] of WHEN) back.option(flag, text);
  back.action((name: string, path: string, flags: When & { to?: string; dryRun?: true }) => withJob(name, async (config, job) => {
    const owner = flags.to === undefined ? await notOwner(config, job) : null;
    if (owner !== null) return fail(EXIT.notOwner, owner);
    const found = await find(config, job, path, flags);
    if ("wrong" in found) return fail(found.code, found.wrong);
    const { chosen, peer, moment: when } = found;
    const list = chosen.map(({ path: of, run, node, mtime, size, ...rest }) => ({ path: of, run, node, mtime, size, later: isLater({ path: of, run, mtime, size, ...rest }, when) }));
    if (!flags.json) for (const one of list) say(`${flags.dryRun ? "would bring back" : "brings back"} ${one.path} of ${moment(one.mtime)} (${one.run}, on ${one.node})${one.later ? ": written after that moment; what was there then was overwritten before any run" : ""}`);
    if (flags.dryRun) return flags.json ? say(JSON.stringify({ version: 1, ok: true, versions: list })) : undefined;
    const lock = await whenFree(() => jobLock(job.name), Date.now() + job.timeout, (holder) => { if (!flags.json) say(`a run of ${job.name} is going on (process ${holder}): waits for it`); });
    if (!lock.ok) return fail(EXIT.busy, `a run of ${job.name} is going on (process ${lock.holder}): try again`);
    try {
      const total = chosen.reduce((sum, { size }) => sum + size, 0);
      const done = await restore(job.name, chosen, { to: flags.to === undefined ? null : resolve(flags.to), backups: BACKUPS, self: config.nodes[config.self].name, peer }, drawer(job.name, total, flags.json === true));
      if (!done.ok) process.exitCode = EXIT.incomplete;
      if (flags.json) return say(JSON.stringify({ version: 1, ...done, versions: list }));
      if (done.ok) say(`${done.because}${done.replaced === null ? "" : `; what they replaced, if anything, is in ${done.replaced}`}`);
      else fail(EXIT.incomplete, done.because);
    } finally {
      lock.release();
    }
  }));

  program.command("prune [job]").description("remove dated directories on this node beyond keep_for, keep_runs and keep_size; never the newest, never an unconfirmed recovery's")
    .option("-n, --dry-run", "only say which").option("--quiet", "say nothing about those that stay").option("--json", "one JSON object")
    .action((name: string | undefined, flags: { dryRun?: true; quiet?: true; json?: true }) => configured((config) => {
      const jobs = config.jobs.filter((job) => name === undefined || job.name === name);
      if (jobs.length === 0 && name !== undefined) return fail(EXIT.usage, noJob(config, name));
      const done = jobs.map((job) => {
        const verdicts = judge(directories(BACKUPS, job.name), { age: job.keepFor, runs: job.keepRuns, size: job.keepSize }, Date.now());
        if (!flags.dryRun) prune(BACKUPS, job.name, verdicts);
        return { job: job.name, verdicts };
      });
      if (flags.json) return say(JSON.stringify({ version: 1, ok: true, jobs: done }));
      if (!flags.quiet && done.every(({ verdicts }) => verdicts.length === 0)) say("nothing to remove: no run has replaced or deleted anything on this node");
      for (const { job, verdicts } of done) for (const { directory, keep, because } of verdicts)
        if (!keep || !flags.quiet) say(`${keep ? "keeps" : flags.dryRun ? "would remove" : "removed"} ${job}/${directory.name}: ${because}`);
    }));

  program.command("confirm <job> <run>").description("you have looked at what this recovery kept on this node: it may go when its time comes").option("-n, --dry-run", "change nothing").option("--json", "one JSON object")
    .action((name: string, run: string, flags: { dryRun?: true; json?: true }) => withJob(name, () => {
      const there = directories(BACKUPS, name).some((one) => one.run === run && one.kind === "recovery");
      if (!there) return fail(EXIT.usage, `no recovery ${run} of ${name} is kept on this node`);
      if (!flags.dryRun) confirm(BACKUPS, name, run);
      say(flags.json ? JSON.stringify({ version: 1, ok: true, job: name, run }) : `${name} ${run} may go when its time comes`);
    }));
}

const moment = (wall: number): string => new Date(wall).toISOString().replace("T", " ").slice(0, 19).concat("Z");

async function take(job: string, { node, run, kind, name }: Chosen, peer: Peer | null, self: string, into: string): Promise<string | null> {
  const raw = Buffer.from(name, "base64url");
  const folder = join(BACKUPS, job, `${run}.${kind}`);
  if (node === self) return mayRead(folder, [raw]) ?? unpack(packHere(folder, [raw]), into, () => undefined);
  return peer === null ? `${node} cannot be reached` : unpack(packThere(peer, job, run, kind, [name]), into, () => undefined);
}

/** Empty when they are equal. */
async function compare(kept: Buffer, now: Buffer, { path, run, type }: Chosen): Promise<string> {
  const there = lstatSync(now, { throwIfNoEntry: false });
  if (there === undefined) return `only in ${run}: ${path}\n`;
  if (type === "link" || there.isSymbolicLink()) {
    const targets = [kept, now].map((one) => (lstatSync(one).isSymbolicLink() ? readlinkSync(one) : "no link"));
    return targets[0] === targets[1] ? "" : `${path}: was a link to ${targets[0]}, is ${targets[1]}\n`;
  }
  // Node's argv is text: a name that is no UTF-8 cannot be compared, and that is said.
  const done = await promisify(execFile)("diff", ["-u", "--label", `${path} (${run})`, "--label", `${path} (now)`, "--", kept.toString(), now.toString()], { maxBuffer: 64 * 1024 * 1024 })
    .then(({ stdout }) => ({ text: stdout, code: 0 }), (error: Error & { stdout?: string; stderr?: string; code?: number }) => ({ text: error.stdout ?? "", code: error.code ?? 2, complaint: error.stderr ?? error.message }));
  return done.code <= 1 ? done.text : `${path}: cannot be compared: ${"complaint" in done ? done.complaint.trim() : ""}\n`;
}

/** A line on a terminal, redrawn at most ten times a second. */
function drawer(label: string, total: number, silent: boolean): (bytes: number) => void {
  if (silent || !process.stderr.isTTY) return () => undefined;
  const began = Date.now();
  let [moved, drawn] = [0, 0];
  return (bytes) => {
    moved += bytes;
    const seconds = (Date.now() - began) / 1000;
    if (Date.now() - drawn < 100 && moved < total) return;
    drawn = Date.now();
    const percent = Math.min(100, Math.round((100 * moved) / Math.max(1, total)));
    process.stderr.write(`\r\x1b[K${progressLine(label, { bytes: moved, percent, rate: `${(moved / 1e6 / Math.max(seconds, 0.001)).toFixed(1)}MB/s`, left: percent === 100 ? "" : `${Math.round(seconds * (total - moved) / Math.max(moved, 1))}s left` }, process.stderr.columns)}${percent === 100 ? "\n" : ""}`);
  };
}

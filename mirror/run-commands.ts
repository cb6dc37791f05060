// `mirror run | pass | plan`: apart from the other commands, whose code takes as long to load as the program itself, and cron starts `run` every few minutes.

import { parseDuration } from "../clusterd/base/time.ts";
import { otherNode } from "../clusterd/config/config.ts";
import type { Config, JobConfig } from "../clusterd/config/config.ts";
import type { Index } from "../clusterd/core/model.ts";
import { EXIT } from "./exit-codes.ts";
import { inParallel } from "./parallel.ts";
import { pass } from "./pass.ts";
import { whyNot } from "./passed-over.ts";
import { planRun } from "./plan.ts";
import { configured, explain, fail, program, say, withJob } from "./program.ts";
import { readReport } from "./report.ts";
import type { RunReport } from "./report.ts";
import { runJob } from "./run.ts";
import { leftTo } from "./scheduler.ts";
import { noJob } from "./settings.ts";
import { progressLine, runText } from "./text.ts";

interface RunFlags { readonly all?: true; readonly dryRun?: true; readonly final?: true; readonly json?: true; readonly quiet?: true }

program.command("run [job]").description("mirror one job, or with --all every job of the identities that this node owns")
  .option("--all", "all jobs of owned identities; the others are passed over").option("-n, --dry-run", "say what would happen, change nothing")
  .option("--final", "as the last pass of a handover: on disk before it counts")
  .option("--quiet", "for cron: say nothing about runs that went well (but of a new warning, once), do not wait for a run of the same job that is going on, and pass over what a watcher vouches for (full_pass)").option("--json", "one JSON object")
  .action((name: string | undefined, flags: RunFlags) => configured(async (config) => {
    if ((name === undefined) === (flags.all === undefined)) return fail(EXIT.usage, "`mirror run JOB` or `mirror run --all`: `mirror list` names the jobs");
    const elsewhere = leftTo(config);
    if (elsewhere !== null) return say(elsewhere);
    const jobs = name === undefined ? config.jobs : config.jobs.filter((job) => job.name === name);
    if (jobs.length === 0 && name !== undefined) return fail(EXIT.usage, noJob(config, name));
    const looked = jobs.map((job) => ({ job, because: flags.quiet && !flags.final && !flags.dryRun ? whyNot(job) : null }));
    const passedOver = looked.flatMap(({ job, because }) => (because === null ? [] : [{ job: job.name, because }]));
    const done = await inParallel(looked.filter(({ because }) => because === null), config.cluster.parallel, ({ job }) => runOne(config, job, flags));
    const skipped = (report: RunReport): boolean => flags.all === true && report.code === EXIT.notOwner;
    const unclear = flags.quiet ? undefined : done.find(({ report }) => report.result === "no-clusterd");
    const counted = done.filter((each) => !skipped(each.report) || each === unclear);
    process.exitCode = counted.find(({ report }) => report.code !== EXIT.ok)?.report.code ?? EXIT.ok;
    const [other] = done;
    if (counted.length === 0 && other !== undefined && !flags.quiet && !flags.json) say(`nothing to mirror from here: ${other.report.because}`);
    if (flags.json) say(JSON.stringify({ version: 1, ok: process.exitCode === EXIT.ok, jobs: done.map(({ job, report, deletions }) => ({ job, ...report, deletions })), passedOver }));
    else for (const { job, report, deletions, fresh } of counted) {
      printRun(job, report, deletions, flags);
      if (flags.quiet && report.code === EXIT.ok) for (const warning of fresh) process.stderr.write(`${job}: warning: ${warning}\n`);
    }
  }));

async function runOne(config: Config, job: JobConfig, flags: RunFlags) {
  const { stderr } = process;
  const draw = stderr.isTTY && !flags.json && !flags.quiet;
  const known = readReport(job.name)?.lastRun?.warnings ?? [];
  const result = await runJob(config, job, {
    kind: flags.final ? "final" : "normal", dryRun: flags.dryRun === true,
    patience: flags.quiet ? 0 : job.timeout, onWait: (holder) => { if (!flags.json && !flags.quiet) stderr.write(`mirror: ${job.name}: another run is going on (process ${holder}): waits for it\n`); },
    ...(draw ? { onProgress: (path, progress) => void stderr.write(`\r\x1b[K${progressLine(`${job.name} ${path}`, progress, stderr.columns)}`) } : {}),
  });
  if (draw) stderr.write("\r\x1b[K");
  return { job: job.name, report: result.report, deletions: result.deletions, fresh: result.report.warnings.filter((warning) => !known.includes(warning)) };
}

function printRun(job: string, report: RunReport, deletions: readonly string[], { quiet, dryRun }: RunFlags): void {
  const good = report.code === EXIT.ok;
  if (!(quiet && good)) (good ? process.stdout : process.stderr).write(`${runText(job, report)}\n`);
  if (dryRun || report.code === EXIT.approval) for (const name of deletions.slice(0, 50)) say(`  would delete ${name}`);
  if (deletions.length > 50) say(`  … and ${deletions.length - 50} more`);
}

program.command("pass").description("all jobs of one identity: a handover's last pass, or the recovery of a node that came back")
  .requiredOption("--identity <name>", "the identity's home node").option("--final", "a handover's last pass").option("--recovery", "what the peer alone has goes to a directory of this recovery")
  .option("--within <time>", "over by then", "60s").option("--json", "one JSON object")
  .action((flags: { identity: string; final?: true; recovery?: true; within: string; json?: true }) => configured(async (config) => {
    const home = config.nodes.findIndex(({ name }) => name === flags.identity);
    const within = parseDuration(flags.within);
    if (home < 0 || within === null || (flags.final && flags.recovery)) return fail(EXIT.usage, home < 0 ? `no node is called ${flags.identity}` : within === null ? `${flags.within} is no time` : "--final or --recovery, not both");
    const result = await pass(config, home as Index, { kind: flags.final ? "final" : flags.recovery ? "recovery" : "normal", within });
    process.exitCode = result.code;
    if (flags.json && !result.ok) process.stderr.write(`mirror: ${result.detail}\n`); // for whoever only looks at why
    if (flags.json) return say(JSON.stringify({ version: 1, ...result }));
    for (const { job, report } of result.jobs) say(runText(job, report));
    say(`${result.identity}: ${result.ok ? "the peer has everything" : "the peer does not have everything"}: ${result.detail}`);
  }));

program.command("plan <job>").description("what a run would do: the commands, and what would be deleted on the peer").option("--json", "one JSON object")
  .action((name: string, flags: { json?: true }) => withJob(name, async (config, job) => {
    const { report, deletions } = await runJob(config, job, { kind: "normal", dryRun: true, patience: job.timeout });
    const peer = otherNode(config);
    const steps = planRun({ job, run: report.run, kind: "normal", epoch: report.epoch ?? 0, remoteShell: "ssh", address: peer.heartbeat.address })
      .map((step) => ({ path: step.entry.path, cwd: step.cwd, command: ["rsync", ...step.real(job.maxDelete)] }));
    process.exitCode = report.code;
    if (flags.json) return say(JSON.stringify({ version: 1, ok: report.code === EXIT.ok, steps, deletions, report }));
    for (const step of steps) say(`${step.path}\n  cd ${step.cwd} && ${step.command.map((word) => (/\s/.test(word) ? `'${word}'` : word)).join(" ")}`);
    printRun(job.name, report, deletions, { dryRun: true });
  }));

explain();

export { program };

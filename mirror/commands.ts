// The commands of `mirror`, one function each. `--json` prints one object; everything else is for people.

import { accessSync, constants, existsSync } from "node:fs";
import { Command } from "commander";
import { KEYS, STATE } from "../clusterd/base/paths.ts";
import { parseDuration } from "../clusterd/base/time.ts";
import { otherNode } from "../clusterd/config/config.ts";
import type { Config, JobConfig } from "../clusterd/config/config.ts";
import type { Index } from "../clusterd/core/model.ts";
import { askDaemon } from "../clusterd/status/control-client.ts";
import { annotate } from "../clusterd/manual/notes.ts";
import { addHistory } from "./history/commands.ts";
import { isRunId } from "./backup-names.ts";
import { approve } from "./book.ts";
import { recoveries } from "./conflicts.ts";
import { EXAMPLES } from "./examples.ts";
import { EXIT, EXIT_MEANINGS } from "./exit-codes.ts";
import { addCheck } from "./check.ts";
import { ensureKeys } from "./keys.ts";
import { jobLedger } from "./ledger.ts";
import { liveNow } from "./live-state.ts";
import { inParallel } from "./parallel.ts";
import { pass } from "./pass.ts";
import { whyNot } from "./passed-over.ts";
import { planRun } from "./plan.ts";
import { readProgress } from "./progress.ts";
import { lastGood, readReceived, readReport } from "./report.ts";
import type { RunReport } from "./report.ts";
import { runJob } from "./run.ts";
import { leftTo } from "./scheduler.ts";
import { addScrub } from "./scrub/commands.ts";
import { readScrub } from "./scrub/state.ts";
import { findJob, noJob, settings } from "./settings.ts";
import { readSpeeds } from "./speeds.ts";
import { ledgerText, progressLine, runText, statusText } from "./text.ts";
import type { StatusRow } from "./text.ts";
import { addWatch } from "./view/commands.ts";
import { lookAtTree, markTree, rememberTrees } from "./tree.ts";

export const program = new Command("mirror")
  .description("Mirrors the directories of each service to the other node. Only the owner pushes; nothing is deleted unasked.")
  .version("0.1.0").exitOverride().showHelpAfterError();

const say = (text: string): void => { process.stdout.write(`${text}\n`); };
const fail = (code: number, text: string): void => { process.exitCode = code; process.stderr.write(`mirror: ${text}\n`); };

// Everything that it looks at is root's; who may not look would be told that there is nothing.
program.hook("preAction", () => { if (existsSync(STATE)) accessSync(STATE, constants.R_OK | constants.X_OK); });

/** Runs `act` with a sound configuration, or says what is wrong with it. */
async function configured(act: (config: Config) => Promise<void> | void): Promise<void> {
  const read = settings();
  if (read.ok) await act(read.config);
  else fail(EXIT.configuration, `the configuration has problems:\n${read.text}`);
}

async function withJob(name: string, act: (config: Config, job: JobConfig) => Promise<void> | void): Promise<void> {
  await configured(async (config) => {
    const job = findJob(config, name);
    if (job !== undefined) return act(config, job);
    fail(EXIT.usage, noJob(config, name));
  });
}

interface RunFlags { readonly all?: true; readonly dryRun?: true; readonly final?: true; readonly json?: true; readonly quiet?: true }

program.command("run [job]").description("mirror one job, or with --all every job of the identities that this node owns")
  .option("--all", "all jobs of owned identities; the others are passed over").option("-n, --dry-run", "say what would happen, change nothing")
  .option("--final", "as the last pass of a handover: on disk before it counts")
  .option("--quiet", "for cron: say nothing about runs that went well (but of a new warning, once), do not wait for a run of the same job that is going on, and pass over what a watcher vouches for (full_pass)").option("--json", "one JSON object")
  .action((name: string | undefined, flags: RunFlags) => configured(async (config) => {
    if ((name === undefined) === (flags.all === undefined)) return fail(EXIT.usage, "either a job, or --all");
    const elsewhere = leftTo(config);
    if (elsewhere !== null) return say(elsewhere);
    const jobs = name === undefined ? config.jobs : config.jobs.filter((job) => job.name === name);
    if (jobs.length === 0 && name !== undefined) return fail(EXIT.usage, noJob(config, name));
    const looked = jobs.map((job) => ({ job, because: flags.quiet && !flags.final && !flags.dryRun ? whyNot(job) : null }));
    const passedOver = looked.flatMap(({ job, because }) => (because === null ? [] : [{ job: job.name, because }]));
    const done = await inParallel(looked.filter(({ because }) => because === null), config.cluster.parallel, ({ job }) => runOne(config, job, flags));
    const skipped = (report: RunReport): boolean => flags.all === true && report.code === EXIT.notOwner;
    const counted = done.filter(({ report }) => !skipped(report));
    process.exitCode = counted.find(({ report }) => report.code !== EXIT.ok)?.report.code ?? EXIT.ok;
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

program.command("list").description("the jobs and their paths").option("--json", "one JSON object")
  .action((flags: { json?: true }) => configured((config) => {
    if (flags.json) return say(JSON.stringify({ version: 1, ok: true, jobs: config.jobs.map((job) => ({ ...job, identity: config.nodes[job.home].name })) }));
    for (const job of config.jobs) say(`${job.name} (identity ${config.nodes[job.home].name}): ${job.entries.map(({ path }) => path).join(" ")}`);
  }));

const statusRows = (config: Config): readonly StatusRow[] => config.jobs.map(({ name, home }) =>
  ({ job: name, owner: config.nodes[home].name, report: readReport(name), received: readReceived(name), lastGood: lastGood(name), live: liveNow(name), sending: readSpeeds(name).last, going: readProgress(name), scrub: readScrub(name) }));

program.command("status").description("each job's last good run, how its changes travel, and what stands in the way of the next run").option("--json", "one JSON object")
  .action((flags: { json?: true }) => configured((config) => {
    const rows = statusRows(config);
    say(flags.json ? JSON.stringify({ version: 1, ok: true, jobs: rows }) : statusText(rows, Date.now()));
  }));

program.command("ledger [job]").description("which paths are not on the other node yet, and since when; after a takeover: which may be stale here").option("--json", "one JSON object")
  .action((name: string | undefined, flags: { json?: true }) => configured(async (config) => {
    const jobs = config.jobs.filter((job) => name === undefined || job.name === name);
    if (jobs.length === 0 && name !== undefined) return fail(EXIT.usage, noJob(config, name));
    const answer = await askDaemon({ ask: "status" });
    const ledgers = jobs.map((job) => jobLedger(config, job, answer.ok ? answer.status ?? null : null, Date.now()));
    say(flags.json ? JSON.stringify({ version: 1, ok: true, jobs: ledgers }) : ledgers.map((one) => ledgerText(one, Date.now())).join("\n"));
  }));

program.command("conflicts [job]").description("what recoveries have kept: versions of a returning node that were replaced or deleted there").option("--json", "one JSON object")
  .action((name: string | undefined, flags: { json?: true }) => configured((config) => {
    const jobs = config.jobs.filter((job) => name === undefined || job.name === name);
    if (jobs.length === 0 && name !== undefined) return fail(EXIT.usage, noJob(config, name));
    const found = jobs.map((job) => ({ job: job.name, last: readReport(job.name)?.lastRecovery ?? null, here: recoveries(job.name) }));
    if (flags.json) return say(JSON.stringify({ version: 1, ok: true, jobs: found }));
    const lines = found.flatMap(({ job, last, here }) => [...(last === null || last.kept === 0 ? [] : [runText(job, last)]), ...here.map(({ folder, total, files }) => `${job}: ${total} versions of this node in ${folder}\n${files.map(({ path }) => `  ${path}`).join("\n")}`)]);
    say(lines.length === 0 ? "no recovery has kept anything" : lines.join("\n"));
  }));

program.command("approve <job> [run]").description("allow exactly the deletions that the last run stopped at, once").option("--json", "one JSON object")
  .action((name: string, run: string | undefined, flags: { json?: true }) => withJob(name, () => {
    if (run !== undefined && !isRunId(run)) return fail(EXIT.usage, `${run} is no run`);
    const approval = approve(name, run ?? null);
    if (!approval.ok) process.exitCode = EXIT.refused;
    if (flags.json) return say(JSON.stringify({ version: 1, ...approval }));
    if (approval.ok) say(`the next run of ${name} may delete those ${approval.count} entries on the peer; they go to its dated directory`);
    else fail(EXIT.refused, approval.because);
  }));

program.command("mark <job>").description("say that the trees of a job are complete here: writes the marker files anew").option("-n, --dry-run", "only say which").option("--json", "one JSON object")
  .action((name: string, flags: { json?: true; dryRun?: true }) => withJob(name, (_config, job) => {
    const trees = job.entries.filter(({ kind }) => kind === "tree").map(({ path }) => path);
    if (!flags.dryRun) {
      for (const path of trees) markTree(path, job.name);
      rememberTrees(job.name, trees.map((path) => lookAtTree(path, job.name)));
    }
    say(flags.json ? JSON.stringify({ version: 1, ok: true, trees }) : trees.map((path) => `${flags.dryRun ? "would mark" : "marked"} ${path}`).join("\n"));
  }));

addCheck(program, { say, fail, configured, withJob });
addHistory(program, { say, fail, configured, withJob });
addScrub(program, { say, fail, configured, withJob });
addWatch(program, { say, fail, configured, withJob }, statusRows);

program.command("setup-keys").description("make this node's mirror key, and print what the peer needs to accept it").option("--json", "one JSON object")
  .action((flags: { json?: true }) => configured(async (config) => {
    const { created, publicKey } = await ensureKeys(config.nodes[config.self].name);
    say(flags.json ? JSON.stringify({ version: 1, ok: true, created, publicKey }) : `${publicKey}\n# ${created ? "made" : "already there"}: ${KEYS}`);
  }));

program.command("daemon").description("recovers a peer that came back; sends changes while they happen; runs the crontab's lines if scheduler = builtin; watches for edits that would be undone")
  .action(async () => { await (await import("./daemon.ts")).daemon(); });

program.command("receive").description("the peer's forced command (sshd starts it; not for people)");

annotate(program, { examples: [], exits: EXIT_MEANINGS });
for (const command of program.commands) annotate(command, { examples: EXAMPLES[command.name()] ?? [], exits: EXIT_MEANINGS });

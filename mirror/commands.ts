// The commands of `mirror`, one function each. `--json` prints one object; everything else is for people.

import { flushCompileCache } from "node:module";
import { KEYS } from "../clusterd/base/paths.ts";
import type { Config } from "../clusterd/config/config.ts";
import { askDaemon } from "../clusterd/status/control-client.ts";
import { annotate } from "../clusterd/manual/notes.ts";
import { addHistory } from "./history/commands.ts";
import { isRunId } from "./backup-names.ts";
import { approve } from "./book.ts";
import { recoveries } from "./conflicts.ts";
import { EXIT, EXIT_MEANINGS } from "./exit-codes.ts";
import { addCheck } from "./check.ts";
import { ensureKeys } from "./keys.ts";
import { jobLedger } from "./ledger.ts";
import { liveNow } from "./live-state.ts";
import { readProgress } from "./progress.ts";
import { configured, explain, fail, say, WAYS, withJob } from "./program.ts";
import { lastGood, readReceived, readReport } from "./report.ts";
import { program } from "./run-commands.ts";
import { addScrub } from "./scrub/commands.ts";
import { readScrub } from "./scrub/state.ts";
import { noJob } from "./settings.ts";
import { readSpeeds } from "./speeds.ts";
import { ledgerText, runText, statusText } from "./text.ts";
import type { StatusRow } from "./text.ts";
import { addWatch } from "./view/commands.ts";
import { lookAtTree, markTree, rememberTrees } from "./tree.ts";

program.command("list").description("the jobs and their paths").option("--json", "one JSON object")
  .action((flags: { json?: true }) => configured((config) => {
    if (flags.json) return say(JSON.stringify({ version: 1, ok: true, jobs: config.jobs.map((job) => ({ ...job, identity: config.nodes[job.home].name })) }));
    for (const job of config.jobs) say(`${job.name} (identity ${config.nodes[job.home].name}): ${job.entries.map(({ path }) => path).join(" ")}`);
  }));

const statusRows = (config: Config): readonly StatusRow[] => config.jobs.map(({ name, home }) => {
  const [report, received] = [readReport(name), readReceived(name)];
  return { job: name, owner: config.nodes[home].name, report, received, lastGood: lastGood(report, received), live: liveNow(name), sending: readSpeeds(name).last, going: readProgress(name), scrub: readScrub(name) };
});

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

addCheck(program, WAYS);
addHistory(program, WAYS);
addScrub(program, WAYS);
addWatch(program, WAYS, statusRows);

program.command("setup-keys").description("make this node's mirror key, and print what the peer needs to accept it").option("--json", "one JSON object")
  .action((flags: { json?: true }) => configured(async (config) => {
    const { created, publicKey } = await ensureKeys(config.nodes[config.self].name);
    say(flags.json ? JSON.stringify({ version: 1, ok: true, created, publicKey }) : `${publicKey}\n# ${created ? "made" : "already there"}: ${KEYS}`);
  }));

program.command("daemon").description("recovers a peer that came back; sends changes while they happen; runs the crontab's lines if scheduler = builtin; watches for edits that would be undone")
  .option("--warm-up", "only load what stays, here and at the peer's end of a connection, into Node's compile cache, and end: `clusterd install` does it")
  .action(async (flags: { warmUp?: true }) => {
    const { daemon } = await import("./daemon.ts");
    if (!flags.warmUp) return daemon();
    await Promise.all([import("./receive.ts"), import("./receive-live.ts"), import("execa")]);
    flushCompileCache();
  });

program.command("receive").description("the peer's forced command (sshd starts it; not for people)");

annotate(program, { examples: [], exits: EXIT_MEANINGS });
explain();

export { program };

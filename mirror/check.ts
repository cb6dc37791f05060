// `mirror check`: everything that would be looked at before a run of a job, on both nodes, and what came of it. Nothing is mirrored.

import type { Command } from "commander";
import { otherNode } from "../clusterd/config/config.ts";
import type { Config, JobConfig } from "../clusterd/config/config.ts";
import { newRunId } from "./backup-names.ts";
import { openDatabases } from "./databases.ts";
import { noJob } from "./settings.ts";
import { EXIT } from "./exit-codes.ts";
import type { Ways } from "./history/commands.ts";
import { judge, sentence } from "./guards.ts";
import type { Finding } from "./guards.ts";
import { lookHere, mustOwn, mustReach, Stop } from "./must.ts";
import { request } from "./run.ts";
import type { CheckAnswer } from "./receive-check.ts";
import { lookAround } from "./scene.ts";
import { Session } from "./session.ts";

const TIMEOUT = 15_000;

export interface Checked { readonly job: string; readonly code: number; readonly findings: readonly Finding[] }

export async function checkJob(config: Config, job: JobConfig): Promise<Checked> {
  const peer = otherNode(config).name;
  const findings: Finding[] = [];
  const fine = (guard: string, says: string): void => { findings.push({ guard, state: "ok", says, remedy: "" }); };
  let asked = "owner";
  try {
    const status = await mustOwn(config, job, "normal");
    fine(asked, "this node owns the identity; configurations and clocks agree");
    asked = "trees here";
    lookHere(job, true);
    fine(asked, "there, marked and mounted");
    asked = "connection";
    const link = await mustReach(config, status);
    fine(asked, `${peer} answers over the ${link.name} link`);
    asked = "the other node";
    const session = new Session({ node: peer, address: link.address, port: config.cluster.sshPort });
    try {
      const epoch = String(status.core.identities[job.home].epoch);
      const [answer, here] = await Promise.all([request(session, ["clusterd-mirror", "v1", "check", job.name, epoch, newRunId(Date.now())], TIMEOUT), lookAround(job, openDatabases)]);
      findings.push(...judge({ job, peer, here, there: JSON.parse(answer) as CheckAnswer, needs: null }));
    } finally {
      session.close();
    }
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    findings.push({ guard: asked, state: "refuse", says: error.message, remedy: "" });
    return { job: job.name, code: error.code, findings };
  }
  const refused = findings.find(({ state }) => state === "refuse");
  return { job: job.name, code: refused === undefined ? EXIT.ok : refused.there ? EXIT.peerRefused : EXIT.refused, findings };
}

const WORDS: Readonly<Record<Finding["state"], string>> = { ok: "ok    ", warn: "warn  ", refuse: "REFUSE" };
const WIDTH = 16;

export const checkText = ({ job, findings }: Checked, quiet: boolean): string => [
  job, ...findings.filter(({ state }) => !quiet || state !== "ok").map((finding) => `  ${WORDS[finding.state]}  ${finding.guard.padEnd(WIDTH)}  ${sentence(finding)}`),
].join("\n");

const HOOK = `
A database's files are copied one after the other while it writes, so their copy may be of no use. Let a program dump it before each pass:

  before = /usr/local/sbin/dump-shop          # in the service's file, [mirror]
  exclude[] = /shop.db*

  #!/bin/sh
  # /usr/local/sbin/dump-shop: a copy that holds together, whole before it gets its name
  set -eu
  cd /srv/shop
  rm -f dump.new
  sqlite3 shop.db ".backup dump.new"          # or: pg_dumpall --file=dump.new; mariadb-dump --single-transaction …; tdbbackup; slapcat
  mv dump.new dump.db
`;

export function addCheck(program: Command, { say, fail, configured }: Ways): void {
  program.command("check [job]").description("what would be looked at before a run, on both nodes: rsync, file systems, room, users, databases; and what is wrong there")
    .option("--quiet", "only what is not in order").option("--json", "one JSON object").addHelpText("after", HOOK)
    .action((name: string | undefined, flags: { quiet?: true; json?: true }) => configured(async (config) => {
      const jobs = config.jobs.filter((job) => name === undefined || job.name === name);
      if (jobs.length === 0 && name !== undefined) return fail(EXIT.usage, noJob(config, name));
      const checked: Checked[] = [];
      for (const job of jobs) checked.push(await checkJob(config, job));
      // As with `run --all`: the other node's own jobs are asked about there.
      const counted = checked.filter(({ code }) => name !== undefined || code !== EXIT.notOwner);
      process.exitCode = counted.find(({ code }) => code !== EXIT.ok)?.code ?? EXIT.ok;
      if (flags.json) return say(JSON.stringify({ version: 1, ok: process.exitCode === EXIT.ok, jobs: counted }));
      const shown = counted.filter(({ findings }) => !flags.quiet || findings.some(({ state }) => state !== "ok"));
      if (shown.length > 0) say(shown.map((one) => checkText(one, flags.quiet === true)).join("\n"));
    }));
}

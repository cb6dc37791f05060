// `mirror scrub`: by hand, and as a crontab line that goes on every night from where the last one ended.

import { askDaemon } from "../../clusterd/status/control-client.ts";
import { parseDuration } from "../../clusterd/base/time.ts";
import type { Config, JobConfig } from "../../clusterd/config/config.ts";
import { parseSize } from "../../clusterd/config/kinds.ts";
import type { Command } from "commander";
import { noJob } from "../settings.ts";
import { EXIT } from "../exit-codes.ts";
import type { Ways } from "../history/commands.ts";
import { leftTo } from "../scheduler.ts";
import { readReport } from "../report.ts";
import { progressLine } from "../text.ts";
import { scrub } from "./scrub.ts";
import type { Scrubbed } from "./scrub.ts";
import type { Round } from "./state.ts";
import { scrubText } from "./text.ts";

interface Flags { readonly for?: string; readonly bytes?: string; readonly every?: string; readonly repair?: true; readonly quiet?: true; readonly json?: true }

export function addScrub(program: Command, { say, fail, configured }: Ways): void {
  program.command("scrub [job]").description("compare the contents of both copies by checksum: what has rotted on a disk, with its size and time as they were. Of one job, or of all that this node owns")
    .option("--for <time>", "end after this time; the next scrub goes on from there").option("--bytes <size>", "end after so much").option("--every <time>", "begin no new round before the last one is so old", "0s")
    .option("--repair", "send this node's copy of what differs; what it replaces is kept in a dated directory. Default: only report, since nobody can tell which copy is the good one")
    .option("--quiet", "say nothing when nothing was found").option("--json", "one JSON object")
    .action((name: string | undefined, flags: Flags) => configured(async (config) => {
      const elsewhere = leftTo(config);
      if (elsewhere !== null) return say(elsewhere);
      const jobs = config.jobs.filter((job) => name === undefined || job.name === name);
      const [span, bytes, every] = [flags.for === undefined ? Infinity : parseDuration(flags.for), flags.bytes === undefined ? Infinity : parseSize(flags.bytes), parseDuration(flags.every ?? "0s")];
      if (span === null || bytes === null || every === null) return fail(EXIT.usage, "--for and --every take a time such as 30m, --bytes a size such as 10G");
      if (jobs.length === 0 && name !== undefined) return fail(EXIT.usage, noJob(config, name));
      const until = Date.now() + span;
      const done = [];
      for (const job of jobs) {
        const result = await scrub(config, job, { repair: flags.repair === true, until, bytes, every, ...(process.stderr.isTTY && !flags.json && !flags.quiet ? { onSlice: draw(job) } : {}) });
        if (name === undefined && result.code === EXIT.notOwner) continue; // the other node's to scrub
        await tell(config, job, result);
        done.push({ job: job.name, ...result });
      }
      process.exitCode = done.find(({ code }) => code !== EXIT.ok)?.code ?? EXIT.ok;
      if (flags.json) return say(JSON.stringify({ version: 1, ok: process.exitCode === EXIT.ok, jobs: done }));
      for (const { job, code, because, round, found } of done) {
        if (code !== EXIT.ok && code !== EXIT.differs) fail(code, `${job}: ${because}`);
        else if (!flags.quiet || found.length > 0) say(`${job}: ${scrubText(round, Date.now())}; ${because}`);
        for (const path of found) say(`  ${flags.repair ? "sent again" : "differs"}  ${path}`);
      }
    }));
}

/** People hear of it once, when it is found. */
async function tell(config: Config, job: JobConfig, { found, round }: Scrubbed): Promise<void> {
  if (found.length === 0) return;
  const detail = `scrub: ${found.length} files of equal size and time differ, ${round.repaired} of this round sent again: ${found.slice(0, 3).join(", ")}`;
  await askDaemon({ ask: "mirror-report", identity: config.nodes[job.home].name, epoch: 0, inSync: false, job: job.name, ok: false, detail });
}

function draw(job: JobConfig): (round: Round) => void {
  const began = Date.now();
  const total = readReport(job.name)?.lastGood?.entries.reduce((sum, { files }) => sum + files, 0) ?? 0;
  let first: Round | null = null;
  return (round) => {
    first ??= round;
    const seconds = Math.max(0.001, (Date.now() - began) / 1000);
    const percent = round.ended === null ? Math.min(99, Math.floor((100 * round.files) / Math.max(1, total))) : 100;
    const rate = `${((round.bytes - first.bytes) / 1e6 / seconds).toFixed(1)}MB/s`;
    process.stderr.write(`\r\x1b[K${percent === 100 ? "" : progressLine(job.name, { bytes: round.bytes, percent, rate, left: `${round.files} files` }, process.stderr.columns)}`);
  };
}

// `mirror watch`: looks once a second, until Ctrl-C.

import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { parseDuration } from "../../clusterd/base/time.ts";
import { colourWanted } from "../../clusterd/commands/colour.ts";
import { drawPage, untilStopped } from "../../clusterd/status/screen.ts";
import { EXIT } from "../exit-codes.ts";
import type { Ways } from "../history/commands.ts";
import { runGoesOn } from "../lock.ts";
import type { StatusRow } from "../text.ts";
import { rate, viewText } from "./text.ts";
import type { Looks } from "./text.ts";
import type { Config } from "../../clusterd/config/config.ts";

const EVERY = 1000;

export function addWatch(program: Command, { say, fail, configured }: Ways, look: (config: Config) => readonly StatusRow[]): void {
  program.command("watch").description("a view of all jobs that keeps itself up to date: what is not there yet, rate, lag, runs and scrubs; until Ctrl-C")
    .option("--for <time>", "end after this time").option("--json", "one JSON object a line, each second")
    .action((flags: { readonly for?: string; readonly json?: true }) => configured(async (config) => {
      const span = flags.for === undefined ? null : parseDuration(flags.for);
      if (flags.for !== undefined && span === null) return fail(EXIT.usage, `--for takes a time such as 30s or 2h, not ${flags.for}`);
      const signal = untilStopped(span);
      for (let before: Looks | null = null; !signal.aborted; await sleep(EVERY, undefined, { signal }).catch(() => undefined)) {
        const now: Looks = { at: Date.now(), jobs: look(config).map((row) => ({ ...row, running: runGoesOn(row.job) })) };
        if (flags.json) say(JSON.stringify({ version: 1, at: now.at, jobs: now.jobs.map((job) => ({ ...job, rate: rate(job, now.at, before) })) }));
        else drawPage(viewText(now, before, colourWanted()));
        before = now;
      }
    }));
}

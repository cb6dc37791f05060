// `clusterd clock-check`: is this node's clock kept right? A crontab line asks once an hour; `status` shows the answer.

import { DRY_RUN, outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";

/** What nobody could say is a refusal to judge, not a wrong clock. */
const EXITS = { 0: "ok", 1: "failed", 3: "refused" } as const;

async function clockCheck(given: Given): Promise<Outcome> {
  const { checkAndReport } = await import("../timesync/clock-report.ts");
  const servers = given.value("server")?.split(",") ?? [];
  const { exitCode, ...verdict } = await checkAndReport({ servers, setHardwareClock: given.flag("set-hwclock"), dryRun: given.flag("dry-run") });
  const text = [`clock ${verdict.disciplined ? "disciplined" : "NOT disciplined"}: ${verdict.detail}`, ...verdict.notes].join("\n");
  return outcome(EXITS[exitCode], exitCode === 0 && given.flag("quiet") ? "" : text, { ...verdict });
}

export const CLOCK_COMMANDS: readonly Command[] = [{
  usage: "clock-check", run: clockCheck, summary: "ask chrony, systemd or time servers whether this clock is right, and note it for `status`",
  options: [["--server <names>", "time servers to ask when no time daemon answers, separated by commas"], ["--set-hwclock", "after a good check set the hardware clock, so that the node boots with the right time"], ["--quiet", "say nothing when all is well, for cron"], DRY_RUN],
  examples: [["clusterd clock-check --set-hwclock", "as a crontab line, once a day"], ["clusterd clock-check --server ntp1.example,ntp2.example", "without a time daemon"]],
  exits: ["ok", "failed", "refused"],
}];

// clusterd clock-check: is this node's clock kept right, and by whom?

import { checkAndReport } from "../timesync/clock-report.ts";
import { DRY_RUN, outcome, type Command, type Given, type Outcome } from "./command.ts";

async function clockCheck(given: Given): Promise<Outcome> {
  const { notes, exitCode, ...verdict } = await checkAndReport({
    servers: (given.value("server") ?? "").split(",").filter((server) => server !== ""),
    setHardwareClock: given.flag("set-hwclock"),
    dryRun: given.flag("dry-run"),
  });
  const state = exitCode === 0 ? "disciplined" : exitCode === 1 ? "NOT DISCIPLINED" : "not known";
  const quiet = given.flag("quiet") && exitCode === 0;
  const exit = exitCode === 0 ? "ok" : exitCode === 1 ? "failed" : "refused";
  return outcome(exit, quiet ? "" : [`clock: ${state}: ${verdict.detail}`, ...notes].join("\n"), { ...verdict, notes });
}

export const CLOCK_COMMANDS: readonly Command[] = [
  {
    usage: "clock-check", run: clockCheck, summary: "ask whether this node's clock is kept right, and note the answer for `status`",
    options: [
      ["--server <names>", "time servers to ask by SNTP when neither chrony nor systemd keeps the clock, separated by commas"],
      ["--set-hwclock", "after a good check, set the hardware clock (hwclock --systohc), so that the node boots with the right time"],
      ["--quiet", "print nothing when the clock is disciplined"],
      DRY_RUN,
    ],
    examples: [
      ["clusterd clock-check", "exit code 0: disciplined, 1: not disciplined, 3: nobody could say"],
      ["clusterd clock-check --server ntp1,192.168.50.251 --set-hwclock --quiet", "as a crontab line"],
    ],
    exits: ["ok", "failed", "usage", "refused"],
  },
];

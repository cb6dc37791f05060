// npm run bench -- failover: measured on real nodes, by their clients and the witness on the switch.
//
// Exit: 0 measured, and never two owners; 1 otherwise; 130 ended by Ctrl-C.

import { Command, Option } from "commander";

import { FAULT_NAMES } from "../lab/faults.ts";
import type { FaultName } from "../lab/faults.ts";
import { Lab } from "../lab/lab.ts";
import { failover, markdown } from "./failover.ts";

const program = new Command("npm run bench --").description("Measurements on real nodes in the lab.");

program.command("failover")
  .description("what each fault costs a client: the longest gap at a request every 2 ms, and whether two nodes ever spoke for one identity")
  .addOption(new Option("--profile <profile>", "timing profile").choices(["fast", "balanced", "safety"]).default("balanced"))
  .addOption(new Option("--fault <name...>", "only these").choices(FAULT_NAMES))
  .option("--runs <n>", "how often each; 20 take about 4 minutes a fault", "5")
  .option("--name <lab>", "name of the lab", "bench")
  .option("--json", "print one JSON object; progress goes to standard error in any case")
  .action(async ({ profile, fault, runs, name, json }: { profile: string; fault?: FaultName[]; runs: string; name: string; json?: boolean }) => {
    const number = Number(runs);
    if (!Number.isInteger(number) || number < 1 || number > 1000) throw new Error(`--runs takes a number from 1 to 1000, not ${runs}`);
    const lab = new Lab(name);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void lab.down().finally(() => process.exit(130)));
    try {
      const results = await failover(lab, fault ?? FAULT_NAMES, profile, number, (line) => console.error(line));
      console.log(json === true ? JSON.stringify({ profile, runs: number, results }) : markdown(results));
      if (results.some(({ failed, figures }) => failed.length > 0 || (figures.two_owners_ms?.max ?? 0) > 0)) process.exitCode = 1;
    } finally {
      await lab.down();
    }
  });

program.parseAsync().catch((error: Error) => {
  console.error(`bench: ${error.message.split("\n")[0]}`);
  process.exitCode = 1;
});

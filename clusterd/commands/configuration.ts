// `clusterd check` and `clusterd explain`: what the configuration comes to, and what clusterd would do.

import { ETC } from "../base/paths.ts";
import { checkCommand } from "../config/check-command.ts";
import { EXPLAIN_COMMAND } from "./explain.ts";
import { outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";

function check(given: Given): Outcome {
  const self = given.value("node");
  const options = { etc: given.words[0] ?? ETC, show: given.flag("show"), ...(self !== undefined && { self }) };
  const { exitCode, out } = checkCommand({ ...options, json: given.flag("json") });
  const exit = exitCode === 0 ? "ok" : "usage";
  return given.flag("json") ? outcome(exit, "", JSON.parse(out) as Record<string, unknown>) : outcome(exit, out.trimEnd(), {});
}

export const CONFIGURATION_COMMANDS: readonly Command[] = [
  {
    usage: "check [FOLDER]", run: check, summary: "judge the configuration: every problem at once, with file, line and a hint",
    options: [["--show", "print the effective configuration too, defaults included"], ["--node <name>", "through the eyes of this node (default: this machine's name)"]],
    examples: [["clusterd check --show", "the verdict on /etc/cluster.d, and what it comes to"], ["clusterd check ./new --node serv2", "a draft, as serv2 would read it"]],
    exits: ["ok", "usage"],
  },
  EXPLAIN_COMMAND,
];

// `clusterd check` and `clusterd explain`: what the configuration comes to, and what clusterd would do.

import { ETC } from "../base/paths.ts";
import { checkCommand } from "../config/check-command.ts";
import { loadConfig } from "../config/load.ts";
import { EXPLAIN_COMMAND } from "./explain.ts";
import { outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";

async function check(given: Given): Promise<Outcome> {
  const self = given.value("node");
  const options = { etc: given.words[0] ?? ETC, show: given.flag("show"), ...(self !== undefined && { self }) };
  const { exitCode, out } = checkCommand({ ...options, json: given.flag("json") });
  const exit = exitCode === 0 ? "ok" : "usage";
  const here = exit === "ok" && self === undefined && given.words.length === 0 ? await notHere() : [];
  return given.flag("json") ? outcome(exit, "", { ...JSON.parse(out) as Record<string, unknown>, here })
    : outcome(exit, [...here.map((lack) => `warning: ${lack}`), out.trimEnd()].join("\n"), {});
}

/** Of what /etc/cluster.d names for this node: what this machine has not. */
async function notHere(): Promise<readonly string[]> {
  const [{ lacking, needsOf }, { localHost }] = await Promise.all([import("../pair/needed.ts"), import("../pair/host.ts")]);
  const loaded = loadConfig({ etc: ETC });
  if (!loaded.ok) return [];
  const { config } = loaded;
  return (await lacking([localHost, localHost], needsOf(config, config.self, 0))).map(({ missing }) => missing);
}

export const CONFIGURATION_COMMANDS: readonly Command[] = [
  {
    usage: "check [FOLDER]", run: check, summary: "judge the configuration: every problem at once, with file, line and a hint; and what of it this machine lacks",
    options: [["--show", "print the effective configuration too, defaults included"], ["--node <name>", "through the eyes of this node (default: this machine's name)"]],
    examples: [["clusterd check --show", "the verdict on /etc/cluster.d, and what it comes to"], ["clusterd check ./new --node serv2", "a draft, as serv2 would read it"]],
    exits: ["ok", "usage"],
  },
  EXPLAIN_COMMAND,
];

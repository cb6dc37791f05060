// `clusterd daemon [--json] [--verbose] [--warm-up]`: the words of the one command that must not load the command line's libraries.

import { flushCompileCache } from "node:module";
import { parseArgs } from "node:util";
import { reasonOf } from "../base/errors.ts";
import { EXIT } from "./exit-codes.ts";

const HELP = `Usage: clusterd daemon [--json] [--verbose] [--warm-up]

Runs clusterd in the foreground, as systemd or the init script do. One line of log for each decision, on standard output.
SIGTERM hands over what is held and ends; SIGHUP reads the configuration again.

Options:
  --json      log as JSON, one object a line
  --verbose   log what is only of interest to developers too
  --warm-up   only load the programs into Node's compile cache, and end; \`clusterd install\` does it, so that the
              first start needs 60 MB instead of 100, and half the time
`;

export async function start(words: readonly string[]): Promise<void> {
  const options = read(words);
  if (options === null) return;
  const { runDaemon } = await import("../main.ts");
  if (options.warmUp) { flushCompileCache(); return; }
  await runDaemon({ json: options.json, level: options.verbose ? "debug" : "info" });
}

function read(words: readonly string[]): { readonly json: boolean; readonly verbose: boolean; readonly warmUp: boolean } | null {
  try {
    const { values } = parseArgs({ args: [...words], options: { json: { type: "boolean" }, verbose: { type: "boolean" }, "warm-up": { type: "boolean" }, help: { type: "boolean", short: "h" } } });
    if (values.help === true) { process.stdout.write(HELP); return null; }
    return { json: values.json ?? false, verbose: values.verbose ?? false, warmUp: values["warm-up"] ?? false };
  } catch (error) {
    process.stderr.write(`clusterd daemon: ${reasonOf(error)}\n${HELP}`);
    process.exitCode = EXIT.usage;
    return null;
  }
}

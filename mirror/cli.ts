// The command line of `mirror`: words → calls, outcomes → exit codes. What each does is in the file it calls.

import { letReaderGo } from "../clusterd/base/reader.ts";
import { EXIT, exitHelp } from "./exit-codes.ts";

const [, , first, ...rest] = process.argv;
// For this process (bin/mirror): what is started from here has its own way with memory.
delete process.env["MALLOC_TRIM_THRESHOLD_"];
/** Cron's line, when a watcher vouches for all. */
const nothing = first === "run" && rest.includes("--quiet") ? await (await import("./passed-over.ts")).nothingToRun(rest) : null;
// sshd starts us as a forced command for each request of the peer: no time for a command line parser.
if (first === "receive") {
  const { receive } = await import("./receive.ts");
  process.exitCode = await receive(process.env["SSH_ORIGINAL_COMMAND"]);
} else if (nothing !== null) process.stdout.write(nothing);
else {
  letReaderGo();
  const runs = first === "run" || first === "pass";
  if (runs && !rest.includes("--help")) await (await import("./early.ts")).connectEarly(rest.filter((word) => !word.startsWith("-")));
  try {
    // For months: no memory for the parser either.
    if (first === "daemon" && rest.length === 0) await (await import("./daemon.ts")).daemon();
    else await ((await import(runs ? "./run-commands.ts" : "./commands.ts")) as typeof import("./commands.ts")).program.parseAsync();
  } catch (error) {
    const [{ CommanderError }, { refusedBySystem }] = await Promise.all([import("commander"), import("../clusterd/base/errors.ts")]);
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    else {
      process.stderr.write(`mirror: ${refusedBySystem(error) ?? (error instanceof Error ? `${error.stack ?? error.message}\n${exitHelp()}` : String(error))}\n`);
      process.exitCode = EXIT.usage;
    }
  }
}

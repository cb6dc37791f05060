// `clusterd`: which part of the program is wanted, so that no other is loaded.
//
// Daemon and witness must stay small and the answers to the peer quick: none loads the command line's own libraries.

const [word = "", ...rest] = process.argv.slice(2);
if (word === "daemon") await (await import("./commands/run-daemon.ts")).start(rest);
else if (word === "answer") process.exitCode = await (await import("./commands/answer.ts")).answer(process.env["SSH_ORIGINAL_COMMAND"] ?? rest.join(" "));
else if (word === "witness") process.exitCode = await (await import("./commands/witness.ts")).witness(rest) ?? undefined;
else if (word === "webhook") process.exitCode = await (await import("./notify/webhook.ts")).webhook();
else process.exitCode = await (await import("./commands/program.ts")).runProgram(word === "" ? ["--help"] : process.argv.slice(2));

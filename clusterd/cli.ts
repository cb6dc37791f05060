// `clusterd`: which part of the program is wanted, so that no other is loaded.
//
// The daemon must stay small and the answers to the peer quick: neither loads the command line's own libraries.

const [word = "", ...rest] = process.argv.slice(2);
if (word === "daemon") await (await import("./commands/run-daemon.ts")).start(rest);
else if (word === "answer") process.exitCode = await (await import("./commands/answer.ts")).answer(process.env["SSH_ORIGINAL_COMMAND"] ?? rest.join(" "));
else process.exitCode = await (await import("./commands/program.ts")).runProgram(word === "" ? ["--help"] : process.argv.slice(2));

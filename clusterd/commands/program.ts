// The command line as a whole: every command with its help, and how an outcome is said.
//
// What is slow to load (ssh2, execa) is loaded by the command that needs it.

import { Command as Commander, CommanderError } from "commander";
import { refusedBySystem } from "../base/errors.ts";
import { letReaderGo } from "../base/reader.ts";
import { outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";
import { EXIT, exitTable } from "./exit-codes.ts";
import { annotate } from "../manual/notes.ts";
import { CLOCK_COMMANDS } from "./clock.ts";
import { CONFIGURATION_COMMANDS } from "./configuration.ts";
import { DAEMON_COMMANDS } from "./daemon.ts";
import { DRILL_COMMANDS } from "./drill.ts";
import { IMPORT_COMMANDS } from "./import.ts";
import { INSTALL_COMMANDS } from "./install.ts";
import { KEY_COMMANDS } from "./keys.ts";
import { MAINTENANCE_COMMANDS } from "./maintenance.ts";
import { MANUAL_COMMANDS } from "./manual.ts";
import { NAME_COMMANDS } from "./names.ts";
import { NOTIFY_COMMANDS } from "./notify.ts";
import { OWNERSHIP_COMMANDS } from "./ownership.ts";
import { PAIR_COMMANDS } from "./pair.ts";
import { PERSON_COMMANDS } from "./person.ts";
import { PREFLIGHT_COMMANDS } from "./preflight.ts";
import { REBOOT_COMMANDS } from "./reboot.ts";
import { STATUS_COMMANDS } from "./status.ts";
import { SUPPORT_COMMANDS } from "./support.ts";

const GROUPS: readonly (readonly [heading: string, commands: readonly Command[]])[] = [
  ["Looking:", [...STATUS_COMMANDS, ...PREFLIGHT_COMMANDS, ...CONFIGURATION_COMMANDS, ...CLOCK_COMMANDS, ...NOTIFY_COMMANDS, ...SUPPORT_COMMANDS]],
  ["Finding a service:", NAME_COMMANDS],
  ["Moving an identity:", [...OWNERSHIP_COMMANDS, ...DRILL_COMMANDS]],
  ["Working on a node:", [...MAINTENANCE_COMMANDS, ...REBOOT_COMMANDS]],
  ["What only a person can know:", PERSON_COMMANDS],
  ["The daemon:", DAEMON_COMMANDS],
  ["Setting up a node:", [...PAIR_COMMANDS, ...INSTALL_COMMANDS, ...KEY_COMMANDS, ...IMPORT_COMMANDS, ...MANUAL_COMMANDS]],
];

/** What a command of commands is about. */
const ABOUT: Readonly<Record<string, string>> = {
  keys: "what the two nodes must know of each other",
  maintenance: "this node takes nothing over while a person works on it",
};

/** Runs one command line (without node and script); resolves to the exit code. */
export async function runProgram(words: readonly string[]): Promise<number> {
  letReaderGo();
  let exit: number = EXIT.ok;
  const program = buildProgram((code) => { exit = code; });
  try {
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    throw error;
  }
  return exit;
}

/** The command tree; `ended` is told the exit code of the command that ran. */
export function buildProgram(ended: (code: number) => void = () => undefined): Commander {
  const program = new Commander("clusterd")
    .description("Two Linux servers that stand in for each other.")
    .exitOverride()
    .helpCommand(false)
    .showSuggestionAfterError()
    .showHelpAfterError("`clusterd --help` lists the commands.")
    .addHelpText("after", "\n`clusterd COMMAND --help` shows examples. The mirror has a command of its own: `mirror --help`.");
  annotate(program, { examples: [], exits: exitTable() });
  const parents = new Map<string, Commander>();
  for (const [heading, commands] of GROUPS) {
    program.commandsGroup(heading);
    for (const command of commands) add(program, parents, command, ended);
  }
  return program;
}

/** `keys export [FILE]` becomes a command of a command. */
function add(program: Commander, parents: Map<string, Commander>, command: Command, ended: (code: number) => void): void {
  const [, group, usage] = /^(?:([a-z]+) (?=[a-z]))?(.*)$/.exec(command.usage) as unknown as [string, string | undefined, string];
  const at = group === undefined ? program : parents.get(group) ?? program.command(group).description(ABOUT[group] ?? "");
  if (group !== undefined) parents.set(group, at);
  const made = at.command(usage).description(command.summary).showHelpAfterError(`\`clusterd ${command.usage.replace(/ ?[[<].*/, "")} --help\` shows how it is used, with examples.`).option("--json", "answer with one JSON object").allowExcessArguments(false);
  for (const [flags, meaning, many] of command.options ?? []) {
    if (many === undefined) made.option(flags, meaning);
    else made.option(flags, `${meaning} (may be repeated)`, (value: string, before: readonly string[]) => [...before, value], [] as readonly string[]);
  }
  annotate(made, { examples: command.examples, exits: exitTable(command.exits) });
  made.action(async (...all: unknown[]) => {
    const options = made.opts() as Record<string, unknown>;
    const given: Given = {
      words: all.slice(0, -2).flat().filter((word): word is string => typeof word === "string"),
      flag: (name) => options[camel(name)] === true,
      value: (name) => (typeof options[camel(name)] === "string" ? options[camel(name)] as string : undefined),
      all: (name) => (Array.isArray(options[camel(name)]) ? options[camel(name)] as string[] : []),
    };
    const result = await attempt(command, given);
    say(result, given.flag("json"));
    ended(result.code ?? EXIT[result.exit]);
  });
}

async function attempt({ run }: Command, given: Given): Promise<Outcome> {
  try {
    return await run(given);
  } catch (error) {
    const reason = refusedBySystem(error);
    if (reason === null) throw error;
    return outcome("failed", reason);
  }
}

const camel = (name: string): string => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Grows when a program that reads the old form would misread the new one; fields that are added do not count. */
const JSON_VERSION = 1;

function say({ exit, code, text, data }: Outcome, json: boolean): void {
  // A stream, or a program that had our terminal, has said everything already.
  if (text === "" && data === undefined) return;
  if (json) process.stdout.write(`${JSON.stringify({ version: JSON_VERSION, ok: exit === "ok", exit: code ?? EXIT[exit], ...(data ?? { text }) })}\n`);
  else if (text !== "") (exit === "ok" || data !== undefined ? process.stdout : process.stderr).write(`${text}\n`);
}

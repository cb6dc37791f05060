// The program and what all of its commands need: how they say something, fail, and get the configuration and a job.

import { accessSync, constants, existsSync } from "node:fs";
import { Command } from "commander";
import { STATE } from "../clusterd/base/paths.ts";
import type { Config, JobConfig } from "../clusterd/config/config.ts";
import { annotate, notesOf } from "../clusterd/manual/notes.ts";
import { EXAMPLES } from "./examples.ts";
import { EXIT, EXIT_MEANINGS } from "./exit-codes.ts";
import { findJob, noJob, settings } from "./settings.ts";

export const program = new Command("mirror")
  .description("Mirrors the directories of each service to the other node. Only the owner pushes; nothing is deleted unasked.")
  .version("0.1.0").exitOverride().showHelpAfterError();

export const say = (text: string): void => { process.stdout.write(`${text}\n`); };
export const fail = (code: number, text: string): void => { process.exitCode = code; process.stderr.write(`mirror: ${text}\n`); };

// Everything that it looks at is root's; who may not look would be told that there is nothing.
program.hook("preAction", () => { if (existsSync(STATE)) accessSync(STATE, constants.R_OK | constants.X_OK); });

/** Runs `act` with a sound configuration, or says what is wrong with it. */
export async function configured(act: (config: Config) => Promise<void> | void): Promise<void> {
  const read = await settings();
  if (read.ok) await act(read.config);
  else fail(EXIT.configuration, `the configuration has problems:\n${read.text}`);
}

export async function withJob(name: string, act: (config: Config, job: JobConfig) => Promise<void> | void): Promise<void> {
  await configured(async (config) => {
    const job = findJob(config, name);
    if (job !== undefined) return act(config, job);
    fail(EXIT.usage, noJob(config, name));
  });
}

/** What a file of commands needs of this one. */
export const WAYS = { say, fail, configured, withJob } as const;

/** Examples and exit codes for all commands that have none yet. */
export function explain(): void {
  for (const command of program.commands) if (notesOf(command).exits.length === 0) annotate(command, { examples: EXAMPLES[command.name()] ?? [], exits: EXIT_MEANINGS });
}

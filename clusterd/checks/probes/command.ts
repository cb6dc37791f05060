// A program's exit code or output, a unit's state, or what starts the service when asked whether it runs.

import { describe, run, type Ran } from "../../base/exec.ts";
import type { Action, Check } from "../../config/config.ts";
import { commandFor, saysItRuns, serviceEnvironment } from "../../services/commands.ts";
import type { Answer, How } from "../probe.ts";
import { judge, MOST_READ } from "./expect.ts";

const GRACE = 1000;

const execute = (words: readonly string[], { timeout, service, identity, signal }: How): Promise<Ran> =>
  run(words, { timeout, grace: GRACE, onlyEnv: true, env: serviceEnvironment(service, identity), cwd: "/", ...(signal !== undefined && { signal }) });

export async function askCommand(action: Action | null, how: How): Promise<Answer> {
  const command = action === null ? { kind: "nothing" as const } : commandFor(action, "check");
  if (action === null || command.kind === "nothing") return { ok: false, said: "there is nothing that could say whether it runs" };
  if (command.kind === "problem") return { ok: false, said: command.sentence };
  const ran = await execute(command.words, how);
  const runs = saysItRuns(action, ran);
  // No clear answer is no word against it, except of a program that hangs.
  if (runs === null && !ran.timedOut && ran.exitCode !== null) return { ok: true, said: `no clear answer: ${describe(ran)}` };
  return runs === true ? { ok: true, said: ran.stdout.trim().split("\n").at(-1) || "runs" } : { ok: false, said: describe(ran) };
}

/** What it says counts, and not its exit code. */
export async function askOutput({ words, expect }: Check & { kind: "output" }, how: How): Promise<Answer> {
  const ran = await execute(words, how);
  return ran.exitCode === null ? { ok: false, said: describe(ran) } : judge(ran.stdout.slice(0, MOST_READ), expect, "answers");
}

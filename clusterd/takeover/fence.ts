// Switches the peer's power off by a fence agent, and believes only what the agent reads back.
//
// An agent is any program that speaks as those of Debian's `fence-agents` do: `key=value` lines on its standard input,
// among them `action=off` or `action=status`; exit 0 is done, and for `status` 0 is on and 2 is off. What it says of its own
// success counts for nothing: confirmed is a status of off, asked after the switching.
//
// The parameters (address, user, password of the power switch) are one file for each node, readable by root alone; they
// reach the agent by its standard input only, and no message repeats them.

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { KEYS } from "../base/paths.ts";
import { run, type Ran } from "../base/exec.ts";
import { formatDuration, monotonicNow, type Duration } from "../base/time.ts";
import type { NodeConfig } from "../config/config.ts";

export interface Fence {
  /** `ok` only when the power is confirmed off. Never rejects; ends within the configured time and a few seconds. */
  off(): Promise<{ readonly ok: boolean; readonly reason: string }>;
  /** Only looks: null when the agent says that the power is on, else what is in the way. */
  look(): Promise<string | null>;
}

/** Between two looks at a power that does not go at once. */
const LOOK_EVERY: Duration = 500;
const GRACE: Duration = 500;
/** For a look between uses, while a person waits. */
const LOOK_WITHIN: Duration = 10_000;
const LONGEST = 64 * 1024;

export const parametersPath = (node: string, keys = KEYS): string => `${keys}/fence-${node}.conf`;

/** The lines for the agent, or what is wrong with the file. All checks are made on the opened file. */
export function readParameters(path: string): { readonly ok: true; readonly lines: readonly string[] } | { readonly ok: false; readonly reason: string } {
  const refused = (why: string): { readonly ok: false; readonly reason: string } => ({ ok: false, reason: `fence parameters ${path} ${why}` });
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return refused((error as NodeJS.ErrnoException).code === "ENOENT" ? "are not there: write the agent's options as key=value lines, mode 0600" : `cannot be opened: ${(error as Error).message}`);
  }
  try {
    const { mode, uid, size } = fstatSync(file);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG || size > LONGEST) return refused("is no small regular file");
    if (uid !== process.geteuid?.()) return refused(`belongs to user ${uid}: chown it to root`);
    if ((mode & 0o077) !== 0) return refused("may be read by others: chmod 600 it, and change the password if others had access");
    const lines = readFileSync(file, "utf8").split("\n").map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
    const bad = lines.findIndex((line) => !/^[A-Za-z][\w-]*=/.test(line));
    if (bad !== -1) return refused(`has a line that is no key=value (line ${bad + 1} of those that are not comments)`);
    if (lines.some((line) => /^action\s*=/.test(line))) return refused("names an action: which one, clusterd decides");
    return { ok: true, lines };
  } finally {
    closeSync(file);
  }
}

/** Null when this node's power cannot be switched by clusterd. `parameters`: the path of its file, for tests. */
export function createFence({ name, fence }: NodeConfig, parameters = parametersPath(name)): Fence | null {
  if (fence === null) return null;
  const { agent, timeout } = fence;

  const ask = (action: "off" | "status", lines: readonly string[], patience: Duration): Promise<Ran> =>
    run([agent], { input: [`action=${action}`, ...lines, ""].join("\n"), timeout: Math.max(1, patience), grace: GRACE, ordinary: true });

  async function off(): Promise<{ ok: boolean; reason: string }> {
    const read = readParameters(parameters);
    if (!read.ok) return read;
    const until = monotonicNow() + timeout;
    const left = (): Duration => until - monotonicNow();
    // Half of the time for the switching, so that an agent that hangs there leaves some for the looking.
    const switched = await ask("off", read.lines, timeout / 2);
    for (;;) {
      const looked = await ask("status", read.lines, left());
      if (looked.exitCode === 2) return { ok: true, reason: "" };
      const power = looked.exitCode === 0 ? "the power is still on" : `its power cannot be read back: status ${looked.failure ?? "says nothing"}`;
      const why = switched.failure === null ? power : `${power}; off ${switched.failure}`;
      if (switched.failure !== null || left() < 2 * LOOK_EVERY)
        return { ok: false, reason: withoutSecrets(`${agent}: ${why}${switched.failure === null ? ` after ${formatDuration(timeout)}` : ""}`, read.lines) };
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
    }
  }

  async function look(): Promise<string | null> {
    const read = readParameters(parameters);
    if (!read.ok) return read.reason;
    const looked = await ask("status", read.lines, Math.min(timeout, LOOK_WITHIN));
    if (looked.exitCode === 0) return null;
    return withoutSecrets(looked.exitCode === 2 ? `${agent} says that ${name} is switched off` : `${agent}: status ${looked.failure ?? "says nothing"}`, read.lines);
  }

  return { off, look };
}

/** Agents like to repeat what they were told. */
export function withoutSecrets(text: string, lines: readonly string[]): string {
  const secrets = lines.map((line) => /^(?:[\w-]*(?:pass|secret|key|token|community)[\w-]*)=(.+)$/i.exec(line)?.[1] ?? "").filter((value) => value !== "");
  return secrets.reduce((said, secret) => said.replaceAll(secret, "[secret]"), text);
}

// Which program starts, stops or checks a service, and what does its answer to a check mean?
//
// A table with one row for each way in which a system runs services. Nothing is run here.

import { accessSync, constants, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Ran } from "../base/exec.ts";
import type { Action } from "../config/config.ts";

export type ServiceVerb = "start" | "stop" | "check";

/** The words to run; `nothing`: the configuration names no command for this; `problem`: it names one that is not there. */
export type Command =
  | { readonly kind: "run"; readonly words: readonly string[] }
  | { readonly kind: "nothing" }
  | { readonly kind: "problem"; readonly sentence: string };

type Backends = { readonly [K in Action["kind"]]: {
  command(action: Extract<Action, { kind: K }>, verb: ServiceVerb, folders: readonly string[]): Command;
  /** What a finished check says; null = no clear answer. */
  runs(check: Ran): boolean | null;
} };

/** Where init scripts lie: today, on Red Hat in 1999, and heartbeat's resource scripts. A name found in one stands for the others. */
export const INIT_FOLDERS: readonly string[] = ["/etc/init.d", "/etc/rc.d/init.d", "/etc/ha.d/resource.d"];

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** All that a service's programs find in their environment. */
export const serviceEnvironment = (service: string, identity: string, path = PATH): Readonly<Record<string, string>> =>
  ({ PATH: path, LANG: "C.UTF-8", HOME: "/root", CLUSTERD_SERVICE: service, CLUSTERD_IDENTITY: identity });

const BACKENDS: Backends = {
  systemd: {
    command: ({ unit }, verb) => words("systemctl", verb === "check" ? "is-active" : verb, unit),
    // systemctl(1): is-active prints the state; "activating" or "deactivating" is neither yes nor no.
    runs: ({ exitCode, stdout }) => exitCode === 0 ? true : ["inactive", "failed", "unknown"].includes(stdout.trim()) ? false : null,
  },
  init: {
    command: ({ script, args }, verb, folders) => {
      const path = findScript(script, folders);
      if (path === null) return { kind: "problem", sentence: `there is no executable init script ${script}. Install the service on this node too, or correct "start ="` };
      return words(path, ...args, verb === "check" ? "status" : verb);
    },
    // LSB, "Init Script Actions": 0 running, 3 not running. 1 and 2 (dead with leftovers) are also what many scripts
    // answer to a verb that they do not know.
    runs: ({ exitCode }) => exitCode === 0 ? true : exitCode === 3 ? false : null,
  },
  command: {
    command: (action, verb) => action[verb].length === 0 ? { kind: "nothing" } : words(...action[verb]),
    runs: ({ exitCode, timedOut }) => exitCode === null || timedOut ? null : exitCode === 0,
  },
};

export function commandFor(action: Action, verb: ServiceVerb, folders = INIT_FOLDERS): Command {
  return (BACKENDS[action.kind].command as (action: Action, verb: ServiceVerb, folders: readonly string[]) => Command)(action, verb, folders);
}

export const saysItRuns = (action: Action, check: Ran): boolean | null => check.timedOut || check.cancelled ? null : BACKENDS[action.kind].runs(check);

const words = (...words: readonly string[]): Command => ({ kind: "run", words });

function findScript(script: string, folders: readonly string[]): string | null {
  const places = folders.includes(dirname(script)) ? [script, ...folders.map((folder) => join(folder, basename(script)))] : [script];
  return places.find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

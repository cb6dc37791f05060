// Steps done one after the other, each only if it is not done already; or only said, with --dry-run.

import { reasonOf } from "../base/errors.ts";
import type { Host, Said } from "./host.ts";
import { runJob } from "./host.ts";
import type { Job, Step } from "./step.ts";

export interface Done {
  /** What was done, or would be: `serv2: write /etc/cluster.d/serv1.conf`. */
  readonly changes: readonly string[];
  /** What went wrong without being in the way. */
  readonly warnings: readonly string[];
  /** Where it ended early, and why. */
  readonly failure: string | null;
}

export interface Carrying {
  readonly hosts: readonly [Host, Host];
  readonly names: readonly [string, string];
  readonly dryRun: boolean;
  readonly say: (line: string) => void;
}

export async function carryOut(steps: readonly Step[], { hosts, names, dryRun, say }: Carrying): Promise<Done> {
  const [changes, warnings]: [string[], string[]] = [[], []];
  for (const { at, what, done, act, shown, mayFail, waits } of steps) {
    if (done !== null && (await attempt(hosts, done)).code === 0) continue;
    const line = `${names[at]}: ${what}`;
    if (waits !== true) changes.push(line);
    if (waits !== true || !dryRun) say(line);
    if (dryRun) continue;
    const said = await attempt(hosts, act, shown);
    if (said.code === 0) continue;
    const why = `${line}: ended with exit code ${said.code}${lastWords(said)}`;
    if (mayFail !== true) return { changes, warnings, failure: why };
    warnings.push(why);
    say(why);
  }
  return { changes, warnings, failure: null };
}

const LAST = 12;
function lastWords({ err, out }: Said): string {
  const words = (err.trim() === "" ? out : err).trim().split("\n").filter((line) => line.trim() !== "").slice(-LAST);
  return words.length === 0 ? "" : `:\n${words.map((line) => `    ${line}`).join("\n")}`;
}

/** A connection that breaks is an answer too. */
async function attempt(hosts: Carrying["hosts"], job: Job, shown = false): Promise<Said> {
  try {
    return await runJob(hosts, job, shown);
  } catch (error) {
    return { code: 255, out: "", err: reasonOf(error) };
  }
}

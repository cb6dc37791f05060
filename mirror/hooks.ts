// What a person's own programs do around a pass: `before` dumps, snapshots or freezes, `after` thaws or clears away.
//
// `after` follows whenever `before` was begun, whatever became of either and of the run between them. Words, never a shell;
// whoever takes longer than hook_timeout is killed with all its children.

import { describe, run } from "../clusterd/base/exec.ts";
import type { JobConfig } from "../clusterd/config/config.ts";
import type { RunKind, RunId } from "./backup-names.ts";

export interface Occasion { readonly run: RunId; readonly kind: RunKind }

/** Null when it went well or there is none, else what happened, in one sentence. */
export async function hook(which: "before" | "after", job: JobConfig, { run: id, kind }: Occasion, result: string): Promise<string | null> {
  const words = job[which];
  if (words.length === 0) return null;
  const env = { CLUSTERD_JOB: job.name, CLUSTERD_RUN_ID: id, CLUSTERD_KIND: kind, CLUSTERD_RESULT: result };
  const ran = await run(words, { timeout: job.hookTimeout, env, ordinary: true });
  if (ran.failure === null) return null;
  return `${which}: ${describe(ran)}${ran.stderr === "" ? "" : `: ${ran.stderr.split("\n").at(-1)}`}`;
}

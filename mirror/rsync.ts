// Runs rsync once and reads what it says. The rim: what it means is in rsync-outcome.ts.

import type { Duration } from "../clusterd/base/time.ts";
import { judgeExit, OutputReader } from "./rsync-outcome.ts";
import type { Counts, Outcome, Progress } from "./rsync-outcome.ts";

const REFUSED = "clusterd-mirror: refused: ";
/** Lines of standard error that are kept: the last ones name what failed. */
const KEPT_LINES = 20;

export interface RsyncResult { readonly outcome: Outcome; readonly counts: Counts; /** What the peer's forced command said, if it refused. */ readonly refusal: string | null }

export async function rsync(args: readonly string[], { cwd, timeout, onProgress }: { readonly cwd: string; readonly timeout: Duration; readonly onProgress?: (progress: Progress) => void }): Promise<RsyncResult> {
  const { execa } = await import("execa");
  const reader = new OutputReader(onProgress);
  let errors: string[] = [];
  const child = execa("rsync", args, { cwd, timeout, reject: false, buffer: false, stdin: "ignore", forceKillAfterDelay: 2000, env: { LC_ALL: "C" } });
  child.stdout.setEncoding("utf8").on("data", (text: string) => reader.read(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => { errors = (errors.join("\n") + text).split("\n").slice(-KEPT_LINES); });
  const result = await child;
  const refusal = errors.find((line) => line.startsWith(REFUSED))?.slice(REFUSED.length) ?? null;
  const outcome: Outcome = result.timedOut ? { kind: "incomplete", because: `ended after ${Math.round(timeout / 1000)} s, the run's time limit`, again: false } : judgeExit(result.exitCode ?? null, errors);
  return { outcome, counts: reader.end(), refusal };
}

// Whether tests on real nodes can run here. Without root they are skipped visibly; on a CI machine that is a failure,
// because nobody would notice that they never run.

import { existsSync } from "node:fs";
import type { test as Test } from "node:test";

const TREE = `${process.env["CLUSTERD_LAB"] ?? "/var/tmp/clusterd-lab"}/root`;

/** True if the lab can be built; otherwise registers one test that says why not. */
export function needsLab(test: typeof Test): boolean {
  const reason = process.getuid?.() !== 0 ? "needs root for network namespaces and mounts"
    : !existsSync(TREE) ? "needs the nodes' Debian tree: test/lab/setup lab" : null;
  if (reason === null) return true;
  test("real nodes", (context) => {
    if (process.env["CI"] === "true") throw new Error(`${reason}, and CI must not skip`);
    context.skip(reason);
  });
  return false;
}

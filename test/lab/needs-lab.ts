// Whether tests on real nodes can run here.

import { existsSync } from "node:fs";
import type { test as Test } from "node:test";
import { needsRoot, unless } from "../needs.ts";

const TREE = `${process.env["CLUSTERD_LAB"] ?? "/var/tmp/clusterd-lab"}/root`;

/** True if the lab can be built; otherwise registers one test that says why not. */
export function needsLab(test: typeof Test): boolean {
  const skip = needsRoot("for network namespaces and mounts") || unless(existsSync(TREE), "needs the nodes' Debian tree: test/lab/setup lab");
  if (skip !== false) test("real nodes", { skip }, () => {});
  return skip === false;
}

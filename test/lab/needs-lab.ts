// Whether tests on real nodes can run here, and which of them may run beside another.
//
// Two files at a time have a lab each (test/all). What measures times to a few hundred milliseconds, or wants a machine without
// stalls, stands alone: it waits until the other has ended, and the next waits for it.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Socket } from "node:net";
import type { test as Test } from "node:test";
import { needsRoot, unless } from "../needs.ts";

const LAB = process.env["CLUSTERD_LAB"] ?? "/var/tmp/clusterd-lab";
const TREE = `${LAB}/root`;

/** True if the lab can be built, once it is this file's turn; otherwise registers one test that says why not. */
export async function needsLab(test: typeof Test, { alone = false }: { readonly alone?: boolean } = {}): Promise<boolean> {
  const skip = needsRoot("for network namespaces and mounts") || unless(existsSync(TREE), "needs the nodes' Debian tree: test/lab/setup lab");
  if (skip !== false) test("real nodes", { skip }, () => {});
  else await takeTurn(alone);
  return skip === false;
}

/** The lock is flock(1)'s, whose process ends with ours, whatever becomes of us. No hook does it: those of a file all begin at once. */
async function takeTurn(alone: boolean): Promise<void> {
  const holder = spawn("flock", [alone ? "--exclusive" : "--shared", `${LAB}/.turn`, "sh", "-c", "echo mine; exec cat"], { stdio: ["pipe", "pipe", "inherit"] });
  await new Promise<void>((resolve, reject) => {
    holder.stdout.once("data", () => resolve());
    holder.once("error", reject);
    holder.once("exit", (code) => reject(new Error(`flock ended with exit code ${code} before its turn`)));
  });
  // Nothing of it keeps a file that is over from ending.
  for (const each of [holder, holder.stdin as Socket, holder.stdout as Socket]) each.unref();
}

// `clusterd support-bundle`: one file for somebody who helps, without secrets.

import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { reasonOf } from "../base/errors.ts";
import { describe, run } from "../base/exec.ts";
import { DRY_RUN, outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";
import { look } from "./look.ts";

const TAR_LIMIT = 60_000;

async function bundle(given: Given): Promise<Outcome> {
  const { collect, leaks } = await import("../support/collect.ts");
  const { own, peer } = await look(given.flag("local"));
  const name = `clusterd-${own.node.replace(/[^A-Za-z0-9-]/g, "-")}-${new Date().toISOString().slice(0, 16).replace(/[-:]/g, "")}`;
  const file = resolve(given.words[0] ?? `${name}.tar.gz`);
  const parts = await collect([own, ...(peer === null ? [] : [peer])].map((view) => ({ path: `status-${view.node.replaceAll(/[^A-Za-z0-9-]/g, "-")}.json`, text: `${JSON.stringify(view, null, 1)}\n` })));
  const leaking = leaks(parts);
  if (leaking.length > 0) return outcome("failed", `a key of this node stands in ${leaking.join(", ")}: nothing was written`, { leaking });
  const paths = parts.map(({ path }) => path);
  if (given.flag("dry-run")) return outcome("ok", `${paths.join("\n")}\nNothing was written.`, { file, parts: paths, dry_run: true });
  if (existsSync(file)) return outcome("refused", `${file} is there already`);
  const folder = mkdtempSync(join(tmpdir(), "clusterd-support-"));
  try {
    for (const { path, text } of parts) {
      mkdirSync(dirname(join(folder, name, path)), { recursive: true });
      writeFileSync(join(folder, name, path), text, { mode: 0o600 });
    }
    closeSync(openSync(file, "wx", 0o600));
    const ran = await run(["tar", "--create", "--gzip", "--file", file, "--directory", folder, name], { timeout: TAR_LIMIT });
    if (ran.failure !== null) { rmSync(file, { force: true }); return outcome("failed", describe(ran)); }
  } catch (error) {
    return outcome("failed", `${file}: ${reasonOf(error)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return outcome("ok", `${file}: ${parts.length} files, without keys and passwords. Addresses and names are in it: look before you send it.\nThe other node has logs of its own: run it there too.${process.getuid?.() === 0 ? "" : "\nMost of what a helper needs only root may read: run it as root."}`, { file, parts: paths });
}

export const SUPPORT_COMMANDS: readonly Command[] = [{
  usage: "support-bundle [FILE]", run: bundle, summary: "pack configuration, status, decisions, logs, versions and network state, without secrets, for somebody who helps",
  options: [["--local", "without asking the other node for its status"], DRY_RUN],
  examples: [["clusterd support-bundle", "clusterd-NODE-TIME.tar.gz in this folder"], ["clusterd support-bundle --dry-run", "which files it would hold"]],
  exits: ["ok", "failed", "refused"],
}];

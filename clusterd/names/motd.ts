// What somebody who logs in to a node must know: which services are not here now. Pure, but for the file.
//
// The control socket is root's, so the mirror process leaves the text where pam_motd(8) shows it to everybody: in motd.d of /run.

import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RUN } from "../base/paths.ts";
import type { Config } from "../config/config.ts";
import type { NodeStatus } from "../status/control.ts";

export const MOTD = join(dirname(RUN), "motd.d/clusterd");

/** Empty when everything is here. `status`: null when clusterd does not answer. */
export function motdText(config: Config, status: NodeStatus | null): string {
  const self = config.nodes[config.self].name;
  if (status === null) return `clusterd does not run on ${self}: nothing is owned here.`;
  const lines = config.services.flatMap(({ name, home }) => {
    const { role, owner } = status.core.identities[home];
    if (role === "owner") return [];
    const holder = owner === null || owner === config.self ? null : config.nodes[owner].name;
    return [holder === null ? `${self} does not own ${name} now, and nobody else is known to.` : `${self} does not own ${name} now, ${holder} does: clusterd login ${name}`];
  });
  return lines.length === 0 ? "" : [...lines, "What is edited here in their directories is overwritten by the next mirror run."].join("\n");
}

/** Puts the text where it is shown; nothing to say: no file. Only when it has changed. */
export async function leaveMotd(text: string, file: string = MOTD): Promise<void> {
  const wanted = text === "" ? null : `${text}\n`;
  const there = await readFile(file, "utf8").catch(() => null);
  if (there === wanted) return;
  if (wanted === null) return rm(file, { force: true });
  await mkdir(dirname(file), { recursive: true, mode: 0o755 });
  const draft = `${file}.new-${process.pid}`;
  await writeFile(draft, wanted, { mode: 0o644 });
  await rename(draft, file);
}

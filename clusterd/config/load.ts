// The configuration folder, read and judged as a whole: a Config, or every problem at once.
//
// Synchronous, and never throws for anything that a file may hold. A bad file changes nothing: who reloads keeps the
// Config it has.

import { hostname } from "node:os";
import type { Problem } from "../base/errors.ts";
import { ETC } from "../base/paths.ts";
import { toConfig } from "./build.ts";
import type { Config } from "./config.ts";
import { readFiles } from "./files.ts";
import type { Findings } from "./files.ts";
import { validate } from "./validate.ts";

export { formatProblem } from "../base/errors.ts";
export type { Problem } from "../base/errors.ts";

export type Loaded =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] };

export interface LoadOptions {
  /** The folder; default the node's own, /etc/cluster.d. */
  readonly etc?: string;
  /** Through whose eyes: a node's name; default CLUSTERD_NODE, for a machine of another name, else the host name without its domain. */
  readonly self?: string;
}

export function loadConfig({ etc = ETC, self = process.env["CLUSTERD_NODE"] ?? hostname().split(".")[0] ?? "" }: LoadOptions = {}): Loaded {
  const findings: Findings = { problems: [], warnings: [] };
  const files = readFiles(etc, findings);
  if (files !== null) validate(files, self, findings);
  const warnings = inOrder(findings.warnings);
  if (files === null || findings.problems.length > 0) return { ok: false, problems: inOrder(findings.problems), warnings };
  return { ok: true, config: toConfig(files, self), warnings };
}

/** As a person reads: cluster.conf first, then file by file, from top to bottom. */
function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const rank = ({ file }: Problem): string => (file === "cluster.conf" || file.startsWith("/") ? "" : file);
  return [...problems].sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : (a.line ?? 0) - (b.line ?? 0)));
}

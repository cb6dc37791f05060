// `clusterd check`: the verdict on a configuration folder, for people or programs.
//
// Exit codes: 0 sound (there may be warnings), 2 problems: clusterd would not start, or would keep the configuration it has.

import { formatProblem, loadConfig } from "./load.ts";
import type { Problem } from "./load.ts";
import { showConfig } from "./explain.ts";

export interface CheckOptions {
  readonly etc: string;
  readonly self?: string;
  /** Print the effective configuration too. */
  readonly show?: boolean;
  readonly json?: boolean;
}

export interface CheckResult { readonly exitCode: 0 | 2; readonly out: string }

export function checkCommand({ etc, self, show = false, json = false }: CheckOptions): CheckResult {
  const loaded = loadConfig({ etc, ...(self !== undefined && { self }) });
  const problems = loaded.ok ? [] : loaded.problems;
  const exitCode = loaded.ok ? 0 : 2;
  if (json) return { exitCode, out: `${JSON.stringify({ ok: loaded.ok, etc, problems, warnings: loaded.warnings, ...(loaded.ok && { digest: loaded.config.digest, ...(show && { config: loaded.config }) }) })}\n` };
  const lines = [
    ...problems.map(formatProblem),
    ...loaded.warnings.map((warning) => `warning: ${formatProblem(warning)}`),
    ...(loaded.ok && show ? [showConfig(loaded.config)] : []),
    verdict(etc, problems, loaded.warnings),
  ];
  return { exitCode, out: `${lines.join("\n")}\n` };
}

function verdict(etc: string, problems: readonly Problem[], warnings: readonly Problem[]): string {
  const warned = warnings.length === 0 ? "" : `, ${count(warnings.length, "warning")}`;
  if (problems.length > 0) return `${etc}: ${count(problems.length, "problem")}${warned}: not usable`;
  return `${etc}: sound${warned}`;
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;

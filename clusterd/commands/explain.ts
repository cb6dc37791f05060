// `clusterd explain [ROLE] [SIGNAL]`: what the brain would do, from the very table that it works by.

import { TABLE as CHECKS } from "../checks/table.ts";
import { TABLE } from "../core/table.ts";
import { didYouMean } from "../config/suggest.ts";
import { outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";

type Cell = { readonly ignored: string } | readonly { readonly when: string; readonly to: string; readonly do: readonly string[]; readonly because: string }[];
type Rows = Readonly<Record<string, Readonly<Record<string, Cell>>>>;

/** `checks`: what a service with checks does, beside what a node does. */
export function explain(words: readonly string[], core: Rows = TABLE, checks: Rows = CHECKS): Outcome {
  const table = { ...core, ...checks };
  const [role, signal] = words;
  const roles = Object.keys(table);
  if (role === undefined) return outcome("ok", `Roles: ${Object.keys(core).join(", ")}\nServices that are checked: ${Object.keys(checks).join(", ")}\n\`clusterd explain ROLE\` shows what each makes of every signal.`, { roles });
  const cells = table[role];
  if (cells === undefined) return outcome("usage", `there is no role ${role}. ${didYouMean(role, roles)}`);
  if (signal !== undefined && cells[signal] === undefined) return outcome("usage", `${role} knows no signal ${signal}. ${didYouMean(signal, Object.keys(cells))}`);
  const wanted = Object.entries(cells).filter(([name]) => signal === undefined || name === signal);
  const text = wanted.flatMap(([name, cell]) => cellText(role, name, cell, signal !== undefined)).join("\n");
  return outcome("ok", text, { role, signals: Object.fromEntries(wanted) });
}

/** Of a whole role only what it does; a single cell also says why nothing is done. */
function cellText(role: string, signal: string, cell: Cell, alone: boolean): readonly string[] {
  if ("ignored" in cell) return alone ? [`${role}, ${signal}: nothing is done`, `  ${cell.ignored}`] : [];
  return [`${role}, ${signal}:`, ...cell.flatMap((row) => [
    `  ${row.when === "otherwise" ? "otherwise" : `if ${row.when}`} → ${row.to === role ? `stays ${role}` : row.to}${row.do.length === 0 ? "" : `; ${row.do.join(", ")}`}`,
    `      ${row.because}`,
  ])];
}

export const EXPLAIN_COMMAND: Command = {
  usage: "explain [ROLE] [SIGNAL]", run: (given: Given) => explain(given.words), summary: "what clusterd would do, and why: the table it works by",
  examples: [["clusterd explain standby peer-silent", "when a standby claims, and when it does not"], ["clusterd explain owner", "everything that makes an owner do something"], ["clusterd explain well failing", "what follows when a service fails its checks"]],
  exits: ["ok", "usage"],
};

// The findings as a person reads them: what is wrong first, each with what to do about it. Pure.

import type { Finding, State } from "./checks.ts";

const ORDER: readonly State[] = ["fail", "warn", "ok", "skip"];
const COLOURS: Readonly<Record<State, string>> = { fail: "31", warn: "33", ok: "32", skip: "2" };

export function preflightText(findings: readonly Finding[], { quiet, colour }: { readonly quiet: boolean; readonly colour: boolean }): string {
  const paint = (state: State): string => (colour ? `\x1b[${COLOURS[state]}m${state.padEnd(4)}\x1b[0m` : state.padEnd(4));
  const shown = findings.filter(({ state }) => !quiet || state === "fail" || state === "warn").toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
  const lines = shown.flatMap(({ check, node, state, says, remedy }) => [
    `${paint(state)}  ${node === null ? "" : `${node}: `}${check}: ${says}`, ...(remedy === null ? [] : [`      → ${remedy}`]),
  ]);
  const count = (state: State): number => findings.filter((finding) => finding.state === state).length;
  return quiet && shown.length === 0 ? "" : [...lines, `${count("fail")} failed, ${count("warn")} to look at, ${count("ok")} fine, ${count("skip")} not asked`].join("\n");
}

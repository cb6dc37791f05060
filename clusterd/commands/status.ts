// `clusterd status` and `clusterd history`: both nodes, as they see themselves.

import { STATES, nagios } from "../status/nagios.ts";
import { statusText, historyText } from "../status/text.ts";
import { outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";
import { colourWanted } from "./colour.ts";
import { FOR, follow, statusData, watch } from "./follow.ts";
import { look, lookHere, seen } from "./look.ts";

async function status(given: Given): Promise<Outcome> {
  if (given.flag("watch")) return watch(given);
  const { own, peer } = await look(given.flag("local"));
  if (given.flag("nagios")) {
    const { code, line } = nagios(own, peer);
    return { ...outcome("ok", line, { state: STATES[code], line }), code };
  }
  const views = peer === null ? [own] : [own, peer];
  const exit = "unreachable" in own ? "notRunning" : peer !== null && "unreachable" in peer ? "unreachable" : "ok";
  const text = statusText(views, { now: Date.now(), colour: colourWanted(), zone: undefined });
  return outcome(exit, text, statusData(views));
}

async function history(given: Given): Promise<Outcome> {
  const following = given.flag("follow");
  const wanted = Number(given.value("last") ?? (following ? 0 : 50));
  if (!Number.isInteger(wanted) || (wanted < 1 && !following)) return outcome("usage", `--last takes a number from 1 on, not ${given.value("last")}`);
  if (following) return follow(given, wanted);
  const own = await lookHere("this node");
  const known = seen(own);
  if (known === null) return outcome("notRunning", "unreachable" in own ? own.unreachable : "");
  const lines = known.history.slice(-wanted);
  return outcome("ok", historyText(lines, { colour: colourWanted(), zone: undefined }), { node: known.node, history: lines });
}

export const STATUS_COMMANDS: readonly Command[] = [
  {
    usage: "status", run: status, summary: "both nodes: who holds what, since when and why; links, references, clocks, mirror jobs",
    options: [["--local", "only this node, without asking the other"], ["--watch", "again with each decision and every few seconds, until Ctrl-C; with --json one object a line"], FOR, ["--nagios", "one line for monitoring; exit code 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN"]],
    examples: [["clusterd status", "both nodes; the other is given three seconds to answer"], ["clusterd status --watch", "a view that keeps itself up to date"], ["clusterd status --nagios", "as a check of Nagios, Icinga and the like: CRITICAL when clients are not served, WARNING when redundancy is gone"], ["clusterd status --json | jq '.nodes[].core.problems'", "for programs"]],
    exits: ["ok", "notRunning", "unreachable"],
  },
  {
    usage: "history", run: history, summary: "the latest decisions of this node, with their reasons",
    options: [["--last <n>", "how many (default 50; with --follow none)"], ["--follow", "go on with each decision as it is made, until Ctrl-C; with --json one object a line"], FOR],
    examples: [["clusterd history --last 5", "what happened just now"], ["clusterd history --follow --json", "an event stream for programs"]],
    exits: ["ok", "usage", "notRunning"],
  },
];

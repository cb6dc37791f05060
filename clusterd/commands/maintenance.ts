// `clusterd maintenance on|off|status`, `drain` and `undrain`: a person works on this node.
//
// One thing underneath: while it is on, this node takes nothing over and is handed nothing. drain also hands over what it holds.

import { formatDuration, parseDuration } from "../base/time.ts";
import type { Duration } from "../base/time.ts";
import { beginMaintenance, endMaintenance, maintenanceText, readMaintenance } from "../maintenance.ts";
import type { NodeStatus } from "../status/control.ts";
import { askDaemon } from "../status/control-client.ts";
import { settings } from "../../mirror/settings.ts";
import { DRY_RUN, outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";
import { lookHere, other, seen } from "./look.ts";
import { held, holder, moveAll, wouldMove } from "./ownership.ts";

const PATIENCE: Duration = 10_000;
const OFFLINE = "clusterd does not run here; it starts";

interface Order { readonly span: Duration | null; readonly why: string }

/** What the options say, or what is wrong with them. */
function readOrder(given: Given): Order | string {
  const [text, why = ""] = [given.value("for"), given.value("why")];
  const span = text === undefined ? null : parseDuration(text);
  if (text !== undefined && (span === null || span <= 0)) return `--for takes a time such as 30m or 2h, not ${text}`;
  return { span, why };
}

const during = ({ span, why }: Order): string => `${span === null ? "until `clusterd maintenance off`" : `for ${formatDuration(span)}`}${why === "" ? "" : `: ${why}`}`;

/** Says it to the daemon; where none runs, to the disk, for the next one. */
async function say(on: boolean, { span, why }: Order): Promise<Outcome> {
  const answer = await askDaemon({ ask: "maintenance", on, span, why }, { timeout: PATIENCE });
  if (answer.ok) return outcome("ok", `${answer.text}${on ? ` ${during({ span, why })}` : ""}`, { maintenance: readMaintenance() });
  if (answer.absent !== true) return outcome("failed", answer.text);
  if (on) beginMaintenance(span, why, Date.now());
  else endMaintenance();
  return outcome("ok", `${OFFLINE} ${on ? `in maintenance ${during({ span, why })}` : "as ever"}`, { maintenance: readMaintenance() });
}

/** With both in maintenance nobody would take anything over: that is said for, not slipped into. */
function bothWould(status: NodeStatus | null, given: Given): Outcome | null {
  if (status?.core.peer.maintenance !== true || given.flag("force")) return null;
  return outcome("refused", `${status.nodes[other(status.core.self)]} is in maintenance already: with both, nobody would take anything over. End it there first, or say --force`);
}

async function on(given: Given): Promise<Outcome> {
  const order = readOrder(given);
  if (typeof order === "string") return outcome("usage", order);
  const status = seen(await lookHere("this node"));
  const refused = bothWould(status, given);
  if (refused !== null) return refused;
  if (!given.flag("dry-run")) return say(true, order);
  return outcome("ok", [...wouldRest(status, order), "Nothing was done."].join("\n"), { dry_run: true, steps: wouldRest(status, order) });
}

function wouldRest(status: NodeStatus | null, order: Order): readonly string[] {
  const [self, peer] = status === null ? ["this node", "the other node"] : [status.node, status.nodes[other(status.core.self)]];
  const kept = status === null ? [] : ([0, 1] as const).filter((identity) => holder(status, identity) === status.core.self).map((identity) => status.nodes[identity]);
  return [
    `maintenance: ${self} would take nothing over and be handed nothing ${during(order)}`,
    `  should ${peer} fail meanwhile, what it holds would stay down`,
    ...(kept.length === 0 ? [] : [`  ${self} would keep ${kept.join(" and ")}; \`clusterd drain\` hands over too`]),
  ];
}

const off = (given: Given): Promise<Outcome> | Outcome => (given.flag("dry-run") ? outcome("ok", "this node might take over again. Nothing was done.") : say(false, { span: null, why: "" }));

async function show(): Promise<Outcome> {
  const view = await lookHere("this node");
  if ("unreachable" in view && view.absent !== true) return outcome("failed", view.unreachable);
  const own = seen(view);
  const [now, peer] = [own === null ? readMaintenance() : own.maintenance, own?.core.peer.maintenance === true];
  const there = own === null ? [] : [`${own.nodes[other(own.core.self)]}: ${peer ? "in maintenance" : "not in maintenance"}, as far as ${own.node} knows`];
  const text = [`${own?.node ?? "this node"}: ${now === null ? "not in maintenance" : `in maintenance ${maintenanceText(now, Date.now())}`}`, ...there].join("\n");
  return outcome("ok", text, { maintenance: now, peer });
}

async function drain(given: Given): Promise<Outcome> {
  const order = readOrder(given);
  if (typeof order === "string") return outcome("usage", order);
  const read = await settings();
  if (!read.ok) return outcome("usage", read.text);
  const own = await lookHere(read.config.nodes[read.config.self].name);
  const status = seen(own);
  if (status === null) return outcome("notRunning", "unreachable" in own ? own.unreachable : "");
  const refused = bothWould(status, given);
  if (refused !== null) return refused;
  const moves = held(read.config, status);
  if (given.flag("dry-run")) return wouldMove(read.config, status, "drain", moves, wouldRest(status, order).slice(0, 2));
  const { state } = status.core.peer;
  if (moves.length > 0 && state !== "alive" && state !== "late") return outcome("refused", `${status.nodes[other(status.core.self)]} is ${state}: there is nobody to hand anything over to. Nothing was done`);
  // First of all: so that nothing comes back while the rest is on its way.
  const begun = await say(true, order);
  if (begun.exit !== "ok" || moves.length === 0) return begun;
  const moved = await moveAll(read.config, status, moves);
  const rest = moved.exit === "ok" ? "" : "\nit stays in maintenance with what it still holds: `clusterd status`, then `clusterd drain` again or `clusterd undrain`";
  return outcome(moved.exit, `${begun.text}\n${moved.text}${rest}`, { ...moved.data, maintenance: readMaintenance() });
}

const HOW_LONG = ["--for <time>", "it ends by itself after this time, with a notice (default: until ended; reminded of every hour)"] as const;
const WHY = ["--why <text>", "the reason, for `status` and whoever is told"] as const;
const FORCE = ["--force", "although the other node is in maintenance too"] as const;

export const MAINTENANCE_COMMANDS: readonly Command[] = [
  {
    usage: "maintenance on", run: on, summary: "take nothing over, and be handed nothing, while a person works on this node; what it holds stays",
    options: [HOW_LONG, WHY, FORCE, DRY_RUN],
    examples: [["clusterd maintenance on --for 2h --why 'new disk'", "both nodes know, also after a reboot; it ends by itself"]], exits: ["ok", "usage", "failed", "refused"],
  },
  {
    usage: "maintenance off", run: off, summary: "this node may take over again",
    options: [DRY_RUN], examples: [["clusterd maintenance off", "before its time, too; `clusterd failback` then brings home what was moved away"]], exits: ["ok", "failed"],
  },
  {
    usage: "maintenance status", run: show, summary: "whether a person works on either node, since when, for how long and why",
    examples: [["clusterd maintenance status --json", "for programs"]], exits: ["ok", "failed"],
  },
  {
    usage: "drain", run: drain, summary: "hand over all that this node holds, then hold nothing until `clusterd undrain`",
    options: [HOW_LONG, WHY, FORCE, DRY_RUN],
    examples: [["clusterd drain --why 'new kernel'", "then work on it, reboot it, and `clusterd undrain`"], ["clusterd drain --dry-run", "the steps, the time they should take, and the files that the other node does not have yet"]],
    exits: ["ok", "usage", "refused", "notRunning", "unreachable", "timeout"],
  },
  {
    usage: "undrain", run: off, summary: "the same as `clusterd maintenance off`",
    options: [DRY_RUN], examples: [["clusterd undrain && clusterd failback", "the work is done"]], exits: ["ok", "failed"],
  },
];

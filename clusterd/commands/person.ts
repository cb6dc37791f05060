// What only a person can know and decide: `clear`, `force-own`, `confirm-dead`, `leave`.
//
// A wrong `force-own` or `confirm-dead` lets both nodes own one identity, so each says what it means, and what must be
// true, and wants the node's name typed. Programs give the name with --yes-i-have-checked.

import { createInterface } from "node:readline/promises";
import { didYouMean } from "../config/suggest.ts";
import type { Verb } from "../core/model.ts";
import type { NodeStatus } from "../status/control.ts";
import { askDaemon } from "../status/control-client.ts";
import { DRY_RUN, outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";
import { lookHere, other, seen } from "./look.ts";
import { wouldLeave } from "./ownership.ts";

/** Leaving hands over first: services stop, a last mirror pass. */
const PATIENCE = { "leave": 150_000, "others": 10_000 } as const;

const WARNINGS = {
  "force-own": (node: string, { nodes, core }: NodeStatus) => [
    `This node will own ${node} whatever the other node does or has done.`,
    `Make sure first that ${nodes[other(core.self)]} is off, or does not hold ${node}, and that its data is not the newer one:`,
    "what only the other node has is not here, and is set aside as a conflict when it comes back.",
  ],
  "confirm-dead": (node: string, { nodes, core }: NodeStatus) => [
    `You say that ${node} is off: power cut, cable pulled, or standing still for good.`,
    `${nodes[core.self]} then takes over what ${node} held, without asking anybody else. If ${node} still runs, both will own it.`,
  ],
} as const;

async function command(given: Given, verb: Verb, needsNode: boolean): Promise<Outcome> {
  const own = await lookHere("this node");
  const status = seen(own);
  if (status === null) return outcome("notRunning", "unreachable" in own ? own.unreachable : "");
  const node = given.words[0] ?? (needsNode ? undefined : status.nodes[status.core.self]);
  if (node === undefined) return outcome("usage", `${verb} needs the name of a node: ${status.nodes.join(" or ")}`);
  if (!status.nodes.includes(node)) return outcome("usage", `there is no node ${node}. ${didYouMean(node, status.nodes)}`);
  if (verb === "confirm-dead" && node === status.node) return outcome("usage", `${node} is this node, and it is not dead. Confirm the death of ${status.nodes[other(status.core.self)]}`);
  if (given.flag("dry-run") && verb === "leave") return wouldLeave("leave", "would hold nothing and take nothing over until its daemon is started again");
  if (given.flag("dry-run")) return outcome("ok", `${verb}: the daemon of ${status.node} would be asked (${node}). Nothing was done.`);
  if (verb === "force-own" || verb === "confirm-dead") {
    const obstacle = await confirm(node, WARNINGS[verb](node, status), given.value("yes-i-have-checked"));
    if (obstacle !== null) return outcome("refused", obstacle);
  }
  const answer = await askDaemon({ ask: "command", verb, node }, { timeout: verb === "leave" ? PATIENCE.leave : PATIENCE.others });
  return outcome(answer.ok ? "ok" : "refused", answer.text);
}

/** Null when the person (or the script's writer) has given the node's name; else why not. */
export async function confirm(node: string, warning: readonly string[], given: string | undefined): Promise<string | null> {
  if (given !== undefined) return given === node ? null : `--yes-i-have-checked says ${given}, but it is about ${node}: nothing was done`;
  if (!process.stdin.isTTY) return `this wants the node's name typed on a terminal. A script that has made sure gives --yes-i-have-checked ${node}`;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    process.stderr.write(`${warning.join("\n")}\n`);
    const typed = await terminal.question(`Type ${node} to go on: `);
    return typed.trim() === node ? null : "not confirmed: nothing was done";
  } finally {
    terminal.close();
  }
}

const CHECKED = ["--yes-i-have-checked <node>", "for scripts: the node's name, instead of typing it"] as const;

export const PERSON_COMMANDS: readonly Command[] = [
  {
    usage: "clear", run: (given) => command(given, "clear", false), summary: "remove the standby lock that this node got when it lost a tie",
    options: [DRY_RUN], examples: [["clusterd clear", "this node may take over again"]], exits: ["ok", "refused", "notRunning"],
  },
  {
    usage: "force-own <NODE>", run: (given) => command(given, "force-own", true), summary: "own the identity of NODE here, though nobody votes for it",
    options: [CHECKED, DRY_RUN],
    examples: [["clusterd force-own serv1", "both were off, only this one came back, and its data is the newer"], ["clusterd force-own serv1 --yes-i-have-checked serv1", "in a script that has switched the other node off"]],
    exits: ["ok", "usage", "refused", "notRunning"],
  },
  {
    usage: "confirm-dead <NODE>", run: (given) => command(given, "confirm-dead", true), summary: "say that NODE is off for certain, so that this node may take over",
    options: [CHECKED, DRY_RUN],
    examples: [["clusterd confirm-dead serv1", "serv1's plug is in your hand"]],
    exits: ["ok", "usage", "refused", "notRunning"],
  },
  {
    usage: "leave", run: (given) => command(given, "leave", false), summary: "hand over everything and stay without, until the daemon is started again",
    options: [DRY_RUN], examples: [["clusterd leave", "before this node is taken away for long"]], exits: ["ok", "refused", "notRunning"],
  },
];

// `clusterd switchover` and `clusterd failback`: moving an identity on a healthy pair, from either node.
//
// The daemons do the moving: the one that holds the identity is asked, here through its socket, there through ssh. Then
// this node's daemon is watched until the other owner is in place, and the time it took is printed. Milliseconds.

import { monotonicNow } from "../base/time.ts";
import type { Duration } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Index, Verb } from "../core/model.ts";
import type { ControlAnswer, NodeStatus } from "../status/control.ts";
import { askDaemon } from "../status/control-client.ts";
import { settings } from "../../mirror/settings.ts";
import { didYouMean } from "../config/suggest.ts";
import type { Manner } from "../moves/plan.ts";
import { DRY_RUN, outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";
import { lookHere, lookThere, other, seen } from "./look.ts";

/** The core gives a handover up after two minutes; a little more for the answer's way. */
const PATIENCE: Duration = 150_000;
/** From the answer to the new owner being up. */
const SETTLING: Duration = 10_000;
const POLL: Duration = 10;

export interface Move { readonly identity: Index; readonly from: Index; readonly verb: Verb }

async function switchover(given: Given): Promise<Outcome> {
  return planned(given, "switchover", (status, named) => {
    const identity = named ?? status.core.self;
    const from = holder(status, identity);
    return from === null ? { nothing: "refused", text: `nobody holds ${status.nodes[identity]}; \`clusterd status\` says what is waited for` } : [{ identity, from, verb: "switchover" }];
  });
}

async function failback(given: Given): Promise<Outcome> {
  return planned(given, "failback", (status, named) => {
    const away = ([0, 1] as const).filter((identity) => named === undefined || named === identity).flatMap((identity): Move[] => {
      const from = holder(status, identity);
      return from === null || from === identity ? [] : [{ identity, from, verb: "failback" }];
    });
    return away.length > 0 ? away : { nothing: "ok", text: named === undefined ? "both identities are at home" : `${status.nodes[named]} is at home` };
  });
}

type Plan = readonly Move[] | { readonly nothing: "ok" | "refused"; readonly text: string };

async function planned(given: Given, verb: string, plan: (status: NodeStatus, identity: Index | undefined) => Plan): Promise<Outcome> {
  const read = await settings();
  if (!read.ok) return outcome("usage", read.text);
  const { config } = read;
  const [name] = given.words;
  const names = config.nodes.map((node) => node.name);
  if (name !== undefined && !names.includes(name)) return outcome("usage", `there is no node ${name}. ${didYouMean(name, names)}`);
  const own = await lookHere(config.nodes[config.self].name);
  const status = seen(own);
  if (status === null) return outcome("notRunning", "unreachable" in own ? own.unreachable : "");
  const moves = plan(status, name === undefined ? undefined : names.indexOf(name) as Index);
  if ("nothing" in moves) return outcome(moves.nothing, moves.text);
  if (given.flag("dry-run")) return wouldMove(config, status, verb, moves);
  return moveAll(config, status, moves);
}

/** Who is logged in at an address that moves loses the connection with it, and so the terminal: what was begun goes on to its end. */
const goOn = (): void => { /* nobody is there to be told */ };

/** One after the other; the first that does not succeed is the last. */
export async function moveAll(config: Config, status: NodeStatus, moves: readonly Move[]): Promise<Outcome> {
  process.off("SIGHUP", goOn).on("SIGHUP", goOn);
  const done: Outcome[] = [];
  for (const move of moves) {
    done.push(await carryOut(config, status, move));
    if (done.at(-1)?.exit !== "ok") break;
  }
  const last = done.at(-1) as Outcome;
  return outcome(last.exit, done.map(({ text }) => text).join("\n"), { text: last.text, moves: done.map(({ data }) => data ?? {}) });
}

/** Who holds an identity, as this node knows it. */
export function holder(status: NodeStatus, identity: Index): Index | null {
  const { role, owner } = status.core.identities[identity];
  if (["owner", "raising", "freezing", "releasing", "offering"].includes(role)) return status.core.self;
  return owner === status.core.self ? null : owner;
}

/** The steps, the time they should take, and what the other node does not have yet. */
export async function wouldMove(config: Config, status: NodeStatus, verb: string, moves: readonly Move[], more: readonly string[] = [], manner: Manner = "asked"): Promise<Outcome> {
  const { gatherHandover } = await import("../moves/gather.ts");
  const { handoverData, handoverText } = await import("../moves/plan.ts");
  const there = seen(await lookThere(config, status));
  const plans = moves.map((move) => gatherHandover(config, move, status, there));
  return outcome("ok", [...plans.map((plan) => handoverText(verb, plan, Date.now(), manner)), ...more, "Nothing was done."].join("\n"), { dry_run: true, moves: plans.map((plan) => handoverData(plan, manner)) });
}

/** The same for `stop` and `leave`, where this node goes whatever the other can take. */
export async function wouldLeave(verb: string, then: string): Promise<Outcome> {
  const read = await settings();
  if (!read.ok) return outcome("usage", read.text);
  const own = await lookHere(read.config.nodes[read.config.self].name);
  const status = seen(own);
  if (status === null) return outcome("notRunning", "unreachable" in own ? own.unreachable : "");
  const moves = held(read.config, status);
  return wouldMove(read.config, status, verb, moves, [...(moves.length === 0 ? [`${verb}: ${status.node} holds nothing`] : []), `${status.node} ${then}`], "leaves");
}

/** All that this node holds, on its way to the other. */
export const held = (config: Config, status: NodeStatus): readonly Move[] =>
  ([0, 1] as const).filter((identity) => holder(status, identity) === config.self).map((identity) => ({ identity, from: config.self, verb: "switchover" as const }));

async function carryOut(config: Config, status: NodeStatus, { identity, from, verb }: Move): Promise<Outcome> {
  const [what, to] = [config.nodes[identity].name, other(from)];
  const target = config.nodes[to].name;
  const started = monotonicNow();
  let refused: ControlAnswer | null = null;
  const asked = ask(config, status, from, verb, what).then((said) => { if (!said.answer.ok) refused = said.answer; return said; });
  const ended = asked.then(() => monotonicNow(), () => monotonicNow());
  let deadline = started + PATIENCE;
  void ended.then((at) => { deadline = at + SETTLING; });
  const arrived = await watch(config, identity, to, () => refused !== null || monotonicNow() > deadline);
  const took = Math.round(monotonicNow() - started);
  const data = { identity: what, from: config.nodes[from].name, to: target, took_ms: took };
  if (arrived) return outcome("ok", `${what} is with ${target} now (${took} ms)`, data);
  const { answer, reached } = await asked;
  if (!reached) return outcome("unreachable", answer.text, data);
  if (!answer.ok) return outcome("refused", `${config.nodes[from].name}: ${answer.text}`, data);
  return outcome("timeout", `${what} was let go, but is not seen with ${target} yet: look at \`clusterd status\``, data);
}

/** Asks the daemon that holds it. */
async function ask(config: Config, status: NodeStatus, from: Index, verb: Verb, node: string): Promise<{ readonly reached: boolean; readonly answer: ControlAnswer }> {
  if (from === config.self) return { reached: true, answer: await askDaemon({ ask: "command", verb, node }, { timeout: PATIENCE }) };
  const { askPeer } = await import("../status/peer.ts");
  const said = await askPeer(config, ["handover", node], { timeout: PATIENCE, status });
  return said.reached ? said : { reached: false, answer: { ok: false, text: said.text } };
}

/** Looks until this node's own daemon knows the new owner in place. */
async function watch(config: Config, identity: Index, to: Index, over: () => boolean): Promise<boolean> {
  do {
    const status = seen(await lookHere(config.nodes[config.self].name));
    const now = status?.core.identities[identity];
    if (now !== undefined && now.owner === to && (to === config.self ? now.role === "owner" : now.role === "standby")) return true;
    await new Promise((resolve) => setTimeout(resolve, POLL));
  } while (!over());
  return false;
}

export const OWNERSHIP_COMMANDS: readonly Command[] = [
  {
    usage: "switchover [NODE]", run: switchover, summary: "hand the identity of NODE (default: the one at home here) to the other node, in good order",
    options: [DRY_RUN],
    examples: [["clusterd switchover", "on serv1, before its maintenance: serv2 stands in"], ["clusterd switchover serv2 --dry-run", "who would be asked for what"]],
    exits: ["ok", "usage", "refused", "notRunning", "unreachable", "timeout"],
  },
  {
    usage: "failback [NODE]", run: failback, summary: "bring home what is away: the identity of NODE, or whichever is not at home",
    options: [DRY_RUN],
    examples: [["clusterd failback", "after a repair, once `clusterd status` says that the peer is in sync"], ["clusterd failback serv1 --json", "with the time it took, for programs"]],
    exits: ["ok", "usage", "refused", "notRunning", "unreachable", "timeout"],
  },
];

// `clusterd drill`: a rehearsed takeover and return, with the outage that a client would have seen.

import { setTimeout as sleep } from "node:timers/promises";
import { monotonicNow } from "../base/time.ts";
import type { Duration, Instant } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import { didYouMean } from "../config/suggest.ts";
import type { Index } from "../core/model.ts";
import { drillObstacle, drillText, keepDrill, readDrills } from "../moves/drill.ts";
import type { Drill, Leg } from "../moves/drill.ts";
import { longestOutage, watchAddress } from "../moves/outage.ts";
import type { NodeStatus } from "../status/control.ts";
import { settings } from "../../mirror/settings.ts";
import { DRY_RUN, outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";
import { lookHere, lookThere, other, seen } from "./look.ts";
import { moveAll, wouldMove } from "./ownership.ts";
import type { Move } from "./ownership.ts";

/** An address that this node cannot even ask while all is well is not measured. */
const FIRST_ANSWER: Duration = 3000;
/** After each move, so that what comes a moment later is seen too. */
const LINGER: Duration = 1000;
/** Services that are still starting by then are reported as they are. */
const SERVICES: Duration = 120_000;
const POLL: Duration = 50;

async function drill(given: Given): Promise<Outcome> {
  const read = await settings();
  if (!read.ok) return outcome("usage", read.text);
  const { config } = read;
  const names = config.nodes.map(({ name }) => name);
  const name = given.words[0] ?? config.nodes[config.self].name;
  if (!names.includes(name)) return outcome("usage", `there is no node ${name}. ${didYouMean(name, names)}`);
  const identity = names.indexOf(name) as Index;
  const own = await lookHere(config.nodes[config.self].name);
  const status = seen(own);
  if (status === null) return outcome("notRunning", "unreachable" in own ? own.unreachable : "");
  const peer = await lookThere(config, status);
  const there = seen(peer);
  if (there === null) return outcome("unreachable", "unreachable" in peer ? peer.unreachable : "");
  const moves: readonly [Move, Move] = [{ identity, from: identity, verb: "switchover" }, { identity, from: other(identity), verb: "failback" }];
  const obstacle = drillObstacle(identity, status, there);
  if (given.flag("dry-run")) return wouldDrill(config, status, moves, obstacle);
  return obstacle === null ? rehearse(config, status, moves) : outcome("refused", `no drill: ${obstacle}. Nothing was done`);
}

function wouldDrill(config: Config, status: NodeStatus, moves: readonly Move[], obstacle: string | null): Promise<Outcome> {
  const last = readDrills().findLast((one) => one.ok && one.identity === status.nodes[moves[0]!.identity]);
  return wouldMove(config, status, "drill", moves, [
    ...(obstacle === null ? [] : [`it would be refused now: ${obstacle}`]),
    ...(isBlind(config, moves[0]!) ? [`the outage would not be measured: ${status.node} has no address on the LAN while its identity is away (ADMIN_IPADDR); on the other node it would`] : []),
    ...(last === undefined ? [] : [`the last drill, ${new Date(last.at).toLocaleString("sv-SE")}:`, ...drillText(last).split("\n").slice(0, 2).map((line) => `  ${line}`)]),
  ]);
}

/** Without a LAN address of its own while its identity is away, a node would count that as an outage. */
const isBlind = ({ nodes, self }: Config, { identity }: Move): boolean => identity === self && nodes[self].redundant.admin === null;

interface Done { readonly moved: Outcome; readonly began: Instant; readonly ended: Instant; readonly services: Duration | null }

async function rehearse(config: Config, status: NodeStatus, [out, back]: readonly [Move, Move]): Promise<Outcome> {
  const blind = isBlind(config, out);
  const probe = watchAddress(config.nodes[out.identity].main.address);
  if (!await probe.answers(FIRST_ANSWER)) {
    await probe.end();
    return outcome("refused", `no drill: ${config.nodes[out.identity].main.address} does not answer this node by ICMP, so nothing could be measured. Nothing was done`);
  }
  const stay = (): void => { process.stderr.write("the drill goes on: first the identity goes home\n"); };
  process.on("SIGINT", stay).on("SIGTERM", stay);
  const at = Date.now();
  const first = await move(config, status, out);
  const second = first.moved.exit === "ok" ? await move(config, seen(await lookHere("")) ?? status, back) : null;
  const saw = await probe.end();
  process.off("SIGINT", stay).off("SIGTERM", stay);
  const leg = ({ moved, began, ended, services }: Done): Leg | null =>
    moved.exit === "ok" ? { took_ms: tookOf(moved), services_ms: services, outage_ms: blind ? null : longestOutage(saw, began, ended) } : null;
  const failed = [first, second].find((each) => each !== null && each.moved.exit !== "ok");
  const report: Drill = {
    version: 1, at, identity: config.nodes[out.identity].name, standIn: config.nodes[back.from].name, seenFrom: config.nodes[config.self].name,
    there: leg(first), back: second === null ? null : leg(second), ok: failed === undefined, because: failed?.moved.text ?? "",
  };
  keepDrill(report);
  return outcome(report.ok ? "ok" : "failed", drillText(report), { ...report });
}

async function move(config: Config, status: NodeStatus, one: Move): Promise<Done> {
  const began = monotonicNow();
  const moved = await moveAll(config, status, [one]);
  const services = moved.exit === "ok" ? await servicesUp(config, one, began) : null;
  await sleep(LINGER);
  return { moved, began, ended: monotonicNow(), services };
}

const tookOf = ({ data }: Outcome): Duration => (data?.["moves"] as readonly { readonly took_ms?: number }[] | undefined)?.[0]?.took_ms ?? 0;

/** Until the new owner has started what there is to start; null = nothing, or not within the time. */
async function servicesUp(config: Config, { identity, from }: Move, began: Instant): Promise<Duration | null> {
  if (!config.services.some(({ home, action }) => home === identity && action !== null)) return null;
  while (monotonicNow() - began < SERVICES) {
    const now = seen(other(from) === config.self ? await lookHere("") : await lookThere(config, null))?.core.identities[identity];
    if (now?.role === "owner" && now.services === "started") return Math.round(monotonicNow() - began);
    if (now?.services === "failed") return null;
    await sleep(POLL);
  }
  return null;
}

export const DRILL_COMMANDS: readonly Command[] = [{
  usage: "drill [NODE]", run: drill, summary: "rehearse: the identity of NODE (default: the one at home here) goes to the other node and comes back, and the outage is measured",
  options: [DRY_RUN],
  examples: [["clusterd drill", "the address is asked every 2 ms throughout; `clusterd preflight` shows the last result"], ["clusterd drill serv2 --dry-run", "the steps of both moves, and what stands against them"]],
  exits: ["ok", "failed", "usage", "refused", "notRunning", "unreachable"],
}];

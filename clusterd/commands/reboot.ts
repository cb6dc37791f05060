// `clusterd reboot`: hands over, sees that the other node owns, then reboots the machine.

import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, run } from "../base/exec.ts";
import { monotonicNow } from "../base/time.ts";
import type { Duration } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import { rebootObstacle } from "../moves/reboot.ts";
import type { NodeStatus } from "../status/control.ts";
import { settings } from "../../mirror/settings.ts";
import { DRY_RUN, outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";
import { lookHere, lookThere, other, seen } from "./look.ts";
import { held, moveAll, wouldMove } from "./ownership.ts";
import type { Move } from "./ownership.ts";

const OWNING: Duration = 15_000;
const POLL: Duration = 100;
const ORDER: Duration = 20_000;

/** As the system's own init is told. */
const rebootWords = (): readonly string[] => (existsSync("/run/systemd/system") ? ["systemctl", "reboot"] : ["shutdown", "-r", "now"]);

async function reboot(given: Given): Promise<Outcome> {
  const read = await settings();
  if (!read.ok) return outcome("usage", read.text);
  const { config } = read;
  const force = given.flag("force");
  const own = await lookHere(config.nodes[config.self].name);
  const status = seen(own);
  if (status === null) return force && !given.flag("dry-run") ? start("clusterd does not run here. ") : outcome("notRunning", `${"unreachable" in own ? own.unreachable : ""}; \`${rebootWords().join(" ")}\` reboots all the same, or --force`);
  const moves = held(config, status);
  const there = moves.length === 0 ? null : seen(await lookThere(config, status));
  const obstacle = rebootObstacle(moves.map(({ identity }) => identity), status, there);
  const last = `${status.node} would reboot: ${rebootWords().join(" ")}`;
  if (given.flag("dry-run")) return wouldMove(config, status, "reboot", moves, [...(obstacle === null ? [] : [`it would be refused now: ${obstacle}`]), last]);
  if (obstacle !== null && !force) return outcome("refused", `no reboot: ${obstacle}. --force reboots all the same, and clients wait until the machine is back`);
  const moved = obstacle !== null || moves.length === 0 ? null : await handOver(config, status, moves);
  if (moved !== null && moved.exit !== "ok" && !force) return outcome(moved.exit, `no reboot: ${moved.text}`);
  return start(moved === null ? "" : `${moved.text}\n`);
}

/** Ends when the other node itself says that it owns what this one held. */
async function handOver(config: Config, status: NodeStatus, moves: readonly Move[]): Promise<Outcome> {
  const moved = await moveAll(config, status, moves);
  if (moved.exit !== "ok") return moved;
  const began = monotonicNow();
  while (monotonicNow() - began < OWNING) {
    const there = seen(await lookThere(config, null));
    if (there !== null && moves.every(({ identity }) => there.core.identities[identity].role === "owner")) return moved;
    await sleep(POLL);
  }
  return outcome("timeout", `${moved.text}\n${status.nodes[other(config.self)]} is not seen to own it: look at \`clusterd status\``);
}

async function start(before: string): Promise<Outcome> {
  const words = rebootWords();
  const ran = await run(words, { timeout: ORDER });
  return ran.failure === null ? outcome("ok", `${before}rebooting`) : outcome("failed", `${before}the machine was not rebooted: ${describe(ran)}`);
}

export const REBOOT_COMMANDS: readonly Command[] = [{
  usage: "reboot", run: reboot, summary: "hand over all that this node holds, see that the other node owns it, then reboot this machine",
  options: [["--force", "reboot also when the other node cannot take over: clients then wait until this machine is back"], DRY_RUN],
  examples: [["clusterd reboot", "after a new kernel; then `clusterd failback`, or failback = auto does it"], ["clusterd reboot --dry-run", "the steps, and what stands against them"]],
  exits: ["ok", "failed", "usage", "refused", "notRunning", "unreachable", "timeout"],
}];

// The daemon's word to people: what happened and what is wrong, judged by policy.ts, carried by notifier.ts. Returns at once, always.
//
// What is open, and was told, is kept in /run: a daemon that is started anew does not tell it all again.

import { readFileSync, writeFileSync } from "node:fs";
import type { Log } from "../base/log.ts";
import { RUN } from "../base/paths.ts";
import type { WallTime } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Effect } from "../core/model.ts";
import type { NodeStatus } from "../status/control.ts";
import { failingServices, lagsOf, troublesOf } from "../status/troubles.ts";
import type { Trouble } from "../status/troubles.ts";
import { createNotifier } from "./notifier.ts";
import type { Notifier } from "./notifier.ts";
import { happened, look, NOTHING_YET } from "./policy.ts";
import type { Memory, Verdict } from "./policy.ts";
import { waysOf } from "./ways.ts";

const FILE = `${RUN}/notified.json`;

/** News of a state, which is told as a trouble once it lasts: not twice. */
const OF_STATE = /^(peer|peer-maintenance|link\..*|configuration|references|witness|redundancy\..*|clock\.offset|mirror\.run-failed|service\.failed)$/;
/** Both nodes see it: while they hear each other the first one says it. */
const OF_THE_PAIR = /^(no heartbeats on the|the configurations of|the clocks of)/;
/** What follows from a peer that is away, and is over with it. */
const OF_ITS_ABSENCE = /^(no heartbeats on the|not in sync|job|lag)/;

export class Teller {
  #config: Config;
  #notifier: Notifier;
  #memory: Memory = remembered();
  readonly #log: Log;

  constructor(config: Config, log: Log) {
    this.#config = config;
    this.#log = log;
    this.#notifier = createNotifier(waysOf(config), log);
  }

  use(config: Config): void {
    this.#config = config;
    this.#notifier = createNotifier(waysOf(config), this.#log);
  }

  happened({ level, event, because }: Pick<Effect & { kind: "tell" }, "level" | "event" | "because">, about: string, now: WallTime = Date.now()): void {
    if ((level === "info" && event !== "identity.owner") || OF_STATE.test(event)) return;
    this.#say(happened(this.#memory, { event, about, because }, now));
  }

  look(status: NodeStatus, now: WallTime = Date.now()): void {
    const { notifyRemind, notifyLag } = this.#config.cluster;
    this.#say(look(this.#memory, whatIsWrong(status, notifyLag), now, notifyRemind));
  }

  #say({ memory, notices }: Verdict): void {
    this.#memory = memory;
    for (const notice of notices) this.#notifier.tell(notice);
    if (notices.length > 0) keep(memory);
  }
}

/** Maintenance is no trouble to be told of: a person began it, and its keeper reminds. */
export function whatIsWrong(status: NodeStatus, lag: number): readonly Trouble[] {
  const { core, nodes } = status;
  const said = { alive: OF_THE_PAIR, late: OF_THE_PAIR, silent: OF_ITS_ABSENCE, left: OF_ITS_ABSENCE, unknown: null }[core.peer.state];
  const saidAlready = core.self === 1 || said !== OF_THE_PAIR ? said : null;
  const unserved = core.identities.filter(({ role, services }) => role === "owner" && services === "failed")
    .map(({ identity }) => ({ key: `services ${identity}`, text: `services of ${nodes[identity]} failed to start` }));
  return [...unserved, ...failingServices(status), ...troublesOf(status), ...lagsOf(status, lag)]
    .filter(({ key }) => key !== "maintenance" && saidAlready?.test(key) !== true)
    .map(({ key, text }) => ({ key, text: text.replace(`${status.node}: `, "") }));
}

function remembered(): Memory {
  try {
    const { open, past, toldAt } = JSON.parse(readFileSync(FILE, "utf8")) as Partial<Memory>;
    return Array.isArray(open) && Array.isArray(past) && typeof toldAt === "number" ? { ...NOTHING_YET, open, past, toldAt } : NOTHING_YET;
  } catch {
    return NOTHING_YET; // the machine has just booted, or nothing was ever wrong
  }
}

function keep({ open, past, toldAt }: Memory): void {
  try {
    writeFileSync(FILE, JSON.stringify({ open, past, toldAt }), { mode: 0o600 });
  } catch { /* what counts is in memory */ }
}

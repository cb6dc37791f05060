// `clusterd reload`, `stop`, `restart`: requests to the daemon of this node. Starting it is the init system's work.

import { ETC } from "../base/paths.ts";
import { checkCommand } from "../config/check-command.ts";
import { formatDuration, monotonicNow } from "../base/time.ts";
import type { Duration } from "../base/time.ts";
import type { ControlAnswer, ControlRequest, NodeStatus } from "../status/control.ts";
import { askDaemon } from "../status/control-client.ts";
import { DRY_RUN, outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";
import { wouldLeave } from "./ownership.ts";

/** The daemon loads the next one's programs before it answers. */
const LOADING: Duration = 40_000;
const STARTING: Duration = 10_000;
const POLL: Duration = 50;

async function ask(given: Given, ask: "reload" | "stop" | "restart", patience: number, would: string): Promise<Outcome> {
  if (given.flag("dry-run")) return outcome("ok", `${would} Nothing was done.`);
  const answer = await askDaemon({ ask } satisfies ControlRequest, { timeout: patience });
  if (answer.ok) return outcome("ok", answer.text);
  return outcome(isAbsent(answer) ? "notRunning" : answer.text.includes("stays in force") ? "usage" : "failed", answer.text);
}

const isAbsent = (said: ControlAnswer): boolean => !said.ok && said.absent === true;

/** What a reload would take can depend on what the daemon has now: a sound configuration may need a restart. */
async function reload(given: Given): Promise<Outcome> {
  if (given.flag("dry-run")) {
    const { exitCode, out } = checkCommand({ etc: ETC });
    const said = exitCode === 0 ? await askDaemon({ ask: "would-reload" }) : { ok: false, text: "The daemon would keep the one it has." };
    return outcome(said.ok || isAbsent(said) ? "ok" : "usage", `${out.trimEnd()}\n${said.text}\nNothing was done.`);
  }
  return ask(given, "reload", 10_000, "");
}

/** Until the next daemon has renewed what it holds, so that whatever stands behind it on the line does not take its time away. */
async function restart(given: Given): Promise<Outcome> {
  const before = await statusNow();
  const asked = await ask(given, "restart", LOADING, "The daemon would start anew without letting go, within its lease.");
  if (asked.exit !== "ok" || given.flag("dry-run")) return asked;
  const began = monotonicNow();
  let last: NodeStatus | null = null;
  while (monotonicNow() - began < STARTING) {
    await new Promise((resolve) => setTimeout(resolve, POLL));
    const now = await statusNow();
    if (now === null || now.started === before?.started) continue;
    const renewed = last !== null && isRenewed(last, now);
    last = now;
    if (!renewed) continue;
    const took = Math.round(monotonicNow() - began);
    const same = held(before) === held(now);
    return outcome("ok", `the next daemon runs after ${took} ms and ${same ? "holds what was held" : "does not hold what was held: `clusterd history` says why"}`, { took_ms: took, moved: !same });
  }
  return outcome("failed", `the next daemon does not answer after ${formatDuration(STARTING)}: look into its log`);
}

async function statusNow(): Promise<NodeStatus | null> {
  const answer = await askDaemon({ ask: "status" });
  return answer.ok ? answer.status ?? null : null;
}

/** A lease of which no less is left than a moment ago; one that is gone is not waited for. */
const isRenewed = (earlier: NodeStatus, now: NodeStatus): boolean =>
  now.core.identities.every(({ role, leaseLeft }, at) => role !== "owner" || leaseLeft === null || leaseLeft >= (earlier.core.identities[at]?.leaseLeft ?? Infinity));

const held = (status: NodeStatus | null): string => (status?.core.identities ?? []).filter(({ role }) => role === "owner").map(({ identity, epoch }) => `${identity} ${epoch}`).join();

export const DAEMON_COMMANDS: readonly Command[] = [
  {
    usage: "daemon", run: () => outcome("usage", "`clusterd daemon` takes --json and --verbose, and stands first on the line"), summary: "run in the foreground, as systemd or the init script do (`clusterd daemon --help`)",
    examples: [["clusterd daemon --verbose", "by hand, to look on"]], exits: ["ok", "usage", "failed"],
  },
  {
    usage: "witness", run: () => outcome("usage", "`clusterd witness` stands first on the line: clusterd witness --help"), summary: "on a third machine: be the pair's third voter (`clusterd witness --help`)",
    examples: [["clusterd witness sample", "for the pair whose cluster.conf says name = sample"]], exits: ["ok", "usage", "failed"],
  },
  {
    usage: "reload", run: reload, summary: "read the configuration again; a bad one is refused and the old one kept",
    options: [DRY_RUN], examples: [["clusterd check && clusterd reload", "after an edit, on both nodes"]], exits: ["ok", "failed", "usage", "notRunning"],
  },
  {
    usage: "stop", run: (given) => (given.flag("dry-run") ? wouldLeave("stop", "would end its daemon, and take nothing over until that is started again") : ask(given, "stop", 150_000, "")), summary: "hand over what this node holds, and end the daemon (as SIGTERM does)",
    options: [DRY_RUN], examples: [["clusterd stop", "without an init system; with one, stop the service"], ["clusterd stop --dry-run", "the steps, the time they should take, and the files that the other node does not have yet"]], exits: ["ok", "usage", "failed", "notRunning"],
  },
  {
    usage: "restart", run: restart, summary: "for an upgrade: become the new version without letting go, within the lease",
    options: [DRY_RUN], examples: [["clusterd restart", "after `clusterd install` brought a new version"]], exits: ["ok", "failed", "notRunning"],
  },
];

// How does the daemon end: for good, or to be followed by the next one?
//
// For good it lets go of everything and promises to. To be followed, it keeps what is held up and lets go of nothing.

import type { WitnessClient } from "./arbiter/witness-client.ts";
import type { Log } from "./base/log.ts";
import type { Checks } from "./checks/checks.ts";
import type { Config } from "./config/config.ts";
import { formatProblem, loadConfig } from "./config/load.ts";
import { inContact } from "./core/liveness.ts";
import type { Driver } from "./driver.ts";
import type { Links } from "./heartbeat/links.ts";
import type { createHistory } from "./history.ts";
import type { Journal } from "./journal.ts";
import { becomeNext, heldBy, leaseRenewed, leaveState, leftUp, restartObstacle, tryNext } from "./restart.ts";
import { homeMoved, sameArbiter } from "./settings.ts";
import type { ControlAnswer } from "./status/control.ts";
import type { createNetwork } from "./takeover/network.ts";
import { beUrgent, ordinaryAgain } from "./urgency.ts";

/** What a daemon has to close; null: it has not come so far. */
export interface Parts {
  readonly config: Config;
  readonly driver: Driver | null;
  readonly checks: Checks | null;
  readonly links: Links | null;
  readonly witness: WitnessClient | null;
  readonly network: ReturnType<typeof createNetwork>;
  readonly journal: Journal;
  readonly history: ReturnType<typeof createHistory>;
  readonly log: Log;
}

/** The answer is on its way before the process is another. */
const ANSWERED = 8;

/** Hand over what is held, promise, say good-bye, end. */
export async function leave({ config, driver, checks, links, witness, network, journal, history, log }: Parts, why: string): Promise<never> {
  log.info("daemon.leaving", { because: why });
  await driver?.command("leave", null);
  // The good-bye may be lost: a few more heartbeats repeat it.
  await new Promise((resolve) => setTimeout(resolve, 4 * config.cluster.timing.keepalive));
  driver?.stop();
  checks?.close();
  await links?.close();
  witness?.close();
  await network.close();
  await journal.close();
  await history.flush();
  log.info("daemon.ended", {});
  await log.flush();
  process.exit(0);
}

/** For an upgrade: becomes the next daemon without letting go. What is held stays up until its lease ends, unless that one goes on before.
 *  `followServices` takes null for the configuration in force. */
export async function makeWay({ config, driver, checks, network, log }: Parts, followServices: (next: Config | null) => Promise<void>): Promise<ControlAnswer> {
  if (driver === null) return { ok: false, text: "the daemon is still starting" };
  const loaded = loadConfig();
  if (!loaded.ok) return { ok: false, text: `the next daemon could not start with this configuration:\n${loaded.problems.map(formatProblem).join("\n")}` };
  // The peer may count on the old reference hosts until it has heard that ours are others.
  if (!sameArbiter(loaded.config, config) && !inContact(driver.state))
    return { ok: false, text: "the reference hosts or the witness have changed, and the other node cannot be told: not while it is unreachable" };
  const moved = homeMoved(config, loaded.config);
  if (moved !== null) return { ok: false, text: moved };
  const { nicsMistaken } = await import("./pair/needed.ts");
  const mistaken = await nicsMistaken(config, loaded.config);
  if (mistaken.length > 0) return { ok: false, text: mistaken.join("\n") };
  const left = leftUp(heldBy(driver.state), config, loaded.config, network.exchanged() !== null);
  if (left !== null) return { ok: false, text: left };
  const obstacle = (): string | null => restartObstacle(driver.state) ?? network.atWork();
  const early = obstacle();
  if (early !== null) return { ok: false, text: early };
  const unfit = await tryNext();
  if (unfit !== null) return { ok: false, text: `the next daemon could not start: ${unfit}` };
  // The next one takes what it finds for what its files say.
  await followServices(loaded.config);
  await beUrgent();
  await leaseRenewed(() => driver.state);
  const refusal = obstacle() ?? leaveState(driver.state);
  if (refusal !== null) {
    await Promise.all([ordinaryAgain(), followServices(null)]);
    return { ok: false, text: refusal };
  }
  driver.stop();
  checks?.close();
  network.leave();
  log.info("daemon.restarting", { because: "asked over the control socket; what is held stays up within its lease" });
  setTimeout(becomeNext, ANSWERED);
  return { ok: true, text: "starting anew without letting go" };
}

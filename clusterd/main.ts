// `clusterd daemon`: what is needed to start, or every reason why it cannot.
//
// Whatever makes starting impossible ends with exit code 2 and all reasons at once; after that nothing ends the daemon but a
// person or a bug.

import { createWitnessClient } from "./arbiter/witness-client.ts";
import { deriveWitnessKeys } from "./arbiter/witness-packet.ts";
import { createLog, type Level, type Log } from "./base/log.ts";
import { HEARTBEAT_KEY, JOURNAL, WITNESS_KEY } from "./base/paths.ts";
import { otherNode } from "./config/config.ts";
import { formatProblem, loadConfig } from "./config/load.ts";
import { Daemon } from "./daemon.ts";
import { deriveKeys, loadKey } from "./heartbeat/key.ts";
import { Journal, journalObstacle, readJournal } from "./journal.ts";
import { parametersPath, readParameters } from "./takeover/fence.ts";

const EXIT_CONFIGURATION = 2;

export interface DaemonOptions {
  readonly json?: boolean;
  readonly level?: Level;
}

/** Resolves when the daemon has begun its work, or has set the exit code and said why it cannot. */
export async function runDaemon({ json = false, level = "info" }: DaemonOptions = {}): Promise<void> {
  const log = createLog({ json, level });
  const started = await start(log).catch((error: Error) => [error.message]);
  if (!Array.isArray(started)) return;
  for (const reason of started) log.error("daemon.cannot-start", { because: reason });
  await log.flush();
  process.exit(EXIT_CONFIGURATION);
}

/** The running daemon's parts are held by its timers and sockets; problems are returned. */
async function start(log: Log): Promise<readonly string[] | null> {
  const loaded = loadConfig();
  if (!loaded.ok) return loaded.problems.map(formatProblem);
  const { config } = loaded;
  for (const warning of loaded.warnings) log.warn("configuration.warning", { because: formatProblem(warning) });
  const key = loadKey(HEARTBEAT_KEY);
  if (!key.ok) return [key.reason];
  const { witness } = config.cluster;
  const witnessKey = witness === null ? null : loadKey(WITNESS_KEY);
  if (witnessKey?.ok === false) return [`${witnessKey.reason} Without it the witness cannot be asked`];
  const peer = otherNode(config);
  const parameters = peer.fence === null ? null : readParameters(parametersPath(peer.name));
  if (parameters?.ok === false) return [`${parameters.reason}. Without them ${peer.name} cannot be switched off`];
  const before = readJournal(JOURNAL);
  const obstacle = journalObstacle(before, JOURNAL, { cluster: config.cluster.name, node: config.self });
  if (obstacle !== null) return [obstacle];
  const asked = witness === null || witnessKey === null ? null : createWitnessClient(witness, config.self, deriveWitnessKeys(witnessKey.key, config.cluster.name));
  const journal = await Journal.open(JOURNAL);
  if (before.ok && before.damagedSlots > 0) log.warn("journal.damaged", { because: "one of the journal's two slots was damaged; it has been written anew. If that comes again, look at the disk" });
  const daemon = new Daemon(config, journal, asked, log);
  await daemon.begin(before, deriveKeys(key.key, config.cluster.name));
  return null;
}

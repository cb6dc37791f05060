// A restart for an upgrade moves nothing, if the new daemon is back within the lease.
//
// The daemon that ends leaves its state in /run, its identities up, and dead-man and kernel with the last end of the lease
// they were told: they let go at that moment, whatever comes. The next daemon goes on in the same boot id and sequence, so
// the peer sees nothing but a few heartbeats less. Anything unusual, and it starts from the journal like any other.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { deserialize, serialize } from "node:v8";
import { crc32 } from "node:zlib";
import { reasonOf } from "./base/errors.ts";
import { describe, run } from "./base/exec.ts";
import { RUN } from "./base/paths.ts";
import { monotonicNow } from "./base/time.ts";
import type { Config } from "./config/config.ts";
import type { CoreConfig } from "./core/model.ts";
import { underWay, type State } from "./core/state.ts";
import type { Kept } from "./takeover/takeover.ts";

/** Asks systemd or the init script for a new daemon at once (RestartForceExitStatus). */
const EXIT_RESTART = 75;
const LAUNCHER = fileURLToPath(new URL("bin/clusterd", import.meta.url));
const FILE = `${RUN}/restart.state`;
/** Grows with every change of the state's shape: another version's state is not understood. */
const SHAPE = 12;
/** Leases are shorter in every profile; older files are of another life. */
const LONGEST = 10_000;
const LOADING = 30_000;

/** Why this is no moment for a restart; null: it is one. */
export function restartObstacle(state: State): string | null {
  if (state.failed !== null) return `this node has failed (${state.failed}): \`clusterd stop\`, then start it from its journal`;
  const busy = underWay(state);
  if (busy !== null) return `not now: this node is ${busy}; ask again when that is over`;
  return state.leaving === null ? null : "this node is leaving";
}

/** For the next daemon. Null, or why it cannot be. */
export function leaveState(state: State): string | null {
  try {
    writeFileSync(FILE, encodeState(state), { mode: 0o600 });
    return null;
  } catch (error) {
    return `${FILE} cannot be written: ${reasonOf(error)}`;
  }
}

/** CRC-32 of all that follows it, then the state as V8 writes it. */
export function encodeState(state: State): Buffer {
  const body = serialize({ shape: SHAPE, state });
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([sum, body]);
}

/** Null for anything that a daemon of this version did not write just so: V8 itself would take damaged bytes for another state. */
export function decodeState(bytes: Buffer): State | null {
  if (bytes.length < 4 || bytes.readUInt32BE() !== crc32(bytes.subarray(4))) return null;
  try {
    const left = deserialize(bytes.subarray(4)) as { readonly shape: number; readonly state: State };
    return left.shape === SHAPE ? left.state : null;
  } catch {
    return null;
  }
}

/** The state that a daemon left here moments ago, for this pair, with the configuration that it had; null when there is none. It is taken once. */
export function takeRestart(config: CoreConfig): State | null {
  try {
    const bytes = readFileSync(FILE);
    rmSync(FILE, { force: true });
    const state = decodeState(bytes);
    if (state === null || state.config.cluster !== config.cluster || state.config.self !== config.self) return null;
    const age = monotonicNow() - state.now;
    // Younger than now: of the boot before, where /run outlives it.
    return age >= 0 && age < LONGEST ? state : null;
  } catch {
    return null;
  }
}

export const heldBy = (state: State): readonly Kept[] =>
  state.holdings.flatMap((holding, identity) => (holding.role === "owner" ? [{ identity: identity as 0 | 1, until: holding.leaseTold }] : []));

/** An identity that is up on a NIC of which the next daemon's configuration knows nothing: nobody would take it down there. Null: none is. */
export function leftUp(held: readonly Kept[], before: Config, next: Config, exchanged: boolean): string | null {
  const [was, is] = [before.nodes[before.self], next.nodes[next.self]];
  for (const { identity } of held) {
    const role = (identity === before.self) === exchanged ? "redundant" : "main";
    if (was[role].interface !== is[role].interface)
      return `the identity of ${before.nodes[identity].name} is up on ${was[role].interface}, and the ${role} NIC of ${was.name} is ${is[role].interface} by the new configuration: \`clusterd drain\` first, then restart, then \`clusterd undrain\``;
  }
  return null;
}

/** Waits, at most a quarter of a second, until what is held has just been renewed: so the next daemon has the whole lease to start in. */
export async function leaseRenewed(now: () => State): Promise<void> {
  const ends = (): string => JSON.stringify(heldBy(now()));
  const before = ends();
  for (let tries = 0; before !== "[]" && ends() === before && tries < 125; tries += 1) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Loads the next daemon's programs once, in a process of their own: what cannot be loaded is no upgrade, and what has been is there at once. */
export async function tryNext(): Promise<string | null> {
  const ran = await run([LAUNCHER, "daemon", "--warm-up"], { timeout: LOADING });
  return ran.failure === null ? null : describe(ran);
}

/**
 * The same process, a new program: systemd's restart timer alone may take 250 ms (its accuracy, whatever RestartSec says),
 * half of the default lease. Where Node cannot, the init system starts the next one.
 */
export function becomeNext(): void {
  try {
    process.execve?.(LAUNCHER, [LAUNCHER, ...process.argv.slice(2)]);
  } finally {
    process.exit(EXIT_RESTART);
  }
}

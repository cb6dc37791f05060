// Our ifup and ifdown, and the ifcfg files they read. Slow path (tens of milliseconds) and the source of the fast one.
//
// A generated file never replaces one that does not begin with our marker.

import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { reasonOf } from "../base/errors.ts";
import { writeDurably } from "../base/files.ts";
import { GENERATED_SCRIPTS } from "../base/paths.ts";
import type { Duration } from "../base/time.ts";
import { MARKER } from "./nic-plan.ts";

export const SCRIPTS = fileURLToPath(new URL("../../network-scripts", import.meta.url));
const DEADLINE: Duration = 5000;

export type ScriptOutcome = { readonly ok: true; readonly output: string } | { readonly ok: false; readonly reason: string };

/** What the two NICs' files say once these have changed their roles (exchange.ts). */
export const EXCHANGED_SCRIPTS = `${GENERATED_SCRIPTS}/exchanged`;

/** Writes ifcfg-NIC if it is not there as wanted. Null, or why it was left alone. `durably`: it is there after a power cut, for which
 *  the disk is waited for. */
export function writeIfcfg(nic: string, text: string, { folder = GENERATED_SCRIPTS, durably = true } = {}): string | null {
  const path = `${folder}/ifcfg-${nic}`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const present = readIfPresent(path);
    if (present === text) return null;
    if (present !== null && !present.startsWith(MARKER)) return `${path} was not written by clusterd and is left alone: move it away, or takeover follows it`;
    if (durably) writeDurably(path, text, 0o644);
    else writeFileSync(path, text, { mode: 0o644 });
    return null;
  } catch (error) {
    return `${path} cannot be written: ${reasonOf(error)}`;
  }
}

function readIfPresent(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Runs ifup or ifdown on a generated file. Never rejects. */
export const runScript = (name: "ifup" | "ifdown", ...args: readonly string[]): Promise<ScriptOutcome> => runIn(GENERATED_SCRIPTS, name, args);

function runIn(folder: string, name: "ifup" | "ifdown", args: readonly string[]): Promise<ScriptOutcome> {
  return new Promise((resolve) => {
    const options = { timeout: DEADLINE, killSignal: "SIGKILL" as const, env: { ...process.env, IFCFG_DIR: folder } };
    execFile(`${SCRIPTS}/${name}`, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve({ ok: true, output: stdout });
      const said = stderr.trim().split("\n").at(-1) ?? "";
      resolve({ ok: false, reason: `${name} ${args.join(" ")} ${error.killed ? `did not end within ${DEADLINE} ms` : `exited ${error.code ?? error.signal}`}: ${said}` });
    });
  });
}

/** The lines that `ifup NIC` would tell `ip -batch`. */
export async function printScript(name: "ifup" | "ifdown", nic: string, folder = GENERATED_SCRIPTS): Promise<readonly string[] | string> {
  const outcome = await runIn(folder, name, ["--print", nic]);
  return outcome.ok ? outcome.output.trim().split("\n") : outcome.reason;
}

// What `clusterd clock-check` does: asks, writes the answer down for `status`, and may set the hardware clock.
//
// The hardware clock is what a node has after a power cut, before any time server is reached; it is set only right after
// a good check, never from a clock that nobody keeps.

import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { reasonOf } from "../base/errors.ts";
import { describe, run } from "../base/exec.ts";
import { writeDurably } from "../base/files.ts";
import { STATE } from "../base/paths.ts";
import type { WallTime } from "../base/time.ts";
import { checkClock, type ClockVerdict } from "./clock-check.ts";

export const CLOCK_REPORT = join(STATE, "clock.json");

export interface ClockReport extends ClockVerdict {
  readonly checked: WallTime;
}

export interface ClockCheckOptions {
  readonly servers?: readonly string[];
  readonly setHardwareClock?: boolean;
  /** Ask, but write and set nothing. */
  readonly dryRun?: boolean;
  readonly report?: string;
  /** The program that sets the hardware clock, as words. */
  readonly hwclock?: readonly string[];
}

export type ClockCheck = ClockReport & {
  /** What else was done, or could not be done. */
  readonly notes: readonly string[];
  /** 0 disciplined, 1 not, 3 nobody could say. */
  readonly exitCode: 0 | 1 | 3;
};

export async function checkAndReport(options: ClockCheckOptions = {}): Promise<ClockCheck> {
  const { servers = [], setHardwareClock = false, dryRun = false, report = CLOCK_REPORT, hwclock = ["hwclock", "--systohc"] } = options;
  const verdict: ClockReport = { checked: Date.now(), ...(await checkClock({ servers })) };
  const notes: string[] = [];
  if (!dryRun) notes.push(...record(report, verdict));
  if (setHardwareClock && !verdict.disciplined) notes.push("the hardware clock was left alone, because this clock is not known to be right");
  else if (setHardwareClock) notes.push(dryRun ? `would run: ${hwclock.join(" ")}` : describe(await run(hwclock, { timeout: 10_000 })));
  return { ...verdict, notes, exitCode: verdict.disciplined ? 0 : verdict.source === "none" ? 3 : 1 };
}

/** The last check, or null when there was none or its file says nothing sensible. */
export function lastClockReport(path = CLOCK_REPORT): ClockReport | null {
  try {
    const { checked, disciplined, detail, source, offset } = JSON.parse(readFileSync(path, "utf8")) as Partial<ClockReport>;
    if (typeof checked !== "number" || !Number.isFinite(checked) || typeof disciplined !== "boolean" || typeof detail !== "string") return null;
    return { checked, disciplined, detail, source: source ?? "none", offset: Number.isFinite(offset) ? offset as number : null };
  } catch {
    return null;
  }
}

function record(path: string, verdict: ClockReport): readonly string[] {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeDurably(path, `${JSON.stringify(verdict)}\n`, 0o644);
    return [];
  } catch (error) {
    return [`the answer could not be written to ${path}: ${reasonOf(error)}; \`clusterd status\` will show the one before`];
  }
}

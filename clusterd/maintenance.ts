// Planned work on this node: begun and ended by a person, or ended by its own time.
//
// Kept on disk, so that neither a restart of the daemon nor of the machine ends it. People are reminded of it every hour, and told
// when its time is over. What it means for ownership is the core's: the node takes nothing over, and nothing is handed to it.

import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { writeDurably } from "./base/files.ts";
import { STATE } from "./base/paths.ts";
import { formatDuration } from "./base/time.ts";
import type { Duration, WallTime } from "./base/time.ts";
import type { Effect } from "./core/model.ts";

export interface Maintenance {
  readonly since: WallTime;
  /** Null: until a person ends it. */
  readonly until: WallTime | null;
  readonly why: string;
  /** When people were told of it last. */
  readonly told: WallTime;
}

const FILE = `${STATE}/maintenance.json`;
const REMIND_EVERY: Duration = 3_600_000;

export type Due = "nothing" | "reminder" | "over";

export const dueAt = ({ until, told }: Maintenance, now: WallTime): Due =>
  until !== null && now >= until ? "over" : now - told >= REMIND_EVERY ? "reminder" : "nothing";

/** `for another 40 min, begun 1.3 h ago: new disk` */
export function maintenanceText({ since, until, why }: Pick<Maintenance, "since" | "until" | "why">, now: WallTime): string {
  const inMinutes = (span: Duration): string => formatDuration(span < 60_000 ? Math.max(0, Math.round(span / 1000) * 1000) : Math.round(span / 60_000) * 60_000);
  const left = until === null ? "until it is ended" : `for another ${inMinutes(until - now)}`;
  return `${left}, begun ${inMinutes(now - since)} ago${why === "" ? "" : `: ${why}`}`;
}

/** None of ours, or unreadable: there is none. */
export function readMaintenance(): Maintenance | null {
  try {
    const { since, until, why, told } = JSON.parse(readFileSync(FILE, "utf8")) as Record<string, unknown>;
    const isTime = (value: unknown): value is WallTime => typeof value === "number" && Number.isFinite(value);
    return isTime(since) && (until === null || isTime(until)) && typeof why === "string" && isTime(told) ? { since, until, why, told } : null;
  } catch {
    return null;
  }
}

/** Begins it, or changes its end and reason. */
export function beginMaintenance(span: Duration | null, why: string, now: WallTime): Maintenance {
  return write({ since: readMaintenance()?.since ?? now, until: span === null ? null : now + span, why, told: now });
}

export function endMaintenance(): void {
  rmSync(FILE, { force: true });
}

function write(maintenance: Maintenance): Maintenance {
  mkdirSync(STATE, { recursive: true, mode: 0o700 });
  writeDurably(FILE, `${JSON.stringify(maintenance)}\n`);
  return maintenance;
}

function quietly(work: () => void): void {
  try {
    work();
  } catch { /* what counts is in memory */ }
}

type Tell = Pick<Effect & { kind: "tell" }, "level" | "event" | "because">;

/** The daemon's part: applies it, reminds, and ends it in time. */
export class MaintenanceKeeper {
  #now: Maintenance | null = null;
  readonly #apply: (on: boolean) => void;
  readonly #tell: (told: Tell) => void;

  constructor(apply: (on: boolean) => void, tell: (told: Tell) => void) {
    this.#apply = apply;
    this.#tell = tell;
  }

  get now(): Maintenance | null {
    return this.#now;
  }

  /** What is on disk counts from now on: after the start, and after a person's word. */
  take(now: WallTime = Date.now()): void {
    const before = this.#now;
    this.#now = readMaintenance();
    this.#apply(this.#now !== null);
    if (this.#now !== null) this.#tell({ level: "warn", event: "maintenance.on", because: `this node takes nothing over ${maintenanceText(this.#now, now)}` });
    else if (before !== null) this.#tell({ level: "info", event: "maintenance.off", because: "a person ended the maintenance: this node may take over again" });
    this.look(now);
  }

  look(now: WallTime = Date.now()): void {
    if (this.#now === null) return;
    const due = dueAt(this.#now, now);
    if (due === "reminder") {
      const told = { ...this.#now, told: now };
      this.#now = told;
      // A disk that takes nothing ends neither the daemon nor the maintenance: it is told of once more after a restart.
      quietly(() => { write(told); });
      this.#tell({ level: "warn", event: "maintenance.still-on", because: `this node takes nothing over ${maintenanceText(this.#now, now)}` });
    }
    if (due !== "over") return;
    const { why } = this.#now;
    this.#now = null;
    quietly(endMaintenance);
    this.#apply(false);
    this.#tell({ level: "warn", event: "maintenance.over", because: `the time of the maintenance is over (${why === "" ? "no reason was given" : why}): this node may take over again` });
  }
}

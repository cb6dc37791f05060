// Two kinds of time, never mixed.
//
// Instant: a moment of CLOCK_MONOTONIC in milliseconds (fractions allowed), the same clock for every process of a
// node (the dead-man is told instants). It decides. WallTime: milliseconds since 1970, for people, files and the
// peer's offset. It never decides who owns anything.

export type Duration = number;
export type Instant = number;
export type WallTime = number;

/** All in milliseconds. The inequalities between them are in validate.ts. */
export interface Timing {
  readonly keepalive: Duration;
  readonly warntime: Duration;
  /** Q: silent for so long, the peer is claimed from. */
  readonly deadtime: Duration;
  /** Patience after the daemon's start before silence means anything. */
  readonly initdead: Duration;
  /** D: how long an owner may go on after the sending of what was acknowledged. */
  readonly lease: Duration;
  /** S: from the lease's end the identity is silent within this. */
  readonly release: Duration;
  /** E: not heard for so long while a claim is heard: yield. */
  readonly unheard: Duration;
  /** C: how long one claims aloud before taking over. */
  readonly claim: Duration;
  /** After a lease that ended because we stalled: no claim of our own for so long, doubling with each. */
  readonly holdDown: Duration;
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** Both are the same clock; only the bigint says where its zero is, and it is the dearer one to ask. Whoever is interrupted between
 *  the two questions has a difference that is too small: by so much would all leases end too early for the dead-man, for life. */
const ORIGIN: Instant = Math.max(...Array.from({ length: 8 }, () => Number(process.hrtime.bigint()) / 1e6 - performance.now()));

/** CLOCK_MONOTONIC in milliseconds (clock_gettime(2)); it stands still while the machine is suspended. */
export const monotonicNow = (): Instant => ORIGIN + performance.now();

/** "250ms", "5s", "2m", "1h", "30d"; a bare number is seconds, as in ha.cf. Returns null for anything else. */
export function parseDuration(text: string): Duration | null {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)?$/.exec(text.trim());
  if (match === null) return null;
  return Number(match[1]) * (UNITS[match[2] ?? "s"] ?? 1000);
}

/** 250 → "250 ms", 5000 → "5 s", 90000 → "1.5 min": the shortest exact form with at most two decimals. */
export function formatDuration(ms: Duration): string {
  const sign = ms < 0 ? "-" : "";
  const size = Math.abs(ms);
  const [unit, factor] = size < 1000 ? ["ms", 1] : size < 60_000 ? ["s", 1000] : size < 3_600_000 ? ["min", 60_000]
    : size < 172_800_000 ? ["h", 3_600_000] : ["d", 86_400_000];
  return `${sign}${Number((size / (factor as number)).toFixed(2))} ${unit}`;
}

// How far is the peer's clock ahead of ours? Judged from heartbeats that were answered.
//
// All values are wall times in milliseconds. One answered heartbeat gives four of them: t1 we sent, t2 the peer heard,
// t3 the peer sent, t4 we heard. The offset is exact when both ways took equally long, and wrong by at most half the
// delay (RFC 5905 §8). Of the last samples the one with the least delay is believed, because waiting only ever adds.
// Pure, for the core. Nothing decides about ownership by it.

import type { Duration, WallTime } from "../base/time.ts";

export interface FourTimes {
  readonly t1: WallTime;
  readonly t2: WallTime;
  readonly t3: WallTime;
  readonly t4: WallTime;
}

export interface OffsetSample {
  /** The other clock minus ours. */
  readonly offset: number;
  /** Time on the way, both ways together. */
  readonly delay: Duration;
}

export interface OffsetFilter {
  readonly size: number;
  /** Newest first. */
  readonly samples: readonly OffsetSample[];
}

/** What two samples may differ beyond their delays before one of the clocks must have been set: resolution and drift. */
const TOLERANCE: Duration = 2;

export const createOffsetFilter = (size = 8): OffsetFilter => ({ size, samples: [] });

export function offsetSample({ t1, t2, t3, t4 }: FourTimes): OffsetSample {
  return { offset: (t2 - t1 + (t3 - t4)) / 2, delay: t4 - t1 - (t3 - t2) };
}

/** The filter with one more sample. A sample that contradicts the believed one means that a clock was set: it starts afresh. */
export function addSample(filter: OffsetFilter, times: FourTimes): OffsetFilter {
  const measured = offsetSample(times);
  if (!Number.isFinite(measured.offset) || measured.delay < -TOLERANCE) return createOffsetFilter(filter.size);
  const sample = { offset: measured.offset, delay: Math.max(0, measured.delay) };
  const believed = best(filter);
  const agrees = believed === null || Math.abs(sample.offset - believed.offset) <= (sample.delay + believed.delay) / 2 + TOLERANCE;
  return { size: filter.size, samples: [sample, ...(agrees ? filter.samples : [])].slice(0, filter.size) };
}

/** Milliseconds that the other clock is ahead of ours; null = not known. */
export const offsetOf = (filter: OffsetFilter): number | null => best(filter)?.offset ?? null;

function best({ samples }: OffsetFilter): OffsetSample | null {
  let least: OffsetSample | null = null;
  for (const sample of samples) if (least === null || sample.delay < least.delay) least = sample;
  return least;
}

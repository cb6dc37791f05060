// The peer's wall clock against ours. Beyond the limit there is an alarm, and the mirror refuses runs that would compare times.

import { formatDuration } from "../base/time.ts";
import type { Duration } from "../base/time.ts";

/** `offset`: milliseconds the peer is ahead; null = not known yet, which is no problem. */
export function offsetProblem(offset: Duration | null, limit: Duration): string | null {
  if (offset === null || Math.abs(offset) <= limit) return null;
  return `the clocks of the two nodes differ by ${formatDuration(Math.abs(offset))}, more than offset_limit (${formatDuration(limit)})`;
}

// A scrub as a person reads it. Pure.

import { formatDuration } from "../../clusterd/base/time.ts";
import type { WallTime } from "../../clusterd/base/time.ts";
import type { Round } from "./state.ts";

export function scrubText({ began, ended, files, bytes, rotten, repaired }: Round, now: WallTime): string {
  const what = `${files} files (${bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`})`;
  const found = rotten.length === 0 ? "all alike" : `${rotten.length} differ in content alone${repaired > 0 ? `, ${repaired} of them sent again` : ""}`;
  return `${ended === null ? `scrub under way since ${formatDuration(now - began)}` : `scrubbed ${formatDuration(now - ended)} ago`}: ${what}, ${found}`;
}

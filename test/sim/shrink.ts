// From a seed that breaks a rule to the fewest and shortest of its faults that still break the same rule.

import { runEpisode, type EpisodeOptions, type EpisodeResult } from "./episode.ts";

export interface Shrunk {
  readonly keep: ReadonlyMap<number, number>;
  readonly result: EpisodeResult;
}

/** Leaves out one fault after the other, then halves durations, for as long as the first rule stays broken. At most some 60 episodes. */
export function shrink(broken: EpisodeResult, options: EpisodeOptions): Shrunk {
  const rule = broken.violations[0]?.rule;
  let keep: ReadonlyMap<number, number> = options.keep ?? new Map(Array.from({ length: broken.faults }, (_, place) => [place, 1] as const));
  const stillBroken = (attempt: ReadonlyMap<number, number>): boolean =>
    runEpisode(broken.seed, { ...options, keep: attempt }).violations.some((each) => each.rule === rule);
  const attempt = (changed: ReadonlyMap<number, number>): void => { if (stillBroken(changed)) keep = changed; };
  for (const place of [...keep.keys()]) attempt(new Map([...keep].filter(([each]) => each !== place)));
  for (const place of [...keep.keys()])
    for (let times = 0; times < 4; times += 1) attempt(new Map([...keep].map(([each, share]) => [each, each === place ? share / 2 : share])));
  return { keep, result: runEpisode(broken.seed, { ...options, keep, story: true }) };
}

/** "1,4x0.25": faults 1 and 4, the latter for a quarter of its duration. Null when it is not that. */
export function parseKeep(text: string): ReadonlyMap<number, number> | null {
  const parts = text.split(",").filter((part) => part !== "").map((part) => /^(\d+)(?:x(\d*\.?\d+))?$/.exec(part));
  return parts.some((part) => part === null) ? null : new Map(parts.map((part) => [Number(part?.[1]), Number(part?.[2] ?? 1)]));
}

export const formatKeep = (keep: ReadonlyMap<number, number>): string => [...keep].map(([place, share]) => (share === 1 ? `${place}` : `${place}x${share}`)).join(",");

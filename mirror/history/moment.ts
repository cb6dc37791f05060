// A moment as a person writes it: "2h" or "2h ago", "14:05", "2026-11-20 14:05[:09]", or an ISO time with its zone. Pure.

import { parseDuration } from "../../clusterd/base/time.ts";
import type { WallTime } from "../../clusterd/base/time.ts";

const DAY = 86_400_000;
const CLOCK = /^(\d{1,2}):(\d\d)(?::(\d\d))?$/;
const DATE = /^\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/;

/** Null when it is none. Without a zone it is local time; a time of day is the last such moment before `now`. */
export function parseMoment(text: string, now: WallTime): WallTime | null {
  const words = text.trim();
  const ago = parseDuration(words.replace(/\s+ago$/, ""));
  // A bare number could be anything, so it is nothing.
  if (ago !== null && !/^\d+(\.\d+)?$/.test(words)) return now - ago;
  const clock = CLOCK.exec(words);
  if (clock !== null) return timeOfDay(clock.slice(1).map((part) => Number(part ?? 0)), now);
  if (!DATE.test(words)) return null;
  const wall = Date.parse(words.length === 10 ? `${words}T00:00` : words.replace(" ", "T"));
  return Number.isNaN(wall) ? null : wall;
}

function timeOfDay([hour = 0, minute = 0, second = 0]: readonly number[], now: WallTime): WallTime | null {
  if (hour > 23 || minute > 59 || second > 59) return null;
  const wall = new Date(now).setHours(hour, minute, second, 0);
  return wall <= now ? wall : wall - DAY;
}

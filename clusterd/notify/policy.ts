// Which of all that happens is told to people, and when. Pure: facts in, notices out.
//
// Two kinds. What happens (a takeover, a failed run) is told at once, but the same thing only once in ten minutes. What is wrong (a silent
// link, a peer not in sync) is told when it has lasted a little, once; then people are reminded at an interval, and told when it is over
// and when all is well again. What comes and goes is given longer each time before it counts as over.

import { formatDuration } from "../base/time.ts";
import type { Duration, WallTime } from "../base/time.ts";
import type { Trouble } from "../status/troubles.ts";
import type { Notice } from "./notifier.ts";

interface Open extends Trouble {
  readonly since: WallTime;
  readonly told: boolean;
  /** Not there any more since; null: it is there. */
  readonly goneAt: WallTime | null;
  /** How often it came back, before it was over or soon after. */
  readonly returns: number;
}

export interface Memory {
  readonly open: readonly Open[];
  /** What was over lately. */
  readonly past: readonly { readonly key: string; readonly at: WallTime; readonly returns: number }[];
  /** When people heard of troubles last. */
  readonly toldAt: WallTime;
  /** What happened lately and was told, and how often since. */
  readonly recent: readonly { readonly what: string; readonly at: WallTime; readonly more: number }[];
}

export interface Verdict { readonly memory: Memory; readonly notices: readonly Notice[] }

export const NOTHING_YET: Memory = { open: [], past: [], toldAt: 0, recent: [] };

/** It must have lasted so long to be told; a planned move leaves traces that are gone by then. */
const SETTLE: Duration = 10_000;
const LONGEST_CALM: Duration = 10 * 60_000;
/** What comes again within this has only been away. */
const SOON: Duration = 30 * 60_000;
const SAME_AGAIN: Duration = 10 * 60_000;
const MOST_RECENT = 200;

const calm = ({ returns }: Open): Duration => Math.min(LONGEST_CALM, SETTLE * 2 ** returns);

/** Something happened. */
export function happened(memory: Memory, notice: Notice, now: WallTime): Verdict {
  const what = JSON.stringify([notice.event, notice.about, notice.because]);
  const recent = memory.recent.filter(({ at, more }) => now - at < SAME_AGAIN || more > 0).slice(-MOST_RECENT);
  const before = recent.find((each) => each.what === what);
  const others = recent.filter((each) => each !== before);
  if (before !== undefined && now - before.at < SAME_AGAIN) return { memory: { ...memory, recent: [...others, { ...before, more: before.more + 1 }] }, notices: [] };
  const more = before === undefined || before.more === 0 ? "" : ` (and ${before.more} more times since ${formatDuration(Math.round((now - before.at) / 1000) * 1000)} ago)`;
  return { memory: { ...memory, recent: [...others, { what, at: now, more: 0 }] }, notices: [{ ...notice, because: `${notice.because}${more}` }] };
}

/** Everything that is wrong at this moment. */
export function look(memory: Memory, troubles: readonly Trouble[], now: WallTime, remind: Duration): Verdict {
  const known = memory.open.flatMap((open) => stillOpen(open, troubles.find(({ key }) => key === open.key), now));
  const past = memory.past.filter(({ at }) => now - at < SOON);
  const before = (key: string): number => past.reduce((most, each) => (each.key === key ? Math.max(most, each.returns + 1) : most), 0);
  const fresh = troubles.filter(({ key }) => !memory.open.some((open) => open.key === key)).map((trouble): Open => ({ ...trouble, since: now, told: false, goneAt: null, returns: before(trouble.key) }));
  const all = [...known, ...fresh];
  const over = all.filter((open) => open.goneAt !== null && now - open.goneAt >= calm(open));
  const ripe = all.filter(({ told, since }) => !told && now - since >= SETTLE);
  const open = all.filter((each) => !over.includes(each)).map((each) => (ripe.includes(each) ? { ...each, told: true } : each));
  const left = open.filter(({ told }) => told);
  const due = left.length > 0 && now - memory.toldAt >= remind;
  const say = (event: string, because: string): Notice => ({ event, about: "-", because });
  const notices = [
    ...(ripe.length === 0 ? [] : [say("degraded", texts(ripe))]),
    ...(over.length === 0 ? [] : [left.length > 0 ? say("mended", `over: ${texts(over)}; still: ${texts(left)}`) : say("well-again", `all well again; over: ${withSpans(over, now)}`)]),
  ];
  const reminded = notices.length === 0 && due ? [say("still-degraded", `still degraded: ${withSpans(left, now)}`)] : notices;
  return { memory: { ...memory, open, past: [...past, ...over.map(({ key, returns }) => ({ key, at: now, returns }))], toldAt: reminded.length > 0 ? now : memory.toldAt }, notices: reminded };
}

/** What was never told and is gone was nothing. */
function stillOpen(open: Open, there: Trouble | undefined, now: WallTime): readonly Open[] {
  if (there !== undefined) return [{ ...open, text: there.text, goneAt: null, returns: open.goneAt === null ? open.returns : open.returns + 1 }];
  return open.told ? [{ ...open, goneAt: open.goneAt ?? now }] : [];
}

const texts = (open: readonly Open[]): string => open.map(({ text }) => text).join("; ");
const withSpans = (open: readonly Open[], now: WallTime): string => open.map(({ text, since, returns }) =>
  `${text} (for ${span(now - since)}${returns === 0 ? "" : `, came and went ${returns + 1} times`})`).join("; ");
const span = (ms: Duration): string => formatDuration(ms < 120_000 ? Math.round(ms / 1000) * 1000 : Math.round(ms / 60_000) * 60_000);

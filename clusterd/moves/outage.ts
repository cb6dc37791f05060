// How long an identity's address did not answer, as seen from this node: a probe of our own asks it throughout a move.

import { spawn } from "node:child_process";
import { SCRIPTS } from "../takeover/scripts.ts";
import type { Duration, Instant } from "../base/time.ts";

/** No answer from one moment to the other; `stalled`: so much of it the probe itself did not ask. */
export interface Gap { readonly from: Instant; readonly to: Instant; readonly stalled: Duration }
export interface Seen { readonly first: Instant | null; readonly gaps: readonly Gap[] }

export interface Probe {
  /** Has it answered within the time? */
  answers(within: Duration): Promise<boolean>;
  /** Ends it; all that it saw. */
  end(): Promise<Seen>;
}

/** Pure: what the probe wrote. An answer that is still missing at the end is a gap as well. */
export function readSeen(text: string): Seen {
  const lines = text.split("\n").map((line) => line.split(" "));
  const numbers = (kind: string): readonly (readonly number[])[] => lines.filter(([word]) => word === kind).map(([, ...rest]) => rest.map(Number));
  const gaps = numbers("gap").map(([from = 0, to = 0, stalled = 0]): Gap => ({ from, to, stalled }));
  const [last = 0, now = 0] = numbers("end")[0] ?? [];
  const open: readonly Gap[] = last > 0 && now - last > STILL ? [{ from: last, to: now, stalled: 0 }] : [];
  return { first: numbers("first")[0]?.[0] ?? null, gaps: [...gaps, ...open] };
}

const STILL = 100;

/** The longest silence that ended between two moments, or began there; our own stalls are not counted against anybody. */
export const longestOutage = ({ gaps }: Seen, began: Instant, ended: Instant): Duration =>
  Math.max(0, ...gaps.filter(({ from, to }) => to > began && from < ended).map(({ from, to, stalled }) => Math.max(0, Math.round(to - from - stalled))));

export function watchAddress(address: string): Probe {
  // Not in the terminal's group: Ctrl-C, or the terminal's end, does not end the drill either.
  const child = spawn("perl", [`${SCRIPTS}/outage`, address], { stdio: ["pipe", "pipe", "inherit"], detached: true });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (more: string) => { text += more; });
  child.stdin.on("error", () => { /* it has ended; "close" tells */ });
  const closed = new Promise<void>((resolve) => { child.on("close", () => resolve()); child.on("error", () => resolve()); });
  return {
    answers: (within) => new Promise((resolve) => {
      const done = (): void => { clearTimeout(timer); child.stdout.off("data", look); resolve(text.startsWith("first ")); };
      const look = (): void => { if (text.startsWith("first ")) done(); };
      const timer = setTimeout(done, within);
      child.stdout.on("data", look);
      void closed.then(done);
    }),
    end: async () => { child.stdin.end(); await closed; return readSeen(text); },
  };
}

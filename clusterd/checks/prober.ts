// The process that asks: each check at its interval, as long as it is told to; a line of JSON for each answer.
//
// A process of its own because what it asks may be slow, large or hostile, and a heartbeat must not wait for a regular expression.
// It decides nothing and knows nothing of the pair. Each line on its input says anew what is to be asked; at the end of its input, that
// is when the daemon has ended however, it ends what it has begun, and itself.

import { createInterface } from "node:readline";
import type { Duration } from "../base/time.ts";
import { probe } from "./probe.ts";
import type { Answer, Asked } from "./probe.ts";

export interface Errand extends Asked {
  /** The place of the check among its service's. */
  readonly number: number;
  readonly interval: Duration;
}

export interface Report extends Answer {
  readonly service: string;
  readonly number: number;
}

/** Asks again and again until `signal`; never twice at once, and the first after a part of the interval of its own, so that not all come together. */
async function go(errand: Errand, share: number, signal: AbortSignal): Promise<void> {
  await pause(errand.interval * share, signal);
  while (!signal.aborted) {
    const { took, ...answer } = await probe(errand, signal);
    if (signal.aborted) return;
    process.stdout.write(`${JSON.stringify({ service: errand.service, number: errand.number, ...answer } satisfies Report)}\n`);
    await pause(Math.max(0, errand.interval - took), signal);
  }
}

const pause = (time: Duration, signal: AbortSignal): Promise<void> => new Promise((resolve) => {
  if (signal.aborted) return resolve();
  const timer = setTimeout(over, time);
  signal.addEventListener("abort", over, { once: true });
  function over(): void {
    clearTimeout(timer);
    signal.removeEventListener("abort", over);
    resolve();
  }
});

let current = new AbortController();
let going: readonly Promise<void>[] = [];
process.stdout.on("error", () => process.exit());
createInterface({ input: process.stdin }).on("line", (line) => {
  current.abort();
  const { signal } = (current = new AbortController());
  const errands = JSON.parse(line) as readonly Errand[];
  going = errands.map((errand, index) => go(errand, (index + 1) / (errands.length + 1), signal));
}).on("close", () => {
  current.abort();
  void Promise.all(going).then(() => process.exit());
});

// Tells people what happened, by each way that is configured: mail, webhook, command. Words and standard input, never a shell.
//
// Each way has a queue of its own, so that a mail does not wait for a webhook that hangs; within one they go one at a time and in
// order, so that no notice overtakes another. Nobody waits for any of it: a program that hangs is ended, and when too much waits, the
// oldest is dropped and counted. How it ended is logged, nothing else depends on it.

import { describe, run } from "../base/exec.ts";
import type { Ran } from "../base/exec.ts";
import type { Log } from "../base/log.ts";
import type { Duration } from "../base/time.ts";

export interface Notice {
  /** A fixed name, as in the log: identity.owner, degraded, well-again. */
  readonly event: string;
  /** The node whose identity it is about, or a job; "-" when about the whole node. */
  readonly about: string;
  readonly because: string;
}

/** A program that carries one notice to people. */
export interface Way {
  /** For people: "mail to root". Nothing secret is in it. */
  readonly name: string;
  words(notice: Notice): readonly string[];
  /** Its standard input; undefined: none. */
  input?(notice: Notice): string;
}

export interface Notifier {
  /** Returns at once. */
  tell(notice: Notice): void;
  /** Ends when everything told so far has been said or given up. */
  idle(): Promise<void>;
}

const MOST_WAITING = 100;
const TIMEOUT: Duration = 30_000;

/** No ways: nobody is told. */
export function createNotifier(ways: readonly Way[], log: Pick<Log, "warn">, { timeout = TIMEOUT }: { readonly timeout?: Duration } = {}): Notifier {
  const queues = ways.map((way) => createQueue(way, log, timeout));
  return {
    tell: (notice) => { for (const queue of queues) queue.tell(notice); },
    idle: async () => { for (const queue of queues) await queue.idle(); },
  };
}

function createQueue(way: Way, log: Pick<Log, "warn">, timeout: Duration): Notifier {
  const waiting: Notice[] = [];
  let dropped = 0;
  let working: Promise<void> | null = null;

  async function work(): Promise<void> {
    for (let notice = waiting.shift(); notice !== undefined; notice = waiting.shift()) {
      const ran = await deliver(way, notice, timeout);
      if (ran.failure !== null) log.warn("notify.failed", { way: way.name, notice: notice.event, because: describe(ran) });
      if (dropped > 0) log.warn("notify.dropped", { way: way.name, notices: dropped, because: `more than ${MOST_WAITING} notices waited for it` });
      dropped = 0;
    }
    working = null;
  }

  return {
    tell(notice) {
      waiting.push(notice);
      if (waiting.length > MOST_WAITING) { waiting.shift(); dropped += 1; }
      working ??= work();
    },
    idle: async () => { await working; },
  };
}

export function deliver(way: Way, notice: Notice, timeout: Duration = TIMEOUT): Promise<Ran> {
  const input = way.input?.(notice);
  return run(way.words(notice), { timeout, ordinary: true, ...(input !== undefined && { input }) });
}

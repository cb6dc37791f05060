// Tells the command of `notify =` what happened: takeovers, lost links, failed runs. Words, never a shell.
//
//   /usr/local/sbin/tell-admin clusterd takeover serv1 "the peer is silent on every link: claim aloud"
//
// One at a time and in order, so that a mail never overtakes another. Nobody waits for it: a command that hangs is ended,
// and when too much waits, the oldest is dropped and counted. How it ended is logged, nothing else depends on it.

import { describe, run } from "./base/exec.ts";
import type { Log } from "./base/log.ts";
import type { Duration } from "./base/time.ts";

export interface Notice {
  /** A fixed name, as in the log: takeover, link-lost, run-failed. */
  readonly event: string;
  /** The node whose identity it is about, or a job; "-" when about the whole node. */
  readonly about: string;
  readonly because: string;
}

export interface Notifier {
  /** Returns at once. */
  tell(notice: Notice): void;
  /** Ends when everything told so far has been said or given up. */
  idle(): Promise<void>;
}

const MOST_WAITING = 100;

/** `argv` empty: nobody is told. */
export function createNotifier(argv: readonly string[], log: Pick<Log, "warn">, { timeout = 30_000 }: { readonly timeout?: Duration } = {}): Notifier {
  const waiting: Notice[] = [];
  let dropped = 0;
  let working: Promise<void> | null = null;

  async function work(): Promise<void> {
    for (let notice = waiting.shift(); notice !== undefined; notice = waiting.shift()) {
      const ran = await run([...argv, notice.event, notice.about, notice.because], { timeout, ordinary: true });
      if (ran.failure !== null) log.warn("notify.failed", { notice: notice.event, because: describe(ran) });
      if (dropped > 0) log.warn("notify.dropped", { notices: dropped, because: `more than ${MOST_WAITING} notices waited for the notify command` });
      dropped = 0;
    }
    working = null;
  }

  return {
    tell(notice) {
      if (argv.length === 0) return;
      waiting.push(notice);
      if (waiting.length > MOST_WAITING) { waiting.shift(); dropped += 1; }
      working ??= work();
    },
    idle: async () => { await working; },
  };
}

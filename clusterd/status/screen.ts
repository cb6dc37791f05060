// A page that keeps itself up to date until Ctrl-C: `clusterd status --watch`, `mirror watch`.

import type { Duration } from "../base/time.ts";

/** Cursor home, and everything that stood there gone. */
const CLEAR = "\x1b[H\x1b[2J\x1b[3J";

/** In place of the last one on a terminal, below it elsewhere. */
export function drawPage(text: string): void {
  const { stdout } = process;
  stdout.write(`${stdout.isTTY ? CLEAR : ""}${text}\n${stdout.isTTY ? "" : "\n"}`);
}

/** Aborted by Ctrl-C, by the end of who reads us, or when the time is over. */
export function untilStopped(span: Duration | null): AbortSignal {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  if (span !== null) setTimeout(stop, span).unref();
  process.once("SIGINT", stop).once("SIGTERM", stop);
  process.stdout.once("error", stop);
  return stopping.signal;
}

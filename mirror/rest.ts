// A file that is written without pause is sent again and again: never more than a third of the time.
//
// What was in two long batches, the second soon after the first, rests for twice as long as the second took. Everything else goes on
// meanwhile: a long batch of what is new holds nothing up. Pure.

import type { Duration, Instant } from "../clusterd/base/time.ts";

/** A batch that takes this long counts. */
const LONG = 500;
const SHARE = 2;
const LONGEST = 60_000;

export class Rest {
  #last: { readonly paths: ReadonlySet<string>; readonly until: Instant } = { paths: new Set(), until: -Infinity };
  readonly #resting = new Map<string, Instant>();

  /** A batch with these paths has just arrived. */
  sent(paths: Iterable<string>, took: Duration, now: Instant): void {
    for (const [path, until] of this.#resting) if (until <= now) this.#resting.delete(path);
    if (took < LONG) return;
    const pause = Math.min(LONGEST, SHARE * took);
    const all = new Set(paths);
    if (now - took <= this.#last.until) for (const path of all) if (this.#last.paths.has(path)) this.#resting.set(path, now + pause);
    // Longer than the pause, so that what comes right after it is known again.
    this.#last = { paths: all, until: now + 2 * pause };
  }

  /** When a path may go. */
  until(path: string): Instant {
    return this.#resting.get(path) ?? -Infinity;
  }
}

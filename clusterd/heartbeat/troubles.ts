// When does a person hear that a link fails, and that it works again? Once each, however often it is tried in between.

import { monotonicNow, type Duration, type Instant } from "../base/time.ts";
import type { LinkEvents } from "./link.ts";

export interface Troubles {
  /** `about`: what failed, an address or a device; a new sentence about it is told, the same one is not. */
  failed(about: string, sentence: string): void;
  succeeded(): void;
}

/** Trouble is over when nothing has failed for `curedAfter` ms; anything much shorter would be told over and over. */
export function createTroubles(curedAfter: Duration, tell: LinkEvents["trouble"]): Troubles {
  const failing = new Map<string, { sentence: string; at: Instant }>();
  return {
    failed(about, sentence) {
      const known = failing.get(about);
      failing.set(about, { sentence, at: monotonicNow() });
      if (known?.sentence !== sentence) tell(sentence);
    },
    succeeded() {
      if (failing.size === 0) return;
      const now = monotonicNow();
      for (const [about, { at }] of failing) if (now - at >= curedAfter) failing.delete(about);
      if (failing.size === 0) tell(null);
    },
  };
}

/** ECONNREFUSED and the like: short, and what a search engine knows. */
export const codeOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.message;

// When does something wait that must not happen in the middle of a takeover or handover, and for how long?
//
// A claim that no configuration lets come true would hold it up for ever, so its patience ends a little after that of a frozen handover.

import { monotonicNow, type Duration, type Instant } from "./base/time.ts";
import { FREEZE_LIMIT } from "./core/signals.ts";
import { underWay, type State } from "./core/state.ts";

const LOOK: Duration = 50;
const PATIENCE: Duration = FREEZE_LIMIT + 10_000;

export class Postponed {
  readonly #state: () => State;
  readonly #act: () => void;
  #since: Instant | null = null;

  constructor(state: () => State, act: () => void) {
    this.#state = state;
    this.#act = act;
  }

  /** It is done once what is under way is over; once, however often it is asked for until then. */
  ask(): void {
    if (this.#since !== null) return;
    this.#since = monotonicNow();
    this.#lookLater(this.#since);
  }

  #lookLater(since: Instant): void {
    setTimeout(() => {
      if (underWay(this.#state()) !== null && monotonicNow() - since < PATIENCE) return this.#lookLater(since);
      this.#since = null;
      this.#act();
    }, LOOK);
  }
}

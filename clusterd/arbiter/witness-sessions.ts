// Is this question new? One session for each node: the daemon start that is believed, and the highest number heard of it.
//
// A daemon start is believed when it repeats a nonce that was drawn for it, so that nothing recorded earlier, from another
// start or before the witness's own, can pass for new.

import type { Index } from "../core/model.ts";
import type { WireQuestion } from "./witness-packet.ts";

interface Session {
  readonly boot: string;
  readonly nonce: string;
  seq: number;
}

export type Freshness =
  | { readonly is: "new" | "unknown"; readonly nonce: string }
  /** Heard before, or overtaken: it deserves no answer. */
  | { readonly is: "old" };

export class Sessions {
  readonly #believed: [Session | null, Session | null] = [null, null];
  readonly #offered: [Session | null, Session | null] = [null, null];
  readonly #draw: () => string;

  /** `draw`: 32 hex digits that nobody can guess. */
  constructor(draw: () => string) {
    this.#draw = draw;
  }

  judge(from: Index, { boot, seq, nonce }: Pick<WireQuestion, "boot" | "seq" | "nonce">): Freshness {
    const session = [this.#believed[from], this.#offered[from]].find((each) => each?.boot === boot && each.nonce === nonce) ?? null;
    if (session === null) return { is: "unknown", nonce: this.#offer(from, boot) };
    if (seq <= session.seq) return { is: "old" };
    session.seq = seq;
    this.#believed[from] = session;
    return { is: "new", nonce: session.nonce };
  }

  #offer(from: Index, boot: string): string {
    const before = this.#offered[from];
    // The one that is believed has used its offer up: whoever comes with this boot and without its nonce is met anew.
    if (before?.boot !== boot || before === this.#believed[from]) this.#offered[from] = { boot, nonce: this.#draw(), seq: 0 };
    return this.#offered[from]?.nonce ?? "";
  }
}

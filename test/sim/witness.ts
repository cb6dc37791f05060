// The third machine in virtual time: the real rules, a disk that takes its time, restarts, and a clock of its own rate.
//
// Left out: sessions and packets, which have tests of their own; a question counts once and in order here too.

import type { Index, WitnessQuestion, WitnessVote } from "../../clusterd/core/model.ts";
import { hasNews, judge, witnessAtStart, type WitnessRecord, type WitnessState } from "../../clusterd/arbiter/witness-rules.ts";

export class VirtualWitness {
  rate = 1;
  /** How long a write takes. */
  fsync = 0.3;
  #disk: WitnessRecord | null = null;
  #state: WitnessState | null = null;
  #heard: [number, number] = [0, 0];
  #asked = 0;
  #writtenAt = 0;

  get isOn(): boolean {
    return this.#state !== null;
  }

  /** What is on its disk, as far as virtual time has come. */
  get record(): WitnessRecord | null {
    return this.#disk;
  }

  start(now: number): void {
    this.#state = witnessAtStart("sim", this.#disk, now * this.rate);
  }

  /** Its power is cut: what is not on its disk is gone. */
  stop(): void {
    this.#state = null;
  }

  /** Its disk is replaced. */
  forget(): void {
    this.#disk = null;
  }

  /** The number of the next question, whoever asks. */
  number(): number {
    return (this.#asked += 1);
  }

  /** The votes, and after how long they are on disk; null when there is no answer. */
  hear(from: Index, number: number, question: WitnessQuestion, now: number): { readonly after: number; readonly votes: readonly [WitnessVote, WitnessVote] } | null {
    if (this.#state === null || number <= this.#heard[from]) return null;
    this.#heard[from] = number;
    const { state, votes } = judge(this.#state, from, question, now * this.rate);
    if (hasNews(this.#state.record, state.record)) {
      this.#disk = state.record;
      this.#writtenAt = now + this.fsync;
    }
    this.#state = state;
    return { after: Math.max(0, this.#writtenAt - now), votes };
  }
}

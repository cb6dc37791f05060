// What is due next in virtual time: a binary heap, first by moment, then by the order of asking.
//
// Moments and orders lie beside the things, in arrays of numbers: an episode puts some 10,000 packets in here, and an object for each
// would be half of all garbage.

export interface Due {
  run(): void;
}

export class Queue {
  #at = new Float64Array(64);
  #order = new Float64Array(64);
  readonly #what: Due[] = [];
  #asked = 0;

  /** When the first is due; Infinity when nothing is. */
  get firstAt(): number {
    return this.#what.length > 0 ? this.#at[0] as number : Infinity;
  }

  push(at: number, what: Due): void {
    let place = this.#what.length;
    if (place === this.#at.length) this.#grow();
    this.#what.push(what);
    while (place > 0) {
      const above = (place - 1) >> 1;
      if ((this.#at[above] as number) <= at) break; // of equal moments the older order is above already
      this.#move(above, place);
      place = above;
    }
    this.#put(place, at, this.#asked += 1, what);
  }

  /** Takes the first out. */
  pop(): Due | undefined {
    const first = this.#what[0];
    const last = this.#what.pop();
    const size = this.#what.length;
    if (last === undefined || size === 0) return first;
    const at = this.#at[size] as number;
    const order = this.#order[size] as number;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= size) break;
      if (below + 1 < size && this.#isBefore(below + 1, this.#at[below] as number, this.#order[below] as number)) below += 1;
      if (!this.#isBefore(below, at, order)) break;
      this.#move(below, place);
      place = below;
    }
    this.#put(place, at, order, last);
    return first;
  }

  #isBefore(place: number, at: number, order: number): boolean {
    const own = this.#at[place] as number;
    return own < at || (own === at && (this.#order[place] as number) < order);
  }

  #put(place: number, at: number, order: number, what: Due): void {
    this.#at[place] = at;
    this.#order[place] = order;
    this.#what[place] = what;
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#at[from] as number, this.#order[from] as number, this.#what[from] as Due);
  }

  #grow(): void {
    const [at, order] = [this.#at, this.#order];
    this.#at = new Float64Array(2 * at.length);
    this.#order = new Float64Array(2 * at.length);
    this.#at.set(at);
    this.#order.set(order);
  }
}

// What is due next in virtual time: a binary heap, first by moment, then by the order of asking.

export interface Due {
  readonly at: number;
  readonly order: number;
  readonly what: { run(): void };
}

export class Queue {
  readonly #heap: Due[] = [];
  #order = 0;

  get first(): Due | undefined {
    return this.#heap[0];
  }

  push(at: number, what: Due["what"]): void {
    this.#order += 1;
    const item: Due = { at, order: this.#order, what };
    const heap = this.#heap;
    let place = heap.length;
    heap.push(item);
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above] as Due;
      if (parent.at <= at) break; // of equal moments the older order is above already
      heap[place] = parent;
      place = above;
    }
    heap[place] = item;
  }

  pop(): Due | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Due, heap[below] as Due)) below += 1;
      const child = heap[below] as Due;
      if (!isBefore(child, last)) break;
      heap[place] = child;
      place = below;
    }
    heap[place] = last;
    return first;
  }
}

const isBefore = (one: Due, other: Due): boolean => one.at < other.at || (one.at === other.at && one.order < other.order);

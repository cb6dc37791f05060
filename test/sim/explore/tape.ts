// Plain data ↔ bytes, described field by field: what is written is what two states are compared by.
//
// A struct lists every field of its type, so a field that the core gains is a compile error until somebody has said
// whether it matters (a moment, a flag …) or is history for people (`gone`).

export class Tape {
  readonly bytes = new Uint8Array(4096);
  readonly #view = new DataView(this.bytes.buffer);
  at = 0;
  /** The moment that times are relative to. */
  now = 0;
  /** The number that numbers of writes are relative to. */
  write = 0;
  /** By node: the heartbeats (boot, number) that anybody still knows of, oldest first; the last is its newest. */
  marks: readonly [Mark[], Mark[]] = [[], []];

  put(byte: number): void {
    this.bytes[this.at] = byte;
    this.at += 1;
  }
  get(): number {
    this.at += 1;
    return this.bytes[this.at - 1] as number;
  }
  put16(word: number): void {
    this.#view.setInt16(this.at, word);
    this.at += 2;
  }
  get16(): number {
    this.at += 2;
    return this.#view.getInt16(this.at - 2);
  }
}

export interface Mark {
  readonly boot: string;
  readonly seq: number;
}

export interface Field<T> {
  readonly write: (tape: Tape, value: T) => void;
  readonly read: (tape: Tape) => T;
}

export type Fields<T> = { readonly [K in keyof T]-?: Field<T[K]> };

export function struct<T extends object>(fields: Fields<T>): Field<T> {
  const keys = Object.keys(fields) as (keyof T)[];
  const written = keys.filter((key) => fields[key].write !== UNWRITTEN);
  return {
    write: (tape, value) => { for (const key of written) fields[key].write(tape, value[key]); },
    read: (tape) => {
      const value = {} as T;
      for (const key of keys) value[key] = fields[key].read(tape);
      return value;
    },
  };
}

/** What is known without being written. */
export const UNWRITTEN = (): void => {};

/** Not remembered: it decides nothing. */
export const gone = <T>(value: T): Field<T> => ({ write: UNWRITTEN, read: () => value });

export const flag: Field<boolean> = { write: (tape, value) => tape.put(value ? 1 : 0), read: (tape) => tape.get() === 1 };

/** A whole number below 256. */
export const small: Field<number> = {
  write: (tape, value) => {
    if (!(value >= 0 && value < 256)) throw new RangeError(`${value} does not fit a byte`);
    tape.put(value);
  },
  read: (tape) => tape.get(),
};

export const oneOf = <T>(values: readonly T[]): Field<T> => ({
  write: (tape, value) => tape.put(values.indexOf(value)),
  read: (tape) => values[tape.get()] as T,
});

export const nullable = <T>(field: Field<T>): Field<T | null> => ({
  write: (tape, value) => {
    tape.put(value === null ? 0 : 1);
    if (value !== null) field.write(tape, value);
  },
  read: (tape) => (tape.get() === 0 ? null : field.read(tape)),
});

export const list = <T>(field: Field<T>): Field<readonly T[]> => ({
  write: (tape, values) => {
    tape.put(values.length);
    for (const value of values) field.write(tape, value);
  },
  read: (tape) => Array.from({ length: tape.get() }, () => field.read(tape)),
});

export const both = <T>(field: Field<T>): Field<[T, T]> => ({
  write: (tape, [first, second]) => { field.write(tape, first); field.write(tape, second); },
  read: (tape) => [field.read(tape), field.read(tape)],
});

/** Times are kept to 10 ms: the finest that the core makes of these timings (1.02 keepalives). */
const GRAIN = 10;
const NEVER_WORD = -32768;
const ALWAYS_WORD = 32767;

/** A moment, as its distance from now. Older than `horizon` ms is "long ago": nothing in the core asks how long. */
export const moment = (horizon: number): Field<number> => ({
  write: (tape, value) => tape.put16(value === Number.NEGATIVE_INFINITY ? NEVER_WORD : value === Number.POSITIVE_INFINITY ? ALWAYS_WORD
    : Math.max(-horizon / GRAIN, Math.round((value - tape.now) / GRAIN))),
  read: (tape) => {
    const word = tape.get16();
    return word === NEVER_WORD ? Number.NEGATIVE_INFINITY : word === ALWAYS_WORD ? Number.POSITIVE_INFINITY : tape.now + word * GRAIN;
  },
});

/** A heartbeat of this node, by its place among those that anybody still knows of: numbers that only count up leave no trace. */
export const mark = (node: 0 | 1): Field<Mark> => ({
  write: (tape, { boot, seq }) => {
    const place = tape.marks[node].findIndex((known) => known.seq === seq && known.boot === boot);
    if (place < 0) throw new Error(`heartbeat ${seq} of boot ${boot} was not gathered`);
    tape.put(place);
  },
  read: (tape) => tape.marks[node][tape.get()] as Mark,
});

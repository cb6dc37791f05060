// How one value lies in a heartbeat's bytes: the pieces from which packet.ts builds its table.
//
// Every field has a fixed size, numbers are big-endian, and each value has exactly one encoding: `read` answers
// `undefined` for any other bytes, so what was read can only be written back the same. `write` asserts: a value that
// does not fit is a bug of ours, never something that the network can cause.

import assert from "node:assert/strict";

export interface Field<T> {
  readonly size: number;
  write(bytes: Buffer, at: number, value: T): void;
  /** The value, or undefined when these bytes are no valid encoding. */
  read(bytes: Buffer, at: number): T | undefined;
}

export const byte: Field<number> = {
  size: 1,
  write: (bytes, at, value) => { bytes.writeUInt8(value, at); },
  read: (bytes, at) => bytes[at],
};

/** 0 … 2^48 − 1: at a heartbeat every 20 ms a sequence number lasts 178,000 years. */
export const counter: Field<number> = {
  size: 6,
  write: (bytes, at, value) => {
    assert(Number.isInteger(value), `a counter is a whole number, not ${value}`);
    bytes.writeUIntBE(value, at, 6);
  },
  read: (bytes, at) => bytes.readUIntBE(at, 6),
};

/** As a counter, but what is read leaves room above: whatever epoch a peer names, the next ones (core/epochs.ts) can still be
 *  written. Somebody who has the key and lies may spoil what only a person can mend; he does not end the daemon. */
export const epoch: Field<number> = {
  ...counter,
  read: (bytes, at) => {
    const value = bytes.readUIntBE(at, 6);
    return value < 2 ** 47 ? value : undefined;
  },
};

/** Milliseconds since 1970 with fractions, as an IEEE 754 double: the four-timestamp exchange wants the microseconds. */
export const wallTime: Field<number> = {
  size: 8,
  write: (bytes, at, value) => {
    assert(isWallTime(value), `not a wall time: ${value}`);
    bytes.writeDoubleBE(value, at);
  },
  read: (bytes, at) => {
    const value = bytes.readDoubleBE(at);
    return isWallTime(value) ? value : undefined;
  },
};

// No negative zero, infinity or NaN: they would compare or subtract in surprising ways further in.
const isWallTime = (value: number): boolean => value >= 0 && value <= Number.MAX_SAFE_INTEGER && !Object.is(value, -0);

/** Lower-case hex digits, two a byte. */
export const hex = (size: number): Field<string> => ({
  size,
  write: (bytes, at, value) => {
    assert(value.length === 2 * size && /^[0-9a-f]*$/.test(value), `not ${2 * size} lower-case hex digits: "${value}"`);
    bytes.write(value, at, "hex");
  },
  read: (bytes, at) => bytes.toString("hex", at, at + size),
});

/** One of a list of constants, by its place in the list. The list is part of the protocol version. */
export function oneOf<const T>(values: readonly T[]): Field<T> {
  return {
    size: 1,
    write: (bytes, at, value) => {
      assert(values.includes(value), `${value} is none of ${values.join(", ")}`);
      bytes[at] = values.indexOf(value);
    },
    read: (bytes, at) => values[bytes[at]!],
  };
}

/** A byte 1 and the value, or zeros all over: absence is said, not guessed from a special value. */
export function nullable<T>(field: Field<T>): Field<T | null> {
  return {
    size: 1 + field.size,
    write: (bytes, at, value) => {
      bytes.fill(0, at, at + 1 + field.size);
      if (value === null) return;
      bytes[at] = 1;
      field.write(bytes, at + 1, value);
    },
    read: (bytes, at) => {
      if (bytes[at] === 1) return field.read(bytes, at + 1);
      for (let i = 0; i <= field.size; i += 1) if (bytes[at + i] !== 0) return undefined;
      return null;
    },
  };
}

export function pair<T>(field: Field<T>): Field<readonly [T, T]> {
  return {
    size: 2 * field.size,
    write: (bytes, at, [first, second]) => {
      field.write(bytes, at, first);
      field.write(bytes, at + field.size, second);
    },
    read: (bytes, at) => {
      const first = field.read(bytes, at);
      const second = field.read(bytes, at + field.size);
      return first === undefined || second === undefined ? undefined : [first, second];
    },
  };
}

type FlagKeys<T> = { [K in keyof T]-?: T[K] extends boolean ? K : never }[keyof T];

/** A record: its fields in the table's order, then one byte with its flags. Both tables are complete by type. */
export function record<T extends object>(
  fields: { readonly [K in Exclude<keyof T, FlagKeys<T>>]: Field<T[K]> },
  flags: { readonly [K in FlagKeys<T>]: number },
): Field<T> {
  const parts = Object.entries(fields) as [string, Field<unknown>][];
  const bits = Object.entries(flags) as [string, number][];
  const known = bits.reduce((all, [, bit]) => all | bit, 0);
  const flagsAt = parts.reduce((size, [, field]) => size + field.size, 0);
  return {
    size: flagsAt + (bits.length > 0 ? 1 : 0),
    write: (bytes, start, value) => {
      const values = value as Record<string, unknown>;
      let at = start;
      for (const [name, field] of parts) {
        field.write(bytes, at, values[name]);
        at += field.size;
      }
      if (bits.length > 0) bytes[at] = bits.reduce((all, [name, bit]) => values[name] === true ? all | bit : all, 0);
    },
    read: (bytes, start) => {
      const values: Record<string, unknown> = {};
      let at = start;
      for (const [name, field] of parts) {
        const value = field.read(bytes, at);
        if (value === undefined) return undefined;
        values[name] = value;
        at += field.size;
      }
      const set = bits.length > 0 ? bytes[at]! : 0;
      if ((set & ~known) !== 0) return undefined;
      for (const [name, bit] of bits) values[name] = (set & bit) !== 0;
      return values as T;
    },
  };
}

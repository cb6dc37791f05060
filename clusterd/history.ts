// The decisions of this node, newest last: the last ones in memory for `status`, all of them as JSON lines on disk.
//
// Written off the event loop and never waited for: history explains, it does not decide. Bounded: the file is turned over
// once when it grows beyond a megabyte.

import { appendFile, mkdir, rename, stat } from "node:fs/promises";
import type { NodeStatus } from "./status/control.ts";

export type HistoryEntry = NodeStatus["history"][number];

const KEPT = 50;
const LARGEST = 1024 * 1024;

export interface History {
  add(entry: HistoryEntry): void;
  newest(): readonly HistoryEntry[];
  flush(): Promise<void>;
}

export const historyFile = (state: string): string => `${state}/history.jsonl`;

export function createHistory(state: string): History {
  const file = historyFile(state);
  let entries: readonly HistoryEntry[] = [];
  let last: Promise<void> = Promise.resolve();
  return {
    add(entry) {
      entries = [...entries, entry].slice(-KEPT);
      last = last.then(() => append(state, file, entry)).catch(() => undefined);
    },
    newest: () => entries,
    flush: () => last,
  };
}

async function append(state: string, file: string, entry: HistoryEntry): Promise<void> {
  await mkdir(state, { recursive: true, mode: 0o700 });
  const size = await stat(file).then((found) => found.size, () => 0);
  if (size > LARGEST) await rename(file, `${file}.old`);
  await appendFile(file, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
}

/** What stands in `now` and did not in `before`: both the newest decisions, oldest first. */
export function decidedSince(before: readonly HistoryEntry[], now: readonly HistoryEntry[]): readonly HistoryEntry[] {
  const [old, fresh] = [before.map((entry) => JSON.stringify(entry)), now.map((entry) => JSON.stringify(entry))];
  for (let count = 0; count < fresh.length; count += 1) {
    const kept = fresh.slice(0, fresh.length - count);
    if (kept.length <= old.length && kept.every((entry, index) => entry === old[old.length - kept.length + index])) return now.slice(fresh.length - count);
  }
  return now;
}

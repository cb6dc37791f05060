// A path that heartbeats travel, whatever it is made of.
//
// A link carries whole packets and knows nothing of their meaning: the daemon encodes with the link's own key and gives
// the bytes; what arrives is handed up, and the answer says whether it was a heartbeat of the peer. A link may lose,
// repeat and reorder. A stream (a serial line) must find packet borders by itself.

import type { LinkName } from "../core/model.ts";

export interface Link {
  readonly name: LinkName;
  readonly counters: Readonly<LinkCounters>;
  /** Opens the link. Resolves after the first attempt, also when that failed: the link goes on trying by itself and tells. */
  start(): Promise<void>;
  /** Hands one packet over and returns at once. Never throws; failures are counted and told. Without an open link it is counted as failed. */
  send(bytes: Buffer): void;
  /** No event comes afterwards. May be called twice, and before start(). */
  close(): Promise<void>;
}

export interface LinkEvents {
  /** Bytes came in. The answer: they were authentic heartbeats of the peer (decodeHeartbeat said ok). */
  received(bytes: Buffer, from: string): boolean;
  /** Once when something begins to fail (a sentence), and null once when all works again. Never from inside send(). */
  trouble(sentence: string | null): void;
}

export interface LinkCounters {
  sent: number;
  /** Packets that could not be sent: no address, no route, filtered. */
  failed: number;
  /** Authentic packets of the peer. */
  heard: number;
  /** Everything else that arrived. */
  refused: number;
}

export const noCounts = (): LinkCounters => ({ sent: 0, failed: 0, heard: 0, refused: 0 });

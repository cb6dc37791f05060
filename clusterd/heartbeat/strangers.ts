// Packets that are no heartbeats of our peer come in, and none that are: what is wrong between the two nodes, and what helps?
//
// One stray packet says nothing, nor does any number beside good ones. Only a link that brings nothing but such packets
// has a problem; it is named until the link works or the packets end. Nothing is decided by it: anybody can send them.

import type { Instant } from "../base/time.ts";
import type { Index, LinkName } from "../core/model.ts";
import type { HeartbeatKeys } from "./key.ts";
import { PROTOCOL_VERSION, versionOf, type Unreadable } from "./packet.ts";
import { isSealedWith } from "./seal.ts";

export interface Strangers {
  refused(link: LinkName, reason: Unreadable, bytes: Buffer, from: string, now: Instant): void;
  accepted(link: LinkName): void;
  /** A sentence for each thing that is wrong now. */
  problems(now: Instant): readonly string[];
}

export interface StrangersOptions {
  readonly self: Index;
  readonly keys: HeartbeatKeys;
  /** The peer's name and its addresses, on whichever link. */
  readonly peer: { readonly name: string; readonly addresses: readonly string[] };
}

/** So many in a row on one link. */
const ENOUGH = 10;
/** Judging takes several hashes: in a flood one packet in so many milliseconds is looked at. */
const PAUSE = 1000;
const ENDED = 5000;

interface Seen { count: number; at: Instant; judgedAt: Instant; sentence: string | null }

export function createStrangers({ self, keys, peer }: StrangersOptions): Strangers {
  const seen = new Map<LinkName, Seen>();
  const other: Index = self === 0 ? 1 : 0;

  /** Null: nobody that we would have to do with. */
  function judge(link: LinkName, reason: Unreadable, bytes: Buffer, from: string): string | null {
    if (reason === "version")
      return `${peer.name} speaks version ${versionOf(bytes)} of the heartbeat protocol and this node version ${PROTOCOL_VERSION}: they do not understand each other, so neither takes over. Install the same clusterd on both`;
    if (reason === "malformed" || reason === "sender") return `${peer.name} has the key and says what no clusterd of this version says: install the same clusterd on both`;
    if (reason !== "authentication") return null;
    if (isSealedWith(keys[link][self], bytes)) return link === "serial" ? "this node hears itself on the serial line: it is looped back somewhere"
      : `${from} speaks as this very node, with its key: a copy of this node's disk or folder is running there. Stop it, and give it its own`;
    // The LAN's socket gets what is sent over the private cable too while the private socket has no address.
    if (isSealedWith(keys.lan[other], bytes)) return `what ${peer.name} says on the LAN arrives on the ${link} link: the cables or NICs of the two are exchanged`;
    if (link === "serial" || !peer.addresses.includes(from) || isSealedWith(keys.private[other], bytes)) return null;
    return `packets from ${from}, which is ${peer.name}'s address, carry another key or another cluster's name: the two nodes do not hear each other. `
      + "`clusterd keys export` on one, `clusterd keys import FILE --replace-heartbeat-key` on the other; or the same `name` in both cluster.conf";
  }

  return {
    refused(link, reason, bytes, from, now) {
      const of = seen.get(link) ?? { count: 0, at: now, judgedAt: Number.NEGATIVE_INFINITY, sentence: null };
      seen.set(link, of);
      of.count = now - of.at > ENDED ? 1 : of.count + 1;
      of.at = now;
      if (of.count < ENOUGH || now - of.judgedAt < PAUSE) return;
      of.judgedAt = now;
      // A flood of nonsense between them does not hide what was found.
      of.sentence = judge(link, reason, bytes, from) ?? of.sentence;
    },
    accepted(link) { if (seen.size > 0) seen.delete(link); },
    problems: (now) => [...new Set([...seen.values()].flatMap(({ at, sentence }) => (sentence === null || now - at > ENDED ? [] : [sentence])))],
  };
}

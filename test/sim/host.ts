// One simulated machine: its daemon's state, its disk, its clock, and what the network would see of it.
//
// An identity speaks while it is raised and neither released nor silenced: the kernel's lease closes at the end that was
// told last, plus the release time at the latest, whether the daemon runs or not. Frozen processes do nothing; the kernel goes on.
// A frozen machine is another thing: its clock stands still and knows nothing of it, which is outside what two nodes can promise.

import { decodeJournal, encodeSlot } from "../../clusterd/journal.ts";
import type { CoreConfig, CoreEvent, Index, JournalRecord } from "../../clusterd/core/model.ts";
import type { State } from "../../clusterd/core/state.ts";
import type { Random } from "./random.ts";

export interface Host {
  readonly index: Index;
  /** As on its disk: what the next start, or a reload, reads. */
  config: CoreConfig;
  /** Local clock = (virtual time − what the clock has missed) · rate. */
  readonly rate: number;
  /** S, as the guards were told when the daemon started. */
  guardTime: number;
  missed: number;
  /** Of the heartbeat protocol: a node hears that a peer of another version lives, and understands nothing. */
  version: number;
  wallOffset: number;
  state: State | null;
  /** What the next start will read: null with `unreadable` when it is there and cannot be trusted. */
  journal: JournalRecord | null;
  unreadable: boolean;
  /** The other slot. */
  older: JournalRecord | null;
  life: number;
  frozenUntil: number;
  machineFrozen: boolean;
  backlog: CoreEvent[];
  wakeAt: number;
  /** By identity: virtual time at which it stops speaking by itself (kernel lease); null = not raised. */
  readonly up: [number | null, number | null];
  readonly services: [boolean, boolean];
  /** When the serial line has carried the last heartbeat. */
  lineFreeAt: number;
  /** Writes follow one another, as in the journal. `lies`: says done and writes nothing. */
  fsync: { delay: number; fails: boolean; lies: boolean; freeAt: number };
  raiseDelay: number;
  raiseFails: boolean;
  releaseFails: boolean;
  serviceDelay: number;
  serviceFails: boolean;
  passDelay: number;
  passFails: boolean;
  /** Whether its fence can switch the other node off, how long it takes, and after how long somebody switches that on again. */
  fence: { works: boolean; delay: number; backAfter: number };
  /** The mirror resynchronises the peer. */
  syncs: boolean;
}

export const newHost = (index: Index, config: CoreConfig, rate: number): Host => ({
  index, config, rate, guardTime: config.timing.release, missed: 0, version: 1, wallOffset: 0, state: null, journal: null, unreadable: false, older: null, life: 0,
  frozenUntil: 0, machineFrozen: false, backlog: [], wakeAt: Infinity, up: [null, null], services: [false, false], lineFreeAt: 0,
  fsync: { delay: 0.3, fails: false, lies: false, freeAt: 0 }, raiseDelay: 2, raiseFails: false, releaseFails: false,
  serviceDelay: 20, serviceFails: false, passDelay: 50, passFails: false, syncs: true,
  fence: { works: true, delay: 500, backAfter: Infinity },
});

/** What a power cut, or rot, does to the journal's two slots, as the journal's own code reads them afterwards. */
export function damageJournal(host: Host, how: "torn" | "flipped" | "both", random: Random): void {
  if (host.journal === null) return;
  const newest = encodeSlot(host.journal, 2);
  const other = host.older === null ? Buffer.alloc(newest.length) : encodeSlot(host.older, 1);
  const flip = (slot: Buffer): void => { slot[random.int(1024)]! ^= 1 << random.int(8); };
  // A torn write hits the slot that was being written: the older one.
  if (how === "torn") random.chance(0.5) ? other.fill(0, random.int(other.length)) : flip(other);
  else flip(newest);
  if (how === "both") flip(other);
  const read = decodeJournal(Buffer.concat([newest, other]));
  host.journal = read.ok ? read.record : null;
  host.unreadable = !read.ok && !read.missing;
  host.older = null;
}

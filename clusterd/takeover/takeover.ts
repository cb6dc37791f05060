// What the driver needs of the network: the promises of the takeover part, in the driver's words.
//
// Identity i is at home on the main NIC of node i, and away on the redundant NIC of the other node. Which NIC is the main one
// may change while it runs (exchange.ts); what is said here of roles goes by what they are now.

import type { Instant } from "../base/time.ts";
import type { Index } from "../core/model.ts";

export type NetworkOutcome = { readonly ok: true; readonly took: number } | { readonly ok: false; readonly reason: string; readonly took: number };

/** An identity that the daemon before this one left up, and the end of its lease. */
export interface Kept {
  readonly identity: Index;
  readonly until: Instant;
}

export interface Takeover {
  /** Start by looking: brings every NIC of this node to rest (no identity, stand-in MACs, admin address, routes), writes the
   *  generated ifcfg files, starts dead-man, kernel lease and LAN eye. Reports what it found raised. May be run twice.
   *  What `keep` names is left up if it is up as it should be and its lease lasts; `kept` says which. */
  prepare(keep?: readonly Kept[]): Promise<{ readonly found: readonly string[]; readonly problems: readonly string[]; readonly kept: readonly Index[] }>;
  /** MAC, address, routes, announcement; verified from the kernel's own answer. Fails, with everything taken back, when `until` passes. */
  raise(identity: Index, until: Instant): Promise<NetworkOutcome>;
  /** Link down, verified: then it is released. Stand-in MAC, up again, admin address and routes of a node without it follow,
   *  tried as often as it takes; the next operation on the NIC waits for one try. May be called for an identity that is not up. */
  release(identity: Index): Promise<NetworkOutcome>;
  /** Synchronous and cheap (each keepalive): dead-man and kernel hold the identity silent from `until` on, whatever hangs here. */
  lease(identity: Index, until: Instant, ackedAt: Instant): void;
  /** Gratuitous ARP and unsolicited NA, now and repeated over 10 s. */
  announce(identity: Index): void;
  /** Takes everything down (if anything is up) and ends the helper processes. */
  close(): Promise<void>;
}

/** Things the network part notices by itself; all callbacks come on the event loop, never synchronously from a call. */
export interface TakeoverEvents {
  carrier(nic: "main" | "heartbeat" | "redundant", up: boolean, at: Instant): void;
  ownMacHeard(identity: Index, at: Instant): void;
  /** The identity at home went on on the redundant NIC, because the main one failed. */
  exchanged(because: string): void;
  guardLost(reason: string): void;
  guardBack(): void;
}

/** Questions asked on the LAN, by ARP on the subnet and ICMP echo beyond it. */
export interface LanEye {
  /** Asks all reference hosts at once; `answered` is called for each growth of the count, with the round's own start. Rounds overlap. */
  askReferences(answered: (startedAt: Instant, answered: number, of: number, unsure: boolean) => void): void;
  /** ARP probe for the identity's main address, without an address of our own; calls back once, within `timeout` ms. */
  probeIdentity(identity: Index, timeout: number, done: (startedAt: Instant, mac: string | null) => void): void;
}

// The faults a pair must live through, as a table, and what each costs: one injection, one mending, on a pair at home.
// Measured by the clients and the sniffer; clusterd is only asked whether everything is at home again.

import { setTimeout as sleep } from "node:timers/promises";

import { CROSSOVER, portOf } from "./cables.ts";
import { goHome, settle } from "./home.ts";
import type { Lab } from "./lab.ts";
import { Asker } from "./outage.ts";
import { lastClaim, owners, sniffed } from "./owners.ts";
import type { Owners, Sniffed } from "./owners.ts";
import { now } from "./processes.ts";
import { identitiesOf } from "./story/state.ts";

interface Fault {
  readonly what: string;
  inject(lab: Lab): Promise<unknown>;
  /** How long the fault lasts before it is mended; at least until a takeover at the default profile would be over. */
  readonly lasts: number;
  mend(lab: Lab): Promise<unknown>;
  /** Whether serv1's identity is to be with serv2 when the fault has lasted. */
  readonly moves: boolean;
}

const daemonSignal = (lab: Lab, signal: string): Promise<string> =>
  lab.exec("serv1", ["sh", "-c", 'kill -"$1" "$(cat /run/lab-daemons/clusterd.pid)"', "sh", signal]);

/** All of them hit serv1 while it owns its identity. */
export const FAULTS = {
  "power-cut": { what: "power cut", lasts: 2500, moves: true, inject: (lab) => lab.powerOff("serv1"), mend: (lab) => lab.powerOn("serv1") },
  "lan-cable": { what: "LAN cable pulled", lasts: 2500, moves: true, inject: (lab) => lab.unplug("serv1", "eth0"), mend: (lab) => lab.plug("serv1", "eth0") },
  "private-cable": { what: "private cable pulled", lasts: 2500, moves: false, inject: (lab) => lab.unplug("serv1", "eth1"), mend: (lab) => lab.plug("serv1", "eth1") },
  "private-full": { what: "private cable full", lasts: 5000, moves: false, inject: fillPrivate, mend: (lab) => lab.rule("delete table netdev full") },
  "daemon-killed": { what: "daemon killed", lasts: 2500, moves: true, inject: (lab) => daemonSignal(lab, "KILL"), mend: (lab) => lab.exec("serv1", ["lab-daemons", "start"]) },
  "daemon-stopped": { what: "daemon stopped with SIGSTOP, then continued", lasts: 4000, moves: true, inject: (lab) => daemonSignal(lab, "STOP"), mend: (lab) => daemonSignal(lab, "CONT") },
  "node-frozen": { what: "whole node frozen, then thawed", lasts: 4000, moves: true, inject: (lab) => lab.freeze("serv1"), mend: (lab) => lab.thaw("serv1") },
  "partition": { what: "all links between the nodes cut, the references on serv2's side", lasts: 4000, moves: true, inject: isolate, mend: (lab) => lab.mend() },
  "switchover": { what: "planned switchover", lasts: 2500, moves: true, inject: (lab) => lab.exec("serv1", ["clusterd", "switchover", "serv1"], { timeout: 30_000 }), mend: async () => {} },
} as const satisfies Record<string, Fault>;
export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];

/** The cable carries 10 Mbit/s from now on, and a program offers it ten times as much: nine of ten heartbeats on it are lost. */
async function fillPrivate(lab: Lab): Promise<void> {
  await lab.rule(`add table netdev full { chain c { type filter hook ingress device ${portOf("serv1", CROSSOVER)} priority 0; limit rate over 1250 kbytes/second drop; }; }`);
  void lab.exec("serv1", ["sh", "-c", `exec perl -MSocket -MTime::HiRes=time,sleep -e '
    socket(S, AF_INET, SOCK_DGRAM, 0); my $to = sockaddr_in(9, inet_aton($ARGV[0])); my $end = time + 5;
    while (time < $end) { send(S, "x" x 1400, 0, $to) for 1..20; sleep 0.002 }' "$(sed -n 's/^HEARTBEAT_IPADDR=//p' /etc/cluster.d/serv2.conf)"`], { timeout: 20_000, reject: false });
}

async function isolate(lab: Lab): Promise<void> {
  await lab.cut("serv1", "serv2", "all");
  await lab.cut("serv2", "serv1", "all");
  await lab.cut("serv1", "references", "lan");
  await lab.cut("references", "serv1", "lan");
}

export interface Measured {
  readonly gap_ms: number;
  readonly gap_frozen_arp_ms: number;
  /** From the last claim on the wire to the first answer; null where nobody had to claim. */
  readonly after_claim_ms: number | null;
  readonly two_owners_ms: number;
  /** The client's gap when the identity went home; null if it had not left. */
  readonly failback_gap_ms: number | null;
  readonly moved: boolean;
  readonly owners: Owners;
}

export interface How {
  /** Brings the pair home again after the mending; throws when it cannot. */
  readonly home?: (lab: Lab) => Promise<void>;
  /** How many times longer the fault lasts, for profiles that are slower than the default. */
  readonly longer?: number;
}

/** On a pair at home; returns with the pair at home. Throws if it does not come home within a minute. */
export async function measure(lab: Lab, name: FaultName, { home = goHome, longer = 1 }: How = {}): Promise<Measured> {
  const fault: Fault = FAULTS[name];
  const [ordinary, frozen] = [new Asker(lab, "serv1", "client"), new Asker(lab, "serv1", "client-frozen")];
  await ordinary.start(5000);
  await frozen.start(5000);
  const since = now();
  await fault.inject(lab);
  await sleep(fault.lasts * longer);
  const during = { ordinary: ordinary.report(since), frozen: frozen.report(since) };
  const moved = (await identitiesOf(lab)).serv2[0]?.role === "owner";
  await fault.mend(lab);
  const mended = now();
  await home(lab);
  await sleep(500);
  const back = ordinary.report(mended);
  const seen = await owners(lab, since);
  ordinary.stop();
  frozen.stop();
  return {
    gap_ms: during.ordinary.longest_ms, gap_frozen_arp_ms: during.frozen.longest_ms, after_claim_ms: afterClaim(await sniffed(lab.snifferLog, since), during.ordinary.gaps),
    two_owners_ms: seen.overlap_ms, failback_gap_ms: moved ? back.longest_ms : null, moved, owners: seen,
  };
}

/** A fresh pair at home, whose nodes have all of each other's files: as it is a while after the installation. */
export async function freshPair(lab: Lab, profile: string | null = null): Promise<void> {
  await lab.up({ profile });
  await goHome(lab);
  // Each mirrors to the other by itself.
  await settle(lab);
}

/** `fast` claims for 240 ms. */
const SHORTEST_CLAIM = 100;

function afterClaim(seen: Sniffed, gaps: readonly { readonly at_ms: number; readonly ms: number }[]): number | null {
  const longest = [...gaps].sort((a, b) => b.ms - a.ms)[0];
  if (longest === undefined) return null;
  const answered = longest.at_ms + longest.ms;
  const claim = lastClaim(seen, answered);
  // Who takes what is handed over is marked so too, for an instant.
  return claim === null || claim.lasted < SHORTEST_CLAIM ? null : answered - claim.at;
}

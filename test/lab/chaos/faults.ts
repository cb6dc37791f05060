// The faults that the chaos lab deals out: what each does to a node, and how it is undone. Cases: the catalogue's numbers
// (test/faults/). What cannot be done here is listed at the end, with the reason.
//
// A round takes at most one fault of each group, so that no two together break what even the promise assumes: that no
// reference host reaches both nodes while they cannot hear each other.

import { readFileSync, rmSync, writeFileSync } from "node:fs";

import { CROSSOVER, NICS, portOf } from "../cables.ts";
import type { Nic } from "../cables.ts";
import type { Lab } from "../lab.ts";

export interface Place {
  readonly lab: Lab;
  readonly victim: string;
  readonly other: string;
  /** In [0, 1), from the seed: where the fault itself leaves a choice. */
  readonly dice: number;
}

export interface Fault {
  readonly what: string;
  readonly group: "machine" | "daemon" | "guard" | "links" | "references" | "disk" | "service" | "mirror" | "person" | "network";
  readonly cases: readonly string[];
  /** A whole machine stands still: only then may two owners overlap, for as long as the lease and its release. */
  readonly freezes?: true;
  inject(place: Place): Promise<unknown>;
  /** Undoes it. Whatever else is left of it is undone by `make-whole`, which runs after each round on both nodes. */
  mend(place: Place): Promise<unknown>;
}

const nothing = async (): Promise<void> => {};
const LIMIT = 15_000;

/** A small script on the victim, in its shell; what it says and how it ends is nobody's business here. */
const on = ({ lab, victim }: Place, script: string): Promise<string> => lab.exec(victim, ["sh", "-c", script], { timeout: LIMIT, reject: false });
const DAEMON = "/run/lab-daemons/clusterd.pid";
const kill = (signal: string, pidFile: string) => (place: Place): Promise<string> => on(place, `kill -${signal} $(cat ${pidFile})`);
const killNamed = (signal: string, pattern: string) => (place: Place): Promise<string> => on(place, `pkill -${signal} -f '${pattern}'`);

async function cutBothWays({ lab }: Place, a: string, b: string, nic: "all" | "lan" | Nic): Promise<void> {
  await lab.cut(a, b, nic);
  await lab.cut(b, a, nic);
}

/** Pulls and plugs, for as long as the fault lasts. Ends by itself; make-whole plugs everything in. */
async function flap({ lab, victim, dice }: Place, nic: Nic): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) {
    await lab.unplug(victim, nic);
    await new Promise((resolve) => setTimeout(resolve, 50 + 250 * dice));
    await lab.plug(victim, nic);
    await new Promise((resolve) => setTimeout(resolve, 50 + 250 * (1 - dice)));
  }
}

const ports = (node: string): string => NICS.map((nic) => portOf(node, nic)).join(", ");
/** Frames from and to the victim: so many of a hundred are lost on the switch. */
const loss = (percent: number) => ({ lab, victim }: Place): Promise<unknown> => Promise.all(["iifname", "oifname"].map((side) =>
  lab.rule(`add rule bridge lab cuts ${side} { ${ports(victim)} } numgen random mod 100 < ${percent} drop`)));
/** Every third frame of the private cable arrives twice. */
const twice = async ({ lab, victim, other }: Place): Promise<void> => lab.rule(
  `add table netdev twice { chain c { type filter hook ingress device ${portOf(victim, CROSSOVER)} priority 0; numgen random mod 3 == 0 dup to "${portOf(other, CROSSOVER)}"; }; }`);

/** In its place lies a program that fails; the programs themselves are mounted read-only. */
const replaced = (path: string, by: string) => (place: Place): Promise<string> => on(place, `mount --bind ${by} ${path}`);
const restored = (path: string) => (place: Place): Promise<string> => on(place, `umount ${path}`);
const IFUP = "/usr/lib/clusterd/network-scripts/ifup";

const flag = (name: string) => async ({ lab, victim }: Place): Promise<void> => writeFileSync(`${lab.folder}/${victim}/run/chaos-${name}`, "");
const unflag = (name: string) => async ({ lab, victim }: Place): Promise<void> => rmSync(`${lab.folder}/${victim}/run/chaos-${name}`, { force: true });

/** While the victim is off: its journal as a disk may return it. Slots are 8 KiB each. */
async function damageJournal({ lab, victim, dice }: Place): Promise<void> {
  await lab.powerOff(victim);
  const file = `${lab.disk(victim)}/var/lib/clusterd/journal`;
  const bytes = readFileSync(file);
  const at = Math.floor(dice * bytes.length);
  if (dice < 0.2) rmSync(file);
  else if (dice < 0.4) writeFileSync(file, bytes.subarray(0, at));
  else if (dice < 0.8) writeFileSync(file, Buffer.concat([bytes.subarray(0, at & ~8191), Buffer.alloc(8192, 0xa5), bytes.subarray((at & ~8191) + 8192)]));
  else writeFileSync(file, bytes.map((byte, index) => byte ^ (index % 97 === 0 ? 4 : 0)));
}

/** Off, and back with the journal as it was before its identity changed hands: a snapshot that somebody restored. */
async function restoreSnapshot(place: Place): Promise<void> {
  const file = `${place.lab.disk(place.victim)}/var/lib/clusterd/journal`;
  const before = readFileSync(file);
  await on(place, `clusterd switchover ${place.victim}`);
  await place.lab.powerOff(place.victim);
  writeFileSync(file, before);
}

export const FAULTS = {
  "power-cut": { what: "power cut", group: "machine", cases: ["P6", "P7", "M6", "F1"], inject: ({ lab, victim }) => lab.powerOff(victim), mend: ({ lab, victim }) => lab.powerOn(victim) },
  "frozen": { what: "all processes of the machine stand still", group: "machine", freezes: true, cases: ["P4", "C5"], inject: ({ lab, victim }) => lab.freeze(victim), mend: ({ lab, victim }) => lab.thaw(victim) },
  "journal-damaged": { what: "power cut, and the journal comes back damaged", group: "machine", cases: ["S1", "S3", "S6"], inject: damageJournal, mend: ({ lab, victim }) => lab.powerOn(victim) },
  "old-snapshot": { what: "power cut after a move, and the node comes back from a snapshot before it", group: "machine", cases: ["S13"], inject: restoreSnapshot, mend: ({ lab, victim }) => lab.powerOn(victim) },
  "daemon-killed": { what: "daemon killed, not restarted", group: "daemon", cases: ["P1"], inject: kill("KILL", DAEMON), mend: (place) => on(place, "lab-daemons start") },
  "daemon-stopped": { what: "daemon stopped with SIGSTOP", group: "daemon", cases: ["P2", "P8"], inject: kill("STOP", DAEMON), mend: kill("CONT", DAEMON) },
  "second-daemon": { what: "a second daemon is started", group: "daemon", cases: ["P15"], inject: (place) => on(place, "timeout 5 clusterd daemon"), mend: nothing },
  "upgraded": { what: "clusterd restart", group: "daemon", cases: ["P16"], inject: (place) => on(place, "clusterd restart"), mend: nothing },
  "stopped-politely": { what: "both programs stopped in good order, started again", group: "daemon", cases: ["O3"], inject: (place) => on(place, "timeout 3 lab-daemons stop"), mend: (place) => on(place, "lab-daemons start") },
  "dead-man-killed": { what: "dead-man killed", group: "guard", cases: ["P5"], inject: killNamed("KILL", "network-scripts/deadma[n]"), mend: nothing },
  "dead-man-stopped": { what: "dead-man stopped with SIGSTOP", group: "guard", cases: ["P3"], inject: killNamed("STOP", "network-scripts/deadma[n]"), mend: killNamed("CONT", "network-scripts/deadma[n]") },
  "nft-flushed": { what: "nft flush ruleset: the kernel's lease is gone", group: "guard", cases: [], inject: (place) => on(place, "nft flush ruleset"), mend: nothing },
  "lan-eye-killed": { what: "the helper that probes and announces is killed", group: "guard", cases: [], inject: killNamed("KILL", "network-scripts/lan-ey[e]"), mend: nothing },
  "lan-cable": { what: "LAN cable pulled", group: "links", cases: ["N9", "N10"], inject: ({ lab, victim }) => lab.unplug(victim, "eth0"), mend: ({ lab, victim }) => lab.plug(victim, "eth0") },
  "spare-cable": { what: "the redundant NIC's cable pulled", group: "links", cases: ["N16"], inject: ({ lab, victim }) => lab.unplug(victim, "eth2"), mend: ({ lab, victim }) => lab.plug(victim, "eth2") },
  "private-cable": { what: "private cable pulled", group: "links", cases: ["N10"], inject: ({ lab, victim }) => lab.unplug(victim, "eth1"), mend: ({ lab, victim }) => lab.plug(victim, "eth1") },
  "one-way": { what: "nothing from the node reaches the other", group: "links", cases: ["N3"], inject: ({ lab, victim, other }) => lab.cut(victim, other, "all"), mend: ({ lab }) => lab.mend() },
  "one-way-lan": { what: "one way of the LAN between the nodes is cut", group: "links", cases: ["N3"], inject: ({ lab, victim, other }) => lab.cut(victim, other, "lan"), mend: ({ lab }) => lab.mend() },
  "partition": { what: "all links cut, the reference hosts on the other side", group: "links", cases: ["N1"], mend: ({ lab }) => lab.mend(),
    inject: async (place) => { await cutBothWays(place, place.victim, "references", "lan"); await cutBothWays(place, place.victim, place.other, "all"); } },
  "partition-moves": { what: "all links cut, the reference hosts change sides", group: "links", cases: ["N12"], mend: ({ lab }) => lab.mend(),
    inject: async (place) => {
      await cutBothWays(place, place.victim, "references", "lan");
      await cutBothWays(place, place.victim, place.other, "all");
      await new Promise((resolve) => setTimeout(resolve, 300 + 900 * place.dice));
      await cutBothWays(place, place.other, "references", "lan");
      await place.lab.rule(`flush chain bridge lab cuts`);
      await cutBothWays(place, place.other, "references", "lan");
      await cutBothWays(place, place.victim, place.other, "all");
    } },
  "lan-flaps": { what: "LAN cable pulled and plugged, four times", group: "links", cases: ["N6"], inject: (place) => flap(place, "eth0"), mend: nothing },
  "private-flaps": { what: "private cable pulled and plugged, four times", group: "links", cases: ["N6"], inject: (place) => flap(place, "eth1"), mend: nothing },
  "loss-10": { what: "10 % of its frames are lost", group: "links", cases: ["N4"], inject: loss(10), mend: ({ lab }) => lab.mend() },
  "loss-40": { what: "40 % of its frames are lost", group: "links", cases: ["N4"], inject: loss(40), mend: ({ lab }) => lab.mend() },
  "twice": { what: "a third of its private frames arrive twice", group: "links", cases: ["N5"], inject: twice, mend: ({ lab }) => lab.rule("delete table netdev twice") },
  "port-closed": { what: "a firewall drops the heartbeats that it sends", group: "links", cases: ["N17"],
    inject: (place) => on(place, "nft add table inet chaos; nft add chain inet chaos out '{ type filter hook output priority 0; }'; nft add rule inet chaos out udp dport 694 drop"), mend: (place) => on(place, "nft delete table inet chaos") },
  "references-away": { what: "no reference host answers anybody", group: "references", cases: ["N7"], mend: ({ lab }) => lab.mend(),
    inject: async (place) => { await cutBothWays(place, place.victim, "references", "lan"); await cutBothWays(place, place.other, "references", "lan"); } },
  "references-away-here": { what: "no reference host answers the node", group: "references", cases: ["N8"], inject: (place) => cutBothWays(place, place.victim, "references", "lan"), mend: ({ lab }) => lab.mend() },
  // A limit of the process, since what it has open does not notice a mount: each of its writes to a file fails, as on a disk that is full or broken.
  "disk-refuses": { what: "the daemon's disk takes nothing more: journal and log", group: "disk", cases: ["S7", "S8"], inject: (place) => on(place, `prlimit --fsize=0:unlimited --pid $(cat ${DAEMON})`), mend: (place) => on(place, `prlimit --fsize=unlimited --pid $(cat ${DAEMON})`) },
  "receiver-full": { what: "what the node receives cannot be written", group: "disk", cases: ["S7", "S10"], inject: (place) => on(place, "prlimit --fsize=1500:unlimited --pid $(pgrep -o -x sshd)"), mend: (place) => on(place, "prlimit --fsize=unlimited --pid $(pgrep -o -x sshd)") },
  "no-descriptors": { what: "the daemon cannot open anything any more", group: "daemon", cases: ["P19"], inject: (place) => on(place, `prlimit --nofile=3: --pid $(cat ${DAEMON})`),
    mend: (place) => on(place, `p=$(cat ${DAEMON}); prlimit --nofile=$(prlimit --pid $p --nofile --output HARD --noheadings | tr -d ' '): --pid $p`) },
  "start-hangs": { what: "services hang at their start", group: "service", cases: ["P10"], inject: flag("hang-start"), mend: unflag("hang-start") },
  "start-fails": { what: "services fail at their start", group: "service", cases: ["P11"], inject: flag("fail-start"), mend: unflag("fail-start") },
  "stop-hangs": { what: "services hang at their stop", group: "service", cases: ["P12"], inject: flag("hang-stop"), mend: unflag("hang-stop") },
  "ifup-fails": { what: "ifup fails", group: "network", cases: ["P14"], inject: replaced(IFUP, "/bin/false"), mend: restored(IFUP) },
  "address-removed": { what: "somebody removes the identity's address by hand", group: "network", cases: ["O1"], inject: (place) => on(place, `ip address flush dev eth0`), mend: nothing },
  "flood": { what: "junk floods the heartbeats' port", group: "network", cases: ["X5"], mend: nothing,
    inject: ({ lab, victim }) => lab.client(["timeout", "2", "perl", "-MSocket", "-e",
      `socket(S,AF_INET,SOCK_DGRAM,0); my $to = sockaddr_in(694, inet_aton("${lab.nodes().find(({ name }) => name === victim)!.addresses[0]}"));
       while (1) { send(S, pack("N*", map { rand 2**32 } 1..1+rand 90), 0, $to); select(undef,undef,undef,0.0005) }`], { reject: false }) },
  "rsync-killed": { what: "rsync is killed again and again", group: "mirror", cases: ["M5"], inject: (place) => on(place, "for n in 1 2 3 4 5 6 7 8; do sleep 0.25; pkill -KILL rsync; done"), mend: nothing },
  "ssh-killed": { what: "ssh connections are killed again and again", group: "mirror", cases: ["M6"], inject: (place) => on(place, "for n in 1 2 3 4 5; do sleep 0.4; pkill -KILL '^ssh$|sshd-sess'; done"), mend: nothing },
  "sshd-dead": { what: "sshd is gone", group: "mirror", cases: ["M6"], inject: (place) => on(place, "pkill -KILL sshd"), mend: (place) => on(place, "pgrep -x sshd || /usr/sbin/sshd") },
  "mirror-killed": { what: "the mirror's process is killed", group: "mirror", cases: ["P18"], inject: kill("KILL", "/run/lab-daemons/mirror.pid"), mend: (place) => on(place, "lab-daemons start") },
  "switchover": { what: "a person moves the node's identity away", group: "person", cases: ["M17"], inject: (place) => on(place, `clusterd switchover ${place.victim}`), mend: nothing },
  "crosswise": { what: "two people move both identities, each to the other node, at the same moment", group: "person", cases: ["F6"], mend: nothing,
    inject: (place) => Promise.all([place, { ...place, victim: place.other }].map((each) => on(each, `clusterd switchover ${each.victim}`))) },
  "config-differs": { what: "the node loads another configuration", group: "person", cases: ["B6"], mend: (place) => on(place, `cp /run/lab-conf /etc/cluster.d/cluster.conf && clusterd reload`),
    inject: (place) => on(place, `cp /etc/cluster.d/cluster.conf /run/lab-conf && sed -i 's/^name = .*/&\\noffset_limit = 2s/' /etc/cluster.d/cluster.conf && clusterd reload`) },
  "bad-reload": { what: "a person reloads a file full of rubbish", group: "person", cases: ["B7"], mend: (place) => on(place, `rm -f /etc/cluster.d/${place.victim}/rubbish.conf`),
    inject: (place) => on(place, `head -c 3000 /dev/urandom >/etc/cluster.d/${place.victim}/rubbish.conf; clusterd reload`) },
  "service-killed": { what: "the service itself is killed and started again", group: "service", cases: [], inject: (place) => on(place, `pkill -KILL -f 'store[.]pl start ${place.victim}'`), mend: nothing },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[];

/** Named by the catalogue for the lab, and not to be had here. */
export const NOT_HERE: readonly { readonly what: string; readonly why: string }[] = [
  { what: "wall clock steps (C1)", why: "the nodes share the machine's wall clock, and time namespaces cover only the monotonic clocks; the tests of the core and the simulator step it" },
  { what: "delayed and reordered packets (N5)", why: "needs the kernel's netem, which is not to be counted on; the simulator delays and reorders" },
  { what: "both sides reach the reference hosts and not each other (N2)", why: "outside what reference hosts promise: two owners are then no failure, so there is nothing to judge" },
  { what: "identity raised by hand on the standby (O2, N15)", why: "the person makes the second owner; test/lab judges what follows" },
  { what: "suspend, watchdog, whole virtual machines (C4, P9)", why: "needs a machine of its own" },
];

// The lease in the kernel: frames with an identity's MAC leave a NIC only while an element with a timeout lives.
//
// nftables, egress hook (Linux 5.16 or newer). An element of the set `lease` stands for an identity. It is renewed by a
// datagram that the daemon sends to itself over lo: 3 µs and no process. The datagram's length says which identity and
// for how long; rules on lo's egress see it, touch the element and drop it. A renewal looks the element up before it
// touches it, so it cannot revive one that has expired; only `begin`, sent by raise(), creates one.
//
// Because the dropped datagrams would otherwise come back to the socket that sent them, one that does come back says
// that somebody has flushed the rules. Nobody else can send them: the port is ours.

import { startHelper } from "../base/helper.ts";
import { createSocket, type Socket } from "node:dgram";
import { monotonicNow, type Duration, type Instant } from "../base/time.ts";
import type { NicPlan } from "./nic-plan.ts";

export interface KernelLease {
  /** Null when the rules are in the kernel, else why not. Again when a NIC has come back: with the one that went, its rules did. */
  start(): Promise<string | null>;
  isThere(): boolean;
  begin(identity: number, silentAt: Instant): void;
  renew(identity: number, silentAt: Instant): void;
  end(identity: number): void;
  /** Takes the rules out of the kernel. */
  close(): Promise<void>;
}

const TABLE = "netdev clusterd";
/** The kernel counts in ticks (4 ms at 250 Hz) and rounds up; silence must not come later than promised. */
const TICKS: Duration = 8;
const UDP_HEADER = 8;
const CLASSES = 24;

/** How long an element may live, shortest first: `longest` and down from it, in steps that cost at most a quarter of S. */
export function lifetimes(longest: Duration, release: Duration): readonly Duration[] {
  const grain = Math.max(Math.ceil(release / 4), Math.ceil(longest / CLASSES));
  return Array.from({ length: CLASSES }, (_, index) => Math.floor(longest) - index * grain).filter((each) => each > TICKS).reverse();
}

/** The longest lifetime that is over by `silentAt`, as an index; null when even the shortest would last longer. */
export function classFor(lives: readonly Duration[], left: Duration): number | null {
  const index = lives.findLastIndex((each) => each + TICKS <= left);
  return index === -1 ? null : index;
}

// One number for each (verb, identity, lifetime), sent as the datagram's payload length.
const VERBS = { end: 0, begin: 1, renew: 2 } as const;
const codeOf = (verb: keyof typeof VERBS, identity: number, life: number): number => 1 + VERBS[verb] + 3 * (identity + 2 * life);

/** The rules. `numgen inc mod 1 offset N` is nft's way to say the constant N where only an expression is allowed. */
export function rules(plans: readonly NicPlan[], lives: readonly Duration[], port: number): string {
  const element = (identity: number): string => `numgen inc mod 1 offset ${identity + 1}`;
  const datagram = (code: number): string => `udp sport ${port} udp dport ${port} udp length ${UDP_HEADER + code}`;
  const guards = plans.map(({ nic }) => [
    `add chain ${TABLE} out-${nic} { type filter hook egress device "${nic}" priority 0; }`,
    `flush chain ${TABLE} out-${nic}`,
    ...plans.map(({ mac, identity }) => `add rule ${TABLE} out-${nic} ether saddr ${mac} ${element(identity)} != @lease counter drop`),
  ]);
  const renewals = plans.flatMap(({ identity }) => [
    // Not `delete`: a set does not count such deletions, and is full for good after as many releases as it has places.
    `${datagram(codeOf("end", identity, 0))} ${element(identity)} @lease update @lease { ${element(identity)} timeout 1ms } drop`,
    ...lives.flatMap((life, index) => {
      const touch = `update @lease { ${element(identity)} timeout ${life}ms }`;
      return [
        `${datagram(codeOf("begin", identity, index))} ${touch} drop`,
        `${datagram(codeOf("renew", identity, index))} ${element(identity)} @lease ${touch} drop`,
      ];
    }),
  ]);
  return [
    `add table ${TABLE}`,
    `add set ${TABLE} lease { typeof numgen inc mod 1 offset 1; flags dynamic,timeout; size 1024; }`,
    ...guards.flat(),
    `add chain ${TABLE} renew { type filter hook egress device "lo" priority 0; }`,
    `flush chain ${TABLE} renew`,
    ...[...renewals, `udp sport ${port} udp dport ${port} drop`].map((rule) => `add rule ${TABLE} renew ${rule}`),
    "",
  ].join("\n");
}

export function createKernelLease(plans: readonly NicPlan[], longest: Duration, release: Duration, lost: (reason: string) => void): KernelLease {
  const lives = lifetimes(longest, release);
  const payload = Buffer.alloc(codeOf("renew", 1, lives.length));
  let socket: Socket | null = null;
  let there = false;

  const send = (code: number): void => { if (there) socket?.send(payload, 0, code); };
  function touch(verb: "begin" | "renew", identity: number, silentAt: Instant): void {
    const life = classFor(lives, silentAt - monotonicNow());
    if (life !== null) send(codeOf(verb, identity, life));
  }

  return {
    start: async () => {
      const opened = socket ?? await openSocket(() => {
        if (!there) return;
        there = false;
        lost("the nftables rules of the kernel lease were removed");
      });
      if (opened instanceof Error) return `no socket on lo: ${opened.message}`;
      socket = opened;
      const problem = await nft(rules(plans, lives, socket.address().port));
      // All or nothing (nft(8)): what was there before a refusal still is.
      there ||= problem === null;
      return problem;
    },
    isThere: () => there,
    begin: (identity, silentAt) => { touch("begin", identity, silentAt); },
    renew: (identity, silentAt) => { touch("renew", identity, silentAt); },
    end: (identity) => { send(codeOf("end", identity, 0)); },
    close: async () => {
      const installed = there;
      there = false;
      socket?.close();
      socket = null;
      if (installed) await nft(`delete table ${TABLE}\n`);
    },
  };
}

/** A socket on lo that is connected to itself, so that a send is one system call, at once; or why there is none. */
function openSocket(cameBack: () => void): Promise<Socket | Error> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.on("error", resolve);
    socket.on("message", cameBack);
    socket.bind(0, "127.0.0.1", () => {
      socket.connect(socket.address().port, "127.0.0.1", () => {
        socket.off("error", resolve).on("error", () => { /* a refused datagram is a renewal lost, and the next follows */ });
        resolve(socket);
      });
    });
  });
}

/** Runs a script of nft commands as one transaction; null, or what nft said. */
function nft(script: string): Promise<string | null> {
  return new Promise((resolve) => {
    const child = startHelper("nft", ["-f", "-"]);
    const timer = setTimeout(() => { child.kill("SIGKILL"); }, 5000);
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => { said = (said + text).slice(0, 1000); });
    child.stdin.on("error", () => { /* it ended early; "close" tells why */ });
    child.on("error", (error) => { clearTimeout(timer); resolve(`nft cannot be started: ${error.message}`); });
    child.on("close", (code) => { clearTimeout(timer); resolve(code === 0 ? null : `nft exited ${code}: ${said.split("\n")[0]}`); });
    child.stdin.end(script);
  });
}

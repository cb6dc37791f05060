// What the configuration means, once it has been read and found sound: the types the rest of the program works with.
//
// Not here: how a file is read (load.ts), which keys exist (options.ts), what is refused (validate.ts).

import type { Duration, Timing } from "../base/time.ts";

export type { Timing };

export type NodeName = string;
/** 0 or 1: the place of a node in `nodes` of cluster.conf. An identity has the index of its home. */
export type NodeIndex = 0 | 1;
export type NicRole = "main" | "heartbeat" | "redundant";

export interface Config {
  readonly cluster: ClusterConfig;
  readonly nodes: readonly [NodeConfig, NodeConfig];
  readonly self: NodeIndex;
  /** Sorted by `order`, then name; both nodes' services. */
  readonly services: readonly ServiceConfig[];
  /** Every mirror job of both nodes: those of services and the 1999 descriptions. */
  readonly jobs: readonly JobConfig[];
  /** First 16 hex digits of SHA-256 over the effective configuration without `self`: equal on both nodes, or no takeover. */
  readonly digest: string;
}

/** The other node's place, and the other node. */
export const peerOf = ({ self }: Pick<Config, "self">): NodeIndex => (self === 0 ? 1 : 0);
export const otherNode = (config: Config): NodeConfig => config.nodes[peerOf(config)];

export interface ClusterConfig {
  readonly name: string;
  readonly profile: "fast" | "balanced" | "safety";
  readonly timing: Timing;
  /** What an owner does without any vote, and how much a person is asked (DESIGN §4). */
  readonly policy: "availability" | "balanced" | "safety";
  /** Addresses of the reference hosts; default the gateways. */
  readonly references: readonly string[];
  /** The witness is the arbiter, and the reference hosts are not. */
  readonly witness: { readonly address: string; readonly port: number } | null;
  readonly failback: "manual" | "auto";
  /** With auto: how long its home must have been well before an identity goes there by itself. */
  readonly failbackDelay: Duration;
  /** Where an identity goes whose NIC at home has no carrier any more: to the other node, or to its own node's redundant NIC if that is free. */
  readonly mainFailure: "handover" | "redundant";
  /** What came from the other node is not handed back for a failed check for so long. */
  readonly checkHold: Duration;
  /** After a lost tie: ask = the standby lock, which a person clears; newest = the newest epoch's files count, and no lock. */
  readonly divergence: "ask" | "newest";
  readonly soloBoot: "ask" | "allow";
  readonly soloWait: Duration;
  readonly scheduler: "cron" | "builtin";
  /** Command that is told of takeovers, lost links and failed runs, as words; never a shell. */
  readonly notify: readonly string[];
  /** Null: root, where there is a sendmail. */
  readonly notifyMail: readonly string[] | null;
  readonly notifyWebhook: "no" | "yes";
  readonly notifyRemind: Duration;
  readonly notifyLag: Duration;
  /** UDP port of the heartbeats. */
  readonly port: number;
  /** Of the serial line, where there is one. */
  readonly serialBaud: number;
  /** TCP port of the peer's sshd, for mirroring and control questions. */
  readonly sshPort: number;
  /** How many mirror jobs run at the same time. */
  readonly parallel: number;
  /** Without a point at its end. */
  readonly zone: string | null;
  /** Clock offset to the peer above which there is an alarm and runs are refused. */
  readonly offsetLimit: Duration;
  /** nftables egress lease: `auto` uses it where the kernel can. */
  readonly kernelLease: "auto" | "yes" | "no";
  /** The device that the dead-man holds: `auto` is /dev/watchdog where there is one, `no` none. */
  readonly watchdog: string;
  /** Who tells of changes in the mirrored trees, unless the job says otherwise. */
  readonly watch: Watch;
}

/** chokidar and fatrace watch; auto: whichever fits; no: nobody, changes travel with runs. */
export type Watch = "auto" | "chokidar" | "fatrace" | "no";

export interface NodeConfig {
  readonly name: NodeName;
  readonly main: MainNic;
  readonly heartbeat: { readonly interface: string; readonly address: string; readonly prefix: number };
  readonly redundant: {
    readonly interface: string;
    /** Of the redundant NIC while it carries no identity; null: no LAN link then, `check` warns. */
    readonly admin: { readonly address: string; readonly prefix: number } | null;
    /** Locally administered, derived from the node's main MAC; see standInMac() in takeover/. */
    readonly standInMac: string;
  };
  /** How the other node switches this one's power off; null: it cannot. Its parameters are in takeover/fence.ts's file. */
  readonly fence: { readonly agent: string; readonly timeout: Duration } | null;
  /** Serial device of a further heartbeat link, e.g. /dev/ttyS0. Both nodes have one, or neither. */
  readonly serial: string | null;
}

export interface MainNic {
  readonly interface: string;
  readonly mac: string;
  readonly address: string;
  readonly prefix: number;
  readonly gateway: string | null;
  /** IPv6 address that moves with the identity. */
  readonly address6: { readonly address: string; readonly prefix: number } | null;
  /** What the main NIC's MAC is while the identity is elsewhere. */
  readonly standInMac: string;
}

/** What starts, stops or checks a service. */
export type Action =
  | { readonly kind: "systemd"; readonly unit: string }
  /** An init script with the arguments that come before start/stop, as in `maid::vacuum` of haresources. */
  | { readonly kind: "init"; readonly script: string; readonly args: readonly string[] }
  | { readonly kind: "command"; readonly start: readonly string[]; readonly stop: readonly string[]; readonly check: readonly string[] };

/** What the owner asks a running service. `expect`: a regular expression, found somewhere in what it says. */
export type Check =
  | { readonly kind: "tcp"; readonly address: string; readonly port: number; readonly send: string; readonly expect: string | null }
  | { readonly kind: "http"; readonly address: string; readonly port: number; readonly path: string; readonly status: number; readonly expect: string | null }
  | { readonly kind: "command"; readonly words: readonly string[] }
  | { readonly kind: "output"; readonly expect: string; readonly words: readonly string[] }
  | { readonly kind: "unit"; readonly unit: string }
  /** What starts the service says whether it runs. */
  | { readonly kind: "running" };

export interface Checking {
  readonly checks: readonly Check[];
  readonly interval: Duration;
  readonly timeout: Duration;
  /** So many answers in a row make it well, or failed. */
  readonly rise: number;
  readonly fall: number;
  /** It is started anew here at most so often; none where there is nothing to start. */
  readonly restarts: { readonly most: number; readonly within: Duration };
}

export interface ServiceConfig {
  readonly name: string;
  readonly home: NodeIndex;
  readonly order: number;
  /** null: nothing to start, only addresses or mirroring. */
  readonly action: Action | null;
  readonly startTimeout: Duration;
  readonly stopTimeout: Duration;
  /** Addresses that move with the identity beside the main one. */
  readonly addresses: readonly { readonly address: string; readonly prefix: number; readonly broadcast: string | null }[];
  readonly alias: string | null;
  readonly checking: Checking;
}

export type Special = "keep" | "drop";
export type WholeFile = "auto" | "yes" | "no";

export interface JobConfig {
  /** Unique in the cluster: `samba`, or the file name of a 1999 description such as `Flpd`. */
  readonly name: string;
  /** The service it belongs to, or null for a 1999 description. */
  readonly service: string | null;
  readonly home: NodeIndex;
  /** Trees end in a slash, as in 1999. */
  readonly entries: readonly { readonly path: string; readonly kind: "tree" | "file" }[];
  /** rsync exclude patterns, relative to each tree. */
  readonly exclude: readonly string[];
  /** The dry run may find at most this many deletions before a person must approve. */
  readonly maxDelete: number;
  /** … and at most this share of the files, in percent. */
  readonly maxDeletePercent: number;
  /** Are set-user-id and set-group-id bits of files, file capabilities and device nodes carried over? */
  readonly special: Special;
  /** Are changed files sent whole, or as what differs? */
  readonly wholeFile: WholeFile;
  /** Bytes a second that a run may send; null = no limit. */
  readonly bwlimit: number | null;
  /** Its files count only together: a run that is not complete changes nothing there. */
  readonly consistent: boolean;
  /** Who tells of changes: null = as the cluster says. */
  readonly watch: Watch | null;
  readonly timeout: Duration;
  /** Programs, as words, around each pass; empty = none. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly hookTimeout: Duration;
  /** Dated directories beyond any of these may be removed; null = no limit. */
  /** A scheduled run compares everything at least so often. */
  readonly fullPass: Duration;
  readonly keepFor: Duration;
  readonly keepRuns: number | null;
  readonly keepSize: number | null;
}

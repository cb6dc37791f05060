// What one node says of itself for `clusterd preflight`. Types only; gather.ts finds it out, checks.ts judges.
//
// It travels to the other node over the control channel: nothing secret may be in it.

import type { WallTime } from "../base/time.ts";
import type { NicRole } from "../config/config.ts";
import type { Drill } from "../moves/drill.ts";
import type { NodeStatus } from "../status/control.ts";
import type { ClockReport } from "../timesync/clock-report.ts";

export interface NicFacts {
  readonly present: boolean;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly mac: string | null;
  /** The one it was built with. */
  readonly permanent: string | null;
  readonly addresses: readonly string[];
  readonly mtu: number | null;
  /** Bridge, bond or team that it belongs to. */
  readonly master: string | null;
  readonly wireless: boolean;
  readonly duplex: string | null;
}

export interface Space { readonly path: string; readonly freeBytes: number; readonly freeInodes: number | null; readonly share: number; readonly filesystem: string | null }

export interface Facts {
  readonly version: 1;
  readonly node: string;
  readonly wall: WallTime;
  readonly release: string;
  readonly virtual: boolean;
  readonly nics: Readonly<Record<NicRole, NicFacts>>;
  /** Who answered at the other node's addresses, by ARP; null = nobody, undefined = not asked. */
  readonly neighbours: { readonly private?: string | null; readonly identity?: string | null };
  /** Files of the system's own network set-up that name an identity's address or MAC. */
  readonly raisedAtBoot: readonly { readonly file: string; readonly what: string }[];
  readonly configuration: { readonly digest: string | null; readonly problems: readonly string[]; readonly warnings: readonly string[] };
  readonly keys: {
    /** Why the heartbeat key cannot be used, or null. */
    readonly heartbeat: string | null;
    /** Equal on both nodes when the keys are; says nothing about the key. */
    readonly heartbeatCheck: string | null;
    /** Of each: what is wrong with it, or null. */
    readonly mirror: string | null;
    readonly control: string | null;
    readonly pinned: boolean;
    readonly authorized: { readonly mirror: boolean; readonly control: boolean };
    /** What is wrong with the certificates of the host keys, or null; undefined: there are none. */
    readonly certificates?: string | null | undefined;
  };
  /** Whether each of this node's keys gets more than its forced command on the other node; null: could not be tried. */
  readonly shells?: { readonly mirror: boolean | null; readonly control: boolean | null } | undefined;
  readonly sshd: readonly { readonly link: string; readonly address: string; readonly answers: boolean }[];
  readonly status: NodeStatus | null;
  readonly clock: ClockReport | null;
  /** Version or path of each program; null = not there. */
  readonly programs: Readonly<Record<string, string | null>>;
  readonly services: readonly { readonly name: string; readonly what: string; readonly exists: boolean; readonly atBoot: boolean | null }[];
  /** Each check of the services that run here, made once. */
  readonly checks: readonly { readonly service: string; readonly check: string; readonly ok: boolean; readonly said: string }[];
  readonly units: readonly { readonly name: string; readonly atBoot: boolean | null }[];
  readonly cron: { readonly file: boolean; readonly running: boolean };
  readonly trees: readonly { readonly job: string; readonly path: string; readonly exists: boolean; readonly marked: boolean; readonly unmounted: string | null; readonly space: Space }[];
  /** What the last run of each job that this node sends was warned of. Absent: an older clusterd. */
  readonly mirrorWarnings?: readonly { readonly job: string; readonly warning: string }[];
  readonly backups: Space;
  readonly watches: { readonly limit: number; readonly entries: number };
  readonly users: Readonly<Record<string, number>>;
  readonly groups: Readonly<Record<string, number>>;
  /** The fence for the other node's power: why it cannot be used now. Null: none is configured. */
  readonly fence: { readonly problem: string | null } | null;
  /** The last one that was held from this node. */
  readonly drill: Drill | null;
  /** By which ways people are told, and what keeps one of them from working. */
  readonly notify: { readonly ways: readonly string[]; readonly problems: readonly string[] };
}

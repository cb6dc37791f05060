// From a pair back to two servers, in order: stop, the boot process's own files, services, configuration, journal, uninstall. Pure.
//
// The other node goes first: it hands over, so that clients lose their services as late as can be.

import type { Config } from "../config/config.ts";
import { JOURNAL } from "../base/paths.ts";
import { FIRST_TABLE } from "../takeover/nic-plan.ts";
import { asBefore } from "./boot-files.ts";
import type { Machine } from "./machine.ts";
import type { Side, Step } from "./step.ts";
import { CABLE_FILE, RECORD, keptIn, rewriting } from "./steps.ts";

export interface Parting {
  /** Null: it is not asked (--here-only). */
  readonly machines: readonly [Machine, Machine | null];
  /** Null when there is none any more. */
  readonly config: Config | null;
  readonly stamp: string;
}

export function unpairSteps({ machines, config, stamp }: Parting): readonly Step[] {
  return ([1, 0] as const).flatMap((at) => {
    const machine = machines[at];
    return machine === null ? [] : [stop(machine, at), ...boot(machine, config, at), ...cable(machine, at), services(machine, at), configuration(stamp, at), journal(stamp, at), uninstall(at)];
  });
}

const step = (at: Side, what: string, done: string | null, act: string, input?: string): Step =>
  ({ at, what, done: done === null ? null : { at, script: done }, act: { at, script: act, ...(input !== undefined && { input }) } });

function stop({ init }: Machine, at: Side): Step {
  if (init === "systemd") return step(at, "systemctl stop clusterd clusterd-mirror", "! systemctl is-active --quiet clusterd && ! systemctl is-active --quiet clusterd-mirror", "systemctl stop clusterd clusterd-mirror");
  return step(at, "clusterd stop", "! clusterd status >/dev/null 2>&1", init === "sysv" ? "/etc/init.d/clusterd stop" : "clusterd stop");
}

/** Ours of both identities: their tables are empty by now. */
const RULES = `for table in ${FIRST_TABLE} ${FIRST_TABLE + 1}; do while ip rule del table $table 2>/dev/null; do :; done; done; `;

/** What the boot process raises by itself: `auto`, and `allow-hotplug`, which Debian's installer writes. */
const RAISED = "{ ifquery --list --allow auto; ifquery --list --allow hotplug; }";

/** The NICs get the MACs that they were built with; the main one comes up as the boot process would bring it up. */
function boot({ boot: files, nics, name }: Machine, config: Config | null, at: Side): readonly Step[] {
  const changed = [...files].filter(([, text]) => asBefore(text) !== text);
  const node = config?.nodes.find((one) => one.name === name);
  if (changed.length === 0 || node === undefined) return [];
  const { main, redundant } = node;
  const spare = nics.find((nic) => nic.name === redundant.interface)?.mac;
  const bare = (nic: string, mac: string | undefined): string => `ip address flush dev ${nic}; ip link set dev ${nic} down${mac === undefined ? "" : ` address ${mac}`}; `;
  return [
    ...changed.map(([file, text]) => step(at, `put ${main.interface} and ${redundant.interface} back into ${file}`, null, rewriting(file), asBefore(text))),
    step(at, `ifup ${main.interface}, with its MAC ${main.mac}`, null, `${bare(redundant.interface, spare)}${bare(main.interface, main.mac)}${RULES}for nic in ${main.interface} ${redundant.interface}; do ! ${RAISED} | grep -qxF "$nic" || ifup --force "$nic"; done`),
  ];
}

const uninstall = (at: Side): Step => step(at, "clusterd uninstall", "[ ! -e /var/lib/clusterd/installed.json ]", "clusterd uninstall");

/** What is up stays up: this very session goes by it. */
const cable = ({ boot: files }: Machine, at: Side): readonly Step[] => (files.has(CABLE_FILE) ? [step(at, `remove ${CABLE_FILE}; the NIC keeps its address until it is set down`, null, `rm -f ${CABLE_FILE}`)] : []);

/** As the boot process had them before. */
function services({ init }: Machine, at: Side): Step {
  const each = init === "systemd" ? 'systemctl enable --now "$unit"' : 'update-rc.d "$unit" enable; service "$unit" start';
  return step(at, "enable and start the services that the boot process had", `[ ! -s ${RECORD}/disabled ]`, `sort -u ${RECORD}/disabled | while read -r unit; do ${each}; done; rm -f ${RECORD}/disabled`);
}

/** The whole folder is kept; what pair wrote goes, what else is in it stays. */
function configuration(stamp: string, at: Side): Step {
  return step(at, `remove what pair wrote into /etc/cluster.d; a copy is kept in ${keptIn(stamp)}`, `[ ! -s ${RECORD}/wrote ]`,
    `set -e; ${keep(stamp)}cp -a /etc/cluster.d ${keptIn(stamp)}; while read -r path; do rm -f "/etc/cluster.d/$path"; done <${RECORD}/wrote; rm -f ${RECORD}/wrote; find /etc/cluster.d -depth -type d -empty -delete`);
}

/** It knows who owned last, and so had the newest files. From now on each server writes its own, and a later pair must not believe it. */
const journal = (stamp: string, at: Side): Step =>
  step(at, `put the journal away, to ${keptIn(stamp)}: who owned last means nothing any more`, `[ ! -e ${JOURNAL} ]`, `${keep(stamp)}mv ${JOURNAL} ${keptIn(stamp)}/`);

const keep = (stamp: string): string => `(umask 077; mkdir -p ${keptIn(stamp)}); `;

// ha.cf and authkeys of Linux-HA's heartbeat (1.x, and 2.x or 3.x without its resource manager).
//
// Grammar: one directive a line, words behind it, # begins a comment. Times are seconds, or milliseconds with ms behind
// them (ha.cf(5) of heartbeat 3).

import type { Timing } from "../base/time.ts";
import { isAddress4, whyNoHost } from "../config/addresses.ts";
import { BAUDS } from "../config/kinds.ts";
import { bothNodes, guessKey, leave, logicalLines, lost, needless, nodeAt, nodeNamed, note, rowOf, setKey } from "./draft.ts";
import type { Draft, Left, Source, Where } from "./draft.ts";

type Act = (draft: Draft, words: readonly string[], where: Where) => void;
const LOGS = needless("clusterd logs to standard output, which systemd keeps; `clusterd history` shows the decisions");
const FENCE = lost("this version cannot be told of a fence", "references in cluster.conf decide; README says what that is worth");
const TUNING = needless("there is nothing to tune in its place");

const DIRECTIVES: Readonly<Record<string, Act | Left>> = {
  keepalive: time("keepalive"), warntime: time("warntime"), deadtime: time("deadtime"), initdead: time("initdead"),
  deadping: needless("reference hosts are asked at the heartbeat's own pace"),
  node: takeNodes, cluster: takeName,
  udpport: takePort, serial: takeSerial, bcast: medium, mcast: medium, ucast: medium, ucast6: medium, mcast6: medium, udp: medium,
  baud: takeBaud,
  ping: takePing, ping_group: (draft, [, ...hosts], where) => takePing(draft, hosts, where), ping6: lost("reference hosts have IPv4 addresses", "references = … in cluster.conf"),
  hbaping: lost("a fibre channel adapter cannot vouch for anybody here", "references = … in cluster.conf"),
  auto_failback: (draft, [word = ""], where) => takeFailback(draft, /^(on|yes|true|y|1)$/i.test(word), where),
  // Its older name, the other way round.
  nice_failback: (draft, [word = ""], where) => takeFailback(draft, !/^(on|yes|true|y|1)$/i.test(word), where),
  stonith: FENCE, stonith_host: FENCE,
  watchdog: needless("the dead-man process and the kernel lease silence a daemon that hangs"),
  respawn: takeRespawn,
  apiauth: needless("only root may ask the daemon, over its socket"),
  crm: takeManager, pacemaker: takeManager, legacy_status_ops: TUNING,
  logfile: LOGS, debugfile: LOGS, logfacility: LOGS, debug: LOGS, use_logd: LOGS, conn_logd_time: LOGS, syslogmsgfmt: LOGS, logsize: LOGS,
  hopfudge: TUNING, realtime: needless("the dead-man runs with real-time priority"), rtprio: needless("the dead-man runs with real-time priority"),
  compression: TUNING, compression_threshold: TUNING, traditional_compression: TUNING, msgfmt: TUNING, max_rexmit_delay: TUNING, memreserve: TUNING, cpusmax: TUNING, hbgenmethod: needless("epochs are kept in the journal"),
  uuidfrom: needless("nodes are known by their names"), autojoin: needless("a pair has two nodes, both named"), coredumps: TUNING, coredumps_dir: TUNING, quorum_server: lost("heartbeat's quorum server does not speak to clusterd", "witness = … in cluster.conf, and `clusterd install --witness` on the third machine"),
};

/** Where no `baud` is said before the line. */
const HEARTBEATS_BAUD = "19200";

export function readHaCf(source: Source, draft: Draft): void {
  for (const { line, text } of logicalLines(source.text, { joined: false })) {
    const [directive = "", ...words] = text.replace(/#.*$/, "").trim().split(/[\s,]+/);
    if (directive === "") continue;
    // What follows a fence device's name may be a password.
    const shown = directive.startsWith("stonith") ? `${[directive, ...words.slice(0, 2)].join(" ")} …` : text.replace(/#.*$/, "").trim();
    const where: Where = { file: source.file, line, directive: shown };
    const row = rowOf(DIRECTIVES, directive);
    if (typeof row === "function") row(draft, words, where);
    else leave(draft, where, row, { what: directive, manual: "ha.cf(5)" });
  }
  heartbeatNic(draft);
}

/** The secret itself is never shown. */
export function readAuthkeys(source: Source, draft: Draft): void {
  for (const { line, text } of logicalLines(source.text, { joined: false })) {
    const [first = "", method = ""] = text.replace(/#.*$/, "").trim().split(/\s+/);
    if (first === "") continue;
    const directive = first === "auth" ? `auth ${method}` : `${first} ${method} …`;
    note(draft, "needless", { file: source.file, line, directive },
      first === "auth" ? "clusterd has one key" : method === "crc" ? "crc proves nothing about the sender; clusterd's heartbeats are signed with a key of its own" : "clusterd makes a 256-bit key of its own; an old secret is not taken over");
  }
}

function time(key: keyof Timing): Act {
  return (draft, [word = ""], where) => {
    const value = oldTime(word);
    if (value === null) return note(draft, "lost", where, `"${word}" is no time`, `${key} = … in [timing] of cluster.conf`);
    draft.times[key] = value;
    note(draft, "carried", where, `cluster.conf [timing] ${key}`);
  };
}

/** "2", "1500ms", "0.5": milliseconds, or null. */
export function oldTime(word: string): number | null {
  const [, number = "", unit = "s"] = /^(\d+(?:\.\d+)?)(s|ms|us)?$/.exec(word) ?? [];
  const value = number === "" ? NaN : Number(number) * (unit === "ms" ? 1 : unit === "us" ? 0.001 : 1000);
  return Number.isFinite(value) && value >= 1 ? Math.round(value) : null;
}

function takeNodes(draft: Draft, names: readonly string[], where: Where): void {
  for (const name of names) {
    const node = nodeNamed(draft, name);
    if (node === null) draft.obstacles.push(`${where.file}:${where.line}: the node ${name} is a third one beside ${draft.nodes.map((one) => one.name).join(" and ")}: clusterd stands on two. Leave out of the old files what is not of the pair`);
    else note(draft, "carried", where, `cluster.conf nodes, ${node.name}.conf${name.includes(".") ? " (without its domain: clusterd goes by `hostname -s`)" : ""}`);
  }
}

function takeName(draft: Draft, [name = ""]: readonly string[], where: Where): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/.test(name)) return note(draft, "lost", where, `"${name}" cannot be a name here`, "name = … in cluster.conf");
  draft.cluster.set("name", name);
  note(draft, "carried", where, "cluster.conf name");
}

export function takePort(draft: Draft, [port = ""]: readonly string[], where: Where): void {
  if (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 1023) return note(draft, "lost", where, "heartbeats leave from a port below 1024, where no ordinary user can listen", "nothing: 694 is taken; open it between the nodes");
  draft.cluster.set("port", port);
  note(draft, "carried", where, "cluster.conf port");
}

function takeSerial(draft: Draft, devices: readonly string[], where: Where): void {
  const [device = "", ...more] = devices;
  if (!/^\/dev\/[A-Za-z0-9_/-]+$/.test(device)) return note(draft, "lost", where, `${device} is no serial device`, "SERIAL_DEVICE=… in both node files");
  for (const place of [0, 1] as const) setKey(nodeAt(draft, place), "SERIAL_DEVICE", device, `${where.file}:${where.line}`);
  note(draft, "carried", where, "SERIAL_DEVICE in both node files");
  if (!draft.cluster.has("serial_baud")) takeBaud(draft, [HEARTBEATS_BAUD], where);
  if (more.length > 0) note(draft, "lost", where, `one serial line is used, not ${more.join(" and ")}`, null);
}

/** ucast eth0 10.0.0.2; mcast eth0 225.0.0.1 694 1 0; bcast eth0 eth1. */
function medium(draft: Draft, words: readonly string[], where: Where): void {
  const [kind = ""] = where.directive.split(/\s/);
  const nics = kind === "bcast" || kind === "udp" ? words : words.slice(0, 1);
  for (const nic of nics) {
    draft.media.push({ nic, where });
    note(draft, "needless", where, `heartbeats travel the private cable, the LAN (with ADMIN_IPADDR) and a serial line: ${nic} has one of these roles`);
  }
  const [, address] = words;
  const known = draft.nodes.some(({ keys }) => [...keys.values()].some(({ value }) => value === address));
  if (kind === "ucast" && address !== undefined && !known) note(draft, "lost", where, `it does not say which of the two nodes has ${address}`, `--node NAME:HEARTBEAT_IPADDR=${address}, if that is the private cable`);
}

/** The only NIC of heartbeats is the private cable, most likely. */
function heartbeatNic(draft: Draft): void {
  const [first] = draft.media;
  if (first === undefined) return;
  const nics = [...new Set(draft.media.map(({ nic }) => nic))];
  if (bothNodes(draft).every(({ keys }) => keys.has("HEARTBEAT_INTERFACE"))) return;
  if (nics.length > 1) return note(draft, "lost", first.where, `heartbeats travel ${nics.join(" and ")}; which is the private cable, it does not say`, "--node NAME:HEARTBEAT_INTERFACE=… for both nodes");
  guessKey(draft, bothNodes(draft), "HEARTBEAT_INTERFACE", first.nic, first.where, `is ${first.nic} the private cable on both?`);
}

function takePing(draft: Draft, hosts: readonly string[], where: Where): void {
  for (const host of hosts) {
    if (!isAddress4(host) || whyNoHost(host) !== null) { note(draft, "lost", where, `${host} is not the IPv4 address of a host`, "references = … in cluster.conf"); continue; }
    const known = draft.cluster.get("references")?.split(" ") ?? [];
    if (!known.includes(host)) draft.cluster.set("references", [...known, host].join(" "));
    note(draft, "carried", where, `cluster.conf references, ${host}`);
  }
}

export function takeFailback(draft: Draft, automatic: boolean, where: Where): void {
  const policy = automatic ? "auto" : "manual";
  draft.cluster.set("failback", policy);
  note(draft, "carried", where, `cluster.conf failback = ${policy}${automatic ? ": after failback_delay, and in sync" : ""}`);
}

/** heartbeat's rates, from 300 on; ours begin where a heartbeat arrives in time. */
function takeBaud(draft: Draft, [rate = ""]: readonly string[], where: Where): void {
  if (!BAUDS.includes(Number(rate))) return note(draft, "lost", where, `a serial line here has ${BAUDS.join(", ")} baud`, "serial_baud = … in cluster.conf, and a cable that is as fast");
  draft.cluster.set("serial_baud", rate);
  note(draft, "carried", where, "cluster.conf serial_baud");
}

function takeRespawn(draft: Draft, words: readonly string[], where: Where): void {
  if (/\/(ipfail|pingd)$/.test(words[1] ?? "")) note(draft, "needless", where, "reference hosts and the LAN cable are watched by clusterd itself");
  else if (/\/dopd$/.test(words[1] ?? "")) note(draft, "needless", where, "there is no DRBD under a mirror");
  else note(draft, "lost", where, "clusterd keeps no other programs running", "a systemd unit with Restart=always, or a service here");
}

function takeManager(draft: Draft, [word = ""]: readonly string[], where: Where): void {
  if (/^(off|no|false|n|0)$/i.test(word)) note(draft, "needless", where, "there is no other resource manager");
  else note(draft, "lost", where, "the resources stand in the cluster resource manager's own database, which is not read", "describe them as services: NODE/NAME.conf");
}

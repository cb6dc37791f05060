// keepalived.conf: VRRP instances become services of their master, with the checks that they track; what keepalived balances is reported.
//
// Grammar: a keyword and its words a line, blocks in braces, # and ! begin comments, "…" joins; $NAME=value defines what $NAME and
// ${NAME} stand for; a line that begins with @ID counts only where that configuration id is set (keepalived.conf(5)).

import { placeOf, takeAddress } from "./addresses.ts";
import { parseBlocks } from "./blocks.ts";
import type { Statement } from "./blocks.ts";
import { BY_HAND, takeCheckCommand, takeCheckTime, takeFirst, takeProcess } from "./checks.ts";
import { takeCommands } from "./commands.ts";
import type { OldCommand } from "./commands.ts";
import { isAddress4 } from "../config/addresses.ts";
import { guessKey, leave, logicalLines, lost, needless, newService, nodeAt, nodeNamed, note, otherThan, rowOf } from "./draft.ts";
import type { Draft, DraftNode, DraftService, Left, Source, Where } from "./draft.ts";
import { takeFailback } from "./ha-cf.ts";

interface Instance { readonly draft: Draft; readonly name: string; readonly self: DraftNode; readonly service: DraftService; readonly file: string }

const ANNOUNCED = needless("clusterd announces every address itself, for ten seconds and then again and again");
const MAILS = lost("clusterd hands its mails to the machine's own sendmail", "notify_mail = ADDRESS in cluster.conf; without it root is told, where there is a sendmail");
const VRRP = needless("no VRRP is spoken");
const ROUTES = lost("of routes only the default gateway moves with the identity", "MAIN_GATEWAY in the home node's file; others by the system, on both nodes");
const BALANCING = lost("clusterd spreads no load over further machines", "keep keepalived's checkers, ipvsadm or HAProxy for it, started by a service here");
const WATCHED = needless("clusterd watches the main NIC's cable itself");

/** Blocks that say how something is checked, and the lists of an instance that name them. */
const CHECKERS = ["vrrp_script", "vrrp_track_process"];
const TRACKS = ["track_script", "track_process"];

const TOP: Readonly<Record<string, Left>> = {
  global_defs: needless("of global settings clusterd needs none"), vrrp_sync_group: needless("all that is at home on one node moves together"),
  virtual_server: BALANCING, virtual_server_group: BALANCING, SSL: BALANCING, local_address_group: BALANCING,
  static_ipaddress: lost("addresses that never move are the system's", "the system's own network configuration"), static_routes: ROUTES, static_rules: ROUTES,
  vrrp_track_file: lost("no file decides who owns", "`clusterd switchover` moves by hand"),
  include: lost("the file that it names was not read", "import that one too"), garp_group: ANNOUNCED, linkbeat_use_polling: WATCHED, linkbeat_interfaces: WATCHED,
  net_namespace: lost("clusterd works in the network namespace it is started in", "none here"), bfd_instance: needless("the heartbeat is quicker than BFD's usual times"), instance: needless("there is one pair"),
};

/** Keys of a vrrp_instance that need no more than a sentence. The rest is read below. */
const INSTANCE: Readonly<Record<string, Left>> = {
  virtual_router_id: VRRP, authentication: needless("clusterd makes a 256-bit key of its own; the old password is not taken over"), priority: needless("each service has a home instead of a priority"),
  version: VRRP, mcast_src_ip: VRRP, mcast_dst_ip: VRRP, accept: VRRP, no_accept: VRRP, strict_mode: VRRP, lower_prio_no_advert: VRRP, higher_prio_send_advert: VRRP, check_unicast_src: VRRP, unicast_ttl: VRRP, old_unicast_checksum: VRRP, skip_check_adv_addr: VRRP, down_timer_adverts: VRRP,
  use_vmac: needless("the identity's own MAC moves, on a NIC of its own"), use_ipvlan: needless("the identity's own MAC moves, on a NIC of its own"), vmac_xmit_base: needless("there is no virtual MAC"), native_ipv6: VRRP, dont_track_primary: WATCHED, track_interface: WATCHED, track_bfd: WATCHED, linkbeat_use_polling: WATCHED,
  garp_master_delay: ANNOUNCED, garp_master_repeat: ANNOUNCED, garp_master_refresh: ANNOUNCED, garp_master_refresh_repeat: ANNOUNCED, garp_lower_prio_delay: ANNOUNCED, garp_lower_prio_repeat: ANNOUNCED, garp_extra_if: ANNOUNCED,
  smtp_alert: MAILS, no_smtp_alert: MAILS, debug: needless("clusterd logs its decisions"), lvs_sync_daemon_interface: BALANCING,
  virtual_routes: ROUTES, virtual_rules: ROUTES, track_file: TOP["vrrp_track_file"] as Left,
  promote_secondaries: needless("addresses do not depend on each other"),
  notify_fault: lost("no program is told of a fault of one service", "notify = PROGRAM in cluster.conf is told of what happens"), notify_stop: lost("stopping is the service's own matter", "stop_command"), notify: lost("its words are keepalived's own", "notify = PROGRAM in cluster.conf; the event and its reason follow as further words"),
  notify_master_rx_lower_pri: VRRP, notify_deleted: VRRP, kernel_rx_buf_size: VRRP, preempt: needless("see failback"), state: needless("see the service's home"),
};

export function readKeepalivedConf(source: Source, draft: Draft): void {
  const self = source.node === null ? null : nodeNamed(draft, source.node);
  if (source.node !== null && self === null) { draft.obstacles.push(`${source.file}: the node ${source.node} is a third one beside ${draft.nodes.map(({ name }) => name).join(" and ")}`); return; }
  const { statements, faults } = parseBlocks(substituted(source, draft), "#!");
  for (const { line, text } of faults) note(draft, "lost", { file: source.file, line, directive: text }, "the file cannot be read as it was meant", "correct it, and import again");
  const checkers = new Map(statements.filter(({ words }) => CHECKERS.includes(words[0] ?? "")).map((one) => [one.words[1] ?? "", one]));
  for (const statement of statements) {
    const [keyword = ""] = statement.words;
    if (keyword === "vrrp_instance") readInstance(draft, source.file, statement, self, checkers);
    else if (!CHECKERS.includes(keyword)) topLevel(draft, source.file, statement);
  }
}

function topLevel(draft: Draft, file: string, { words, line, body }: Statement): void {
  const [keyword = ""] = words;
  leave(draft, { file, line, directive: words.join(" ") }, rowOf(TOP, keyword), { what: keyword, manual: "keepalived.conf(5)" });
  if (keyword !== "global_defs") return;
  for (const inner of body ?? []) if (/^(notification_email|smtp_|lvs_notify|vrrp_notify)/.test(inner.words[0] ?? "")) note(draft, "lost", { file, line: inner.line, directive: inner.words.join(" ") }, MAILS.text, MAILS.instead);
}

/** The lines without those that hang on a condition, and with what definitions stand for. */
function substituted(source: Source, draft: Draft): readonly { readonly line: number; readonly text: string }[] {
  const known = new Map<string, string>();
  return logicalLines(source.text, { joined: true }).flatMap(({ line, text }) => {
    const [, name, value] = /^\s*\$([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(text) ?? [];
    if (name !== undefined) { known.set(name, value ?? ""); return []; }
    if (/^\s*@\^?\S/.test(text)) { note(draft, "lost", { file: source.file, line, directive: text.trim() }, "whether this line counts depends on the configuration id", "write out the file of one node, and import that"); return []; }
    return [{ line, text: text.replace(/\$\{?([A-Za-z_]\w*)\}?/g, (whole, one: string) => known.get(one) ?? whole) }];
  });
}

function readInstance(draft: Draft, file: string, { words, line, body }: Statement, given: DraftNode | null, checkers: ReadonlyMap<string, Statement>): void {
  const name = words[1] ?? "vrrp";
  const statements = body ?? [];
  const get = (key: string): Statement | undefined => statements.find((one) => one.words[0] === key);
  const state = (get("state")?.words[1] ?? "BACKUP").toUpperCase();
  const master = state === "MASTER";
  // One file without a name is the first node's, unless it says BACKUP everywhere.
  const self = given ?? nodeAt(draft, 0);
  const home = master || given === null ? self : otherThan(draft, self);
  const at: Where = { file, line, directive: `vrrp_instance ${name}` };
  const before = draft.services.find((one) => one.from.some((from) => from.endsWith(` vrrp_instance ${name}`)));
  // The state is only how they begin: in the end the higher priority is master.
  const weight = Number(get("priority")?.words[1] ?? 100) + (master ? 0.5 : 0);
  if (before !== undefined) {
    if (weight > before.weight) before.home = self;
    else if (before.weight > weight) before.home = otherThan(draft, self);
    return note(draft, "needless", at, `stands in ${before.from[0]} already: the other node's side of the same; its home is ${before.home.name}, by priority`);
  }
  const service = newService(draft, name, home);
  service.weight = weight;
  service.from.push(`${file}:${line} vrrp_instance ${name}`);
  if (!master && given === null) note(draft, "guessed", at, placeOf(service), `it says state ${state}: give the files of both nodes (NODE:FILE), or move the service's file to the folder of its home`);
  else note(draft, "carried", at, placeOf(service));
  const instance: Instance = { draft, name, self, service, file };
  for (const statement of statements) instanceKey(instance, statement);
  scriptsOf(instance, statements);
  for (const statement of statements) if (TRACKS.includes(statement.words[0] ?? "")) for (const one of statement.body ?? []) trackedBy(instance, statement, one, checkers);
  const keeps = get("nopreempt");
  if (keeps !== undefined || !draft.cluster.has("failback")) takeFailback(draft, keeps === undefined, { file, line: keeps?.line ?? line, directive: keeps === undefined ? `vrrp_instance ${name}: it preempts` : `${name}: nopreempt` });
}

function instanceKey({ draft, service, self, file, name }: Instance, { words, line, body }: Statement): void {
  const [key = "", value = ""] = words;
  const where: Where = { file, line, directive: `${name}: ${key === "authentication" ? key : words.join(" ")}` };
  if (key === "virtual_ipaddress" || key === "virtual_ipaddress_excluded") { for (const one of body ?? []) virtualAddress(draft, service, { file, line: one.line, directive: `${name}: ${one.words.join(" ")}` }, one.words); return; }
  if (key === "interface") return mainNic(draft, self, value, where);
  if (key === "advert_int") return advertisement(draft, Number(value), where);
  if (key === "unicast_src_ip") return peerAddress(draft, self, value, where);
  if (key === "unicast_peer") { for (const one of body ?? []) peerAddress(draft, otherThan(draft, self), one.words[0] ?? "", { file, line: one.line, directive: `${name}: unicast_peer ${one.words[0]}` }); return; }
  if (key === "preempt_delay") return failbackDelay(draft, Number(value), where);
  if (["notify_master", "notify_backup", "nopreempt", ...TRACKS].includes(key)) return;
  leave(draft, where, rowOf(INSTANCE, key), { what: key, manual: "keepalived.conf(5)" });
}

/** IP[/PREFIX] [brd IP] [dev NIC] [scope …] [label …]; without a prefix keepalived takes /32. */
function virtualAddress(draft: Draft, service: DraftService, where: Where, words: readonly string[]): void {
  const [ip = "", prefix = "32"] = (words[0] ?? "").split("/");
  const after = (word: string): string | undefined => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined);
  const broadcast = after("brd") ?? after("broadcast");
  takeAddress(draft, service, where, { address: ip, prefix, broadcast: broadcast === undefined || !isAddress4(broadcast) ? null : broadcast });
  const device = after("dev");
  const main = service.home.keys.get("MAIN_INTERFACE")?.value;
  if (device !== undefined && main !== undefined && device !== main) note(draft, "lost", where, `the address stood on ${device}; here all addresses of an identity are on one NIC`, `clients of ${device} need a route, or a pair of their own`);
}

function mainNic(draft: Draft, self: DraftNode, nic: string, where: Where): void {
  guessKey(draft, [self, otherThan(draft, self)], "MAIN_INTERFACE", nic, where, `is ${nic} where clients come in, on both nodes?`);
}

/** A backup takes over after three advertisements and a little; a deadtime has at least four keepalives. */
function advertisement(draft: Draft, seconds: number, where: Where): void {
  if (!(seconds > 0)) return note(draft, "lost", where, "it is no time", "keepalive = … in [timing] of cluster.conf");
  draft.times.keepalive = Math.max(1, Math.round(seconds * 1000));
  draft.times.deadtime = 4 * draft.times.keepalive;
  note(draft, "carried", where, "cluster.conf [timing] keepalive, and deadtime = 4 keepalive");
}

function failbackDelay(draft: Draft, seconds: number, where: Where): void {
  if (!(seconds > 0)) return note(draft, "needless", where, "the usual delay");
  draft.cluster.set("failback_delay", `${seconds}s`);
  note(draft, "carried", where, "cluster.conf failback_delay");
}

function peerAddress(draft: Draft, node: DraftNode, address: string, where: Where): void {
  if (!isAddress4(address)) return note(draft, "lost", where, `${address} is no IPv4 address`, "MAIN_IPADDR in the node's file");
  guessKey(draft, [node], "MAIN_IPADDR", address, where, "is that an address of the LAN? Clients know the node by it, and it moves with the identity");
}

/** What runs when a node becomes master and when it becomes backup starts and stops the service. */
function scriptsOf({ draft, name, service, file }: Instance, statements: readonly Statement[]): void {
  const command = (what: string): OldCommand | null => {
    const found = statements.find(({ words }) => words[0] === what);
    return found === undefined ? null : { text: found.words.slice(1).join(" "), where: { file, line: found.line, directive: `${name}: ${what} ${found.words.slice(1).join(" ")}` } };
  };
  takeCommands(draft, service, { start: command("notify_master"), stop: command("notify_backup") });
}

/** `weight` only changed the priority there; here what fails is started anew, then moves. */
const WEIGHED = "it only changed the priority by its weight: here what fails it is started anew, then its identity moves; is that meant?";
const TIMES = { interval: "check_interval", timeout: "check_timeout" } as const;
const COUNTS = { rise: "check_rise", fall: "check_fall" } as const;

function trackedBy({ draft, name, service, file }: Instance, { words: [track = ""] }: Statement, { words, line }: Statement, checkers: ReadonlyMap<string, Statement>): void {
  const checker = checkers.get(words[0] ?? "");
  const where: Where = { file, line, directive: `${name}: ${track} ${words.join(" ")}` };
  const said = (key: string): Statement | undefined => checker?.body?.find((one) => one.words[0] === key);
  const text = said(checker?.words[0] === "vrrp_script" ? "script" : "process")?.words.slice(1).join(" ");
  if (checker === undefined || text === undefined) return note(draft, "lost", where, `nothing says what ${words[0] ?? ""} checks`, BY_HAND);
  const weight = words[1] === "weight" ? words[2] : said("weight")?.words[1];
  const question = weight === undefined || Number(weight) === 0 ? null : WEIGHED;
  const taken = checker.words[0] === "vrrp_script" ? takeCheckCommand(draft, service, { text, where }, question)
    : takeProcess(draft, service, where, text.split(/\s+/)[0]?.split("/").at(-1) ?? "", question);
  if (!taken) return;
  const of = (key: string, found: Statement): Where => ({ file, line: found.line, directive: `${words[0]}: ${key} ${found.words[1]}` });
  for (const [key, ours] of Object.entries(TIMES)) { const found = said(key); if (found !== undefined) takeCheckTime(draft, service, of(key, found), ours, found.words[1] ?? ""); }
  for (const [key, ours] of Object.entries(COUNTS)) { const found = said(key); if (found !== undefined) takeFirst(draft, service, of(key, found), ours, found.words[1] ?? ""); }
}

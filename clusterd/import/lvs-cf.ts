// lvs.cf of Red Hat's Piranha (pulse, fos, lvs): two routers, or two servers with failover services.
//
// Grammar: `key = value …`, and blocks `failover NAME { … }` and `virtual NAME { … server NAME { … } }`; # begins a comment,
// "…" joins words (lvs.cf(5)). `service` says which kind of block counts.

import { isAddress4 } from "../config/addresses.ts";
import { placeOf, takeAddress } from "./addresses.ts";
import { parseBlocks } from "./blocks.ts";
import type { Statement } from "./blocks.ts";
import { bothNodes, guessKey, leave, logicalLines, lost, needless, newService, nodeAt, nodeNamed, note, rowOf, setKey } from "./draft.ts";
import type { Draft, DraftService, Left, NodeKey, Source, Where } from "./draft.ts";
import { oldTime, takePort } from "./ha-cf.ts";
import { BY_HAND, takeCheck, takeCheckTime } from "./checks.ts";
import { takeCommands, whyNoWords } from "./commands.ts";

interface Pair { readonly key: string; readonly values: readonly string[]; readonly where: Where }
type Act = (draft: Draft, pair: Pair) => void;
const BALANCING = lost("clusterd spreads no load over further machines", "keep ipvsadm or HAProxy for it, started by a service here (start = systemd:…), so that it moves with the address");

const GLOBAL: Readonly<Record<string, Act | Left>> = {
  primary: address(0, "MAIN_IPADDR"), primary_private: address(0, "HEARTBEAT_IPADDR"),
  backup: address(1, "MAIN_IPADDR"), backup_private: address(1, "HEARTBEAT_IPADDR"),
  primary_shared: lost("clusterd's nodes share no disk", "[mirror] path[] = DIRECTORY/ in a service's file"), backup_shared: lost("clusterd's nodes share no disk", "[mirror] path[] = DIRECTORY/ in a service's file"),
  keepalive: time("keepalive"), deadtime: time("deadtime"),
  heartbeat_port: (draft, { values, where }) => takePort(draft, values, where),
  heartbeat: needless("there is always a heartbeat"), backup_active: needless("there are always two nodes"), service: needless("it chose which kind of block counted"),
  serial_no: needless("nodes compare their whole configuration"), monitor_links: needless("the cable of the main NIC is always watched"),
  rsh_command: needless("nodes speak over ssh, with keys of their own"), debug_level: needless("clusterd logs its decisions"), hard_shutdown: needless("releasing does not wait"),
  reservation_conflict_action: needless("there is no shared SCSI disk to reserve"),
  active_cmd: lost("no command runs when a node becomes active", "a service with start_command and stop_command"), inactive_cmd: lost("no command runs when a node becomes inactive", "a service with start_command and stop_command"),
  network: BALANCING, nat_router: lost("an address towards the real servers", "address[] = IP/PREFIX of a service, if it must move too"), nat_nmask: BALANCING,
  syncdaemon: BALANCING, syncd_iface: BALANCING, syncd_id: BALANCING, tcp_timeout: BALANCING, tcpfin_timeout: BALANCING, udp_timeout: BALANCING,
};

/** Keys of a block that say how it is checked: a failover service here, the real servers of a virtual one there. */
const CHECKS = ["port", "send", "expect", "send_program", "use_regex", "timeout"];
const OF_REAL_SERVERS = lost("it was about the real servers, over which clusterd spreads no load", BALANCING.instead);
const UNUSED = lost("nothing here is like it", BY_HAND);

export function readLvsCf(source: Source, draft: Draft): void {
  const { statements, faults } = parseBlocks(logicalLines(source.text, { joined: false }), "#");
  for (const { line, text } of faults) note(draft, "lost", { file: source.file, line, directive: text }, "the file cannot be read as it was meant", "correct it, and import again");
  const counts = pairsOf(statements, source.file).find(({ key }) => key === "service")?.values[0] === "fos" ? "failover" : "virtual";
  for (const pair of pairsOf(statements, source.file)) globalKey(draft, pair);
  for (const statement of statements) {
    if (statement.body === null) continue;
    const [kind = "", name = "service"] = statement.words;
    const where: Where = { file: source.file, line: statement.line, directive: statement.words.join(" ") };
    if (kind !== "failover" && kind !== "virtual") note(draft, "lost", where, `a block ${kind} is not known`, "look into lvs.cf(5) for what it did");
    else if (kind !== counts) note(draft, "needless", where, `service = ${counts === "failover" ? "fos" : "lvs"} left it out`);
    else readBlock(draft, kind, name, statement.body, where);
  }
}

const pairsOf = (statements: readonly Statement[], file: string): readonly Pair[] => statements.filter(({ body }) => body === null).map(({ words, line }) => {
  const [, key = "", rest = ""] = /^([^=\s]*)\s*=?\s*([^]*)$/.exec(words[0] ?? "") ?? [];
  const values = [rest, ...words.slice(1)].filter((word, index) => word !== "" && !(index === 1 && word === "="));
  return { key, values, where: { file, line, directive: `${key} = ${values.join(" ")}` } };
});

function globalKey(draft: Draft, pair: Pair): void {
  const row = rowOf(GLOBAL, pair.key);
  if (typeof row === "function") row(draft, pair);
  else leave(draft, pair.where, row, { what: pair.key, manual: "lvs.cf(5)" });
}

function time(key: "keepalive" | "deadtime"): Act {
  return (draft, { values: [word = ""], where }) => {
    const value = oldTime(word);
    if (value === null) return note(draft, "lost", where, `"${word}" is no time`, `${key} = … in [timing] of cluster.conf`);
    draft.times[key] = value;
    note(draft, "carried", where, `cluster.conf [timing] ${key}`);
  };
}

/** An address, or a host name, which then is the node's. */
function address(place: 0 | 1, key: NodeKey): Act {
  return (draft, { values: [word = ""], where }) => {
    if (isAddress4(word)) {
      setKey(nodeAt(draft, place), key, word, `${where.file}:${where.line}`);
      return note(draft, "carried", where, `${key} of the ${place === 0 ? "first" : "second"} node`);
    }
    if (key === "MAIN_IPADDR" && /^[A-Za-z]/.test(word)) {
      nodeAt(draft, place).name ??= nodeNamed(draft, word)?.name ?? word;
      return note(draft, "guessed", where, "cluster.conf nodes", "is that what `hostname -s` prints there?");
    }
    note(draft, "lost", where, `${word} is no IPv4 address`, `--node NAME:${key}=…`);
  };
}

function readBlock(draft: Draft, kind: string, name: string, body: readonly Statement[], at: Where): void {
  const pairs = pairsOf(body, at.file);
  const get = (key: string): Pair | undefined => pairs.find((pair) => pair.key === key);
  if (get("active")?.values[0] === "0") return note(draft, "lost", get("active")?.where ?? at, `${kind} ${name} was switched off (active = 0)`, "write its file by hand, if it is wanted");
  const service = newService(draft, name, nodeAt(draft, 0));
  service.from.push(`${at.file}:${at.line}`);
  note(draft, "carried", at, `${placeOf(service)}`);
  blockAddress(draft, service, get("address"), get("vip_nmask"));
  takeCommands(draft, service, { start: commandOf(get("start_cmd")), stop: commandOf(get("stop_cmd")) });
  if (kind === "failover") blockChecks(draft, service, name, get);
  const known = ["active", "address", "vip_nmask", "start_cmd", "stop_cmd", ...(kind === "failover" ? CHECKS : [])];
  for (const { key, where } of pairs.filter((pair) => !known.includes(pair.key)))
    leave(draft, { ...where, directive: `${name}: ${where.directive}` }, CHECKS.includes(key) ? OF_REAL_SERVERS : key === "expect_program" ? UNUSED : BALANCING, { what: key, manual: "lvs.cf(5)" });
  for (const { words, line, body: inner } of body) if (inner !== null) note(draft, "lost", { file: at.file, line, directive: `${name}: ${words.join(" ")}` }, BALANCING.text, BALANCING.instead);
}

/** nanny's ways: connect, perhaps send, perhaps expect; or a program whose output is expected. One * expects anything. */
function blockChecks(draft: Draft, service: DraftService, name: string, get: (key: string) => Pair | undefined): void {
  const [port, send, expect, program, timeout, regex] = ["port", "send", "expect", "send_program", "timeout", "use_regex"].map(get);
  const at = (pair: Pair): Where => ({ ...pair.where, directive: `${name}: ${pair.where.directive}` });
  const wanted = expect === undefined || expect.values.join(" ") === "*" ? null : regex?.values[0] === "1" ? expect.values.join(" ") : expect.values.join(" ").replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
  if (program !== undefined) {
    const [command = "", ...words] = program.values.join(" ").replaceAll("%h", get("address")?.values[0] ?? "").split(/\s+/);
    if (whyNoWords([command, ...words].join(" ")) !== null) note(draft, "lost", at(program), whyNoWords([command, ...words].join(" ")) ?? "", BY_HAND);
    else takeCheck(draft, service, at(program), wanted === null ? ["command", command, ...words] : ["output", wanted, command, ...words]);
  } else if (port !== undefined) {
    takeCheck(draft, service, at(port), ["tcp", port.values[0] ?? "", ...(send === undefined ? [] : ["send", send.values.join(" ")]), ...(wanted === null ? [] : ["expect", wanted])]);
  }
  for (const pair of [send, expect, regex].filter((one) => one !== undefined)) {
    if (program === undefined && port === undefined) note(draft, "lost", at(pair), "there is neither port nor send_program", BY_HAND);
    else note(draft, "carried", at(pair), `${placeOf(service)} check[]`);
  }
  if (timeout !== undefined) takeCheckTime(draft, service, at(timeout), "check_timeout", timeout.values[0] ?? "");
}

function blockAddress(draft: Draft, service: DraftService, pair: Pair | undefined, mask: Pair | undefined): void {
  if (pair === undefined) return;
  const [ip = "", device] = pair.values;
  takeAddress(draft, service, pair.where, { address: ip, prefix: mask?.values[0] ?? null, broadcast: null });
  if (mask !== undefined) note(draft, "carried", mask.where, `${placeOf(service)} address[]`);
  const nic = device?.split(":")[0];
  if (nic === undefined) return;
  guessKey(draft, bothNodes(draft), "MAIN_INTERFACE", nic, pair.where, `is ${nic} where clients come in, on both?`);
}

const commandOf = (pair: Pair | undefined): { readonly text: string; readonly where: Where } | null => (pair === undefined ? null : { text: pair.values.join(" "), where: pair.where });

// lsyncd.conf: each `sync` becomes the mirror of a service. Only what describes is read (lua-table.ts); what computes is reported.
//
// Known: settings, and sync with default.rsync or default.rsyncssh to another host (lsyncd's manual, "layer 4").

import { placeOf } from "./addresses.ts";
import { append, guessKey, leave, lost, needless, newService, nodeAt, nodeNamed, note, otherThan, rowOf } from "./draft.ts";
import type { Draft, DraftNode, DraftService, Left, Source, Where } from "./draft.ts";
import { readLua } from "./lua-table.ts";
import type { LuaCall, LuaEntry, LuaValue } from "./lua-table.ts";
import { whyNoPath } from "../config/kinds.ts";
import { isAddress4 } from "../config/addresses.ts";


const LOGS = needless("the mirror reports each run: `mirror status`");
const PACE = needless("runs have a time, not a queue: the crontab says when (`mirror run`)");
const SETTINGS: Readonly<Record<string, Left>> = {
  logfile: LOGS, logident: LOGS, logfacility: LOGS, pidfile: LOGS, statusFile: LOGS, statusInterval: LOGS, log: LOGS, nodaemon: LOGS, insist: needless("a run that fails is tried again with the next"),
  inotifyMode: PACE, maxProcesses: PACE, maxDelays: PACE, delay: PACE,
};
const SYNC: Readonly<Record<string, Left>> = {
  delay: PACE, maxDelays: PACE, maxProcesses: PACE, crontab: lost("when a job runs stands in the crontab file", "a line `mirror run JOB` in /etc/cron.d/clusterd"), init: needless("the first run copies everything"), delete: needless("the mirror deletes what is gone, keeps each deleted version, and asks before a mass deletion"),
  ssh: needless("the mirror has keys and pinned host keys of its own; another port is ssh_port in cluster.conf"),
  filter: lost("rsync's filter rules are not taken, only what is left out", "exclude[] = PATTERN in [mirror]"), filterFrom: lost("rsync's filter rules are not taken, only what is left out", "exclude[] = PATTERN in [mirror]"),
  excludeFrom: lost("the file of patterns was not read", "exclude[] = PATTERN in [mirror], one a line"), checkExitCodes: needless("exit codes 23 and 24 never count as a mirror"), action: lost("actions of one's own are programs", null),
  tunnel: lost("the mirror connects by itself", null), batchSizeLimit: PACE,
};
/** Options of rsync that change what arrives, or how fast; the rest is the mirror's own way anyway, or makes no difference. */
const RSYNC_LOST = ["_extra", "bwlimit", "copy_links", "copy_dirlinks", "keep_dirlinks", "chmod", "chown", "cvs_exclude", "existing", "prune_empty_dirs", "rsync_path", "temp_dir", "timeout", "one_file_system"];

export function readLsyncdConf(source: Source, draft: Draft): void {
  const { calls, skipped } = readLua(source.text);
  const self = source.node === null ? nodeAt(draft, 0) : nodeNamed(draft, source.node);
  if (self === null) { draft.obstacles.push(`${source.file}: the node ${source.node} is a third one beside ${draft.nodes.map(({ name }) => name).join(" and ")}`); return; }
  for (const call of calls) {
    const where: Where = { file: source.file, line: call.line, directive: call.name };
    if (call.name === "settings") for (const entry of call.table.entries) left(draft, entry, SETTINGS, where, "settings");
    else if (call.name === "sync") readSync(draft, call, self, where);
    else note(draft, "lost", where, "a definition of one's own is a program", null);
  }
  for (const { line, text } of skipped) note(draft, "lost", { file: source.file, line, directive: text }, "it computes, and only descriptions are read", "write out what it comes to, and import again");
}

const find = (call: LuaCall, key: string): LuaEntry | undefined => call.table.entries.find((entry) => entry.key === key);
const textOf = (entry: LuaEntry | undefined): string | null => (entry?.value.kind === "text" ? entry.value.text : null);

function left(draft: Draft, entry: LuaEntry, table: Readonly<Record<string, Left>>, where: Where, of: string): void {
  const at: Where = { ...where, line: entry.line, directive: `${of}: ${entry.key ?? ""} ${entry.key === null ? "" : "= "}${shown(entry.value)}` };
  leave(draft, at, rowOf(table, entry.key ?? ""), { what: entry.key ?? shown(entry.value), manual: "lsyncd's manual" });
}

const shown = (value: LuaValue): string => (value.kind === "table" ? "{ … }" : value.kind === "text" ? JSON.stringify(value.text) : value.text);

function readSync(draft: Draft, call: LuaCall, home: DraftNode, where: Where): void {
  const way = call.table.entries.find(({ key }) => key === null)?.value;
  const source = textOf(find(call, "source"));
  const target = targetOf(call);
  const at: Where = { ...where, directive: `sync ${way === undefined ? "" : shown(way)} ${source ?? ""}`.replace(/\s+/g, " ").trim() };
  if (way?.kind !== "word" || !/^default\.rsync(ssh)?$/.test(way.text)) return note(draft, "lost", at, way !== undefined && shown(way) === "default.direct" ? "source and target are on one machine, and clusterd mirrors to the other" : "only default.rsync and default.rsyncssh are mirrors", "cron and rsync");
  if (source === null || target === null) return note(draft, "lost", at, "source or target is not a plain text", "write out what it comes to, and import again");
  if (target.host === null) return note(draft, "lost", at, "source and target are on one machine, and clusterd mirrors to the other", "cron and rsync");
  const path = `${source.replace(/\/+$/, "")}/`;
  const why = whyNoPath(path);
  if (why !== null) return note(draft, "lost", at, why.fault, why.hint);
  if (!isOtherNode(draft, home, target.host, at)) return;
  const name = path.split("/").at(-2) ?? "mirror";
  const known = draft.services.find((one) => one.name === name.toLowerCase() && one.home === home && one.mirror.size === 0);
  const service = known ?? newService(draft, name, home);
  service.from.push(`${at.file}:${at.line}`);
  append(service.mirror, "path", path);
  note(draft, "carried", at, `${placeOf(service)} [mirror] path[] = ${path}`);
  if (target.path === null || `${target.path.replace(/\/+$/, "")}/` !== path) note(draft, "lost", at, `on ${target.host} it lay at ${target.path ?? "an rsync module"}; a mirror has the same path on both nodes`, `move it there to ${path}, or make ${path} a mount of it`);
  for (const entry of call.table.entries.filter(({ key }) => key !== null && !["source", "target", "host", "targetdir"].includes(key))) syncKey(draft, service, entry, at);
}

/** user@host:/path, host::module, rsync://host/module, or host and targetdir. */
function targetOf(call: LuaCall): { readonly host: string | null; readonly path: string | null } | null {
  const [target, host, targetdir] = [textOf(find(call, "target")), textOf(find(call, "host")), textOf(find(call, "targetdir"))];
  if (host !== null) return { host: host.replace(/^.*@/, ""), path: targetdir };
  if (target === null) return null;
  const [, url] = /^rsync:\/\/(?:[^@/]*@)?([^/:]+)/.exec(target) ?? [];
  if (url !== undefined) return { host: url, path: null };
  const [, name, mark, path] = /^(?:[^@/]*@)?([^/:]+)(::?)(.*)$/.exec(target) ?? [];
  return name === undefined ? { host: null, path: target } : { host: name, path: mark === "::" ? null : path ?? null };
}

/** Whether `host` is the other node, as far as anybody can tell. */
function isOtherNode(draft: Draft, home: DraftNode, host: string, where: Where): boolean {
  const there = otherThan(draft, home);
  const name = host.split(".")[0] ?? host;
  if (isAddress4(host)) {
    if (![...there.keys.values()].some(({ value }) => value === host)) guessKey(draft, [there], "HEARTBEAT_IPADDR", host, where, "the mirror uses the private cable: is that its address there?");
  } else if (there.name === null) {
    there.name = name;
    note(draft, "guessed", where, `cluster.conf nodes, ${name}`, "is that what `hostname -s` prints there?");
  } else if (there.name !== name) {
    note(draft, "lost", where, `${host} is neither of the two nodes: a mirror goes to ${there.name}`, "cron and rsync, for a third machine");
    return false;
  }
  return true;
}

function syncKey(draft: Draft, service: DraftService, entry: LuaEntry, at: Where): void {
  const where: Where = { ...at, line: entry.line, directive: `${service.name}: ${entry.key} = ${shown(entry.value)}` };
  if (entry.key === "exclude") {
    const values = entry.value.kind === "table" ? entry.value.entries.map(({ value }) => value) : [entry.value];
    for (const value of values) {
      if (value.kind !== "text") { note(draft, "lost", where, "it is not a plain text", "exclude[] = PATTERN in [mirror]"); continue; }
      append(service.mirror, "exclude", value.text);
      note(draft, "carried", { ...where, line: value.line, directive: `${service.name}: exclude ${value.text}` }, `${placeOf(service)} [mirror] exclude[] = ${value.text}`);
    }
  } else if (entry.key === "delete" && entry.value.kind === "word" && entry.value.text === "false") {
    note(draft, "lost", where, "a mirror without deletions is none: what is gone here is deleted there, and kept in a dated directory", "max_delete = 0 in [mirror] stops every run that would delete, until `mirror approve`");
  } else if (entry.key === "rsync" && entry.value.kind === "table") {
    const odd = entry.value.entries.filter(({ key }) => key === null || RSYNC_LOST.includes(key));
    note(draft, "needless", { ...where, directive: `${service.name}: rsync` }, "the mirror has options of its own: -aHAXS --numeric-ids --delete --backup");
    for (const one of odd) {
      const at: Where = { ...where, line: one.line, directive: `${service.name}: rsync ${one.key ?? ""} ${one.value.kind === "table" ? one.value.entries.map(({ value }) => shown(value)).join(" ") : shown(one.value)}` };
      const kilobytes = one.key === "bwlimit" && one.value.kind !== "table" && /^\d{1,9}$/.test(one.value.text) ? one.value.text : null;
      if (kilobytes === null) { note(draft, "lost", at, "further options of rsync cannot be given", null); continue; }
      append(service.mirror, "bwlimit", `${kilobytes}K`);
      note(draft, "carried", at, `${placeOf(service)} [mirror] bwlimit = ${kilobytes}K`);
    }
  } else left(draft, entry, SYNC, at, service.name);
}

// A Draft as files of /etc/cluster.d. What the old files did not say stands there as a marked blank, which `clusterd check` names.

import { NODE } from "../config/options.ts";
import type { Draft, DraftNode, DraftService, NodeKey } from "./draft.ts";
import type { Timing } from "../base/time.ts";

export interface NewFile { readonly path: string; readonly text: string }

/** Wanted beside what is required: without them `check` warns. */
const ADVISED: readonly NodeKey[] = ["MAIN_PREFIX", "MAIN_GATEWAY", "ADMIN_IPADDR"];
const TIMES: Readonly<Record<keyof Timing, string>> = { keepalive: "keepalive", warntime: "warntime", deadtime: "deadtime", initdead: "initdead", lease: "lease", release: "release", unheard: "unheard", claim: "claim", holdDown: "hold_down" };
const SEES: Partial<Record<NodeKey, string>> = { MAIN_MACADDR: "`ip -br link` prints it there", MAIN_INTERFACE: "`ip -br link` prints the names", HEARTBEAT_INTERFACE: "`ip -br link` prints the names", REDUNDANT_INTERFACE: "`ip -br link` prints the names" };

/** Every node has a name by now. */
export function newFiles(draft: Draft, { name, times, heading }: { readonly name: string; readonly times: Partial<Timing>; readonly heading: string }): readonly NewFile[] {
  return [
    { path: "cluster.conf", text: clusterFile(draft, name, times, heading) },
    ...draft.nodes.map((node) => ({ path: `${node.name}.conf`, text: nodeFile(node, heading) })),
    ...draft.services.map((service) => ({ path: `${service.home.name}/${service.name}.conf`, text: serviceFile(service, heading) })),
    ...draft.descriptions.map(({ node, name: file, text }) => ({ path: `${node.name}/${file}`, text })),
  ];
}

function clusterFile({ nodes, cluster }: Draft, name: string, times: Partial<Timing>, heading: string): string {
  const keys = [["name", cluster.get("name") ?? name], ["nodes", nodes.map((node) => node.name).join(" ")], ...[...cluster].filter(([key]) => key !== "name")];
  const set = Object.entries(times) as [keyof Timing, number][];
  return [
    `# ${heading}`, "# `clusterd check` judges it; every key is explained in /usr/lib/clusterd/cluster.d/README.md.", "", "[cluster]",
    ...keys.map(([key, value]) => `${key} = ${value}`),
    ...(cluster.has("references") ? [] : ["# BLANK: three addresses of the LAN that answer ARP or ping, and do not share one switch or power strip.", "# references ="]),
    ...(set.length === 0 ? [] : ["", "# The old times, and what they call for. Without this section: clusterd's own, a takeover within a second.", "[timing]", ...set.map(([key, ms]) => `${TIMES[key]} = ${ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`}`)]),
    "",
  ].join("\n");
}

function nodeFile({ name, keys, raw }: DraftNode, heading: string): string {
  if (raw !== null) return withAdded(raw, keys);
  const wanted = Object.entries(NODE) as [NodeKey, (typeof NODE)[NodeKey]][];
  const lines = wanted.flatMap(([key, option]) => {
    const known = keys.get(key);
    if (known !== undefined) return [...(known.from === null ? [] : [`# ${known.from}`]), `${key}=${known.value}`];
    if (option.fallback === undefined) return [`# BLANK: ${option.meaning}${SEES[key] === undefined ? "" : ` On ${name}, ${SEES[key]}.`}`, `${key}=`];
    return ADVISED.includes(key) ? [`# BLANK, advised: ${option.meaning}`, `# ${key}=`] : [];
  });
  return [`# ${heading}`, ...lines, ""].join("\n");
}

/** A file of 1999 stays as it is; what an option of the command line adds stands at its end. */
function withAdded(raw: string, keys: DraftNode["keys"]): string {
  const more = [...keys].filter(([key]) => !new RegExp(`^\\s*${key}=`, "m").test(raw)).map(([key, { value }]) => `${key}=${value}\n`);
  return more.length === 0 ? raw : `${raw.replace(/\n?$/, "\n")}\n# Added by \`clusterd import\`.\n${more.join("")}`;
}

function serviceFile({ name, from, service, mirror }: DraftService, heading: string): string {
  const listed = ["address", "check", "path", "exclude"];
  const lines = (keys: ReadonlyMap<string, readonly string[]>): readonly string[] => [...keys].flatMap(([key, values]) => values.map((value) => `${key}${listed.includes(key) ? "[]" : ""} = ${quoted(value, key)}`));
  return [
    `# ${heading} ${name}: ${from.join(", ")}.`,
    ...(service.size === 0 && mirror.size > 0 ? [] : ["[service]", ...lines(service)]),
    ...(mirror.size === 0 ? [] : ["[mirror]", ...lines(mirror)]),
    "",
  ].join("\n");
}

/** As base/ini.ts reads it again. Several words stay several: an address and its broadcast, a program and its words. */
function quoted(value: string, key: string): string {
  // Quoted word by word already (checks.ts).
  if (key === "check") return value;
  const words = key === "address" || key.endsWith("_command");
  if (/^[\w@%+=:,./*?!{}-]+$/.test(value) || (words && /^[\w@%+=:,./ -]+$/.test(value))) return value;
  return value.includes("'") ? `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"` : `'${value}'`;
}

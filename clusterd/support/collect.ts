// What somebody who helps wants to see of a node: configuration, status of both nodes, decisions, logs, versions, the network as the
// kernel has it. Every part is text, and goes through redact() before it is handed on; keys are never read but to be searched for.

import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { reasonOf } from "../base/errors.ts";
import { describe, run } from "../base/exec.ts";
import { ETC, KEYS, STATE } from "../base/paths.ts";
import { historyFile } from "../history.ts";
import { redact, secretValues } from "./redact.ts";

export interface Part { readonly path: string; readonly text: string }

const LIMIT = 15_000;
const LARGEST = 2 * 1024 * 1024;
const LOG = "/var/log/clusterd.log";

/** Answers of programs, by the name of the file that holds them. */
const PROGRAMS: readonly (readonly [path: string, words: readonly string[]])[] = [
  ["network/addresses", ["ip", "-details", "-statistics", "address"]], ["network/routes", ["ip", "route", "show", "table", "all"]], ["network/routes6", ["ip", "-6", "route", "show", "table", "all"]],
  ["network/rules", ["ip", "rule"]], ["network/neighbours", ["ip", "neigh"]], ["network/sockets", ["ss", "-lntup"]], ["network/kernel-lease", ["nft", "list", "table", "netdev", "clusterd"]],
  ["versions/kernel", ["uname", "-a"]], ["versions/ip", ["ip", "-V"]], ["versions/rsync", ["rsync", "--version"]], ["versions/ssh", ["ssh", "-V"]], ["versions/nft", ["nft", "--version"]],
  ["logs/journal", ["journalctl", "--no-pager", "--lines=5000", "--unit=clusterd", "--unit=clusterd-mirror"]],
  ["clock/timedatectl", ["timedatectl"]], ["clock/chrony", ["chronyc", "-n", "tracking"]], ["disk/space", ["df", "-h"]], ["disk/mounts", ["cat", "/proc/mounts"]], ["load", ["cat", "/proc/loadavg", "/proc/meminfo"]],
];

/** `given`: what is known already, such as both nodes' status. */
export async function collect(given: readonly Part[]): Promise<readonly Part[]> {
  const files = [
    ...folder(ETC, "etc/cluster.d"), ...file(historyFile(STATE), "history.jsonl"), ...file(`${historyFile(STATE)}.old`, "history.jsonl.old"),
    ...folder(join(STATE, "mirror"), "mirror"), ...folder(join(STATE, "network-scripts"), "network-scripts"), ...file(LOG, "logs/clusterd.log"),
    ...file("/etc/os-release", "versions/os-release"), ...file("/etc/cron.d/clusterd", "etc/cron.d/clusterd"),
    { path: "versions/clusterd", text: `${(JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")) as { version: string }).version}, Node ${process.version}\n` },
    { path: "keys-by-name", text: names() },
  ];
  const answers = await Promise.all(PROGRAMS.map(async ([path, words]): Promise<Part> => {
    const ran = await run(words, { timeout: LIMIT });
    return { path: `${path}.txt`, text: `$ ${words.join(" ")}\n${ran.stdout}${ran.stderr}${ran.failure === null ? "" : `\n${describe(ran)}`}\n` };
  }));
  const values = secrets();
  return [...given, ...files, ...answers].map(({ path, text }) => ({ path, text: redact(text, values) })).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Which secret values stand in these parts all the same: nothing may be written then. */
export const leaks = (parts: readonly Part[], values: readonly string[] = secrets()): readonly string[] =>
  parts.filter(({ text }) => values.some((value) => text.includes(value))).map(({ path }) => path);

/** The lines of every file in the keys' folder but the public ones. */
function secrets(): readonly string[] {
  return list(KEYS).filter((name) => !name.endsWith(".pub") && !name.startsWith("known_hosts")).flatMap((name) => secretValues(readFileSync(join(KEYS, name), "utf8")));
}

const names = (): string => list(KEYS).map((name) => { const { mode, uid, size } = statSync(join(KEYS, name)); return `${(mode & 0o7777).toString(8)} uid ${uid} ${size} ${name}\n`; }).join("");

const list = (path: string): readonly string[] => (existsSync(path) ? readdirSync(path).filter((name) => statSync(join(path, name)).isFile()).sort() : []);

function folder(path: string, into: string): readonly Part[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .flatMap((entry) => { const at = join(entry.parentPath, entry.name); return file(at, join(into, relative(path, at))); });
}

/** The last part of a long one. */
function file(path: string, into: string): readonly Part[] {
  try {
    if (!existsSync(path)) return [];
    const bytes = readFileSync(path);
    return [{ path: into, text: bytes.subarray(-LARGEST).toString("utf8") }];
  } catch (error) {
    return [{ path: into, text: `cannot be read: ${reasonOf(error)}\n` }];
  }
}

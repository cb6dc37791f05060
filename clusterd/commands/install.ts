// `clusterd install` and `clusterd uninstall`: everything that makes a server a node, listed, done, undone.
//
// Repeating it changes nothing; a newer release replaces what the older one put there. With --root everything is done below
// that folder and no program of the system is told.

import { existsSync, readFileSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { formatProblem, loadConfig } from "../config/load.ts";
import type { Config } from "../config/config.ts";
import { reasonOf } from "../base/errors.ts";
import { describe, run } from "../base/exec.ts";
import { CACHE, daemonReload, inTurn, nextOnWitness, nextSteps, warmCache } from "../install/after.ts";
import { MANIFEST, carryOut, lookAt, readManifest, writeManifest } from "../install/disk.ts";
import { forgetSteps, importSteps, ownKeySteps, readBundle, witnessKeySteps } from "../install/keys.ts";
import type { Step } from "../install/keys.ts";
import { missingPrograms } from "../install/needs.ts";
import { describeChange, planInstall, planRemoval } from "../install/plan.ts";
import { PROGRAMS, SOURCE, wantedOnWitness, wantedThings } from "../install/wanted.ts";
import type { Init } from "../install/wanted.ts";
import { uncertifySteps } from "../ssh/certify.ts";
import { askDaemon } from "../status/control-client.ts";
import { DRY_RUN, outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";

const ROOT = ["--root <folder>", "below this folder instead of /"] as const;
const NODE = ["--node <name>", "this node's name (default: this machine's)"] as const;
/** What uninstall keeps: nobody can make it again. */
const KEPT = ["/var/lib/clusterd", "/var/backups/clusterd"];

async function install(given: Given): Promise<Outcome> {
  const root = resolve(given.value("root") ?? "/");
  const init = given.value("init") ?? detectInit(root);
  if (!isInit(init)) return outcome("usage", `--init takes systemd, sysv or none, not ${init}`);
  const witness = given.value("witness");
  if (witness !== undefined && !/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/.test(witness)) return outcome("usage", `--witness takes the name of a pair, as cluster.conf has it, not "${witness}"`);
  if (witness !== undefined && given.value("peer-keys") !== undefined) return outcome("usage", "--witness makes this server a third machine, --peer-keys a node: which of the two?");
  const { node, config, problem } = configOf(root, given);
  const { manualFiles } = await import("../manual/manual.ts");
  const scheduler = witness !== undefined ? "builtin" : config?.cluster.scheduler ?? "cron";
  const wanted = witness !== undefined ? wantedOnWitness({ source: SOURCE, init }, witness) : wantedThings({ source: SOURCE, init, scheduler, manual: manualFiles() });
  const plan = planInstall(wanted, (path) => lookAt(root, path), readManifest(root));
  const peerKeys = given.value("peer-keys");
  const imported = peerKeys === undefined ? { ok: true as const, steps: [] } : peerSteps(peerKeys, root, config, problem, false);
  if (!imported.ok) return outcome("refused", imported.text);
  const keys = witness !== undefined ? witnessKeySteps(root) : [...ownKeySteps(root, node, peerKeys !== undefined), ...imported.steps];
  if (plan.refusals.length > 0) return outcome("refused", [...plan.refusals, "Nothing was done."].join("\n"), { refusals: plan.refusals });

  const units = plan.changes.some((change) => "wanted" in change && change.wanted.path.startsWith("/etc/systemd/"));
  const programs = plan.changes.some((change) => "wanted" in change && change.wanted.path.startsWith(`${PROGRAMS}/`));
  const told: readonly Step[] = root !== "/" ? [] : [
    ...(units ? [{ what: "run     systemctl daemon-reload", act: daemonReload }] : []),
    ...(programs ? [{ what: `fill    ${CACHE}/ with the compiled programs`, act: () => warmCache() }] : []),
  ];
  const lines = [...plan.changes.map(describeChange), ...[...keys, ...told].map(({ what }) => what)];
  const notes = [...plan.notes, ...(witness !== undefined ? [] : missingPrograms(root, scheduler))];
  if (!given.flag("dry-run")) {
    carryOut(root, plan.changes);
    writeManifest(root, plan.manifest);
    const failed = await inTurn([...keys, ...told]);
    if (failed !== null) return outcome("failed", [...summarised(lines, given.flag("list")), ...notes.map((note) => `note:   ${note}`), failed].join("\n"), { root, init, dry_run: false, changes: lines, notes, failure: failed });
  }
  const known = existsSync(join(root, "/var/lib/clusterd/keys/known_hosts"));
  const next = lines.length === 0 ? [] : witness !== undefined ? nextOnWitness(init, witness) : nextSteps({ init, root, problem, keys: peerKeys !== undefined ? "theirs" : known ? "known" : "none" });
  const text = [...summarised(lines, given.flag("list")), ...notes.map((note) => `note:   ${note}`), given.flag("dry-run") ? "Nothing was done." : verdict(lines), ...next].join("\n");
  return outcome("ok", text, { root, init, dry_run: given.flag("dry-run"), changes: lines, notes });
}

const isInit = (word: string): word is Init => ["systemd", "sysv", "none"].includes(word);

function detectInit(root: string): Init {
  if (existsSync(join(root, root === "/" ? "/run/systemd/system" : "/lib/systemd/systemd"))) return "systemd";
  return existsSync(join(root, "/etc/init.d")) ? "sysv" : "none";
}

function configOf(root: string, given: Given): { readonly node: string; readonly config: Config | null; readonly problem: string | null } {
  const self = given.value("node") ?? process.env["CLUSTERD_NODE"] ?? hostname().split(".")[0] ?? "node";
  const loaded = loadConfig({ etc: join(root, "/etc/cluster.d"), self });
  return loaded.ok ? { node: self, config: loaded.config, problem: null } : { node: self, config: null, problem: loaded.problems.map(formatProblem).join("\n") };
}

function peerSteps(path: string, root: string, config: Config | null, problem: string | null, replaceHeartbeat: boolean): ReturnType<typeof importSteps> {
  if (config === null) return { ok: false, text: `the other node's keys can only be taken once the configuration is sound:\n${problem ?? ""}` };
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    return { ok: false, text: `${path}: ${reasonOf(error)}` };
  }
  const read = readBundle(text);
  return read.ok ? importSteps(read.bundle, { root, config, replaceHeartbeat }) : { ok: false, text: `${path}: ${read.text}` };
}

export { configOf, peerSteps, NODE, ROOT };

/** A thousand program files are one line, unless each is wanted. */
function summarised(lines: readonly string[], all: boolean): readonly string[] {
  if (all) return lines;
  const program = (line: string): string | undefined => /^(\w+) +\/usr\/lib\/clusterd(\/|$)/.exec(line)?.[1];
  const counts = new Map<string, number>();
  for (const line of lines) { const verb = program(line); if (verb !== undefined) counts.set(verb, (counts.get(verb) ?? 0) + 1); }
  return [...[...counts].map(([verb, number]) => `${verb.padEnd(7)} ${number} files and folders in /usr/lib/clusterd (--list shows each)`), ...lines.filter((line) => program(line) === undefined)];
}

const verdict = (lines: readonly string[]): string => (lines.length === 0 ? "Everything is in place already." : "Done.");

async function uninstall(given: Given): Promise<Outcome> {
  const root = resolve(given.value("root") ?? "/");
  if (root === "/" && (await askDaemon({ ask: "status" })).ok) return outcome("refused", "clusterd runs on this node: stop it first (`systemctl stop clusterd clusterd-mirror`), so that it hands over what it holds");
  const manifest = readManifest(root);
  if (Object.keys(manifest).length === 0) return outcome("ok", `nothing of clusterd's is installed (${join(root, MANIFEST)} is not there)`, { root, changes: [], notes: [] });
  const purge = given.flag("purge");
  const { changes, notes } = planRemoval(Object.fromEntries(Object.entries(manifest).filter(([path]) => !KEPT.some((kept) => path === kept || path.startsWith(`${kept}/`)))), (path) => lookAt(root, path));
  const forget = [...forgetSteps(root), ...uncertifySteps(root)];
  const purges = purge ? KEPT.filter((path) => existsSync(join(root, path))).map((path): Step => ({ what: `remove  ${path}/ and all that is in it`, act: () => clear(root, path) })) : [];
  const kernel = root === "/" ? await kernelSteps() : [];
  const lines = [...changes.map(describeChange), ...[...kernel, ...forget, ...purges].map(({ what }) => what)];
  if (!given.flag("dry-run")) {
    for (const { act } of [...kernel, ...forget]) await act();
    carryOut(root, changes);
    await clear(root, CACHE); // after the cron file and the programs: none that fills it is started any more
    rmSync(join(root, MANIFEST), { force: true });
    for (const { act } of purges) await act();
    if (root === "/" && existsSync("/run/systemd/system")) await daemonReload();
  }
  const kept = purge ? [] : [`Kept: /etc/cluster.d, and ${KEPT.join(" and ")} (keys, journal, reports, kept file versions); --purge removes the latter.`];
  return outcome("ok", [...summarised(lines, given.flag("list")), ...notes.map((note) => `note:   ${note}`), ...kept, given.flag("dry-run") ? "Nothing was done." : "Done."].join("\n"), { root, dry_run: given.flag("dry-run"), changes: lines, notes });
}

/** A run that cron began a moment ago may still be writing there: what was just emptied is then a folder that is not empty after all. */
async function clear(root: string, path: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return rmSync(join(root, path), { recursive: true, force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY" || tries === 60) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** A daemon that was killed leaves its rules behind: they would keep a NIC with the identity's MAC mute for ever. */
async function kernelSteps(): Promise<readonly Step[]> {
  const nft = (verb: string): ReturnType<typeof run> => run(["nft", verb, "table", "netdev", "clusterd"], { timeout: 10_000 });
  if ((await nft("list")).failure !== null) return [];
  return [{ what: "remove  the nftables table netdev clusterd (the kernel lease)", act: async () => { const ran = await nft("delete"); if (ran.failure !== null) throw new Error(describe(ran)); } }];
}

const LIST = ["--list", "show each program file, not only their number"] as const;

export const INSTALL_COMMANDS: readonly Command[] = [
  {
    usage: "install", run: install, summary: "make this server a node: programs, init files, cron file, folders, keys, man pages, completion",
    options: [DRY_RUN, ROOT, NODE, ["--init <kind>", "systemd, sysv or none (default: what this server has)"], ["--witness <pair>", "make it the third machine of this pair instead: programs, its unit, its key"], ["--peer-keys <file>", "take the other node's keys too, as `clusterd keys import` does"], LIST],
    examples: [["clusterd/bin/clusterd install --dry-run", "from an unpacked release: what would be done"], ["clusterd install --peer-keys serv1.keys", "on the second node, with the bundle of the first"], ["clusterd/bin/clusterd install --witness sample", "on a third machine: the witness of the pair named sample"]],
    exits: ["ok", "failed", "usage", "refused"],
  },
  {
    usage: "uninstall", run: uninstall, summary: "remove exactly what install put there; keys, journal and backups stay",
    options: [DRY_RUN, ROOT, ["--purge", "keys, journal, reports and all kept file versions too"], LIST],
    examples: [["clusterd uninstall --dry-run", "what would go, and what stays"]],
    exits: ["ok", "refused"],
  },
];

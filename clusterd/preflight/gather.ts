// Finds out what facts.ts lists, on this node. Changes nothing; asks the network only by ping, by ARP and by opening ssh's port.
//
// Each part that cannot be found out becomes the value that says so; nothing here throws for a machine in disorder, which is
// just when it is wanted.

import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync, readdirSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { run } from "../base/exec.ts";
import { BACKUPS, HEARTBEAT_KEY, KEYS } from "../base/paths.ts";
import { otherNode } from "../config/config.ts";
import type { Config } from "../config/config.ts";
import { probe } from "../checks/probe.ts";
import { checkText } from "../config/check-text.ts";
import { formatProblem, loadConfig } from "../config/load.ts";
import { loadKey } from "../heartbeat/key.ts";
import { createFence } from "../takeover/fence.ts";
import { certificateProblem } from "../ssh/certify.ts";
import { askDaemon } from "../status/control-client.ts";
import type { NodeStatus } from "../status/control.ts";
import { pinnedKeys } from "../status/peer.ts";
import { lastClockReport } from "../timesync/clock-report.ts";
import { waysOf, wayProblems } from "../notify/ways.ts";
import { readDrills } from "../moves/drill.ts";
import { candidateLinks, chooseLink } from "../../mirror/links.ts";
import type { Link } from "../../mirror/links.ts";
import { readReport } from "../../mirror/report.ts";
import { idsHere } from "../../mirror/ids.ts";
import { rsyncVersion } from "../../mirror/rsync-args.ts";
import { lookAtTree } from "../../mirror/tree.ts";
import { countEntries } from "../../mirror/watch.ts";
import { askNeighbours, lookAtNics } from "./nics.ts";
import { shellsGiven } from "./shells.ts";
import { raisedAtBoot, servicesOf, unitsOf } from "./boot.ts";
import type { Facts, Space } from "./facts.ts";

const PATIENCE = 5000;

export async function gatherFacts(config: Config): Promise<Facts> {
  const node = config.nodes[config.self];
  const answer = await askDaemon({ ask: "status" });
  const status = answer.ok ? answer.status ?? null : null;
  const links = candidateLinks(config, status);
  const [nics, neighbours, sshd, programs, services, units, checks, fence, certificates, shells] = await Promise.all([
    lookAtNics(node), askNeighbours(config, status),
    Promise.all(links.map(async (link) => ({ link: link.name, address: link.address, answers: await chooseLink([link], config.cluster.sshPort) !== null }))),
    versions(), servicesOf(config), unitsOf(), askServices(config, status), lookAtFence(config), certificateProblem(config), tryShells(config, links),
  ]);
  return {
    version: 1, node: node.name, wall: Date.now(), release: read("/proc/sys/kernel/osrelease").trim(), virtual: read("/proc/cpuinfo").includes(" hypervisor"),
    nics, neighbours, sshd, shells, programs, services, units, checks, status, fence,
    raisedAtBoot: raisedAtBoot(config),
    configuration: configurationFacts(),
    keys: { ...keyFacts(config), certificates },
    clock: lastClockReport(),
    cron: { file: existsSync("/etc/cron.d/clusterd"), running: isRunning(["cron", "crond"]) },
    trees: config.jobs.flatMap((job) => job.entries.filter(({ kind }) => kind === "tree").map(({ path }) => {
      const facts = lookAtTree(path, job.name);
      return { job: job.name, path, exists: facts.exists, marked: facts.marker !== null, unmounted: facts.unmounted, space: spaceAt(path) };
    })),
    mirrorWarnings: config.jobs.flatMap(({ name, home }) => (status?.core.identities[home].role === "owner" ? readReport(name)?.lastRun?.warnings ?? [] : []).map((warning) => ({ job: name, warning }))),
    backups: spaceAt(BACKUPS),
    watches: { limit: Number(read("/proc/sys/fs/inotify/max_user_watches")), entries: countEntries(treesThere(config), MOST_ENTRIES) ?? MOST_ENTRIES },
    ...idsHere(),
    drill: readDrills().at(-1) ?? null,
    notify: { ways: waysOf(config).map(({ name }) => name), problems: wayProblems(config.cluster) },
  };
}

async function tryShells({ nodes, self, cluster: { sshPort } }: Config, links: readonly Link[]): Promise<Facts["shells"]> {
  const link = await chooseLink(links, sshPort);
  return link === null ? undefined : shellsGiven({ node: nodes[self === 0 ? 1 : 0].name, address: link.address, port: sshPort });
}

async function lookAtFence(config: Config): Promise<Facts["fence"]> {
  const fence = createFence(otherNode(config));
  return fence === null ? null : { problem: await fence.look() };
}

/** Only where their identity is: elsewhere they do not run. */
function askServices({ services, nodes }: Config, status: NodeStatus | null): Promise<Facts["checks"]> {
  const here = services.filter(({ home }) => status?.core.identities[home].role === "owner");
  return Promise.all(here.flatMap(({ name, home, action, checking: { checks, timeout } }) => checks.map(async (check) => {
    const { ok, said } = await probe({ check, timeout: Math.min(timeout, PATIENCE), action, service: name, identity: nodes[home].name });
    return { service: name, check: checkText(check), ok, said };
  })));
}

/** Beyond this a tree is too large to be watched in any case. */
const MOST_ENTRIES = 200_000;

const treesThere = (config: Config): readonly string[] => config.jobs.flatMap(({ entries }) => entries.flatMap(({ kind, path }) => (kind === "tree" && existsSync(path) ? [path] : [])));

function configurationFacts(): Facts["configuration"] {
  const loaded = loadConfig();
  return { digest: loaded.ok ? loaded.config.digest : null, problems: loaded.ok ? [] : loaded.problems.map(formatProblem), warnings: loaded.ok ? loaded.warnings.map(formatProblem) : [] };
}

function keyFacts(config: Config): Facts["keys"] {
  const key = loadKey(HEARTBEAT_KEY);
  const peer = otherNode(config);
  const authorized = read(process.env["CLUSTERD_AUTHORIZED_KEYS"] ?? "/root/.ssh/authorized_keys");
  return {
    heartbeat: key.ok ? null : key.reason,
    // Of a key with 256 random bits a hash gives nothing away; the label keeps it apart from every other use.
    heartbeatCheck: key.ok ? createHash("sha256").update("clusterd preflight").update(key.key).digest("hex").slice(0, 16) : null,
    mirror: keyProblem("mirror_ed25519"), control: keyProblem("control_ed25519"),
    pinned: quietly(() => pinnedKeys(`${KEYS}/known_hosts`, peer.name).length > 0, false),
    authorized: { mirror: authorized.includes(`clusterd-mirror@${peer.name}`) || /command="[^"]*mirror receive"/.test(authorized), control: authorized.includes(`clusterd-control@${peer.name}`) || /command="[^"]*clusterd answer"/.test(authorized) },
  };
}

function keyProblem(name: string): string | null {
  const stats = statSync(`${KEYS}/${name}`, { throwIfNoEntry: false });
  if (stats === undefined) return `${KEYS}/${name} is not there`;
  return (stats.mode & 0o077) === 0 ? null : `${KEYS}/${name} has mode ${(stats.mode & 0o777).toString(8)}: ssh refuses a key that others may read`;
}

async function versions(): Promise<Facts["programs"]> {
  const rsync = await run(["rsync", "--version"], { timeout: PATIENCE });
  const own = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
  const others = ["ssh", "perl", "ip", "setpriv", "tar", "nft"].map((name) => [name, where(name)] as const);
  return { clusterd: own.version, rsync: rsync.failure === null ? rsyncVersion(rsync.stdout) : null, ...Object.fromEntries(others) };
}

const where = (name: string): string | null =>
  [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/sbin"].map((folder) => join(folder, name)).find((path) => notRunnable(path) === null) ?? null;

const notRunnable = (path: string): string | null => quietly(() => { accessSync(path, constants.X_OK); return null; }, `${path} is not there, or not executable`);

function spaceAt(path: string): Space {
  for (let at = path; ; at = join(at, "..")) {
    const found = quietly(() => statfsSync(at), null);
    if (found === null && at !== "/") continue;
    const { bavail, bsize, blocks, files, ffree } = found ?? { bavail: 0, bsize: 0, blocks: 1, files: 0, ffree: 0 };
    return { path, freeBytes: bavail * bsize, freeInodes: files === 0 ? null : ffree, share: bavail / Math.max(1, blocks), filesystem: fileSystem(at) };
  }
}

/** Of the longest mount point that leads there: the last fields of /proc/self/mountinfo (proc(5)). */
function fileSystem(path: string): string | null {
  const mounts = read("/proc/self/mountinfo").split("\n").map((line) => line.split(" ")).filter((fields) => fields.length > 8);
  const under = mounts.filter(([, , , , point = ""]) => point === "/" || path === point || path.startsWith(`${point}/`)).sort((a, b) => (b[4] ?? "").length - (a[4] ?? "").length)[0];
  return under?.[under.indexOf("-") + 1] ?? null;
}

const isRunning = (names: readonly string[]): boolean =>
  readdirSync("/proc").some((pid) => /^\d+$/.test(pid) && names.includes(read(`/proc/${pid}/comm`).trim()));

const read = (path: string): string => quietly(() => readFileSync(path, "utf8"), "");

function quietly<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}


// Is everything there that a takeover needs, before it is needed? One row a question; each says what to do about it. Pure.

import { formatDuration } from "../base/time.ts";
import type { Config, NicRole, NodeConfig } from "../config/config.ts";
import { drillLine } from "../moves/drill.ts";
import type { Drill } from "../moves/drill.ts";
import { maintenanceText } from "../maintenance.ts";
import { isOldRsync } from "../../mirror/rsync-args.ts";
import type { Facts, Space } from "./facts.ts";

export type State = "ok" | "warn" | "fail" | "skip";

export interface Finding {
  readonly check: string;
  /** Whose, or null: of the pair. */
  readonly node: string | null;
  readonly state: State;
  readonly says: string;
  readonly remedy: string | null;
}

/** A finding without the names, which the table knows. */
type Said = Pick<Finding, "state" | "says" | "remedy">;
/** While all is well the witness is asked at least so often, in milliseconds. */
const WITNESS_ASKED = 5000;
const ok = (says: string): Said => ({ state: "ok", says, remedy: null });
const skip = (says: string): Said => ({ state: "skip", says, remedy: null });
const fail = (says: string, remedy: string): Said => ({ state: "fail", says, remedy });
const warn = (says: string, remedy: string): Said => ({ state: "warn", says, remedy });

interface OfNode { readonly check: string; readonly each: (facts: Facts, node: NodeConfig, config: Config, other: Facts | null) => readonly Said[] }
interface OfPair { readonly check: string; readonly both: (own: Facts, peer: Facts, config: Config) => readonly Said[] }

const GB = 1e9;
const DAY = 86_400_000;
const ROLES: readonly NicRole[] = ["main", "heartbeat", "redundant"];
/** File systems that lose owners, ACLs, attributes or the case of names. */
const POOR = new Set(["vfat", "exfat", "ntfs", "ntfs3", "fuseblk", "msdos", "iso9660", "nfs", "nfs4", "cifs", "smb3"]);
const REQUIRED = ["rsync", "ssh", "perl", "ip", "setpriv", "tar"];

/** All of them when `problem` finds nothing, else one finding for each problem. */
const unless = (problems: readonly Said[], fine: string): readonly Said[] => (problems.length > 0 ? problems : [ok(fine)]);
const nicName = (node: NodeConfig, role: NicRole): string => node[role].interface;

const CHECKS: readonly (OfNode | OfPair)[] = [
  { check: "configuration", each: ({ configuration: { problems, warnings } }, node, config, other) => {
    // What both say of the same files is said once.
    const said = node === config.nodes[0] || other === null ? [] : [...other.configuration.problems, ...other.configuration.warnings];
    const told = (kind: typeof fail, text: string, otherwise: string): Said => { const [says = "", hint] = text.split("\n    "); return kind(says, hint ?? otherwise); };
    return unless([
      ...problems.filter((one) => !said.includes(one)).map((one) => told(fail, one, "`clusterd check` shows file and line; correct it on both nodes")),
      ...warnings.filter((one) => !said.includes(one)).map((one) => told(warn, one, "`clusterd check --show` explains each key")),
    ], "sound");
  } },
  { check: "same configuration", both: (own, peer) => own.configuration.digest === peer.configuration.digest ? [ok(`both nodes have ${own.configuration.digest}`)]
    : [fail(`the files differ: ${own.configuration.digest} on ${own.node}, ${peer.configuration.digest} on ${peer.node}`, "copy /etc/cluster.d from one node to the other, then `clusterd reload` on both")] },
  { check: "configuration in force", each: ({ status, configuration }) => status === null ? [] : status.configuration.digest === configuration.digest ? [ok("what runs is what is written")]
    : [warn("clusterd runs with older files than those on disk", "`clusterd reload`, on both nodes")] },

  { check: "NICs", each: ({ nics }, node) => unless(ROLES.flatMap((role) => {
    const [nic, name] = [nics[role], `${nicName(node, role)} (${role})`];
    if (!nic.present) return [fail(`${name} is not there`, `\`ip link\` lists the NICs; correct ${node.name}.conf`)];
    if (!nic.up && role !== "main") return [fail(`${name} is down`, `\`ip link set ${nicName(node, role)} up\`, and let the system raise it at boot`)];
    return nic.up && !nic.carrier ? [fail(`${name} has no carrier`, "look at the cable and the port at its other end")] : [];
  }), "all three are there, up, with carrier") },
  { check: "permanent MACs", each: ({ nics }, node, config) => unless(ROLES.flatMap((role) => {
    const { permanent } = nics[role];
    if (permanent === null) return [];
    if (role === "main") return permanent === node.main.mac ? [] : [fail(`${nicName(node, "main")} was built with ${permanent}, MAIN_MACADDR says ${node.main.mac}`, "NICs may have changed their names: correct the node file, or pin the names by MAC (systemd.link(5))")];
    const whose = config.nodes.find(({ main }) => main.mac === permanent);
    return whose === undefined ? [] : [fail(`${nicName(node, role)} (${role}) is the NIC that MAIN_MACADDR of ${whose.name} names: NICs are swapped`, "exchange the interfaces in the node file, or the cables")];
  }), "the main NIC is the one whose MAC is written down") },
  { check: "NIC abilities", each: ({ nics }, node) => unless(ROLES.flatMap((role) => {
    const [nic, name] = [nics[role], `${nicName(node, role)} (${role})`];
    return [
      ...(nic.wireless ? [fail(`${name} is wireless: its MAC cannot move`, "use a cable")] : []),
      ...(nic.master !== null && role !== "heartbeat" ? [warn(`${name} belongs to ${nic.master}: its MAC is not its own`, "name the bridge or bond itself as the interface, or take the NIC out of it")] : []),
      ...(nic.duplex === "half" ? [warn(`${name} runs half duplex`, "let NIC and switch port negotiate, or set both alike")] : []),
    ];
  }), "nothing that keeps a MAC from moving") },
  { check: "private cable", each: ({ neighbours }, node, _config, other) => neighbours.private === undefined ? [skip("not asked: no ping here, or the other node is not known")]
    : neighbours.private === null ? [fail(`nobody answers on ${nicName(node, "heartbeat")} at the other node's heartbeat address`, "the crossover cable may be in another NIC: `ip -br link` on both nodes while somebody pulls it")]
    : other !== null && neighbours.private !== other.nics.heartbeat.mac ? [fail(`${neighbours.private} answers there, and ${other.node}'s heartbeat NIC is ${other.nics.heartbeat.mac}`, "the cable leads to another NIC or another machine")]
    : [ok("the other node's heartbeat NIC answers")] },
  { check: "MTU of the private cable", both: (own, peer) => own.nics.heartbeat.mtu === peer.nics.heartbeat.mtu ? [ok(`${own.nics.heartbeat.mtu} on both`)]
    : [warn(`${own.nics.heartbeat.mtu} on ${own.node} and ${peer.nics.heartbeat.mtu} on ${peer.node}`, "set the same on both: large files would hang")] },
  { check: "identity on the LAN", each: ({ neighbours }, node, config) => {
    const peer = config.nodes[config.nodes[0] === node ? 1 : 0];
    if (neighbours.identity === undefined) return [skip("not asked: this node holds both identities, or cannot ping")];
    if (neighbours.identity === null) return [fail(`nobody answers at ${peer.main.address}`, `is ${peer.name} connected to the same LAN?`)];
    return neighbours.identity === peer.main.mac ? [ok(`${peer.main.address} is at ${peer.main.mac}`)]
      : [fail(`${peer.main.address} is answered by ${neighbours.identity}, not by ${peer.main.mac}`, "somebody else has this address: find the machine by its MAC in the switch's table")];
  } },
  { check: "nothing raised at boot", each: ({ raisedAtBoot }) => unless(raisedAtBoot.map(({ file, what }) =>
    fail(`${file} raises ${what} at boot`, "take it out: after a crash the returning node would fight the one that took over; clusterd raises identities itself")), "the system's own network files name no identity") },
  { check: "redundant NIC at rest", each: ({ nics, status }, node) => node.redundant.admin === null ? [skip("no admin address is configured")]
    : status !== null && status.core.identities.some(({ role, identity }) => role === "owner" && status.core.self !== identity) ? [skip("it carries the other node's identity now")]
    : nics.redundant.addresses.includes(`${node.redundant.admin.address}/${node.redundant.admin.prefix}`) ? [ok(`has ${node.redundant.admin.address}`)]
    : [fail(`${nicName(node, "redundant")} does not have ${node.redundant.admin.address}`, "clusterd gives it when it starts: is it running? else `network-scripts/ifup` by hand shows why not")] },

  { check: "heartbeat key", each: ({ keys }) => [keys.heartbeat === null ? ok("there, and only root reads it") : fail(keys.heartbeat, "`clusterd keys import` brings the other node's; after a leak draw a new one on both")] },
  { check: "same heartbeat key", both: (own, peer) => own.keys.heartbeatCheck === null || peer.keys.heartbeatCheck === null ? [skip("one of them cannot be read")]
    : own.keys.heartbeatCheck === peer.keys.heartbeatCheck ? [ok("both nodes have the same")] : [fail("the two nodes have different keys: they do not hear each other", "`clusterd keys export` on one, `clusterd keys import` on the other")] },
  { check: "ssh keys", each: ({ keys }, node) => unless([
    ...(keys.mirror === null ? [] : [fail(`mirror key: ${keys.mirror}`, "`clusterd install` makes it; mode 600")]),
    ...(keys.control === null ? [] : [fail(`control key: ${keys.control}`, "`clusterd install` makes it; mode 600")]),
    ...(keys.pinned ? [] : [fail("the other node's host key is not pinned", "`clusterd keys import` with the other node's bundle")]),
    ...(keys.authorized.mirror ? [] : [fail(`the other node may not mirror to ${node.name}`, "`clusterd keys import` writes the forced command into authorized_keys")]),
    ...(keys.authorized.control ? [] : [fail(`the other node may not ask ${node.name}`, "`clusterd keys import` writes the forced command into authorized_keys")]),
  ], "own keys, the other's host key and its forced commands are there") },
  { check: "forced commands", each: ({ shells }, _node, _config, other) => {
    const tried = (["mirror", "control"] as const).filter((key) => shells?.[key] != null);
    return unless(tried.filter((key) => shells?.[key] === true).map((key) =>
      fail(`the ${key} key gets a shell on ${other?.node ?? "the other node"}`, "there, in /root/.ssh/authorized_keys, remove the line with this key that has no command=; `clusterd keys import` writes the right one")),
    "").map((said) => (said.state !== "ok" ? said : tried.length === 0 ? skip("not tried: the other node's sshd does not answer") : ok(`the other node refuses all else to the ${tried.join(" and the ")} key`)));
  } },
  { check: "host certificates", each: ({ keys: { certificates } }) => [certificates === undefined ? skip("none: after a takeover ssh alarms whoever knew the other node's key; `clusterd keys certify` on both nodes makes them")
    : certificates === null ? ok("sshd shows them, for today's names") : warn(certificates, "`clusterd keys certify` on this node; `systemctl status ssh` if that says they are right")] },
  { check: "sshd of the other node", each: ({ sshd }) => unless(sshd.filter(({ answers }) => !answers).map(({ link, address }) => {
    const says = `no sshd answers at ${address} (${link})`;
    return link === "private" ? fail(says, "start sshd there, let it listen on that address, open the firewall on the private link") : warn(says, "mirroring and questions would stop with the private cable");
  }), "answers on every link") },

  { check: "daemon", each: ({ status, node }) => [status === null ? fail(`clusterd does not run on ${node}`, "`systemctl start clusterd` (or the init script); `journalctl -u clusterd` says why it ended") : ok("runs")] },
  { check: "maintenance", each: ({ status, wall }) => status === null ? [] : status.maintenance == null ? [ok("nobody works on it")]
    : [warn(`in maintenance ${maintenanceText(status.maintenance, wall)}: it takes nothing over`, "`clusterd maintenance off` when the work is done")] },
  { check: "heartbeats", each: ({ status }, _node, config) => status === null ? [] : unless(status.core.links.filter(({ state }) => state !== "on-time").map(({ link, state }) => {
    const bare = config.nodes.find(({ redundant }, at) => redundant.admin === null && status.core.identities[at as 0 | 1].owner !== at);
    return link === "lan" && bare !== undefined ? warn(`the lan link is ${state}: ${bare.name} has no address on the LAN while its identity is away`, `ADMIN_IPADDR in ${bare.name}.conf gives it one; or \`clusterd failback ${bare.name}\``) :
    fail(`the ${link} link is ${state}`, link === "serial" ? "look at the line, its device and its speed on both nodes" : "look at cable and firewall (UDP port of `port`) on that link");
  }), "on time on every link") },
  { check: "reference hosts", each: ({ status }, _node, config) => {
    const { references } = config.cluster;
    const own = references.filter((address) => config.nodes.some((node) => [node.main.address, node.heartbeat.address, node.redundant.admin?.address].includes(address)));
    return unless([
      ...own.map((address) => fail(`${address} is an address of the pair itself`, "take a router, switch or server that has nothing to do with the two nodes")),
      ...(new Set(references).size < references.length ? [fail("one is named twice", "each has one vote")] : []),
      ...(references.length === 0 ? [warn("none: silence alone will never cause a takeover", "name three in `references`")] : references.length < 3 ? [warn(`only ${references.length}: each that fails takes the vote with it`, "name three or more that do not share a switch or power strip")] : []),
      ...(status !== null && references.length > 0 && !status.core.references.majority ? [fail(`${status.core.references.answered} of ${status.core.references.of} answer: no majority`, "`ping` each from this node")] : []),
      ...(status !== null && status.core.references.majority && status.core.references.answered < status.core.references.of ? [warn(`${status.core.references.answered} of ${status.core.references.of} answer`, "`ping` each from this node")] : []),
    ], `${references.length} of them, and all answer`);
  } },
  { check: "witness", each: ({ status }, _node, { cluster: { witness, timing } }) => {
    if (status === null) return [];
    if (status.core.witness === null) return [skip("none is configured")];
    const { ago } = status.core.witness;
    if (ago !== null && ago <= Math.max(WITNESS_ASKED, 2 * timing.lease)) return [ok("it answers. See for yourself that it shares neither power nor switch with one node alone")];
    return [fail(ago === null ? "it has not answered yet" : `its last answer was ${formatDuration(Math.round(ago))} ago`, `on the witness (${witness?.address}, port ${witness?.port}/udp) \`systemctl status clusterd-witness@…\`; the same witness.key on all three`)];
  } },
  { check: "fence", each: ({ fence }) => fence == null ? [skip("none is configured")] : fence.problem === null ? [ok("reads the other node's power as on")]
    : [fail(fence.problem, "ask the agent by hand for its status, with the lines of the parameter file on its standard input")] },
  { check: "dead-man", each: ({ status }) => status === null ? [] : [status.guards.deadman ? ok("there") : fail("there is none: nothing may be owned here", "perl must be installed, and /usr/lib/clusterd/network-scripts/deadman start by hand")] },
  { check: "watchdog", each: ({ status }) => status === null ? [] : status.guards.watchdog === null ? [skip("none is asked for (watchdog in cluster.conf)")] : status.guards.watchdog ? [ok("armed")]
    : [fail("the dead-man does not hold it", "`clusterd history` says why; nothing else may use it (RuntimeWatchdogSec, a watchdog daemon)")] },
  { check: "kernel lease", each: ({ status, release }, _node, config) => status === null ? [] : status.guards.kernelLease ? [ok("there")] : config.cluster.kernelLease === "no" ? [skip("switched off")]
    : [warn(`the kernel (${release}) does not keep an identity silent whose lease is over`, "nft and Linux 5.16 or newer; without it a frozen node may speak until it is set down")] },
  { check: "state", each: ({ status }) => status === null ? [] : unless([
    ...status.core.problems.map((problem) => warn(problem, "`clusterd status` and `clusterd history` say since when and why")),
    ...status.core.identities.filter(({ stale }) => stale).map(({ identity }) => warn(`is stale for ${status.nodes[identity]}`, "the owner resynchronises it; `mirror status` on the owner")),
  ], "nothing is wrong") },
  { check: "stalls", each: ({ status }, _node, config) => status === null ? [] : status.core.stalls.worst < config.cluster.timing.deadtime ? [ok(`the worst of the last day was ${formatDuration(Math.round(status.core.stalls.worst))}`)]
    : [warn(`this node has stalled for ${formatDuration(Math.round(status.core.stalls.worst))} within the last day, longer than deadtime`, "a slower profile, or more processor for this machine")] },

  { check: "clocks agree", both: (own, _peer, config) => {
    const { offsetLimit } = config.cluster;
    const offset = own.status?.offset ?? null;
    if (offset === null) return [skip("not known yet")];
    const says = `${formatDuration(Math.abs(Math.round(offset)))} apart`;
    return [Math.abs(offset) > offsetLimit ? fail(`${says}, more than offset_limit`, "a time daemon (chrony) on both nodes with the same servers") : Math.abs(offset) > offsetLimit / 2 ? warn(says, "a time daemon (chrony) on both nodes with the same servers") : ok(says)];
  } },
  { check: "clock is kept right", each: ({ clock, wall }) => [clock === null ? skip("never asked: `clusterd clock-check`, hourly by the crontab") : !clock.disciplined ? warn(clock.detail, "install and start chrony")
    : wall - clock.checked > 2 * DAY ? warn(`last asked ${formatDuration(wall - clock.checked)} ago`, "is the crontab installed, and cron running?") : ok(clock.detail)] },

  { check: "programs", each: ({ programs }) => unless([
    ...REQUIRED.filter((name) => (programs[name] ?? null) === null).map((name) => fail(`${name} is not installed`, `install the package that has ${name}`)),
    ...((programs["rsync"] ?? null) !== null && isOldRsync(programs["rsync"] ?? null) ? [fail(`rsync ${programs["rsync"]} is too old`, "3.4.3 or newer: older ones let a hostile sender write elsewhere")] : []),
    ...((programs["nft"] ?? null) === null ? [warn("nft is not installed: no kernel lease", "install nftables")] : []),
  ], "all there") },
  { check: "same version", both: (own, peer) => own.programs["clusterd"] === peer.programs["clusterd"] ? [ok(`clusterd ${own.programs["clusterd"]} on both`)]
    : [warn(`clusterd ${own.programs["clusterd"]} on ${own.node} and ${peer.programs["clusterd"]} on ${peer.node}`, "install the same on both")] },
  { check: "users and groups", both: (own, peer) => unless((["users", "groups"] as const).flatMap((kind) => {
    const differ = Object.keys(own[kind]).filter((name) => peer[kind][name] !== undefined && peer[kind][name] !== own[kind][name]);
    return differ.length === 0 ? [] : [warn(`${kind} with different numbers: ${differ.slice(0, 5).map((name) => `${name} (${own[kind][name]}, ${peer[kind][name]})`).join(", ")}${differ.length > 5 ? " …" : ""}`, "mirrored files keep the number: give both the same (`usermod -u`, `groupmod -g`), or mirror passwd and group")];
  }), "names have the same numbers on both") },

  { check: "services", each: ({ services }) => unless(services.flatMap(({ name, what, exists, atBoot }) => [
    ...(exists ? [] : [fail(`${name}: ${what} is not there`, "install the service on both nodes, with the same configuration")]),
    ...(atBoot === true ? [fail(`${name}: ${what} is started at boot`, "`systemctl disable` it (or `update-rc.d … disable`) on both nodes: clusterd starts it on the owner")] : []),
  ]), services.length === 0 ? "none is configured" : "installed, and not started at boot") },
  { check: "service checks", each: ({ checks = [] }) => unless(checks.filter(({ ok: fine }) => !fine).map(({ service, check, said }) =>
    fail(`${service}: ${check}: ${said}`, "correct the service, or its `check` in /etc/cluster.d: what fails for good is started anew, then moved")), checks.length === 0 ? "nothing is checked here now" : `${checks.length} pass`) },
  { check: "started at boot", each: ({ units }) => units.some(({ atBoot }) => atBoot === null) ? [skip("no systemd or init links to look at")] : unless(units.filter(({ atBoot }) => atBoot === false).map(({ name }) =>
    fail(`${name} is not started at boot`, `\`systemctl enable ${name}\`, or \`clusterd install\` again`)), "clusterd and mirror are") },
  { check: "schedule", each: ({ cron }, _node, config) => config.cluster.scheduler === "builtin" ? [ok("the mirror process keeps it")] : unless([
    ...(cron.file ? [] : [fail("/etc/cron.d/clusterd is not there", "`clusterd install` puts it there")]),
    ...(cron.running ? [] : [fail("cron does not run", "start it, or say scheduler = builtin")]),
  ], "cron runs, and has its lines") },
  { check: "trees", each: ({ trees, status }, node, config) => unless(trees.flatMap(({ job, path, exists, marked, unmounted, space }) => {
    const home = config.jobs.find(({ name }) => name === job)?.home;
    const owner = status !== null && home !== undefined && status.core.identities[home].role === "owner";
    return [
      ...(unmounted === null ? [] : [fail(`${job}: ${unmounted} of /etc/fstab is not mounted`, "mount it; nothing is mirrored until then")]),
      ...(owner && !exists ? [fail(`${job}: ${path} is not there on its owner ${node.name}`, "make the folder, or correct `path`")] : []),
      ...(owner && exists && !marked ? [warn(`${job}: ${path} has never been mirrored`, "`mirror run` on the owner, or `mirror mark` after changing disks")] : []),
      ...(space.filesystem !== null && POOR.has(space.filesystem) ? [warn(`${job}: ${path} is on ${space.filesystem}, which loses owners, ACLs or names`, "ext4, xfs or btrfs on both nodes")] : []),
    ];
  }), "there, mounted and marked") },
  { check: "mirror runs", each: ({ status }) => status === null ? [] : unless(status.jobs.flatMap(({ job, lastResult }) =>
    lastResult === null || lastResult.startsWith("good") ? [] : [fail(`${job}: ${lastResult}`, `\`mirror run ${job}\` by hand shows it, \`mirror status\` what it waits for`)]), "the last of each job was good") },
  { check: "mirror guards", each: ({ mirrorWarnings = [] }) => unless(mirrorWarnings.map(({ job, warning }) => warn(`${job}: ${warning}`, `\`mirror check ${job}\` looks again`)), "the last runs were warned of nothing") },
  { check: "free space", each: ({ backups, trees }) => unless([backups, ...trees.map(({ space }) => space)].filter(distinct).flatMap(short), "enough") },
  { check: "watch budget", each: ({ watches: { limit, entries } }) => [entries <= limit / 2 ? ok(`${entries} folders, ${limit} watches`)
    : warn(`${entries} folders to watch and ${limit} watches in all`, `sysctl fs.inotify.max_user_watches=${2 ** Math.ceil(Math.log2(4 * entries))}; without it only scheduled runs mirror`)] },
  { check: "notifications", each: ({ notify: { ways, problems } }) => problems.length > 0 ? problems.map((problem) => fail(problem, "mend it on both nodes; `clusterd notify --test` tries every way"))
    : [ways.length === 0 ? skip("nobody is told of anything: `notify_mail` and its like in cluster.conf; root, once there is a sendmail") : ok(ways.join(", "))] },
  { check: "switch", both: (own, peer) => slowSwitch([own.drill ?? null, peer.drill ?? null]) },
  { check: "last drill", both: (own, peer) => lastDrill([own.drill ?? null, peer.drill ?? null], Math.max(own.wall, peer.wall)) },
  { check: "hypervisor", each: ({ virtual }) => [virtual ? skip("a virtual machine: its port must allow other MACs (forged transmits, MAC changes); a planned `clusterd switchover` proves it") : ok("a real machine")] },
];

function lastDrill(drills: readonly (Drill | null)[], now: number): readonly Said[] {
  const [last] = drills.flatMap((drill) => drill ?? []).toSorted((a, b) => b.at - a.at);
  if (last === undefined) return [skip("never held: `clusterd drill` rehearses a takeover and its return, and measures them")];
  const [age, grain] = [now - last.at, now - last.at < DAY ? 60_000 : DAY];
  const line = `${formatDuration(Math.round(Math.max(0, age) / grain) * grain)} ago: ${drillLine(last)}`;
  return [last.ok ? ok(line) : warn(line, "`clusterd status` and `clusterd history` say why; then `clusterd drill` again")];
}

/** Beyond the move itself; a switch that learns at once takes less than a tenth of this. */
const LEARNT = 2000;

/** What no question to a switch tells: how long it goes on sending to the old port (ageing, spanning tree, port security). */
function slowSwitch(drills: readonly (Drill | null)[]): readonly Said[] {
  const [last] = drills.flatMap((drill) => (drill?.ok === true ? drill : [])).toSorted((a, b) => b.at - a.at);
  const outages = [last?.there, last?.back].flatMap((leg) => leg?.outage_ms ?? []);
  if (outages.length === 0) return [skip("not measured: `clusterd drill` shows how soon it learns where an identity is")];
  const worst = Math.max(...outages);
  return [worst <= LEARNT ? ok(`learns at once: ${formatDuration(worst)} without an answer at the last drill`)
    : warn(`the address was without an answer for ${formatDuration(worst)} at the last drill, though nothing else took so long`, "on the nodes' switch ports: spanning tree's edge mode (portfast), no port security or limit of MACs; a virtual switch must allow MAC changes; then `clusterd drill` again")];
}

const distinct = (space: Space, at: number, all: readonly Space[]): boolean => all.findIndex(({ freeBytes, freeInodes }) => freeBytes === space.freeBytes && freeInodes === space.freeInodes) === at;
const short = ({ path, freeBytes, freeInodes, share }: Space): readonly Said[] => [
  ...(freeBytes < GB || share < 0.05 ? [warn(`${(freeBytes / GB).toFixed(1)} GB (${Math.round(100 * share)} %) are free at ${path}`, "`mirror prune`, a shorter keep_for, or a larger disk")] : []),
  ...(freeInodes !== null && freeInodes < 10_000 ? [warn(`${freeInodes} inodes are free at ${path}`, "remove small files, or make the file system anew with more")] : []),
];

/** Every finding, in the order of the table. `peer`: null when the other node could not be asked. */
export function preflight(config: Config, own: Facts, peer: Facts | null): readonly Finding[] {
  const nodeOf = ({ node }: Facts): NodeConfig => config.nodes.find(({ name }) => name === node) ?? config.nodes[config.self];
  return CHECKS.flatMap((row): readonly Finding[] => {
    const named = (node: string | null, said: readonly Said[]): readonly Finding[] => said.map((one) => ({ check: row.check, node, ...one }));
    if ("both" in row) return named(null, peer === null ? [skip("the other node cannot be asked")] : row.both(own, peer, config));
    return [...named(own.node, row.each(own, nodeOf(own), config, peer)), ...(peer === null ? [] : named(peer.node, row.each(peer, nodeOf(peer), config, own)))];
  });
}

export const CHECK_NAMES: readonly string[] = CHECKS.map(({ check }) => check);

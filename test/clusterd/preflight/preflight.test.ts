// Each planted fault is found by the check that is meant for it, with a remedy; a sound pair has none.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { Config, NicRole } from "../../../clusterd/config/config.ts";
import { loadConfig } from "../../../clusterd/config/load.ts";
import { raisedAtBoot } from "../../../clusterd/preflight/boot.ts";
import { CHECK_NAMES, preflight } from "../../../clusterd/preflight/checks.ts";
import type { State } from "../../../clusterd/preflight/checks.ts";
import type { Facts, NicFacts } from "../../../clusterd/preflight/facts.ts";
import { preflightText } from "../../../clusterd/preflight/text.ts";
import { understand } from "../../../clusterd/commands/answer.ts";
import { NOW, status, summary } from "../status/sample.ts";

const loaded = loadConfig({ etc: new URL("../../../cluster.d", import.meta.url).pathname, self: "serv1" });
assert.ok(loaded.ok);
const CONFIG: Config = loaded.config;

const HEARTBEAT_MACS = ["02:00:00:00:01:01", "02:00:00:00:01:02"] as const;
const nic = (mac: string, more: Partial<NicFacts> = {}): NicFacts =>
  ({ present: true, up: true, carrier: true, mac, permanent: mac, addresses: [], mtu: 1500, master: null, wireless: false, duplex: "full", ...more });

function facts(self: 0 | 1): Facts {
  const node = CONFIG.nodes[self];
  const other = self === 0 ? 1 : 0;
  const admin = node.redundant.admin!;
  const space = { path: "/srv/www/", freeBytes: 50e9, freeInodes: 1e6, share: 0.5, filesystem: "ext4" };
  return {
    version: 1, node: node.name, wall: NOW, release: "6.1.0", virtual: false,
    nics: { main: nic(node.main.mac), heartbeat: nic(HEARTBEAT_MACS[self]), redundant: nic(`02:00:00:00:02:0${self}`, { addresses: [`${admin.address}/${admin.prefix}`] }) },
    neighbours: { private: HEARTBEAT_MACS[other], identity: CONFIG.nodes[other].main.mac }, raisedAtBoot: [],
    configuration: { digest: CONFIG.digest, problems: [], warnings: [] },
    keys: { heartbeat: null, heartbeatCheck: "aaaa", mirror: null, control: null, pinned: true, authorized: { mirror: true, control: true }, certificates: null },
    shells: { mirror: false, control: false }, sshd: [{ link: "private", address: "10.50.0.2", answers: true }, { link: "lan", address: "192.168.50.12", answers: true }],
    status: status(self, { configuration: { digest: CONFIG.digest, loaded: NOW, problem: null } }),
    clock: { checked: NOW - 1000, disciplined: true, detail: "chrony: 0.1 ms", source: "chrony" as never, offset: 0 },
    programs: { clusterd: "0.1.0", rsync: "3.5.0", ssh: "/usr/bin/ssh", perl: "/usr/bin/perl", ip: "/usr/sbin/ip", setpriv: "/usr/bin/setpriv", tar: "/usr/bin/tar", nft: "/usr/sbin/nft" },
    services: [{ name: "www", what: "/etc/init.d/lighttpd", exists: true, atBoot: false }], units: [{ name: "clusterd", atBoot: true }], checks: [], cron: { file: true, running: true },
    trees: [{ job: "www", path: "/srv/www/", exists: true, marked: true, unmounted: null, space }], backups: { ...space, path: "/var/backups/clusterd", freeBytes: 51e9 },
    watches: { limit: 100_000, entries: 1000 }, users: { root: 0, www: 33 }, groups: { root: 0, www: 33 }, notify: { ways: [], problems: [] }, drill: null, fence: null,
  };
}

const bad = (own: Facts, peer: Facts | null, config = CONFIG) => preflight(config, own, peer).filter(({ state }) => state === "fail" || state === "warn");

test("on a sound pair nothing is wrong, seen from either node", () => {
  assert.deepEqual(bad(facts(0), facts(1)), []);
  assert.deepEqual(bad(facts(1), facts(0), { ...CONFIG, self: 1 }), []);
});

type Change = Partial<Facts> | ((before: Facts) => Partial<Facts>);
const ofNic = (role: NicRole, change: Partial<NicFacts>) => (before: Facts): Partial<Facts> => ({ nics: { ...before.nics, [role]: { ...before.nics[role], ...change } } });
const ofKeys = (change: Partial<Facts["keys"]>) => (before: Facts): Partial<Facts> => ({ keys: { ...before.keys, ...change } });
const ofCore = (change: Parameters<typeof summary>[1]) => (before: Facts): Partial<Facts> => ({ status: { ...before.status!, core: { ...before.status!.core, ...change } } });
const program = (name: string, version: string | null) => (before: Facts): Partial<Facts> => ({ programs: { ...before.programs, [name]: version } });
const tree = (change: Partial<Facts["trees"][number]>) => (before: Facts): Partial<Facts> => ({ trees: [{ ...before.trees[0]!, ...change }] });

/** Planted on serv1. */
const PLANTED: readonly (readonly [what: string, check: string, state: State, remedy: RegExp, change: Change])[] = [
  ["a configuration with a problem", "configuration", "fail", /clusterd check/, { configuration: { digest: CONFIG.digest, problems: ["cluster.conf:3: unknown key"], warnings: [] } }],
  ["a configuration with a warning", "configuration", "warn", /--show/, { configuration: { digest: CONFIG.digest, problems: [], warnings: ["one reference host only"] } }],
  ["files edited on one node", "same configuration", "fail", /copy \/etc\/cluster\.d/, (before) => ({ configuration: { digest: "0", problems: [], warnings: [] }, status: { ...before.status!, configuration: { digest: "0", loaded: 0, problem: null } } })],
  ["an edit that was not loaded", "configuration in force", "warn", /clusterd reload/, (before) => ({ status: { ...before.status!, configuration: { digest: "old", loaded: 0, problem: null } } })],
  ["a NIC that is not there", "NICs", "fail", /ip link/, ofNic("redundant", { present: false, up: false, carrier: false, mac: null, permanent: null })],
  ["a heartbeat NIC that is down", "NICs", "fail", /link set eth1 up/, ofNic("heartbeat", { up: false, carrier: false })],
  ["a pulled cable", "NICs", "fail", /cable/, ofNic("heartbeat", { carrier: false })],
  ["a main NIC that is another one than written down", "permanent MACs", "fail", /pin the names/, ofNic("main", { permanent: "52:54:00:00:00:99" })],
  ["main and redundant NIC swapped", "permanent MACs", "fail", /exchange the interfaces/, ofNic("redundant", { permanent: CONFIG.nodes[0].main.mac })],
  ["a wireless NIC", "NIC abilities", "fail", /use a cable/, ofNic("main", { wireless: true })],
  ["a NIC inside a bridge", "NIC abilities", "warn", /bridge or bond itself/, ofNic("redundant", { master: "br0" })],
  ["half duplex", "NIC abilities", "warn", /negotiate/, ofNic("main", { duplex: "half" })],
  ["the crossover cable in another NIC", "private cable", "fail", /another NIC/, { neighbours: { private: null, identity: CONFIG.nodes[1].main.mac } }],
  ["the crossover cable to another machine", "private cable", "fail", /another machine/, { neighbours: { private: "52:54:00:00:00:99", identity: CONFIG.nodes[1].main.mac } }],
  ["a jumbo MTU on one side", "MTU of the private cable", "warn", /large files would hang/, ofNic("heartbeat", { mtu: 9000 })],
  ["a duplicate address on the LAN", "identity on the LAN", "fail", /switch's table/, { neighbours: { private: HEARTBEAT_MACS[1], identity: "52:54:00:00:00:99" } }],
  ["nobody at the other identity's address", "identity on the LAN", "fail", /same LAN/, { neighbours: { private: HEARTBEAT_MACS[1], identity: null } }],
  ["an identity raised at boot", "nothing raised at boot", "fail", /take it out/, { raisedAtBoot: [{ file: "/etc/network/interfaces", what: "the address of serv1" }] }],
  ["a redundant NIC without its address", "redundant NIC at rest", "fail", /ifup/, ofNic("redundant", { addresses: [] })],
  ["a heartbeat key that others may read", "heartbeat key", "fail", /keys import/, ofKeys({ heartbeat: "heartbeat key has mode 0644, so others may use it", heartbeatCheck: null })],
  ["two different heartbeat keys", "same heartbeat key", "fail", /keys export/, ofKeys({ heartbeatCheck: "bbbb" })],
  ["a mirror key with the wrong mode", "ssh keys", "fail", /mode 600/, ofKeys({ mirror: "has mode 644" })],
  ["no control key", "ssh keys", "fail", /clusterd install/, ofKeys({ control: "is not there" })],
  ["a host key that is not pinned", "ssh keys", "fail", /keys import/, ofKeys({ pinned: false })],
  ["an authorized_keys without the mirror's command", "ssh keys", "fail", /authorized_keys/, ofKeys({ authorized: { mirror: false, control: true } })],
  ["a mirror key that gets a shell there", "forced commands", "fail", /command=/, { shells: { mirror: true, control: false } }],
  ["a switch that learns slowly", "switch", "warn", /portfast/, { drill: { version: 1, at: NOW - 3e8, identity: "serv1", standIn: "serv2", seenFrom: "serv1", there: { took_ms: 40, services_ms: null, outage_ms: 31_000 }, back: { took_ms: 40, services_ms: null, outage_ms: 20 }, ok: true, because: "" } }],
  ["host certificates from before an alias was added", "host certificates", "warn", /keys certify/, ofKeys({ certificates: "they are not those for today's host keys and names" })],
  ["an sshd that does not listen on the private link", "sshd of the other node", "fail", /firewall/, { sshd: [{ link: "private", address: "10.50.0.2", answers: false }] }],
  ["an sshd that does not listen on the LAN", "sshd of the other node", "warn", /private cable/, { sshd: [{ link: "lan", address: "192.168.50.12", answers: false }] }],
  ["a daemon that does not run", "daemon", "fail", /systemctl start/, { status: null }],
  ["maintenance that nobody ended", "maintenance", "warn", /maintenance off/, (before) => ({ status: { ...before.status!, maintenance: { since: NOW - 9e7, until: null, why: "new disk" } } })],
  ["a blocked heartbeat port", "heartbeats", "fail", /firewall/, ofCore({ links: [{ link: "private", state: "on-time", heardAgo: 1 }, { link: "lan", state: "silent", heardAgo: 9999 }] })],
  ["no majority of reference hosts", "reference hosts", "fail", /ping/, ofCore({ references: { answered: 1, of: 3, majority: false, ago: 1 } })],
  ["a reference host that is away", "reference hosts", "warn", /ping/, ofCore({ references: { answered: 2, of: 3, majority: true, ago: 1 } })],
  ["no dead-man", "dead-man", "fail", /perl/, (before) => ({ status: { ...before.status!, guards: { deadman: false, kernelLease: true, watchdog: null } } })],
  ["a witness that has fallen silent", "witness", "fail", /clusterd-witness/, ofCore({ witness: { ago: 60_000, verdicts: ["idle", "idle"] } })],
  ["a fence that does not answer", "fence", "fail", /by hand/, { fence: { problem: "fence_ipmilan: status no answer within 10s" } }],
  ["a watchdog that another holds", "watchdog", "fail", /RuntimeWatchdogSec/, (before) => ({ status: { ...before.status!, guards: { deadman: true, kernelLease: true, watchdog: false } } })],
  ["no kernel lease", "kernel lease", "warn", /nft/, (before) => ({ status: { ...before.status!, guards: { deadman: true, kernelLease: false, watchdog: null } } })],
  ["a standby lock", "state", "warn", /clusterd status/, ofCore({ problems: ["the standby lock is set"] })],
  ["a machine that stalls", "stalls", "warn", /slower profile/, ofCore({ stalls: { count: 3, worst: 700 } })],
  ["a clock off by a minute", "clocks agree", "fail", /chrony/, (before) => ({ status: { ...before.status!, offset: 60_000 } })],
  ["a clock that nobody keeps", "clock is kept right", "warn", /chrony/, { clock: { checked: NOW, disciplined: false, detail: "no time daemon", source: "none" as never, offset: null } }],
  ["no rsync", "programs", "fail", /install the package/, program("rsync", null)],
  ["an old rsync", "programs", "fail", /3\.4\.3/, program("rsync", "3.1.2")],
  ["another clusterd", "same version", "warn", /install the same/, program("clusterd", "0.0.9")],
  ["a user with another number", "users and groups", "warn", /usermod/, { users: { root: 0, www: 1001 } }],
  ["a service that is not installed", "services", "fail", /install the service/, { services: [{ name: "www", what: "lighttpd", exists: false, atBoot: false }] }],
  ["a service that starts at boot", "services", "fail", /disable/, { services: [{ name: "www", what: "lighttpd", exists: true, atBoot: true }] }],
  ["a service that fails its check", "service checks", "fail", /correct the service/, { checks: [{ service: "www", check: "http 192.168.50.101:80/ status 200", ok: false, said: "nobody listens there" }] }],
  ["clusterd not started at boot", "started at boot", "fail", /enable/, { units: [{ name: "clusterd", atBoot: false }] }],
  ["no crontab lines", "schedule", "fail", /clusterd install/, { cron: { file: false, running: true } }],
  ["no cron", "schedule", "fail", /builtin/, { cron: { file: true, running: false } }],
  ["a tree that is not mounted", "trees", "fail", /mount it/, tree({ unmounted: "/srv" })],
  ["a tree that is not there", "trees", "fail", /make the folder/, tree({ exists: false, marked: false })],
  ["a tree never mirrored", "trees", "warn", /mirror run/, tree({ marked: false })],
  ["a tree on a file system without owners", "trees", "warn", /ext4/, tree({ space: { path: "/srv/www/", freeBytes: 50e9, freeInodes: null, share: 0.5, filesystem: "vfat" } })],
  ["a job whose last run failed", "mirror runs", "fail", /mirror run www/, (before) => ({ status: { ...before.status!, jobs: [{ job: "www", identity: "serv1", lastGood: null, lastRun: NOW, lastResult: "unreachable: no link" }] } })],
  ["a database that is mirrored while it is written to", "mirror guards", "warn", /mirror check www/, () => ({ mirrorWarnings: [{ job: "www", warning: "mariadbd (process 7) writes to /srv/www/ibdata1" }] })],
  ["a full disk", "free space", "warn", /mirror prune/, (before) => ({ backups: { ...before.backups, freeBytes: 1e8, share: 0.01 } })],
  ["no inodes left", "free space", "warn", /small files/, (before) => ({ backups: { ...before.backups, freeInodes: 12 } })],
  ["a drill that failed", "last drill", "warn", /clusterd drill/, { drill: { version: 1, at: NOW - 3e8, identity: "serv1", standIn: "serv2", seenFrom: "serv1", there: null, back: null, ok: false, because: "the peer did not take it" } }],
  ["too few watches", "watch budget", "warn", /max_user_watches=262144/, { watches: { limit: 8192, entries: 60_000 } }],
];

for (const [what, check, state, remedy, change] of PLANTED) {
  test(`finds ${what}`, () => {
    const sound = facts(0);
    const found = bad({ ...sound, ...(typeof change === "function" ? change(sound) : change) }, facts(1));
    assert.deepEqual(found.map((finding) => [finding.check, finding.state]), [[check, state]], "this, and nothing else");
    assert.match(found[0]!.remedy!, remedy);
    assert.ok(found[0]!.node === "serv1" || found[0]!.node === null);
  });
}

test("every check is found out by a planted fault, or only ever tells", () => {
  const planted = new Set(PLANTED.map(([, check]) => check));
  const findings = preflight(CONFIG, { ...facts(0), notify: { ways: ["/x"], problems: ["/x is not there"] }, virtual: true }, facts(1));
  assert.deepEqual(CHECK_NAMES.filter((name) => !planted.has(name)), ["notifications", "hypervisor"]);
  assert.equal(findings.find(({ check }) => check === "hypervisor")?.state, "skip");
  const told = preflight(CONFIG, { ...facts(0), notify: { ways: ["/x"], problems: ["/x is not there"] } }, facts(1));
  assert.equal(told.find(({ check, node }) => check === "notifications" && node === "serv1")?.state, "fail");
});

test("a LAN link that cannot be there, since a node without its identity has no address, is no mystery", () => {
  const bare = { ...CONFIG, nodes: [{ ...CONFIG.nodes[0], redundant: { ...CONFIG.nodes[0].redundant, admin: null } }, CONFIG.nodes[1]] as const };
  const away = (owner: 0 | 1) => { const before = facts(0); return { ...before, status: { ...before.status!, core: { ...before.status!.core, links: [{ link: "lan" as const, state: "silent" as const, heardAgo: 9999 }], identities: before.status!.core.identities.map((one, at) => (at === 0 ? { ...one, owner } : one)) as never } } }; };
  const said = (owner: 0 | 1) => bad(away(owner), facts(1), bare).find(({ check }) => check === "heartbeats")!;
  assert.deepEqual([said(1).state, said(1).remedy], ["warn", "ADMIN_IPADDR in serv1.conf gives it one; or `clusterd failback serv1`"]);
  assert.equal(said(0).state, "fail", "with its identity it has one");
});

test("what both nodes say of the same files is said once, with its own hint as the remedy", () => {
  const warned = (self: 0 | 1): Facts => ({ ...facts(self), configuration: { digest: CONFIG.digest, problems: [], warnings: ["serv1.conf: no ADMIN_IPADDR\n    ADMIN_IPADDR=an address"] } });
  assert.deepEqual(bad(warned(0), warned(1)).map(({ node, says, remedy }) => [node, says, remedy]), [["serv1", "serv1.conf: no ADMIN_IPADDR", "ADMIN_IPADDR=an address"]]);
});

test("reference hosts: too few, none, named twice, or the pair's own", () => {
  const says = (references: readonly string[]): string => bad(facts(0), facts(1), { ...CONFIG, cluster: { ...CONFIG.cluster, references } }).filter(({ check }) => check === "reference hosts").map(({ says: text }) => text).join("; ");
  assert.match(says(["192.168.50.251"]), /only 1/);
  assert.match(says([]), /none: silence alone/);
  assert.match(says(["192.168.50.251", "192.168.50.251", "192.168.50.252"]), /named twice/);
  assert.match(says(["192.168.50.251", CONFIG.nodes[1].main.address, "192.168.50.253"]), /an address of the pair itself/);
});

test("without the other node everything that needs both is passed over, and said so", () => {
  const findings = preflight(CONFIG, facts(0), null);
  assert.deepEqual(findings.filter(({ node }) => node === null).map(({ state }) => state), Array(findings.filter(({ node }) => node === null).length).fill("skip"));
  assert.ok(findings.some(({ check, state }) => check === "same configuration" && state === "skip"));
});

test("the system's network files are searched for identities, not for words that only look like them", (t) => {
  const root = mkdtempSync(join(tmpdir(), "clusterd-boot-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const put = (file: string, text: string): void => { mkdirSync(dirname(join(root, file)), { recursive: true }); writeFileSync(join(root, file), text); };
  put("etc/network/interfaces", "auto eth1\niface eth1 inet static\n  address 10.50.0.1/24\n# address 192.168.50.1\n");
  put("etc/netplan/50.yaml", "addresses: [192.168.50.11/24, 192.168.50.100/24]\n");
  put("etc/netplan/50.yaml.old", "addresses: [192.168.50.1/24]\n");
  assert.deepEqual(raisedAtBoot(CONFIG, root), []);
  put("etc/systemd/network/10-lan.network", "[Network]\nAddress=192.168.50.1/24\n");
  put("etc/sysconfig/network-scripts/ifcfg-eth2", `DEVICE=eth2\nHWADDR="${CONFIG.nodes[1].main.mac.toUpperCase()}"\n`);
  assert.deepEqual(raisedAtBoot(CONFIG, root).map(({ file, what }) => [file, what.split(" (")[0]]).sort(), [
    ["/etc/sysconfig/network-scripts/ifcfg-eth2", "the MAC of serv2"], ["/etc/systemd/network/10-lan.network", "the address of serv1"]]);
});

test("what is wrong comes first, each with its remedy; --quiet says only that", () => {
  const findings = preflight(CONFIG, { ...facts(0), cron: { file: true, running: false } }, facts(1));
  const lines = preflightText(findings, { quiet: false, colour: false }).split("\n");
  assert.deepEqual(lines.slice(0, 2), ["fail  serv1: schedule: cron does not run", "      → start it, or say scheduler = builtin"]);
  assert.match(lines.at(-1)!, /^1 failed, 0 to look at, \d+ fine, \d+ not asked$/);
  assert.equal(preflightText(findings, { quiet: true, colour: false }).split("\n").length, 3);
  assert.equal(preflightText(preflight(CONFIG, facts(0), facts(1)), { quiet: true, colour: false }), "");
});

test("the other node's key may ask for facts with exactly these words", () => {
  for (const line of ["clusterd v1 facts x", "clusterd v1 Facts", " clusterd v1 facts"]) assert.equal(understand(line), null, line);
});

// The steps as data: in what order, what each machine still needs, and that a script means what it says.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../../clusterd/config/load.ts";
import type { Config } from "../../../clusterd/config/config.ts";
import { carryOut } from "../../../clusterd/pair/carry-out.ts";
import { localHost, runJob } from "../../../clusterd/pair/host.ts";
import { readTarget } from "../../../clusterd/pair/login.ts";
import { lacking, needsOf, nicsMistaken } from "../../../clusterd/pair/needed.ts";
import { readMachine } from "../../../clusterd/pair/machine.ts";
import type { Step } from "../../../clusterd/pair/step.ts";
import { quote } from "../../../clusterd/pair/step.ts";
import { CABLE_FILE, cableSteps, leftToDo, pairSteps } from "../../../clusterd/pair/steps.ts";
import type { Setting } from "../../../clusterd/pair/steps.ts";
import { unpairSteps } from "../../../clusterd/pair/unpair-steps.ts";
import { lacks } from "../../needs.ts";
import { machine, nic, withNics } from "./machines.ts";

const loaded = loadConfig({ etc: new URL("../../../cluster.d", import.meta.url).pathname, self: "serv1" });
assert.ok(loaded.ok);
const CONFIG: Config = loaded.config;
const HOSTS = [localHost, localHost] as const;
const BOOT = new Map([["/etc/network/interfaces", "auto eth0\niface eth0 inet dhcp\n"]]);

const setting = (more: Partial<Setting> = {}): Setting =>
  ({ machines: [machine(1), machine(2)], config: CONFIG, writes: [], source: "/usr/src/clusterd", release: [{ path: "clusterd/cli.ts", sha: "00" }], packages: [[], []], replace: false, stamp: "S", ...more });
const whats = (steps: readonly Step[]): readonly string[] => steps.map(({ at, what }) => `${at} ${what}`);

test("on a sound pair of machines: install, keys, services, trees, start, mirror", () => {
  assert.deepEqual(whats(pairSteps(setting())), [
    "0 clusterd install", "1 copy the program (1 files) to /var/lib/clusterd/pair/release", "1 clusterd install, with the keys of the first node", "0 clusterd keys import, of the second node's keys",
    "0 clusterd keys certify: ssh host certificates for the pair's names", "1 clusterd keys certify: ssh host certificates for the pair's names",
    "0 systemctl disable lighttpd: clusterd starts it on the owner", "1 systemctl disable --now lighttpd: clusterd starts it on the owner",
    "0 make /srv/files/, to be mirrored to", "1 make /srv/www/, to be mirrored to",
    "0 systemctl start clusterd clusterd-mirror", "1 systemctl start clusterd clusterd-mirror",
    "0 wait until both identities are held", "0 mirror run --all: the first copy", "1 mirror run --all: the first copy", "0 wait until each could stand in for the other",
  ]);
});

test("nothing is run from where others than root can write", () => {
  for (const { act, done } of pairSteps(setting())) assert.doesNotMatch(`${act.script} ${done?.script}`, /\/tmp\//);
});

test("packages only where they lack, files only where they differ, the boot process's files only where they raise the identity", () => {
  const writes = [{ at: 1, path: "serv1.conf", text: "x", replaces: true }] as const;
  assert.deepEqual(whats(pairSteps(setting({ writes, packages: [[], ["rsync"]], machines: [machine(1), machine(2, { boot: BOOT })] }))).filter((what) => /apt|replace|comments/.test(what)), [
    "1 apt-get install rsync", "1 replace /etc/cluster.d/serv1.conf (the old one is kept in /var/backups/clusterd/pair-S)", "1 take eth0 and eth2 out of /etc/network/interfaces, as comments: clusterd raises them itself",
  ]);
  assert.ok(!whats(pairSteps(setting({ packages: null }))).some((what) => what.includes("apt-get")));
});

test("where clusterd runs and its programs were replaced, the restart is left to the person, and said", () => {
  const machines = [machine(1, { runs: true }), machine(2)] as const;
  assert.deepEqual(leftToDo(machines, ["serv1: write /etc/cluster.d/x.conf", "serv2: clusterd install, with the keys of the first node"]), []);
  assert.match(leftToDo(machines, ["serv1: clusterd install"]).join(), /^clusterd on serv1 still runs the programs from before/);
});

test("with init scripts: a service is taken out of the run levels, and stopped where it is not at home", () => {
  const all = whats(pairSteps(setting({ machines: [machine(1, { init: "sysv" }), machine(2, { init: "sysv" })] })));
  assert.deepEqual(all.filter((what) => what.includes("update-rc.d")), ["0 update-rc.d lighttpd disable: clusterd starts it on the owner", "1 update-rc.d lighttpd disable && /etc/init.d/lighttpd stop: clusterd starts it on the owner"]);
  assert.deepEqual(all.filter((what) => what.includes("init.d/clusterd") || what.includes("systemctl")), ["0 /etc/init.d/clusterd start", "1 /etc/init.d/clusterd start"]);
  assert.match(leftToDo([machine(1, { runs: true, init: "sysv" }), machine(2)], ["serv1: clusterd install"]).join(), /`\/etc\/init\.d\/clusterd upgrade`$/);
});

test("a private NIC without its address gets it from ifupdown, where that is in charge; unpair takes the file away", () => {
  const bare = (n: 1 | 2, boot: ReadonlyMap<string, string>) => withNics(machine(n, { boot }), nic("eth1", `02:00:00:00:01:0${n}`));
  assert.deepEqual(whats(cableSteps(setting())), []);
  assert.deepEqual(whats(cableSteps(setting({ machines: [bare(1, BOOT), bare(2, new Map())] }))), [`0 give eth1 its address 10.50.0.1/24, in ${CABLE_FILE}`]);
  const byHand = cableSteps(setting({ machines: [machine(1, { boot: BOOT }), machine(2, { boot: BOOT, managed: true })] }));
  assert.deepEqual(whats(byHand), [`0 give eth1 its address 10.50.0.1/24, in ${CABLE_FILE}`], "it is up, and nothing would raise it at the next boot");
  assert.doesNotMatch(byHand[0]?.act.script ?? "", /ifup/);
  assert.deepEqual(cableSteps(setting({ machines: [machine(1, { boot: new Map([...BOOT, [CABLE_FILE, "auto eth1\niface eth1 inet static\n"]]) }), machine(2)] })), []);
  assert.ok(whats(unpairSteps({ machines: [machine(1, { boot: new Map([[CABLE_FILE, "auto eth1\n"]]) }), null], config: null, stamp: "S" })).some((what) => what.startsWith(`0 remove ${CABLE_FILE}`)));
});

test("a pair that runs already takes new files by a reload", () => {
  const running = [machine(1, { runs: true }), machine(2, { runs: true })] as const;
  assert.deepEqual(whats(pairSteps(setting({ machines: running }))).filter((what) => what.includes("reload")), ["0 clusterd reload", "1 clusterd reload"]);
});

test("cluster.conf may name the other node first: each keeps its own home", () => {
  const turned = { ...CONFIG, nodes: [CONFIG.nodes[1], CONFIG.nodes[0]] as const, services: CONFIG.services.map((one) => ({ ...one, home: one.home === 0 ? 1 as const : 0 as const })), jobs: CONFIG.jobs.map((one) => ({ ...one, home: one.home === 0 ? 1 as const : 0 as const })) };
  assert.deepEqual(whats(pairSteps(setting({ config: turned }))), whats(pairSteps(setting())));
});

test("unpair goes the other way, the other node first; the journal and the configuration are kept aside", () => {
  const both = [machine(1, { boot: new Map([["/etc/network/interfaces", "#clusterd-pair# auto eth0\n"]]) }), machine(2)] as const;
  assert.deepEqual(whats(unpairSteps({ machines: both, config: CONFIG, stamp: "S" })).map((what) => what.replace(/[:;,].*/, "")), [
    "1 systemctl stop clusterd clusterd-mirror", "1 enable and start the services that the boot process had", "1 remove what pair wrote into /etc/cluster.d", "1 put the journal away", "1 clusterd uninstall",
    "0 systemctl stop clusterd clusterd-mirror", "0 put eth0 and eth2 back into /etc/network/interfaces", "0 ifup eth0", "0 enable and start the services that the boot process had",
    "0 remove what pair wrote into /etc/cluster.d", "0 put the journal away", "0 clusterd uninstall",
  ]);
  assert.ok(unpairSteps({ machines: [machine(1), null], config: null, stamp: "S" }).every(({ at }) => at === 0));
});

test("a step that is done is not done again; one that fails ends the run and says the script's last words", async () => {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-pair-test-"));
  try {
    const file = quote(join(folder, "it's here"));
    const step = (what: string, done: string | null, act: string, more: Partial<Step> = {}): Step => ({ at: 0, what, done: done === null ? null : { at: 0, script: done }, act: { at: 0, script: act }, ...more });
    const steps = [
      step("make it", `[ -e ${file} ]`, `cat >${file}`, { act: { at: 0, script: `cat >${file}`, input: { at: 1, script: "tr a-z A-Z", input: "text\n" } } }),
      step("may fail", null, "exit 4", { mayFail: true }), step("fail", null, "echo no such thing >&2; exit 3"), step("never", null, "true"),
    ];
    const run = (dryRun: boolean, which = steps) => carryOut(which, { hosts: HOSTS, names: ["a", "b"], dryRun, say: () => {} });
    assert.deepEqual((await run(true)).changes, ["a: make it", "a: may fail", "a: fail", "a: never"]);
    const first = await run(false);
    assert.deepEqual(first, { changes: ["a: make it", "a: may fail", "a: fail"], warnings: ["a: may fail: ended with exit code 4"], failure: "a: fail: ended with exit code 3:\n    no such thing" });
    assert.equal(readFileSync(join(folder, "it's here"), "utf8"), "TEXT\n", "one program's output is the other's input");
    assert.deepEqual((await run(false, steps.slice(0, 1))).changes, []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a NIC, unit, script, program or tree that is not there is named before anything is done; on the other node only what starts the service", { skip: lacks("ip") }, async () => {
  const [service] = CONFIG.services;
  const [serv1, serv2] = CONFIG.nodes;
  const lo = { interface: "lo" };
  const nodes = [serv1, serv2].map((node) => ({ ...node, main: { ...node.main, ...lo }, heartbeat: { ...node.heartbeat, ...lo }, redundant: { ...node.redundant, ...lo } })) as unknown as Config["nodes"];
  const starting = (action: Config["services"][number]["action"]): Config => ({ ...CONFIG, nodes, jobs: [], services: [{ ...service!, name: "shop", action }] });
  const missing = async (config: Config): Promise<readonly string[]> => (await lacking(HOSTS, ([0, 1] as const).flatMap((at) => needsOf(config, at, at)))).map((need) => `${need.atHome} ${need.missing}`);
  assert.deepEqual(await missing(starting({ kind: "command", start: ["/nowhere/shop", "start"], stop: [], check: [] })), [
    "true serv1 has no program /nowhere/shop, which is to start shop: install it there, or correct `start_command` in /etc/cluster.d",
    "false serv2 has no program /nowhere/shop, which is to start shop: install it there, or correct `start_command` in /etc/cluster.d",
  ]);
  assert.deepEqual(await missing(starting({ kind: "command", start: ["/bin/sh", "start"], stop: [], check: [] })), []);
  assert.match((await missing(starting({ kind: "init", script: "/etc/init.d/no-such", args: [] })))[0] ?? "", /^true serv1 has no init script no-such/);
  assert.match((await missing(starting({ kind: "systemd", unit: "no-such.service" })))[0] ?? "", /^true serv1 has no unit no-such\.service/);
  const www = CONFIG.jobs.find(({ name }) => name === "www")!;
  const mirroring = (path: string): Config => ({ ...CONFIG, nodes, services: [], jobs: [{ ...www, entries: [{ ...www.entries[0]!, path }] }] });
  assert.deepEqual(await missing(mirroring("/nowhere/it's/")), ["true serv1 has no /nowhere/it's/, which www is to mirror: make it, or correct `path` in /etc/cluster.d"]);
  assert.deepEqual(await missing(mirroring("/tmp/")), []);
  assert.deepEqual(await missing({ ...CONFIG, services: [], jobs: [], nodes: [{ ...nodes[0], heartbeat: { ...nodes[0].heartbeat, interface: "eht1" } }, nodes[1]] }), ["true serv1 has no NIC eht1: `ip link` lists them; correct serv1.conf in /etc/cluster.d"]);
});

test("a restart refuses a NIC that is new in the configuration and not there; one that broke in use stops no upgrade", { skip: lacks("ip") }, async () => {
  const [serv1, serv2] = CONFIG.nodes;
  const withHeartbeat = (nic: string): Config => ({ ...CONFIG, self: 0, nodes: [{ ...serv1, heartbeat: { ...serv1.heartbeat, interface: nic } }, serv2] });
  assert.deepEqual(await nicsMistaken(withHeartbeat("lo"), withHeartbeat("eht1")), ["serv1 has no NIC eht1: `ip link` lists them; correct serv1.conf in /etc/cluster.d"]);
  assert.deepEqual(await nicsMistaken(withHeartbeat("eht1"), withHeartbeat("eht1")), []);
  assert.deepEqual(await nicsMistaken(withHeartbeat("eht1"), withHeartbeat("lo")), []);
});

test("what the boot process raises is raised again, by `allow-hotplug` too, as Debian's installer writes it", () => {
  const up = unpairSteps({ machines: [machine(1, { boot: new Map([["/etc/network/interfaces", "#clusterd-pair# allow-hotplug eth0\n"]]) }), null], config: CONFIG, stamp: "S" }).find(({ what }) => what.startsWith("ifup eth0"));
  assert.match(up?.act.script ?? "", /--allow auto; ifquery --list --allow hotplug/);
});

test("a source that fails is the failure, whatever the reader says", async () => {
  const { code, err } = await runJob(HOSTS, { at: 0, script: "cat >/dev/null", input: { at: 1, script: "echo gone >&2; exit 7" } });
  assert.deepEqual({ code, err }, { code: 7, err: "gone\n" });
});

test("look.sh describes a real machine", { skip: lacks("ip") }, async () => {
  const script = readFileSync(new URL("../../../clusterd/pair/look.sh", import.meta.url), "utf8");
  const found = readMachine((await runJob(HOSTS, { at: 0, script: `set -- sh no-such-program\n${script}` })).out);
  assert.ok(found !== null);
  assert.equal(found.uid, process.getuid?.());
  assert.ok(found.programs.includes("sh") && !found.programs.includes("no-such-program"));
  assert.ok(found.nics.every(({ mac }) => /^[0-9a-f:]{17}$/.test(mac)));
  const word = (text: string): string => Buffer.from(text).toString("base64");
  const { config, changed } = readMachine(`config ${word("/etc/cluster.d/serv1.conf")} ${word("text\n")} 1700000000\nconfig ${word("/etc/cluster.d/empty")}  7\nend\n`)!;
  assert.deepEqual([[...config], [...changed]], [[["serv1.conf", "text\n"], ["empty", ""]], [["serv1.conf", 1_700_000_000], ["empty", 7]]]);
  assert.equal(readMachine("host serv1\nuid 0\n"), null, "half of it is nothing");
});

test("a target is [USER@]HOST[:PORT], also by IPv6, which a bare private cable has", () => {
  assert.deepEqual(readTarget("2001:db8::2"), { user: "root", host: "2001:db8::2", port: 22 });
  assert.deepEqual(readTarget("admin@[fe80::2%eth1]:2222"), { user: "admin", host: "fe80::2%eth1", port: 2222 });
  assert.deepEqual(readTarget("serv2"), { user: "root", host: "serv2", port: 22 });
  assert.deepEqual(readTarget("admin@10.50.0.2:2222"), { user: "admin", host: "10.50.0.2", port: 2222 });
  for (const wrong of ["", "-oProxyCommand=x", "a b", "serv2:", "serv2:99999", "@serv2", "serv2;id", "[serv2]", "[::1", "a:b:c", "x@y@z"]) assert.equal(readTarget(wrong), null, wrong);
});

// Which files are written where, and that none is replaced unseen.

import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../../clusterd/config/load.ts";
import { inFolder } from "../../../clusterd/import/import.ts";
import { newFiles } from "../../../clusterd/import/write.ts";
import { readAnswers, saidByFiles, together } from "../../../clusterd/pair/answers.ts";
import { asBefore, withoutNics } from "../../../clusterd/pair/boot-files.ts";
import { described } from "../../../clusterd/pair/described.ts";
import { planFiles } from "../../../clusterd/pair/files.ts";
import type { FilePlan } from "../../../clusterd/pair/files.ts";
import type { Machine } from "../../../clusterd/pair/machine.ts";
import { propose } from "../../../clusterd/pair/propose.ts";
import { machine } from "./machines.ts";

function planned(here: Machine, there: Machine, answers = ""): FilePlan {
  const machines = [here, there] as const;
  const { said } = readAnswers(answers, "pair.ini");
  const { draft } = propose(machines, together(said, saidByFiles(machines)));
  return planFiles({ machines, proposed: newFiles(draft, { name: "", times: {}, heading: "Made by a test." }), answers: said, written: saidByFiles(machines) });
}
const writes = ({ writes: all }: FilePlan): readonly string[] => all.map(({ at, path, replaces }) => `${at} ${path}${replaces ? " replaced" : ""}`);
const filesOf = ({ files }: FilePlan): ReadonlyMap<string, string> => new Map(files.map(({ path, text }) => [path, text]));

test("what is proposed is a sound configuration", () => {
  const { files } = planned(machine(1), machine(2));
  const loaded = inFolder(files, (etc) => loadConfig({ etc, self: "serv2" }));
  assert.ok(loaded.ok, JSON.stringify(loaded));
  assert.deepEqual(loaded.config.nodes.map(({ main }) => main.address), ["192.168.50.1", "192.168.50.2"]);
});

test("on two bare machines everything is written on both", () => {
  assert.deepEqual(writes(planned(machine(1), machine(2))), ["0 cluster.conf", "1 cluster.conf", "0 serv1.conf", "1 serv1.conf", "0 serv2.conf", "1 serv2.conf"]);
});

test("what is there stays and goes to the node that lacks it, services too; a second time nothing is written", () => {
  const first = planned(machine(1), machine(2));
  const config = new Map([...filesOf(first), ["serv1/www.conf", "[mirror]\npath = /srv/www/\n"]]);
  assert.deepEqual(writes(planned(machine(1, { config }), machine(2))), ["1 cluster.conf", "1 serv1.conf", "1 serv2.conf", "1 serv1/www.conf"]);
  assert.deepEqual(planned(machine(1, { config }), machine(2, { config })).writes, []);
  assert.deepEqual(planned(machine(1), machine(2, { config })).differences, []);
});

test("where the two differ, the lines that differ are shown", () => {
  const config = filesOf(planned(machine(1), machine(2)));
  const other = new Map([...config, ["cluster.conf", `${config.get("cluster.conf")}failback = auto\n# by hand\n`]]);
  const plan = planned(machine(1, { config }), machine(2, { config: other }));
  assert.deepEqual(writes(plan), ["1 cluster.conf replaced"]);
  assert.deepEqual(plan.differences, ["/etc/cluster.d/cluster.conf of serv2 is not that of serv1:", "  - failback = auto"]);
});

test("of a file that differs it is said which node has the newer one, and what --replace would do with it", () => {
  const config = filesOf(planned(machine(1), machine(2)));
  const corrected = new Map([...config, ["cluster.conf", `${config.get("cluster.conf")}failback = auto\n`]]);
  const said = (ours: number, theirs: number): readonly string[] =>
    planned(machine(1, { config, changed: new Map([["cluster.conf", ours]]) }), machine(2, { config: corrected, changed: new Map([["cluster.conf", theirs]]) })).differences.slice(2);
  assert.deepEqual(said(0, 60), ["  serv2 has the newer one (1970-01-01 00:01:00 UTC; serv1: 1970-01-01 00:00:00 UTC), and --replace would put the older in its place. To keep it: scp serv2:/etc/cluster.d/cluster.conf /etc/cluster.d/cluster.conf"]);
  assert.deepEqual(said(60, 0), ["  serv1 has the newer one (1970-01-01 00:01:00 UTC; serv2: 1970-01-01 00:00:00 UTC): --replace carries it to serv2"]);
  assert.deepEqual(said(60, 60), []);
});

test("what services need that are described already is known before the first question, and so is what is wrong with their files", () => {
  const one = (path: string, text: string) => described([machine(1), machine(2, { config: new Map([[path, text]]) })]);
  assert.deepEqual(one("serv1/www.conf", "[service]\nstart = systemd:no-such.service\n[mirror]\npath = /srv/www/\n").needs.map(({ at, atHome, missing }) => `${at} ${atHome} ${missing.split(",")[0]}`), [
    "0 true serv1 has no unit no-such.service", "0 true serv1 has no /srv/www/", "1 false serv2 has no unit no-such.service",
  ]);
  assert.deepEqual(one("serv2/Fdata", "/srv/data/\n").needs.map(({ at, atHome }) => [at, atHome]), [[1, true]]);
  const { problems, needs } = one("serv1/www.conf", "[service]\nstrat = systemd:www.service\n");
  assert.deepEqual([problems.map(({ file, line }) => `${file}:${line}`), needs], [["serv1/www.conf:2"], []]);
  assert.deepEqual(described([machine(1), machine(2)]), { problems: [], needs: [] });
});

test("an answer against a file that is there is a difference on both nodes", () => {
  const config = filesOf(planned(machine(1), machine(2)));
  const both = [machine(1, { config }), machine(2, { config })] as const;
  const plan = planned(...both, "[cluster]\nprofile = fast\n[serv1]\nMAIN_IPADDR = 192.168.50.9\n");
  assert.deepEqual(writes(plan), ["0 cluster.conf replaced", "1 cluster.conf replaced", "0 serv1.conf replaced", "1 serv1.conf replaced"]);
  assert.deepEqual(plan.differences.slice(-3), ["/etc/cluster.d/serv1.conf of serv2:", "  - MAIN_IPADDR = 192.168.50.1", "  + MAIN_IPADDR = 192.168.50.9"]);
  assert.deepEqual(planned(...both, "[serv1]\nMAIN_IPADDR = 192.168.50.1\n").writes, [], "the same said again is none");
});

const INTERFACES = `# the LAN
source /etc/network/interfaces.d/*
auto lo eth0 eth1
allow-hotplug eth2
iface lo inet loopback
iface eth0 inet static
    address 192.168.50.1/24

    up echo up
iface eth0:1 inet static
    address 192.168.50.5/24
# the cable
iface eth1 inet static
    address 10.50.0.1/24
`;

test("ifupdown's file loses the two NICs, and gets them back as they were", () => {
  const without = withoutNics(INTERFACES, ["eth0", "eth2"]);
  assert.deepEqual(without.split("\n").filter((line) => line !== "" && !line.startsWith("#")), [
    "source /etc/network/interfaces.d/*", "auto lo eth1", "iface lo inet loopback", "iface eth1 inet static", "    address 10.50.0.1/24",
  ]);
  assert.equal(withoutNics(without, ["eth0", "eth2"]), without, "a second time changes nothing");
  assert.equal(asBefore(without), INTERFACES);
  assert.equal(asBefore(`${without}auto eth9\n`), `${INTERFACES}auto eth9\n`, "what somebody added meanwhile stays");
  assert.equal(asBefore(INTERFACES), INTERFACES);
});

test("a node file with the blanks of an import: what it says counts, the rest is filled in, and nothing blank is taken for said", () => {
  const blanks = "HEARTBEAT_INTERFACE=eth2\nHEARTBEAT_IPADDR=\nMAIN_IPADDR=\n# REDUNDANT_INTERFACE=\n";
  const config = new Map([["cluster.conf", "[cluster]\nname = old\nnodes = serv1 serv2\n[timing]\nkeepalive = 100ms\n"], ["serv1.conf", blanks], ["serv2.conf", blanks], ["old/serv1.conf", blanks]]);
  const both = [machine(1, { config }), machine(2)] as const;
  assert.deepEqual(Object.fromEntries(saidByFiles(both).get("serv2") ?? []), { HEARTBEAT_INTERFACE: "eth2" });
  const plan = planned(...both);
  assert.deepEqual(writes(plan), ["1 cluster.conf", "0 serv1.conf replaced", "1 serv1.conf", "0 serv2.conf replaced", "1 serv2.conf", "1 old/serv1.conf"]);
  assert.deepEqual(plan.differences, []);
  assert.match(filesOf(plan).get("serv1.conf") ?? "", /MAIN_IPADDR=192\.168\.50\.1\n[^]*HEARTBEAT_INTERFACE=eth2\n/);
  const filled = new Map([...config, ...plan.files.map(({ path, text }) => [path, text] as const)]);
  assert.deepEqual(planned(machine(1, { config: filled }), machine(2, { config: filled })).writes, []);
});

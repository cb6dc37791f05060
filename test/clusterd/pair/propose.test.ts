// What is proposed to two planted machines, what is asked, and what cannot be.

import assert from "node:assert/strict";
import { test } from "node:test";
import { answersText, readAnswers, saidByFiles } from "../../../clusterd/pair/answers.ts";
import type { Said } from "../../../clusterd/pair/answers.ts";
import type { Machine } from "../../../clusterd/pair/machine.ts";
import { fallbackOf, propose, whyNot } from "../../../clusterd/pair/propose.ts";
import { machine, nic, withNics } from "./machines.ts";

const NOTHING: Said = new Map();
const said = (text: string): Said => { const read = readAnswers(text, "pair.ini"); assert.deepEqual(read.problems, []); return read.said; };
const proposed = (here: Machine, there: Machine, answers = NOTHING) => {
  const { draft, questions, obstacles, notes } = propose([here, there], answers);
  return {
    keys: draft.nodes.map(({ keys }) => Object.fromEntries([...keys].map(([key, { value }]) => [key, value]))), cluster: Object.fromEntries(draft.cluster),
    asked: questions.filter(({ required }) => required).map(({ section, key, proposal }) => `${section} ${key} ${proposal}`), obstacles, notes,
    why: (key: string) => draft.nodes.map(({ keys }) => [...keys].find(([one]) => one === key)?.[1].from),
  };
};
const nicsOf = ({ keys }: ReturnType<typeof proposed>): readonly string[] => keys.map((one) => [one["MAIN_INTERFACE"], one["HEARTBEAT_INTERFACE"], one["REDUNDANT_INTERFACE"]].join(" "));

test("three NICs each, a default route and a private network: nothing has to be asked", () => {
  const found = proposed(machine(1), machine(2));
  assert.deepEqual(found.asked, []);
  assert.deepEqual(found.obstacles, []);
  assert.deepEqual(nicsOf(found), ["eth0 eth1 eth2", "eth0 eth1 eth2"]);
  assert.deepEqual(found.keys[1], {
    MAIN_INTERFACE: "eth0", MAIN_IPADDR: "192.168.50.2", MAIN_MACADDR: "02:00:00:00:00:02", MAIN_PREFIX: "24", MAIN_GATEWAY: "192.168.50.251",
    HEARTBEAT_INTERFACE: "eth1", HEARTBEAT_IPADDR: "10.50.0.2", HEARTBEAT_PREFIX: "24", REDUNDANT_INTERFACE: "eth2",
  });
  assert.deepEqual(found.cluster, { name: "serv1-serv2" });
  assert.deepEqual(found.why("MAIN_INTERFACE"), Array(2).fill("the default route leaves by it, to 192.168.50.251"));
});

test("without a default route the LAN is proposed and asked", () => {
  const found = proposed(machine(1, { gateway: null }), machine(2, { gateway: null }));
  assert.deepEqual(found.asked, ["serv1 MAIN_INTERFACE eth0", "serv2 MAIN_INTERFACE eth0"]);
  assert.deepEqual(nicsOf(found), ["eth0 eth1 eth2", "eth0 eth1 eth2"]);
});

test("an answer settles it, and what follows from it: the other NIC is the private cable then", () => {
  const found = proposed(machine(1, { gateway: null }), machine(2, { gateway: null }), said("[serv1]\nMAIN_INTERFACE = eth1\n"));
  assert.deepEqual(nicsOf(found), ["eth1 eth0 eth2", "eth1 eth0 eth2"]);
  assert.equal(found.keys[0]?.["MAIN_IPADDR"], "10.50.0.1");
  assert.deepEqual(found.asked, []);
});

test("NICs may have other names on the other node: networks tell, not names", () => {
  const there = machine(2, { gateway: { address: "192.168.50.251", nic: "enp3s0" }, nics: [nic("enp1s0", "02:00:00:00:01:02", "10.50.0.2"), nic("enp2s0", "02:00:00:00:02:02"), nic("enp3s0", "02:00:00:00:00:02", "192.168.50.2")] });
  assert.deepEqual(nicsOf(proposed(machine(1), there)), ["eth0 eth1 eth2", "enp3s0 enp1s0 enp2s0"]);
});

test("too few NICs are an obstacle that names what there is, and what does not count", () => {
  const { obstacles } = proposed(machine(1), machine(2, { nics: [...machine(2).nics.slice(0, 2), nic("wlan0", "02:00:00:00:03:02", null, { wireless: true }), nic("br-1", "02:00:00:00:04:02", null, { kind: "bridge" })] }));
  assert.equal(obstacles.length, 1);
  assert.match(obstacles[0] ?? "", /^serv2 has 2 NICs that could take a role \(eth0, eth1\), and three are needed; not counted: wlan0 \(wireless\), br-1 \(bridge\)/);
});

test("with all three named, a macvlan may be the redundant one", () => {
  const found = proposed(machine(1), machine(2, { nics: [...machine(2).nics.slice(0, 2), nic("mac0", "02:00:00:00:04:02", null, { kind: "macvlan" })] }), said("[serv2]\nMAIN_INTERFACE=eth0\nHEARTBEAT_INTERFACE=eth1\nREDUNDANT_INTERFACE=mac0\n"));
  assert.deepEqual(found.obstacles, []);
  assert.deepEqual(nicsOf(found)[1], "eth0 eth1 mac0");
});

test("two NICs on the LAN: the one with the default route is main, the other redundant, and its address that of administration", () => {
  const found = proposed(withNics(machine(1), nic("eth2", "02:00:00:00:02:01", "192.168.50.11")), machine(2));
  assert.deepEqual(nicsOf(found)[0], "eth0 eth1 eth2");
  assert.equal(found.keys[0]?.["ADMIN_IPADDR"], "192.168.50.11");
  assert.deepEqual(found.asked, []);
});

test("virtual and wireless NICs take no role unasked; a wireless one is mentioned", () => {
  const more = [nic("docker0", "02:00:00:00:05:01", "172.17.0.1", { kind: "bridge" }), nic("veth12", "02:00:00:00:06:01", null, { kind: "veth", master: "docker0" }), nic("wg0", "02:00:00:00:07:01", "10.9.0.1", { kind: "wireguard" }), nic("wlan0", "02:00:00:00:08:01", null, { wireless: true })];
  const found = proposed(withNics(machine(1), ...more), machine(2));
  assert.deepEqual(nicsOf(found)[0], "eth0 eth1 eth2");
  assert.deepEqual(found.asked, []);
  assert.deepEqual(found.notes, ["wlan0 of serv1 is wireless, and is left alone: its MAC cannot move"]);
});

test("a bond is one NIC, and its members are none", () => {
  const nics = [nic("bond0", "02:00:00:00:01:01", "10.50.0.1", { kind: "bond" }), nic("eth0", "02:00:00:00:00:01", "192.168.50.1"), nic("eth1", "02:00:00:00:01:01", null, { master: "bond0" }), nic("eth2", "02:00:00:00:02:01"), nic("eth3", "02:00:00:00:01:01", null, { master: "bond0" })];
  const found = proposed(machine(1, { nics }), machine(2));
  assert.deepEqual(nicsOf(found)[0], "eth0 bond0 eth2");
  assert.deepEqual(found.obstacles, [], "that members have the bond's MAC is as it should be");
});

test("one MAC twice is a cloned machine", () => {
  const { obstacles } = proposed(machine(1), withNics(machine(2), nic("eth0", "02:00:00:00:00:01", "192.168.50.2")));
  assert.deepEqual(obstacles, ["eth0 of serv1 and eth0 of serv2 have one MAC, 02:00:00:00:00:01: a cloned machine? Give each its own"]);
});

test("with more NICs on one node the spare with a cable is proposed; two alike are asked", () => {
  const plugged = proposed(withNics(machine(1), nic("eth3", "02:00:00:00:03:01", null, { carrier: false })), machine(2));
  assert.deepEqual(nicsOf(plugged)[0], "eth0 eth1 eth2");
  assert.deepEqual(plugged.asked, []);
  assert.deepEqual(plugged.notes, ["serv1 has 4 NICs, serv2 has 3: those without a role are left alone"]);
  assert.deepEqual(proposed(withNics(machine(1), nic("eth3", "02:00:00:00:03:01")), machine(2)).asked, ["serv1 REDUNDANT_INTERFACE eth2"]);
});

test("without a second common network the private cable is asked, and there is no proposal", () => {
  const { asked } = proposed(withNics(machine(1), nic("eth1", "02:00:00:00:01:01", "10.60.0.1")), machine(2));
  assert.deepEqual(asked, ["serv1 HEARTBEAT_INTERFACE null", "serv2 HEARTBEAT_INTERFACE null"]);
});

test("a private cable that is named and has no addresses gets them from a network that nobody uses", () => {
  const bare = [withNics(machine(1), nic("eth1", "02:00:00:00:01:01"), nic("eth2", "02:00:00:00:02:01", "10.50.7.1")), withNics(machine(2), nic("eth1", "02:00:00:00:01:02"))] as const;
  const found = proposed(...bare, said("[serv1]\nHEARTBEAT_INTERFACE = eth1\nREDUNDANT_INTERFACE = eth2\n[serv2]\nHEARTBEAT_INTERFACE = eth1\nREDUNDANT_INTERFACE = eth2\n"));
  assert.deepEqual(found.asked, ["serv1 HEARTBEAT_IPADDR 10.51.0.1", "serv2 HEARTBEAT_IPADDR 10.51.0.2"]);
  assert.deepEqual(found.keys.map((keys) => `${keys["HEARTBEAT_IPADDR"]}/${keys["HEARTBEAT_PREFIX"]}`), ["10.51.0.1/24", "10.51.0.2/24"]);
});

test("equal names, another architecture, not root, and answers for a stranger are obstacles", () => {
  assert.match(proposed(machine(1), machine(2, { name: "serv1" })).obstacles.join(), /both machines are called serv1/);
  assert.match(proposed(machine(1), machine(2, { arch: "Linux-aarch64" })).obstacles.join(), /serv2 is Linux-aarch64, so the program cannot be copied/);
  assert.match(proposed(machine(1), machine(2, { uid: 1000 })).obstacles.join(), /on serv2 this is user 1000, not root/);
  assert.match(proposed(machine(1), machine(2), said("[serv3]\nMAIN_INTERFACE = eth0\n")).obstacles.join(), /the answers speak of serv3/);
  assert.match(proposed(machine(1), machine(2), said("[serv1]\nMAIN_INTERFACE = eht0\n")).obstacles.join(), /MAIN_INTERFACE of serv1 is eht0, and serv1 has no such NIC\. Did you mean eth0\?/);
});

test("an address by DHCP is taken, and what must be done about it is said", () => {
  const { notes, keys } = proposed(withNics(machine(1), nic("eth0", "02:00:00:00:00:01", null, { addresses: [{ address: "192.168.50.1", prefix: 24, dynamic: true }] })), machine(2));
  assert.equal(keys[0]?.["MAIN_IPADDR"], "192.168.50.1");
  assert.match(notes.join(), /^192\.168\.50\.1 of serv1 came by DHCP, and is taken for good: reserve it at the server, and take eth0 from the DHCP client/);
});

test("what an existing configuration says stands, whatever the NICs carry now", () => {
  const config = new Map([["cluster.conf", "[cluster]\nname = old\nnodes = serv1 serv2\n"], ["serv1.conf", "MAIN_INTERFACE=eth0\nMAIN_IPADDR=192.168.50.1\nMAIN_MACADDR=02:00:00:00:00:01\nHEARTBEAT_INTERFACE=eth1\nHEARTBEAT_IPADDR=10.50.0.1\nREDUNDANT_INTERFACE=eth2\n"]]);
  const away = withNics(machine(1, { config, gateway: null }), nic("eth0", "06:00:00:00:00:99"), nic("eth2", "02:00:00:00:00:02", "192.168.50.2"));
  const found = proposed(away, machine(2), saidByFiles([away, machine(2)]));
  assert.equal(found.keys[0]?.["MAIN_MACADDR"], "02:00:00:00:00:01");
  assert.equal(found.keys[0]?.["MAIN_IPADDR"], "192.168.50.1");
  assert.deepEqual(nicsOf(found)[0], "eth0 eth1 eth2");
  assert.deepEqual(found.cluster, { name: "old" });
});

test("an answer file is judged as a whole: each stranger with its line", () => {
  const { problems } = readAnswers("host_key = x\n[pair]\npassword = y\n[serv1]\nMAIN_INTERFACES = eth0\n[cluster]\nreferences = none\n", "pair.ini");
  assert.deepEqual(problems.map(({ line, message }) => `${line} ${message}`), ["1 host_key stands in no section", "3 [pair] knows no password", "5 [serv1] knows no MAIN_INTERFACES"]);
});

test("two bare NICs: the private cable is asked; once one node's is named, the other's of the same name is proposed", () => {
  const bare = (n: 1 | 2): Machine => machine(n, { nics: [nic("eth0", `02:00:00:00:00:0${n}`, `192.168.50.${n}`), nic("eth1", `02:00:00:00:01:0${n}`), nic("eth2", `02:00:00:00:02:0${n}`)] });
  assert.ok(proposed(bare(1), bare(2)).asked.includes("serv1 HEARTBEAT_INTERFACE null"));
  const { asked, keys } = proposed(bare(1), bare(2), said("[serv1]\nHEARTBEAT_INTERFACE = eth2\n"));
  assert.ok(asked.includes("serv2 HEARTBEAT_INTERFACE eth2"), asked.join("\n"));
  assert.equal(keys[1]?.["REDUNDANT_INTERFACE"], "eth1");
});

test("a typed answer is judged at once, by the key's own rules", () => {
  const both = [machine(1), machine(2)] as const;
  const judged = (section: string, key: string, typed: string): string | null => whyNot(both, { section, key, asks: "", proposal: null, required: false }, typed);
  assert.match(judged("serv1", "HEARTBEAT_INTERFACE", "eht1") ?? "", /serv1 has no such NIC. Did you mean eth1/);
  assert.match(judged("serv2", "ADMIN_IPADDR", "192.168.50.999") ?? "", /is no IPv4 address/);
  assert.match(judged("cluster", "references", "gateway 192.168.50.251") ?? "", /"gateway" is no IPv4 address/);
  for (const [section, key, typed] of [["serv1", "HEARTBEAT_INTERFACE", "eth1"], ["serv2", "ADMIN_IPADDR", "192.168.50.12"], ["cluster", "references", "192.168.50.251 192.168.50.252"]] as const) assert.equal(judged(section, key, typed), null);
  assert.equal(fallbackOf({ section: "cluster", key: "references", asks: "", proposal: null, required: false }), "the MAIN_GATEWAY of both nodes");
});

test("what was answered can be given as a file the next time", () => {
  const answered = new Map([["pair", new Map([["host_key", "SHA256:abc+/d"]])], ["serv1", new Map([["HEARTBEAT_INTERFACE", "eth1"]])], ["cluster", new Map([["references", "192.168.50.251 192.168.50.252"]])]]);
  assert.deepEqual(said(answersText(answered)), answered);
});

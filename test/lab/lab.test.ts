// Does the lab do what it says? Here clusterd does not run: identities are moved by hand, so that the witness, the
// clients and the faults are checked against what we did.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Lab } from "./lab.ts";
import { needsLab } from "./needs-lab.ts";
import { owners } from "./owners.ts";
import { Asker } from "./outage.ts";
import { now } from "./processes.ts";

const lab = new Lab(`selftest-${process.pid}`);
const MAC = "02:00:5e:50:00:01";
const ADDRESS = "192.168.50.1";

/** Raises serv1's identity by hand, as a takeover would: MAC, up, address, the MAC again so that the kernel announces. */
async function raise(node: string, nic: string): Promise<void> {
  const lines = [`link set ${nic} address ${MAC}`, `link set ${nic} up`, `addr replace ${ADDRESS}/24 dev ${nic}`, `link set ${nic} address ${MAC}`];
  await lab.exec(node, ["sysctl", "-qw", `net.ipv4.conf.${nic}.arp_notify=1`]);
  await lab.exec(node, ["ip", "-batch", "-"], { input: lines.join("\n") });
}

const release = (node: string, nic: string): Promise<string> => lab.exec(node, ["ip", "link", "set", nic, "down"]);
const answers = (): Promise<boolean> => lab.client(["ping", "-c", "1", "-W", "1", ADDRESS]).then(() => true, () => false);

if (await needsLab(test)) {
  before(() => lab.up({ daemon: false }));
  after(() => lab.down());

  test("a boot raises lo and the private NIC, and neither LAN NIC", async () => {
    const links = JSON.parse(await lab.exec("serv1", ["ip", "-j", "link"])) as { ifname: string; operstate: string; address: string }[];
    const states = Object.fromEntries(links.map(({ ifname, operstate }) => [ifname, operstate]));
    assert.deepEqual(states, { lo: "UNKNOWN", eth0: "DOWN", eth1: "UP", eth2: "DOWN" });
    assert.equal(links.find(({ ifname }) => ifname === "eth0")?.address, MAC);
    await lab.exec("serv1", ["ping", "-c", "1", "-W", "1", "serv2-private"]);
  });

  test("each node has its own sshd, cron, host name and disk", async () => {
    assert.equal(await lab.exec("serv2", ["hostname"]), "serv2");
    assert.match(await lab.exec("serv2", ["ps", "-e", "-o", "comm="]), /sshd[^]*cron/);
    await lab.exec("serv2", ["sh", "-c", "echo here >/etc/only-serv2"]);
    await assert.rejects(lab.exec("serv1", ["cat", "/etc/only-serv2"]));
  });

  test("the client sees a power cut and a takeover as one gap, with an ordinary and with a frozen ARP cache", async () => {
    await raise("serv1", "eth0");
    const askers = [new Asker(lab, "serv1", "client"), new Asker(lab, "serv1", "client-frozen")];
    for (const asker of askers) await asker.start();
    const { from_ms, to_ms } = await lab.powerOff("serv1");
    assert.ok(to_ms - from_ms < 20, `ports dark and killed within ${to_ms - from_ms} ms`);
    await sleep(200);
    await raise("serv2", "eth2");
    const raised = now();
    await sleep(500);
    for (const asker of askers) {
      const { gaps, answering } = asker.report(from_ms);
      assert.ok(answering);
      // A busy machine adds small ones.
      const [gap, ...more] = gaps.filter(({ ms }) => ms > 100);
      assert.deepEqual(more, []);
      assert.ok(gap!.at_ms <= to_ms + 20 && gap!.at_ms >= from_ms - 20, "the gap begins at the cut");
      assert.ok(gap!.ms > 200 && gap!.ms < raised - from_ms + 100, `${gap!.ms} ms`);
      asker.stop();
    }
  });

  test("the switch hears nothing of a dead node after 50 ms, and the move is no overlap", async () => {
    const { overlap_ms, identities } = await owners(lab);
    assert.equal(overlap_ms, 0);
    assert.deepEqual(identities["serv1"]!.map(({ port }) => port), ["serv1-eth0", "serv2-eth2"]);
    assert.ok(identities["serv1"]![0]!.to_ms < identities["serv1"]![1]!.from_ms);
    assert.equal(lab.isOn("serv1"), false);
  });

  test("what was written before a power cut is there after it", async () => {
    await lab.exec("serv2", ["sh", "-c", "echo kept >/root/note && sync"]);
    await lab.powerOff("serv2");
    await lab.powerOn("serv2");
    await lab.powerOn("serv1");
    assert.equal(await lab.exec("serv2", ["cat", "/root/note"]), "kept");
  });

  test("two owners are seen, however short", async () => {
    await raise("serv1", "eth0");
    await answers();
    const since = now();
    await raise("serv2", "eth2");
    await lab.exec("serv1", ["ping", "-c", "1", "-W", "1", "-I", ADDRESS, "192.168.50.100"]).catch(() => {});
    await lab.exec("serv2", ["ping", "-c", "1", "-W", "1", "-I", ADDRESS, "192.168.50.100"]).catch(() => {});
    const seen = await owners(lab, since - 1000);
    assert.ok(seen.overlap_ms >= 1, JSON.stringify(seen));
    await release("serv2", "eth2");
  });

  test("a frozen node answers ping, runs nothing, and goes on when thawed", async () => {
    await lab.freeze("serv1");
    assert.equal(await answers(), true);
    const asleep = lab.exec("serv1", ["true"]).then(() => "ran");
    assert.equal(await Promise.race([asleep, sleep(300, "nothing ran")]).finally(() => lab.thaw("serv1")), "nothing ran");
    assert.equal(await asleep, "ran");
  });

  test("an unplugged NIC has no carrier, and has it again when plugged in", async () => {
    const carrier = (): Promise<string> => lab.exec("serv1", ["cat", "/sys/class/net/eth0/carrier"]);
    await lab.unplug("serv1", "eth0");
    assert.equal(await carrier(), "0");
    await lab.plug("serv1", "eth0");
    assert.equal(await carrier(), "1");
    assert.equal(await answers(), true);
  });

  test("a cut works one way only, and mend undoes it", async () => {
    const heard = (node: string): Promise<number> => lab.exec(node, ["sh", "-c", "cat /sys/class/net/eth1/statistics/rx_packets"]).then(Number);
    await lab.exec("serv1", ["ping", "-c", "1", "-W", "1", "serv2-private"]);
    await lab.cut("serv1", "serv2", "eth1");
    const before = { serv1: await heard("serv1"), serv2: await heard("serv2") };
    const shout = (node: string, to: string): Promise<unknown> => lab.exec(node, ["ping", "-c", "5", "-i", "0.01", "-W", "1", to]).catch(() => {});
    await shout("serv1", "serv2-private");
    await shout("serv2", "serv1-private");
    assert.equal(await heard("serv2") - before.serv2, 0);
    assert.ok(await heard("serv1") - before.serv1 >= 5);
    await lab.mend();
    await lab.exec("serv1", ["ping", "-c", "1", "-W", "1", "serv2-private"]);
  });

  test("up copes with what a crashed lab has left behind", async () => {
    const crashed = new Lab(`${lab.name}-crashed`);
    try {
      await crashed.up({ daemon: false });
      // The lab's own memory is gone, its processes are not; one of them is even frozen.
      await crashed.freeze("serv2");
      const { rmSync } = await import("node:fs");
      rmSync(`${crashed.folder}/state.json`);
      await crashed.up({ daemon: false });
      assert.equal(crashed.isOn("serv2"), true);
    } finally {
      await crashed.down();
    }
    assert.equal(crashed.isUp, false);
    assert.equal(lab.isOn("serv2"), true, "another lab is left alone");
  });
}

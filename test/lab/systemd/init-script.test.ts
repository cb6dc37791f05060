// The sysv way, on the lab's nodes, which have no systemd: /etc/init.d/clusterd starts, upgrades, reloads and stops the real
// programs. Clients are looked at as in the lab; the LSB exit codes are the script's promise.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { NodeStatus } from "../../../clusterd/status/control.ts";
import { statusOfBoth } from "../home.ts";
import { Lab } from "../lab.ts";
import { needsLab } from "../needs-lab.ts";
import { Asker } from "../outage.ts";
import { owners } from "../owners.ts";
import { now, until } from "../processes.ts";

const SCRIPT = "/usr/lib/clusterd/clusterd/install/clusterd.init";
const BOTH = ["serv1", "serv2"] as const;
if (await needsLab(test, { alone: true })) {
  const lab = new Lab(`init-${process.pid}`);
  before(() => lab.up({ daemon: false }));
  after(() => lab.down());

  const init = (node: string, verb: string): Promise<string> => lab.exec(node, [SCRIPT, verb], { timeout: 60_000 });
  const exitOf = (node: string, verb: string): Promise<number> => init(node, verb).then(() => 0, (error: { exitCode?: number }) => error.exitCode ?? -1);
  const status = async (node: string): Promise<NodeStatus | null> => (await statusOfBoth(lab)).find((each) => each?.node === node) ?? null;
  const settled = (node: string, owner: 0 | 1): Promise<NodeStatus> => until(`${node} to know that node ${owner} has serv1`, 20_000, async () => {
    const seen = await status(node);
    const [identity] = seen?.core.identities ?? [];
    return seen !== null && identity?.owner === owner && ["owner", "standby"].includes(identity.role) ? seen : null;
  });

  test("start: both programs run, and both identities go home; starting again changes nothing", async () => {
    assert.equal(await exitOf("serv1", "status"), 3, "LSB: not running");
    await Promise.all(BOTH.map((node) => init(node, "start")));
    for (const node of BOTH) await settled(node, 0);
    assert.equal(await exitOf("serv1", "status"), 0);
    assert.match(await init("serv1", "start"), /clusterd runs already/);
    assert.equal(await exitOf("serv1", "dance"), 2);
  });

  test("upgrade: a new daemon in the old one's place; nothing moves and the client sees no gap", async (t) => {
    // The first copies of a new pair are over.
    for (const node of BOTH) await lab.exec(node, ["mirror", "run", "--all"], { timeout: 60_000 });
    const [before, since, asker] = [await status("serv1"), now(), new Asker(lab, "serv1", "client")];
    await asker.start();
    await init("serv1", "upgrade");
    const after = await settled("serv1", 0);
    await sleep(1500);
    t.diagnostic(`longest gap ${asker.report().longest_ms} ms`);
    assert.ok(after.started > (before?.started ?? 0), "the old daemon goes on");
    assert.ok(asker.report().answering && asker.report().longest_ms < 200, JSON.stringify(asker.report()));
    assert.equal((await owners(lab, since)).overlap_ms, 0);
    // The dead-man's own is higher.
    const urgent = async (): Promise<readonly string[]> => (await lab.exec("serv1", ["ps", "-eLo", "rtprio=,args="])).split("\n").filter((line) => /^ *10 /.test(line));
    await until("what had to be quick to have its ordinary priority again", 5000, async () => (await urgent()).length === 0);
    assert.match(await init("serv1", "status"), /clusterd runs \(\d+\)\nmirror runs \(\d+\)/);
  });

  test("reload takes a sound file and refuses a bad one", async () => {
    assert.equal(await exitOf("serv1", "reload"), 0);
    await lab.exec("serv1", ["sh", "-c", "echo nonsense >>/etc/cluster.d/cluster.conf"]);
    assert.notEqual(await exitOf("serv1", "reload"), 0);
    await lab.exec("serv1", ["sed", "-i", "$d", "/etc/cluster.d/cluster.conf"]);
  });

  test("a service that is new after a reload runs, once, on its owner, with its address; one that is gone is stopped; both are said", async () => {
    const both = (line: string): Promise<unknown> => Promise.all(BOTH.map((node) => lab.exec(node, ["sh", "-euc", line])));
    const said = async (pattern: RegExp): Promise<boolean> => pattern.test(await lab.exec("serv1", ["clusterd", "history"]));
    const [since, epoch] = [now(), (await status("serv1"))?.core.identities[0].epoch];
    await both(`printf '#!/bin/sh\\necho "$1" >>/run/shop\\n' >/usr/local/sbin/shop; chmod 755 /usr/local/sbin/shop
      printf '[service]\\nstart_command = /usr/local/sbin/shop start\\nstop_command = /usr/local/sbin/shop stop\\naddress = 192.168.50.102/24\\n' >/etc/cluster.d/serv1/shop.conf`);
    for (const node of BOTH) await init(node, "reload");
    await until("the new service to be told", 10_000, () => said(/service\.added serv1: new in the configuration: shop: 1 service started in /));
    await lab.client(["ping", "-c", "1", "-W", "2", "192.168.50.102"]);
    for (const node of BOTH) await init(node, "reload");
    await both("rm /etc/cluster.d/serv1/shop.conf");
    for (const node of BOTH) await init(node, "reload");
    await until("the end of the service to be told", 10_000, () => said(/service\.removed serv1: no longer in the configuration: shop: 1 service stopped in /));
    assert.deepEqual(await Promise.all(BOTH.map((node) => lab.exec(node, ["sh", "-c", "cat /run/shop 2>/dev/null || :"]))), ["start\nstop", ""], "once, on the owner");
    assert.doesNotMatch(await lab.exec("serv1", ["ip", "-4", "-o", "address"]), /192\.168\.50\.102/);
    assert.equal((await status("serv1"))?.core.identities[0].epoch, epoch, "nothing has moved");
    assert.equal((await owners(lab, since)).overlap_ms, 0);
  });

  test("stop hands over first, and leaves nothing behind", async (t) => {
    const [since, asker] = [now(), new Asker(lab, "serv1", "client")];
    await asker.start();
    await init("serv1", "stop");
    await settled("serv2", 1);
    await sleep(300);
    t.diagnostic(`gap ${asker.report().longest_ms} ms`);
    assert.ok(asker.report().answering && asker.report().longest_ms < 300, JSON.stringify(asker.report()));
    assert.equal((await owners(lab, since, 500)).overlap_ms, 0);
    assert.equal(await exitOf("serv1", "status"), 3);
    assert.doesNotMatch(await lab.exec("serv1", ["ps", "-eo", "args"]), /cli\.ts daemon|deadman|lan-eye/);
  });
}

// The sysv way, on the lab's nodes, which have no systemd: /etc/init.d/clusterd starts, upgrades, reloads and stops the real
// programs. Clients are looked at as in the lab; the LSB exit codes are the script's promise.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { NodeStatus } from "../../../clusterd/status/control.ts";
import { Lab } from "../lab.ts";
import { needsLab } from "../needs-lab.ts";
import { Asker } from "../outage.ts";
import { owners } from "../owners.ts";
import { now, until } from "../processes.ts";

const SCRIPT = "/usr/lib/clusterd/clusterd/install/clusterd.init";
const BOTH = ["serv1", "serv2"] as const;
if (needsLab(test)) {
  const lab = new Lab(`init-${process.pid}`);
  before(() => lab.up({ daemon: false }));
  after(() => lab.down());

  const init = (node: string, verb: string): Promise<string> => lab.exec(node, [SCRIPT, verb], { timeout: 60_000 });
  const exitOf = (node: string, verb: string): Promise<number> => init(node, verb).then(() => 0, (error: { exitCode?: number }) => error.exitCode ?? -1);
  const status = async (node: string): Promise<NodeStatus | null> => {
    const said = await lab.exec(node, ["clusterd", "status", "--json"], { reject: false });
    const { nodes } = JSON.parse(said) as { readonly nodes: readonly (NodeStatus | { readonly unreachable: string })[] };
    return nodes.find((each): each is NodeStatus => "core" in each && each.node === node) ?? null;
  };
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

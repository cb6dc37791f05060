// `clusterd preflight` on real nodes: nothing is wrong with a sound pair, and what is planted is found.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { settle } from "./home.ts";
import { Lab } from "./lab.ts";
import { needsLab } from "./needs-lab.ts";

const lab = new Lab(`preflight-${process.pid}`);

interface Finding { readonly check: string; readonly node: string | null; readonly state: string; readonly says: string; readonly remedy: string | null }

/** What serv1 says is wrong. */
async function wrong(): Promise<{ readonly exit: number; readonly found: readonly Finding[] }> {
  const said = await lab.exec("serv1", ["sh", "-c", "clusterd preflight --json || true"], { timeout: 60_000 });
  const { exit, findings } = JSON.parse(said) as { exit: number; findings: readonly Finding[] };
  return { exit, found: findings.filter(({ state }) => state === "fail" || state === "warn") };
}

const shell = (node: string, line: string): Promise<string> => lab.exec(node, ["sh", "-euc", line], { timeout: 30_000 });

/** Each is undone before the next. */
const PLANTED: readonly (readonly [what: string, check: string, plant: () => Promise<unknown>, undo: () => Promise<unknown>])[] = [
  ["a mirror key that others may read", "ssh keys", () => shell("serv1", "chmod 644 /var/lib/clusterd/keys/mirror_ed25519"), () => shell("serv1", "chmod 600 /var/lib/clusterd/keys/mirror_ed25519")],
  ["a heartbeat key that others may read, on the other node", "heartbeat key", () => shell("serv2", "chmod 644 /var/lib/clusterd/keys/heartbeat.key"), () => shell("serv2", "chmod 600 /var/lib/clusterd/keys/heartbeat.key")],
  ["an identity raised at boot", "nothing raised at boot", () => shell("serv2", "mkdir -p /etc/network/interfaces.d; echo 'iface eth0 inet static address 192.168.50.2/24' >/etc/network/interfaces.d/lan"), () => shell("serv2", "rm /etc/network/interfaces.d/lan")],
  ["a pulled crossover cable", "NICs", () => lab.unplug("serv1", "eth1"), () => lab.plug("serv1", "eth1")],
  ["an edit on one node", "same configuration", () => shell("serv1", "cp /etc/cluster.d/cluster.conf /root/; echo 'hold_down = 2s' >>/etc/cluster.d/cluster.conf"), () => shell("serv1", "cp /root/cluster.conf /etc/cluster.d/cluster.conf")],
  ["a large MTU on one side", "MTU of the private cable", () => shell("serv2", "ip link set eth1 mtu 9000"), () => shell("serv2", "ip link set eth1 mtu 1500")],
  ["a user with another number", "users and groups", () => shell("serv2", "cp -p /etc/passwd /root/; sed -i 's/^www-data:x:33:/www-data:x:1033:/' /etc/passwd"), () => shell("serv2", "cp -p /root/passwd /etc/passwd")],
  ["no cron", "schedule", () => shell("serv2", "pkill -x cron"), () => shell("serv2", "cron")],
  ["a host key that is not pinned", "ssh keys", () => shell("serv2", "mv /var/lib/clusterd/keys/known_hosts /root/"), () => shell("serv2", "mv /root/known_hosts /var/lib/clusterd/keys/")],
  ["a service of the boot process", "services", () => shell("serv2", "ln -s ../init.d/lighttpd /etc/rc2.d/S01lighttpd"), () => shell("serv2", "rm /etc/rc2.d/S01lighttpd")],
];

if (await needsLab(test)) {
  before(async () => {
    await lab.up();
    await settle(lab);
    for (const node of ["serv1", "serv2"]) await shell(node, "mirror run --all");
    // Two nodes that start at once, each for the first time, make each other stall on one machine; so each starts once more, alone.
    for (const node of ["serv1", "serv2"]) {
      await lab.exec(node, ["lab-daemons", "restart"], { timeout: 60_000 });
      await settle(lab);
    }
  });
  after(() => lab.down());

  test("on a sound pair nothing is wrong", async () => assert.deepEqual(await wrong(), { exit: 0, found: [] }));

  for (const [what, check, plant, undo] of PLANTED) test(`finds ${what}`, async () => {
    await plant();
    try {
      const { exit, found } = await wrong();
      const one = found.find((finding) => finding.check === check);
      assert.ok(one !== undefined, `${check} is not among ${JSON.stringify(found)}`);
      assert.ok(one.remedy !== null);
      assert.equal(exit, found.some(({ state }) => state === "fail") ? 1 : 0);
    } finally {
      await undo();
    }
  });

  test("a node that cannot be asked is itself a finding", async () => {
    await lab.powerOff("serv2");
    const { exit, found } = await wrong();
    assert.equal(exit, 1);
    assert.match(found.find(({ check }) => check === "the other node")?.says ?? "", /cannot be asked: serv2: /);
  });
}

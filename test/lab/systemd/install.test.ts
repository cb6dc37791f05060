// README's ten minutes, followed to the letter on two bare Debian servers with systemd as pid 1, and then the life of such a
// pair: restart for an upgrade, crash, power cut, return, stop, poweroff, removal. What clients see is measured by a client
// that asks every 2 ms, who speaks by the witness on the switch, never by clusterd.
//
// One story: each test goes on where the one before it ended.

import assert from "node:assert/strict";
import { appendFileSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { NodeStatus } from "../../../clusterd/status/control.ts";
import { needsLab } from "../needs-lab.ts";
import { now } from "../processes.ts";
import { Pair } from "./pair.ts";
import type { Said } from "./pair.ts";

const README = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
const BOTH = ["serv1", "serv2"] as const;
/** Of the balanced profile, in ms: lease and release, deadtime and claim. */
const [D_S, Q_C] = [600, 950];

if (await needsLab(test, { alone: true })) {
  const pair = new Pair(`install-${process.pid}`);
  before(() => pair.up());
  after(() => pair.down());

  /** A line of the README, run by root's shell in the folder where the administrator stands; throws if it fails. */
  const asWritten = (node: string, line: string, folder = "/usr/src/clusterd"): Promise<string> => {
    assert.ok(README.includes(line), `README.md says nothing of: ${line}`);
    return pair.must(node, ["sh", "-ec", `cd ${folder}; ${line}`]);
  };

  const status = (node: string): Promise<NodeStatus | null> => pair.status(node);

  /** Waits, at most 20 s, until `node` knows serv1's and serv2's identities with these owners, and the peer alive or not. */
  async function settled(node: string, owners: readonly [number, number], peer: readonly string[] = ["alive"]): Promise<NodeStatus> {
    const deadline = now() + 20_000;
    for (;;) {
      const seen = await status(node);
      const is = seen?.core.identities.map(({ owner, role }, identity) => owner === owners[identity] && ["owner", "standby"].includes(role));
      if (seen !== null && is?.every(Boolean) === true && peer.includes(seen.core.peer.state)) return seen;
      if (now() > deadline) throw new Error(`${node} does not settle on ${owners.join(" ")}, peer ${peer}: ${(await pair.exec(node, ["clusterd", "status"])).out}\n${await journal(node)}`);
      await sleep(100);
    }
  }

  const journal = (node: string, ...more: string[]): Promise<string> => pair.must(node, ["journalctl", "--no-pager", "-o", "cat", "-u", "clusterd", ...more]);
  const pidOf = async (node: string): Promise<number> => {
    const pid = Number(await pair.must(node, ["systemctl", "show", "-P", "MainPID", "clusterd"]));
    assert.ok(pid > 1, `clusterd does not run on ${node}: ${await journal(node, "-n", "20")}`);
    return pid;
  };
  const page = async (): Promise<string> => (await pair.client(["socat", "-t2", "-", "TCP:192.168.50.101:80,connect-timeout=2"], "GET / HTTP/1.0\r\n\r\n")).split("\r\n\r\n").at(-1)!.trim();
  const installed = (node: string): Promise<string> => pair.must(node, ["sh", "-c", "find /usr /etc /var /root -xdev ! -path '/usr/src/*' ! -path '/var/log/*' ! -type d | sort"]);
  const untouched: Record<string, string> = {};

  test("the ten minutes of the README: describe, leave the identity, install, exchange keys, start", async () => {
    // The servers' own business: pages, a program that tells the administrator, a service that the distribution starts.
    for (const node of BOTH) await pair.must(node, ["sh", "-ec", `
      mkdir -p /srv/www /srv/files; echo file >/srv/files/first
      sed -i 's|^server.document-root.*|server.document-root = "/srv/www"|' /etc/lighttpd/lighttpd.conf
      printf '#!/bin/sh\\necho "$@" >>/var/log/told\\n' >/usr/local/sbin/tell-admin; chmod 755 /usr/local/sbin/tell-admin`]);
    await pair.must("serv1", ["sh", "-ec", `
      echo page >/srv/www/index.html
      cp -r /usr/src/clusterd/cluster.d /etc/cluster.d; cd /etc/cluster.d
      sed -i 's/^start = .*/start = systemd:lighttpd.service/; s/^# check = .*/check = unit lighttpd/; s/^# check_interval = .*/check_interval = 1s/' serv1/www.conf
      sed -i 's|^# notify = .*|notify = /usr/local/sbin/tell-admin clusterd|' cluster.conf`]);
    assert.match(await asWritten("serv1", "clusterd/bin/clusterd check --show"), /sound/);
    await asWritten("serv1", "scp -r /etc/cluster.d serv2:/etc/");
    for (const node of BOTH) await pair.must(node, ["sh", "-ec", `
      printf 'auto lo eth1\\niface lo inet loopback\\niface eth1 inet static\\n  address %s\\n' "$(ip -br -4 addr show eth1 | awk '{print $3}')" >/etc/network/interfaces
      systemctl disable --now lighttpd`]);
    for (const node of BOTH) untouched[node] = await installed(node);
    await asWritten("serv1", "clusterd/bin/clusterd install");
    await asWritten("serv1", "clusterd keys export ~/serv1.keys && scp ~/serv1.keys serv2:");
    await asWritten("serv2", "clusterd/bin/clusterd install --peer-keys ~/serv1.keys");
    await asWritten("serv2", "clusterd keys export ~/serv2.keys && scp ~/serv2.keys serv1:");
    await asWritten("serv1", "clusterd keys import ~/serv2.keys");
    for (const node of BOTH) await asWritten(node, "rm -f ~/serv1.keys ~/serv2.keys");
    await Promise.all(BOTH.map((node) => asWritten(node, "systemctl start clusterd clusterd-mirror")));
    for (const node of BOTH) await settled(node, [0, 1]);
  });

  test("units run, identities are at home, status shows both nodes, the first copies are made", async () => {
    for (const node of BOTH) for (const unit of ["clusterd", "clusterd-mirror"]) {
      assert.equal(await pair.must(node, ["systemctl", "is-active", unit]), "active");
      assert.equal(await pair.must(node, ["systemctl", "is-enabled", unit]), "enabled");
    }
    const { nodes } = JSON.parse(await pair.must("serv2", ["clusterd", "status", "--json"])) as { readonly nodes: readonly NodeStatus[] };
    assert.deepEqual(nodes.map(({ node, guards }) => ({ node, ...guards })), [...BOTH].reverse().map((node) => ({ node, deadman: true, kernelLease: true, watchdog: null })));
    for (const node of BOTH) await asWritten(node, "mirror run --all");
    // Cron is looked at in the end; so that it need not be waited for, it works every minute.
    await pair.must("serv2", ["sed", "-i", "s|^\\*/5 |*   |", "/etc/cron.d/clusterd"]);
    assert.equal(await pair.must("serv2", ["cat", "/srv/www/index.html"]), "page");
    assert.equal(await page(), "page");
  });

  test("a unit that is found inactive is started anew where it is", async () => {
    await pair.must("serv1", ["systemctl", "stop", "lighttpd"]);
    const deadline = now() + 30_000;
    while ((await pair.exec("serv1", ["systemctl", "is-active", "lighttpd"])).out.trim() !== "active") {
      assert.ok(now() < deadline, await journal("serv1", "-n", "20"));
      await sleep(200);
    }
    assert.match(await pair.must("serv1", ["clusterd", "history"]), /service\.restarting serv1: service check of www failed 3 times: unit lighttpd\.service: systemctl is-active lighttpd\.service ended with exit code 3/);
  });

  test("the installed compile cache spares the daemon's first start the TypeScript stripper", async (t) => {
    const rss = Number(/VmRSS:\s+(\d+)/.exec(await pair.must("serv1", ["cat", `/proc/${await pidOf("serv1")}/status`]))?.[1]) / 1024;
    t.diagnostic(`resident after the first start: ${Math.round(rss)} MB`);
    assert.ok(rss <= 80, `${rss} MB`);
  });

  test("a service does not inherit the daemon's priority, its memory privilege or its umask", async () => {
    assert.equal(await pair.must("serv1", ["ps", "-o", "ni=", "-p", String(await pidOf("serv1"))]).then((nice) => nice.trim()), "-10");
    await pair.must("serv1", ["sh", "-ec", `
      printf '#!/bin/sh\\ntouch /run/made-by-it; nice >/run/its-nice; cp /proc/self/oom_score_adj /run/its-oom\\n' >/usr/local/sbin/own-service; chmod 755 /usr/local/sbin/own-service
      printf '[service]\\nstart_command = /usr/local/sbin/own-service\\nstop_command = /bin/true\\n' >/etc/cluster.d/serv1/own.conf
      scp -q /etc/cluster.d/serv1/own.conf serv2-private:/etc/cluster.d/serv1/; scp -q /usr/local/sbin/own-service serv2-private:/usr/local/sbin/`]);
    for (const node of BOTH) await pair.must(node, ["systemctl", "reload", "clusterd"]);
    for (const verb of ["switchover", "failback"]) await pair.must("serv1", ["clusterd", verb, "serv1"]);
    for (const node of BOTH) {
      await settled(node, [0, 1]);
      assert.equal(await pair.must(node, ["sh", "-c", "sleep 0.3; cat /run/its-nice /run/its-oom; stat -c %a /run/made-by-it"]), "0\n0\n644", node);
    }
  });

  test("`systemctl reload` with a bad file keeps the old configuration and says why", async () => {
    const before = (await status("serv1"))?.configuration.digest;
    await pair.must("serv1", ["sh", "-c", "echo 'refrences = 1.2.3.4' >>/etc/cluster.d/cluster.conf"]);
    assert.notEqual((await pair.exec("serv1", ["systemctl", "reload", "clusterd"])).code, 0);
    const during = await status("serv1");
    assert.equal(during?.configuration.digest, before);
    assert.match(during?.configuration.problem ?? "", /cluster\.conf:\d+: .*refrences/);
    assert.equal(await pair.must("serv1", ["systemctl", "is-active", "clusterd"]), "active");
    const restart = await pair.exec("serv1", ["clusterd", "restart"]);
    assert.notEqual(restart.code, 0, "nor is it restarted into a file that it could not start with");
    assert.match(restart.err + restart.out, /refrences/);
    await pair.must("serv1", ["sh", "-c", "sed -i '$d' /etc/cluster.d/cluster.conf"]);
    await pair.must("serv1", ["sh", "-c", "cd /etc/cluster.d; cp -p serv1.conf /root/; sed -i 's/^HEARTBEAT_INTERFACE=.*/HEARTBEAT_INTERFACE=eht1/' serv1.conf"]);
    const mistyped = await pair.exec("serv1", ["clusterd", "restart"]);
    await pair.must("serv1", ["mv", "/root/serv1.conf", "/etc/cluster.d/"]);
    assert.notEqual(mistyped.code, 0, "nor with a NIC that is not there");
    assert.match(mistyped.err + mistyped.out, /serv1 has no NIC eht1: .*serv1\.conf/);
    await pair.must("serv1", ["systemctl", "reload", "clusterd"]);
    assert.equal((await status("serv1"))?.configuration.problem, null);
  });

  test("an upgrade moves nothing: a new daemon in the same process, and the client sees no gap", async (t) => {
    const [pid, started, since] = [await pidOf("serv1"), (await status("serv1"))?.started ?? 0, now()];
    appendFileSync(`${pair.folder}/release/clusterd/main.ts`, "// the next release\n");
    assert.match(await asWritten("serv1", "clusterd/bin/clusterd install"), /^replace 1 files.*\nfill /m);
    const outage = pair.ask("serv1");
    await sleep(300);
    await asWritten("serv1", "clusterd restart && systemctl restart clusterd-mirror");
    const next = await settled("serv1", [0, 1]);
    await sleep(1500);
    const gap = outage();
    const lines = await journal("serv1", "-n", "12");
    t.diagnostic(`longest gap ${gap.longest_ms} ms; ${lines.split("\n").filter((line) => /daemon\.(re)?start/.test(line)).slice(-2).map((line) => line.slice(11, 23)).join(" to ")}`);
    assert.equal(await pidOf("serv1"), pid, "systemd has no part in it");
    assert.ok(next.started > started, "the old daemon goes on");
    assert.ok(gap.answering && gap.longest_ms < 200, `${JSON.stringify(gap)}\n${lines}`);
    assert.equal((await settled("serv2", [0, 1])).core.identities[0].owner, 0);
    assert.equal((await pair.owners(since)).overlap_ms, 0);
  });

  test("an upgrade whose programs cannot be loaded is refused, and the daemon goes on", async () => {
    const started = (await status("serv1"))?.started;
    await pair.must("serv1", ["sh", "-ec", "cd /usr/lib/clusterd/clusterd; cp -p main.ts main.kept; echo 'half a file (' >>main.ts"]);
    const said = await pair.exec("serv1", ["clusterd", "restart"]);
    await pair.must("serv1", ["sh", "-ec", "cd /usr/lib/clusterd/clusterd; mv main.kept main.ts"]);
    assert.notEqual(said.code, 0);
    assert.match(said.err + said.out, /the next daemon could not start/);
    assert.equal((await status("serv1"))?.started, started);
  });

  test("kill -9 of the daemon: silent within the lease, started again by systemd, and one owner at most", async (t) => {
    const [pid, since] = [await pidOf("serv1"), now()];
    const outage = pair.ask("serv1");
    await sleep(200);
    await pair.must("serv1", ["kill", "-9", String(pid)]);
    const killed = now();
    await sleep(4000);
    const { gaps, answering } = outage();
    const [gap] = gaps;
    t.diagnostic(`client: ${JSON.stringify(gaps)}`);
    assert.ok(gap === undefined || gap.at_ms - killed <= D_S, `still answering ${gap?.at_ms} - ${killed}`);
    assert.ok(answering, "somebody has it again");
    assert.notEqual(await pidOf("serv1"), pid);
    assert.equal(await pair.must("serv1", ["systemctl", "is-active", "clusterd"]), "active");
    const spans = await pair.owners(since);
    assert.equal(spans.overlap_ms, 0, JSON.stringify(spans));
    await home();
  });

  test("a daemon that hangs is ended by systemd's watchdog, and started again", async (t) => {
    const [pid, since] = [await pidOf("serv1"), now()];
    await pair.must("serv1", ["kill", "-STOP", String(pid)]);
    while (await pidOf("serv1").catch(() => pid) === pid && now() - since < 40_000) await sleep(500);
    t.diagnostic(`another daemon after ${Math.round(now() - since)} ms`);
    assert.notEqual(await pidOf("serv1"), pid);
    assert.match(await journal("serv1"), /Watchdog timeout/);
    assert.equal((await pair.owners(since)).overlap_ms, 0);
    await home();
  });

  /** Brings back what is away. */
  async function home(): Promise<void> {
    const deadline = now() + 30_000;
    let said: Said;
    do {
      said = await pair.exec("serv1", ["clusterd", "failback"]);
      if (said.code !== 0) await sleep(200);
    } while (said.code !== 0 && now() < deadline);
    assert.equal(said.code, 0, `${said.err}${said.out}\n${(await pair.exec("serv1", ["clusterd", "status"])).out}`);
    for (const node of BOTH) await settled(node, [0, 1]);
  }

  test("a power cut: serv2 takes over, starts the service, and the administrator is told", async (t) => {
    const outage = pair.ask("serv1");
    await sleep(200);
    const cut = await pair.powerCut("serv1");
    await settled("serv2", [1, 1], ["silent"]);
    await sleep(500);
    const gap = outage();
    t.diagnostic(`outage ${gap.longest_ms} ms`);
    assert.ok(gap.answering && gap.longest_ms < Q_C + 250, JSON.stringify(gap));
    assert.equal(await page(), "page");
    assert.equal((await pair.owners(cut)).overlap_ms, 0);
    assert.match(await pair.must("serv2", ["cat", "/var/log/told"]), /^clusterd identity\.owner serv1 /m);
  });

  test("the node that comes back raises nothing, is brought up to date and gets its identity by failback", async (t) => {
    await pair.must("serv2", ["sh", "-c", "echo newer >/srv/www/index.html"]);
    t.diagnostic(`boot ${Math.round(await pair.powerOn("serv1"))} ms`);
    const back = await settled("serv1", [1, 1]);
    assert.equal(back.core.identities[0].role, "standby");
    const { code, out } = await pair.exec("serv1", ["sh", "-c", "ip -4 -o addr | grep -w 192.168.50.1; ip link | grep -i 02:00:5e:50:00:01"]);
    assert.equal(code, 1, `no identity on serv1: ${out}`);
    const outage = pair.ask("serv1");
    await home();
    await sleep(300);
    t.diagnostic(`failback gap ${outage().longest_ms} ms`);
    assert.ok(outage().answering && outage().longest_ms < 300, JSON.stringify(outage()));
    assert.equal(await page(), "newer");
  });

  test("`systemctl stop` hands over first; `start` raises nothing that the other holds", async (t) => {
    const [outage, since] = [pair.ask("serv1"), now()];
    await sleep(200);
    await pair.must("serv1", ["systemctl", "stop", "clusterd"]);
    await settled("serv2", [1, 1], ["left", "silent"]);
    await sleep(300);
    t.diagnostic(`gap ${outage().longest_ms} ms`);
    assert.ok(outage().answering && outage().longest_ms < 300, JSON.stringify(outage()));
    assert.equal((await pair.owners(since)).overlap_ms, 0);
    await pair.must("serv1", ["systemctl", "start", "clusterd"]);
    assert.equal((await settled("serv1", [1, 1])).core.identities[0].role, "standby");
    await home();
  });

  for (const [what, words] of [["poweroff", ["systemctl", "poweroff"]], ["reboot", ["systemctl", "reboot"]]] as const)
    test(`\`systemctl ${what}\` hands over before the network goes down`, async (t) => {
      const [outage, since] = [pair.ask("serv1"), now()];
      await sleep(200);
      const began = now();
      await pair.exec("serv1", words);
      await pair.ended("serv1", 30_000);
      t.diagnostic(`down in ${Math.round(now() - began)} ms, gap ${outage().longest_ms} ms`);
      await settled("serv2", [1, 1], ["left", "silent"]);
      await sleep(300);
      assert.ok(outage().answering && outage().longest_ms < 300, JSON.stringify(outage()));
      assert.equal((await pair.owners(since)).overlap_ms, 0);
      await pair.powerOn("serv1");
      await settled("serv1", [1, 1]);
      await home();
    });

  test("the system's cron runs the lines of the cron file, and they work", async () => {
    const said = await pair.must("serv2", ["journalctl", "--no-pager", "-o", "cat", "-t", "CRON", "-t", "cron"]);
    assert.match(said, /\(root\) CMD \(\s*mirror run --all --quiet\)/);
    // A daemon that runs is petted: the one that was made to hang is the only one that was ended.
    for (const [node, ended] of [["serv1", 1], ["serv2", 0]] as const) assert.ok((await journal(node)).split("Watchdog timeout").length - 1 <= ended, node);
    const { jobs } = await settled("serv2", [0, 1]);
    const last = jobs.find(({ job }) => job === "files");
    assert.match(last?.lastResult ?? "", /^good/);
    assert.ok(Date.now() - (last?.lastRun ?? 0) < 90_000, JSON.stringify(last));
    await pair.must("serv2", ["sed", "-i", "s|^\\*    |*/5  |", "/etc/cron.d/clusterd"]);
    await pair.must("serv2", ["cmp", "/etc/cron.d/clusterd", "/usr/src/clusterd/crontab"]);
  });

  test("uninstall removes exactly what install put there, rules in the kernel included", async () => {
    const refused = await pair.exec("serv1", ["clusterd", "uninstall"]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.err + refused.out, /stop it first/);
    for (const node of BOTH) {
      await pair.must(node, ["systemctl", "stop", "clusterd", "clusterd-mirror"]);
      assert.equal(await pair.must(node, ["nft", "list", "tables"]), "", "a daemon that ends takes its rules with it");
      await pair.must(node, ["nft", "add table netdev clusterd"]); // one that is killed does not
      await pair.must(node, ["clusterd", "uninstall", "--purge"]);
      const left = (await installed(node)).split("\n").filter((path) => !untouched[node]!.split("\n").includes(path));
      const own = /^\/(etc\/cluster\.d\/|usr\/local\/sbin\/|var\/log\/|var\/lib\/(systemd|lighttpd)\/|root\/\.ssh\/known_hosts)/;
      assert.deepEqual(left.filter((path) => !own.test(path)), [], node);
      assert.equal(await pair.must(node, ["nft", "list", "tables"]), "");
      assert.doesNotMatch(await pair.must(node, ["cat", "/root/.ssh/authorized_keys"]), /clusterd/);
      assert.equal((await pair.exec(node, ["systemctl", "is-active", "clusterd"])).out, "inactive");
    }
  });
}

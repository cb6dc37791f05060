// Planned work on real nodes: maintenance, drain and its way back, a drill, a reboot, a stop; and who is told of it. One lab for all.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import type { Drill } from "../../clusterd/moves/drill.ts";
import { changedSample } from "./configuration.ts";
import { goHome } from "./home.ts";
import { Lab } from "./lab.ts";
import { needsLab } from "./needs-lab.ts";
import { owners } from "./owners.ts";
import { now, until } from "./processes.ts";
import { identitiesOf, isHome } from "./story/state.ts";

const lab = new Lab(`moves-${process.pid}`);
const clusterd = (node: string, ...words: string[]): Promise<string> => lab.exec(node, ["sh", "-c", 'exec clusterd "$@" 2>&1', "sh", ...words], { timeout: 120_000, reject: false });
const CLIENT = "192.168.50.100";
const SECRET = "T0PSECRET-T0PSECRET";
const POSTED = `${lab.folder}/posted.log`;
const posted = (): string => readFileSync(POSTED, "utf8");
const subjects = async (): Promise<string> => (await lab.exec("serv1", ["cat", "/run/mails"], { reject: false })).split("\n").filter((line) => line.startsWith("Subject: ")).join("\n");
const roles = async (node: "serv1" | "serv2"): Promise<string> => (await identitiesOf(lab))[node].map(({ role }) => role).join(" ");

if (await needsLab(test)) {
  before(async () => {
    const address = { "var/lib/clusterd/keys/webhook.url": `http://${CLIENT}:8099/${SECRET}` };
    await lab.up({ configuration: changedSample(lab, { "cluster.conf": { notify_mail: "root", notify_webhook: "yes", notify_lag: "1s" } }), secrets: { serv1: address, serv2: address } });
    // The nodes have no mail system, and a client is the web service: each writes down what it gets.
    await lab.exec("serv1", ["sh", "-c", "printf '#!/bin/sh\\ncat >>/run/mails\\n' >/usr/sbin/sendmail && chmod 755 /usr/sbin/sendmail"]);
    lab.startOnClient("client", POSTED, [process.execPath, "-e", "require('node:http').createServer((request, response) => { request.pipe(process.stdout, { end: false }); request.on('end', () => response.end()); }).listen(8099)"]);
    // All that follows goes by numbers: names lead astray here, and who asks for one is not answered.
    for (const node of ["serv1", "serv2"]) await lab.exec(node, ["sh", "-c", "printf '127.0.0.1 localhost\\n203.0.113.9 serv1 serv2\\n' >/etc/hosts; echo nameserver 203.0.113.1 >/etc/resolv.conf"]);
    await goHome(lab);
  });
  after(() => lab.down());

  test("the nodes' name service lies, and nothing that follows here asks it", async () => {
    for (const node of ["serv1", "serv2"]) assert.match(await lab.exec(node, ["getent", "hosts", "serv2"]), /^203\.0\.113\.9 /);
    assert.equal(await roles("serv1"), "owner standby");
  });

  test("a test notice goes out by mail and webhook", { timeout: 60_000 }, async () => {
    assert.equal(await clusterd("serv1", "notify", "--test"), "mail to root: handed over\nwebhook: handed over");
    assert.match(await subjects(), /^Subject: \[sample\] serv1: test: a person tries/m);
    assert.match(posted(), /"cluster":"sample","node":"serv1",.*"event":"test"/);
  });

  test("a drained node holds nothing, keeps that over a restart of its daemon, takes nothing over, and comes back by a person's word", { timeout: 180_000 }, async () => {
    const since = now();
    await until("the mirror to have made the first copy", 60_000, async () => (await identitiesOf(lab)).serv1[0]?.peerInSync === true);
    const dry = await clusterd("serv1", "drain", "--dry-run");
    assert.match(dry, /serv1 would be asked to hand serv1 over to serv2\n {2}1\. serv1 stops .*\n {2}2\. serv1 mirrors once more: [^]*on eth2[^]*expected: [^]*Nothing was done\./);
    assert.match(await clusterd("serv1", "drain", "--for", "1h", "--why", "new disk"), /takes nothing over for 1 h: new disk\nserv1 is with serv2 now \(\d+ ms\)/);
    assert.equal(await roles("serv1"), "standby standby");

    assert.match(await clusterd("serv2", "status"), /peer {8}serv1 alive, .*in maintenance[^]*problem {5}the peer is in maintenance/);
    assert.match(await clusterd("serv2", "status", "--nagios"), /WARNING - .*serv1: in maintenance for another (1 h|60 min|59 min), begun .* ago: new disk/);
    assert.match(await clusterd("serv1", "preflight", "--quiet"), /serv1: maintenance: in maintenance .*new disk[^]*clusterd maintenance off/);
    assert.match(await clusterd("serv2", "switchover", "serv1"), /serv2: no handover: the peer is in maintenance/);

    await clusterd("serv1", "restart");
    assert.match(await clusterd("serv1", "maintenance", "status"), /serv1: in maintenance for another .*: new disk/);
    await lab.powerOff("serv2");
    await until("serv1 to say why it takes nothing over", 30_000, async () => /no takeover: this node is in maintenance/.test(await clusterd("serv1", "history")));
    assert.equal(await roles("serv1"), "standby standby");
    await clusterd("serv1", "undrain");
    await until("serv1 to take over once it may", 30_000, async () => (await roles("serv1")) === "owner owner");
    await until("people to be told by mail and webhook", 30_000, async () => /serv1: identity\.owner serv2: /.test(await subjects()) && /"event":"identity\.owner","about":"serv2"/.test(posted()));
    await lab.powerOn("serv2");
    await goHome(lab);
    assert.equal((await owners(lab, since)).overlap_ms, 0);
  });

  test("maintenance ends by itself at its time, with a notice, and the next plan knows how long a move takes", { timeout: 90_000 }, async () => {
    await clusterd("serv1", "maintenance", "on", "--for", "3s", "--why", "a look inside");
    assert.ok(isHome(await identitiesOf(lab)));
    await until("its time to be over", 30_000, async () => /the time of the maintenance is over \(a look inside\)/.test(await clusterd("serv1", "history")));
    await until("serv2 to know", 10_000, async () => /the peer's maintenance is over/.test(await clusterd("serv2", "history")));
    assert.match(await clusterd("serv1", "switchover", "--dry-run"), /expected: about .*, as the last time/);
  });

  test("a drill measures the way there and back, leaves the pair as it was, and preflight shows it", { timeout: 120_000 }, async (t) => {
    const since = now();
    await until("both to be at home and in sync", 60_000, async () => { const seen = await identitiesOf(lab); return isHome(seen) && seen.serv1[0]?.peerInSync === true && seen.serv2[1]?.peerInSync === true; });
    const said = JSON.parse(await clusterd("serv1", "drill", "--json")) as Drill;
    assert.ok(said.ok, JSON.stringify(said));
    t.diagnostic(`as serv1 saw it: ${said.there?.outage_ms} ms there, ${said.back?.outage_ms} ms back`);
    assert.deepEqual([said.identity, said.seenFrom, said.standIn], ["serv1", "serv1", "serv2"]);
    for (const leg of [said.there, said.back]) assert.ok(leg !== null && leg.outage_ms !== null && leg.outage_ms > 0 && leg.outage_ms < leg.took_ms + 2000, JSON.stringify(said));
    assert.ok(isHome(await identitiesOf(lab)));
    assert.equal((await owners(lab, since)).overlap_ms, 0);
    assert.match(await clusterd("serv1", "preflight"), /ok {4}last drill: \d+ \w+ ago: serv1 did not answer for/);
    assert.match(await clusterd("serv1", "drill", "--dry-run"), /drill: serv2 would be asked to hand serv1 over to serv1[^]*the last drill, /);
    await clusterd("serv2", "maintenance", "on");
    assert.match(await clusterd("serv1", "drill"), /no drill: serv2 is in maintenance\. Nothing was done/);
  });

  test("the pair's secrets are nowhere but in their files: not in logs, state, process lists, environments or answers", { timeout: 60_000 }, async () => {
    for (const node of ["serv1", "serv2"]) {
      const found = await lab.exec(node, ["sh", "-euc", `cd /var/lib/clusterd/keys
        { echo "$(cat heartbeat.key)"; sed -n 3p mirror_ed25519; sed -n 3p control_ed25519; } >/tmp/secrets
        { clusterd status --json; clusterd history; clusterd check --show; mirror status --json; } >/tmp/said 2>&1 || :
        cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' >>/tmp/said
        echo "$(grep -c '.\\{32\\}' /tmp/secrets) $(grep -rlaF -f /tmp/secrets . | wc -l)" 
        grep -rlaF -f /tmp/secrets /var/log /run /etc/cluster.d /tmp/said || :
        find /var/lib/clusterd -path /var/lib/clusterd/keys -prune -o -type f -exec grep -laF -f /tmp/secrets {} + || :
        grep -c . /tmp/said; rm /tmp/secrets /tmp/said`], { timeout: 30_000 });
      assert.match(found, /^3 3\n\d{3,}$/, `three secrets are looked for, found in three files, and ${node} has them elsewhere`);
    }
  });

  test("a reboot is refused while the other node cannot take over; then it hands over first, and the machine is told", { timeout: 120_000 }, async () => {
    // The nodes have no init system: what is called in its place leaves its word.
    await lab.exec("serv1", ["sh", "-c", "printf '#!/bin/sh\\necho \"$@\" >/run/rebooted\\n' >/usr/sbin/shutdown && chmod 755 /usr/sbin/shutdown"]);
    assert.match(await clusterd("serv1", "reboot"), /no reboot: serv2 is in maintenance and takes nothing over/);
    await clusterd("serv2", "maintenance", "off");
    assert.match(await clusterd("serv1", "reboot", "--dry-run"), /reboot: serv1 would be asked to hand serv1 over[^]*serv1 would reboot: shutdown -r now/);
    assert.ok(isHome(await identitiesOf(lab)));
    // While both are at home: with the other node gone, or nothing held, it is not said.
    await until("what has lasted to be told, here that nothing was mirrored for a second", 60_000, async () =>
      /serv1: degraded: .*was last mirrored/.test(await subjects()) && /"event":"degraded","about":null,"because":"[^"]*was last mirrored/.test(posted()));
    assert.match(await clusterd("serv1", "reboot"), /serv1 is with serv2 now \(\d+ ms\)\nrebooting/);
    assert.equal(await roles("serv2"), "owner owner");
    assert.equal(await lab.exec("serv1", ["cat", "/run/rebooted"]), "-r now");
  });

  test("a stop hands over before it ends", { timeout: 90_000 }, async () => {
    const since = now();
    await clusterd("serv2", "stop");
    await until("serv1 to own both", 60_000, async () => (await roles("serv1")) === "owner owner");
    assert.match(await clusterd("serv1", "history"), /identity\.acquiring serv2: the peer hands it over to us/);
    await until("serv2's daemon to have ended", 30_000, async () => /not running here/.test(await clusterd("serv2", "status", "--local")));
    assert.equal((await owners(lab, since)).overlap_ms, 0);
    const log = await lab.exec("serv1", ["sh", "-c", "cat /var/log/clusterd.log /var/log/*.log /var/lib/clusterd/history.jsonl 2>/dev/null; clusterd check --show"]);
    assert.doesNotMatch(log, new RegExp(SECRET));
  });
}

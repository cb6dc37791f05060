// Self-healing on real nodes, with a real web server: a failed NIC gives its identity to the one beside it; a failed service is
// restarted here, handed over when that does not help, kept where both fail.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { NodeStatus } from "../../clusterd/status/control.ts";
import { changedSample } from "./configuration.ts";
import { goHome, settle, statusOfBoth } from "./home.ts";
import { Lab } from "./lab.ts";
import { needsLab } from "./needs-lab.ts";
import { Asker } from "./outage.ts";
import { owners } from "./owners.ts";
import { now, until } from "./processes.ts";

const PATIENCE = 60_000;
const lab = new Lab(`checks-${process.pid}`);
const shell = (node: string, line: string): Promise<string> => lab.exec(node, ["sh", "-euc", line], { timeout: 30_000 });
const history = (node: string): Promise<string> => lab.exec(node, ["clusterd", "history"], { timeout: 30_000 });
const www = (status: NodeStatus | null): NonNullable<NodeStatus["checks"]>[number] | undefined => status?.checks?.find(({ service }) => service === "www");
const isWell = (status: NodeStatus | null): boolean => www(status)?.phase === "well" && www(status)?.checks.every(({ state }) => state === "passing") === true;

/** Which node's web server answers a client; null = none. */
async function servedBy(): Promise<string | null> {
  const head = await lab.client([process.execPath, "-e", "fetch('http://192.168.50.101/', { signal: AbortSignal.timeout(2000) }).then((page) => console.log(page.headers.get('server')), () => {})"], { timeout: 20_000 });
  return head === "" ? null : head;
}

const BREAK = "echo 'no such directive' >>/etc/lighttpd/lighttpd.conf; pkill -KILL -x lighttpd";
const REPAIR = "sed -i '/no such directive/d' /etc/lighttpd/lighttpd.conf";

if (await needsLab(test)) {
  before(async () => {
    await lab.up({ configuration: changedSample(lab, { "cluster.conf": { main_failure: "redundant" }, "serv1/www.conf": {
      check: "http 80/ status 200 expect sample", check_interval: "1s", check_timeout: "1s", check_rise: "1", check_fall: "2", restarts: "2 within 10m",
    } }) });
    for (const node of ["serv1", "serv2"]) await shell(node, `echo 'server.tag = "${node}"' >>/etc/lighttpd/lighttpd.conf; pkill -x lighttpd || :`);
    await goHome(lab);
    for (const node of ["serv1", "serv2"]) await lab.exec(node, ["mirror", "run", "--all"], { timeout: 60_000 });
    await settle(lab);
    await until("the web server to be well", PATIENCE, async () => isWell((await statusOfBoth(lab))[0]));
  });
  after(() => lab.down());

  test("a main NIC whose cable is pulled: the identity goes on on the redundant one, same owner, same service; and its spare is the old one", { timeout: 120_000 }, async () => {
    const [before] = await statusOfBoth(lab);
    const pid = await lab.exec("serv1", ["pgrep", "-x", "lighttpd"]);
    const asker = new Asker(lab, "serv1", "client");
    await asker.start(5000);
    const since = now();
    await lab.unplug("serv1", "eth0");
    await until("the exchange to be told", PATIENCE, async () => /network\.exchanged serv1: eth0 has lost its carrier/.test(await history("serv1")));
    await until("the client to be answered", PATIENCE, () => Promise.resolve(asker.report(since).answering));
    console.log(`# failed NIC: ${asker.report(since).longest_ms} ms without an answer`);
    assert.equal(await servedBy(), "serv1");
    assert.equal(await lab.exec("serv1", ["pgrep", "-x", "lighttpd"]), pid, "the service went on");
    const [after] = await statusOfBoth(lab);
    assert.equal(after?.core.identities[0].epoch, before?.core.identities[0].epoch, "the identity stayed");
    assert.ok(after?.core.problems.some((problem) => /eth2 carries the identity of serv1 in place of eth0/.test(problem)), JSON.stringify(after?.core.problems));
    await lab.plug("serv1", "eth0");
    await until("the other NIC to be the spare", PATIENCE, async () => (await statusOfBoth(lab))[0]?.core.carrier.redundant === true);
    assert.equal((await owners(lab, since)).overlap_ms, 0);
    asker.stop();
  });

  test("a killed service is started anew where it is", { timeout: 120_000 }, async () => {
    const [serv1] = await statusOfBoth(lab);
    await shell("serv1", "pkill -KILL -x lighttpd");
    await until("serv1 to serve again", PATIENCE, async () => await servedBy() === "serv1");
    await until("its check to pass", PATIENCE, async () => isWell((await statusOfBoth(lab))[0]));
    assert.equal((await statusOfBoth(lab))[0]?.core.identities[0].epoch, serv1?.core.identities[0].epoch, "the identity stayed");
    assert.match(await history("serv1"), /service\.restarting serv1: service check of www failed 2 times: http 192\.168\.50\.101:80\/ status 200 expect sample: nobody listens there: it is started anew here/);
  });

  test("what cannot be started anew moves: the client has the page from the other node, and history says why", { timeout: 120_000 }, async () => {
    await until("serv2 to have all files", PATIENCE, async () => (await statusOfBoth(lab))[0]?.core.identities[0].peerInSync === true);
    await shell("serv1", BREAK);
    await until("serv2 to serve", PATIENCE, async () => await servedBy() === "serv2");
    await until("serv2 to find it well", PATIENCE, async () => isWell((await statusOfBoth(lab))[1]));
    const said = await history("serv1");
    assert.match(said, /service\.leaving serv1: service check of www failed 2 times: .*its restarts are used up: its identity is to go to the other node/);
    assert.match(said, /identity\.freezing serv1: planned handover: .*\(service check of www failed 2 times: /);
  });

  test("a server that takes the connection and never answers has failed too", { timeout: 120_000 }, async () => {
    await shell("serv2", "pkill -STOP -x lighttpd");
    await until("serv2 to notice", PATIENCE, async () => www((await statusOfBoth(lab))[1])?.checks[0]?.said === "no answer within 1 s");
    await until("it to be started anew", PATIENCE, async () => www((await statusOfBoth(lab))[1])?.restarts === 1);
    await shell("serv2", "pkill -CONT -x lighttpd || :");
    await until("it to be well", PATIENCE, async () => isWell((await statusOfBoth(lab))[1]));
  });

  test("what fails on both nodes stays where it is, told once, and is well again once it is repaired", { timeout: 120_000 }, async () => {
    await shell("serv2", BREAK);
    await until("serv2 to give up", PATIENCE, async () => www((await statusOfBoth(lab))[1])?.phase === "stuck");
    await until("another try", PATIENCE, async () => (www((await statusOfBoth(lab))[1])?.restarts ?? 0) >= 3);
    await until("it to fail again", PATIENCE, async () => www((await statusOfBoth(lab))[1])?.phase === "stuck");
    assert.equal((await statusOfBoth(lab))[1]?.core.identities[0].role, "owner", "it stays");
    const told = (await history("serv2")).split("\n").filter((line) => /service\.stuck/.test(line));
    assert.equal(told.length, 1, told.join("\n"));
    assert.match(told[0] ?? "", /its identity came from the other node less than check_hold ago: it stays here/);
    assert.match(await lab.exec("serv2", ["clusterd", "status", "--local"], { timeout: 30_000 }), /check www +STUCK, next try in /);
    await shell("serv2", `${REPAIR}; /etc/init.d/lighttpd start >/dev/null 2>&1`);
    await until("serv2 to serve", PATIENCE, async () => await servedBy() === "serv2");
    await until("it to be well", PATIENCE, async () => isWell((await statusOfBoth(lab))[1]));
    assert.match(await history("serv2"), /service\.well serv1: www: it is well again/);
  });
}

// A main NIC that fails: the identity goes on on this node's redundant NIC (main_failure = redundant).

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { monotonicNow } from "../../../clusterd/base/time.ts";
import { createNetwork, type Network } from "../../../clusterd/takeover/network.ts";
import { ownNetwork, plugIn, run, until, wait, type Switch } from "./own-network.ts";
import { sampleConfig } from "./sample.ts";

// We are serv2: identity 1 is at home on eth0, identity 0 (serv1's) comes to eth2.
const [SERV1, SERV2] = [0, 1] as const;
const MAC2 = "02:00:5e:50:00:02";
const PATIENCE = 10_000;
const soon = (ms = 30_000): number => monotonicNow() + ms;

if (ownNetwork()) {
  let lan: Switch;
  let network: Network;
  let heard: string[];

  const open = (): Network => createNetwork(sampleConfig({ mainFailure: "redundant" }), {
    carrier: (nic, up) => heard.push(`${nic} ${up ? "up" : "down"}`),
    ownMacHeard: () => {}, exchanged: (because) => heard.push(because), guardLost: () => {}, guardBack: () => {},
  }, { info: (message) => heard.push(message), warn: (message) => heard.push(message) });
  const cable = (port: "p0" | "p2", state: "up" | "down"): string => lan.run("ip", "link", "set", port, state);
  const hear = (...wanted: readonly string[]): Promise<void> => until(`${wanted.join(", ")} in ${JSON.stringify(heard)}`, () => wanted.every((line) => heard.some((each) => each.includes(line))), PATIENCE);
  const raise = async (identity: 0 | 1, lease?: number): Promise<void> => {
    const outcome = await network.raise(identity, soon(lease));
    assert.ok(outcome.ok, JSON.stringify({ outcome, heard }));
  };
  const addresses = (nic: string): string => run("ip", "-br", "addr", "show", "dev", nic);
  const GOES_ON = "eth0 has lost its carrier: the identity of serv2 goes on on eth2";

  beforeEach(async () => {
    heard = [];
    lan = await plugIn();
    network = open();
    await network.prepare();
    await hear("main up", "redundant up", "eth2 can take the identity of serv2 should eth0 fail");
  });
  afterEach(async () => {
    await network.close();
    lan.close();
  });

  test("the identity at home goes on on the redundant NIC, and the two NICs have changed their roles until clusterd is started anew", async () => {
    const resting = [addresses("eth0"), addresses("eth2")];
    await raise(SERV2);
    const sniffer = await lan.sniff();
    const ping = lan.start("ping", "-q", "-i", "0.005", "192.168.50.2");
    await wait(200);
    heard.length = 0;
    cable("p0", "down");
    await hear(GOES_ON, "redundant down");
    await wait(300);
    ping.kill("SIGKILL");
    await sniffer.quiet();
    sniffer.close();
    assert.ok(sniffer.frames.filter(({ mac, port, type }) => mac === MAC2 && port === "p2" && type === "ip").length > 10, "it answers on eth2");
    assert.ok(!heard.includes("main down"), "the core has nothing to decide");
    assert.match(network.exchanged() ?? "", /eth2 carries the identity of serv2 in place of eth0/);
    assert.match(addresses("eth2"), /192\.168\.50\.2\/24/);
    assert.match(addresses("eth0"), /192\.168\.50\.12\/24/, "the admin address is the redundant NIC's");
    cable("p0", "up");
    await hear("redundant up");
    await raise(SERV1);
    assert.match(addresses("eth0"), /192\.168\.50\.1\/24/, "what was the main NIC can take the other node's identity");
    for (const identity of [SERV1, SERV2]) assert.ok((await network.release(identity)).ok);
    await network.close();
    network = open();
    assert.deepEqual((await network.prepare()).problems, []);
    assert.deepEqual([addresses("eth0"), addresses("eth2")], resting);
  });

  test("a main NIC that is gone altogether: the identity at home goes on on the redundant one", async () => {
    await raise(SERV2);
    run("ip", "link", "del", "eth0");
    await hear(GOES_ON);
    assert.match(addresses("eth2"), /192\.168\.50\.2\/24/);
    assert.ok((await network.release(SERV2)).ok);
  });

  test("the redundant NIC is in use, or has no carrier itself: then the core hears of the loss", async () => {
    await raise(SERV2);
    await raise(SERV1);
    cable("p0", "down");
    await hear("main down");
    assert.ok((await network.release(SERV1)).ok);
    cable("p0", "up");
    cable("p2", "down");
    await hear("main up", "redundant down");
    heard.length = 0;
    cable("p0", "down");
    await hear("main down");
    assert.ok(!heard.some((line) => line.includes(GOES_ON)));
    assert.ok((await network.release(SERV2)).ok);
  });

  test("a link that the dead-man has set down at the end of the lease is no failed NIC", async () => {
    assert.ok((await network.raise(SERV2, soon(300))).ok);
    await hear("main down");
    assert.ok(!heard.some((line) => line.includes(GOES_ON)), heard.join("\n"));
    assert.equal(network.exchanged(), null);
    assert.ok((await network.release(SERV2)).ok);
  });

  test("a daemon that goes on after a restart keeps the exchanged NICs, and the identity up", async () => {
    // The first one's dead-man stays to the end of the lease.
    await raise(SERV2, 6000);
    cable("p0", "down");
    await hear(GOES_ON);
    const before = network;
    before.leave();
    network = open();
    const { kept, problems } = await network.prepare([{ identity: SERV2, until: soon() }]);
    assert.deepEqual({ kept, problems }, { kept: [SERV2], problems: [] });
    assert.match(addresses("eth2"), /192\.168\.50\.2\/24/);
    assert.ok((await network.release(SERV2)).ok);
    await before.close();
  });
}

// What is told when a link brings nothing but packets that are no heartbeats of the peer. The packets are real ones.

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import type { Index, LinkName } from "../../../clusterd/core/model.ts";
import { createLog } from "../../../clusterd/base/log.ts";
import { deriveKeys } from "../../../clusterd/heartbeat/key.ts";
import { createLinks } from "../../../clusterd/heartbeat/links.ts";
import { decodeHeartbeat, encodeHeartbeat, PROTOCOL_VERSION } from "../../../clusterd/heartbeat/packet.ts";
import { sealed } from "../../../clusterd/heartbeat/seal.ts";
import { createStrangers, type Strangers } from "../../../clusterd/heartbeat/strangers.ts";
import { sampleConfig } from "../takeover/sample.ts";
import { heartbeat } from "./beats.ts";

const secret = Buffer.alloc(32, 1);
const keys = deriveKeys(secret, "pair");
const PEER = "10.77.0.2";

/** Node 0's view. */
const strangers = (): Strangers => createStrangers({ self: 0, keys, peer: { name: "serv2", addresses: [PEER, "10.0.0.12"] } });
const packet = (sender: Index, link: LinkName, of = keys): Buffer => encodeHeartbeat(heartbeat({ sender }), link, of);
const ofVersion = (version: number): Buffer => sealed(Buffer.concat([Buffer.of(0xc0 | version), Buffer.alloc(80)]), keys.private[1]);

/** They come a second apart, on one link. */
function arrive(seen: Strangers, bytes: Buffer, { link = "private" as LinkName, from = PEER, count = 12, now = 0 } = {}): void {
  const decoded = decodeHeartbeat(bytes, link, keys, { self: 0 });
  assert.ok(!decoded.ok);
  for (let each = 0; each < count; each += 1) seen.refused(link, decoded.reason, bytes, from, now + each * 1000);
}

const CASES: readonly (readonly [string, Buffer, { link?: LinkName; from?: string }, RegExp | null])[] = [
  ["another version", ofVersion(PROTOCOL_VERSION + 1), {}, /^serv2 speaks version 3 of the heartbeat protocol and this node version 2: .*neither takes over\. Install the same clusterd on both$/],
  ["an older version", ofVersion(PROTOCOL_VERSION - 1), {}, /^serv2 speaks version 1 /],
  ["another secret, as after keys were changed on one node only", packet(1, "private", deriveKeys(Buffer.alloc(32, 2), "pair")), {}, /10\.77\.0\.2, which is serv2's address, carry another key .*keys import FILE --replace-heartbeat-key/],
  ["another cluster's name", packet(1, "private", deriveKeys(secret, "copy")), {}, /or the same `name` in both cluster\.conf/],
  ["another pair on the same network", packet(1, "lan", deriveKeys(secret, "copy")), { link: "lan", from: "10.0.0.99" }, null],
  ["a copy of this node's disk", packet(0, "lan"), { link: "lan", from: "10.0.0.99" }, /^10\.0\.0\.99 speaks as this very node, with its key: a copy of this node's disk/],
  ["a line looped back", packet(0, "serial"), { link: "serial", from: "/dev/ttyS0" }, /hears itself on the serial line/],
  ["cables exchanged", packet(1, "lan"), {}, /what serv2 says on the LAN arrives on the private link/],
  ["the private cable's packets at the LAN's socket, while the private one has no address", packet(1, "private"), { link: "lan" }, null],
  ["noise", Buffer.alloc(60, 7), {}, null],
];

for (const [what, bytes, how, sentence] of CASES) test(`${what}: ${sentence === null ? "nothing is said" : "named, with what to do"}`, () => {
  const seen = strangers();
  arrive(seen, bytes, how);
  const said = seen.problems(11_500);
  assert.equal(said.length, sentence === null ? 0 : 1, said.join("; "));
  if (sentence !== null) assert.match(said[0] ?? "", sentence);
});

test("a few stray packets say nothing; nor do any beside heartbeats of the peer; what has ended is not said any more", () => {
  const bytes = ofVersion(7);
  const few = strangers();
  arrive(few, bytes, { count: 9 });
  assert.deepEqual(few.problems(9000), []);
  const beside = strangers();
  for (let now = 0; now < 20_000; now += 1000) { arrive(beside, bytes, { count: 5, now }); beside.accepted("private"); }
  assert.deepEqual(beside.problems(20_000), []);
  const ended = strangers();
  arrive(ended, bytes);
  assert.equal(ended.problems(12_000).length, 1);
  assert.deepEqual(ended.problems(30_000), []);
  arrive(ended, bytes, { now: 30_000 });
  ended.accepted("private");
  assert.deepEqual(ended.problems(42_000), []);
});

test("over real sockets: a peer of another version is known to live, one with another key is named, and neither is heard", async (t) => {
  const sample = sampleConfig();
  const at = (name: string, heartbeatAddress: string): (typeof sample.nodes)[number] => ({ ...sample.nodes[0], name, serial: null, heartbeat: { ...sample.nodes[0].heartbeat, address: heartbeatAddress } });
  const probe = createSocket("udp4").bind(0, "127.0.7.41");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  const config = { ...sample, self: 0 as const, nodes: [at("serv1", "127.0.7.41"), at("serv2", "127.0.7.42")] as const, cluster: { ...sample.cluster, port } };
  const heard: string[] = [];
  const links = createLinks(config, keys, createLog({ json: false, level: "error" }), { heard: () => heard.push("heartbeat"), foreign: () => heard.push("foreign"), roleOf: () => "standby" });
  t.after(() => links.close());
  await links.start();
  const peer = createSocket("udp4").bind(0, "127.0.7.42");
  t.after(() => peer.close());
  await once(peer, "listening");
  const say = async (bytes: Buffer, done: () => boolean): Promise<void> => {
    for (let tries = 0; !done() && tries < 1000; tries += 1) {
      peer.send(bytes, port, "127.0.7.41");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.ok(done());
  };
  await say(ofVersion(9), () => links.problems().some((each) => each.includes("version 9")));
  assert.ok(heard.length >= 10 && !heard.includes("heartbeat"));
  heard.length = 0;
  await say(packet(1, "private", deriveKeys(Buffer.alloc(32, 2), "pair")), () => links.problems().some((each) => each.includes("another key")));
  heard.length = 0; // what was still on its way
  await say(packet(1, "private"), () => heard.includes("heartbeat"));
  assert.deepEqual(links.problems(), []);
});

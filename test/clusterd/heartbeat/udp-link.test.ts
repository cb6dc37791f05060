import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { deriveKeys } from "../../../clusterd/heartbeat/key.ts";
import type { Link, LinkEvents } from "../../../clusterd/heartbeat/link.ts";
import { decodeHeartbeat, encodeHeartbeat } from "../../../clusterd/heartbeat/packet.ts";
import { lanLink, privateLink } from "../../../clusterd/heartbeat/udp-link.ts";
import type { Index, LinkName } from "../../../clusterd/core/model.ts";
import { needsRoot } from "../../needs.ts";
import { heartbeat } from "./beats.ts";

// Loopback has a whole /8 of addresses, so both nodes can live on one machine: 127.0.7.1 and 127.0.7.2 as the
// private cable, 127.0.7.11 and 127.0.7.12 as the LAN.
const keys = deriveKeys(Buffer.alloc(32, 1), "links");
const beatOf = (sender: Index, link: LinkName, seq = 1): Buffer => encodeHeartbeat(heartbeat({ sender, seq }), link, keys);

interface Heard extends LinkEvents {
  readonly from: string[];
  readonly troubles: (string | null)[];
}
function listener(self: Index, link: LinkName): Heard {
  const from: string[] = [];
  const troubles: (string | null)[] = [];
  return {
    from,
    troubles,
    received: (bytes, address) => {
      const { ok } = decodeHeartbeat(bytes, link, keys, { self });
      if (ok) from.push(address);
      return ok;
    },
    trouble: (sentence) => { troubles.push(sentence); },
  };
}

async function freePort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return port;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (condition()) return;
    await sleep(10);
  }
  assert.fail(`waited 5 s in vain: ${what}`);
}

async function started(t: TestContext, link: Link): Promise<Link> {
  t.after(() => link.close());
  await link.start();
  return link;
}

test("the private link carries heartbeats both ways", async (t) => {
  const port = await freePort();
  const [heard0, heard1] = [listener(0, "private"), listener(1, "private")];
  const node0 = await started(t, privateLink({ port, keepalive: 50, events: heard0, own: "127.0.7.1", peer: "127.0.7.2" }));
  const node1 = await started(t, privateLink({ port, keepalive: 50, events: heard1, own: "127.0.7.2", peer: "127.0.7.1" }));
  node0.send(beatOf(0, "private"));
  node1.send(beatOf(1, "private"));
  await until(() => heard0.from.length === 1 && heard1.from.length === 1, "one heartbeat each");
  assert.deepEqual([heard0.from, heard1.from], [["127.0.7.2"], ["127.0.7.1"]]);
  assert.deepEqual(node0.counters, { sent: 1, failed: 0, heard: 1, refused: 0 });
  assert.deepEqual([heard0.troubles, heard1.troubles], [[], []]);
});

test("strangers are counted and change nothing", async (t) => {
  const port = await freePort();
  const heard = listener(0, "private");
  const link = await started(t, privateLink({ port, keepalive: 50, events: heard, own: "127.0.7.1", peer: "127.0.7.2" }));
  const stranger = createSocket("udp4");
  t.after(() => { stranger.close(); });
  for (const bytes of [Buffer.from("hello"), beatOf(1, "lan"), beatOf(0, "private"), Buffer.alloc(9000)]) stranger.send(bytes, port, "127.0.7.1");
  await until(() => link.counters.refused === 4, "four refusals");
  assert.deepEqual(link.counters, { sent: 0, failed: 0, heard: 0, refused: 4 });
});

test("the LAN link shares the port with the private one and leaves it its packets", async (t) => {
  const port = await freePort();
  const [onPrivate, onLan] = [listener(0, "private"), listener(0, "lan")];
  const priv = privateLink({ port, keepalive: 50, events: onPrivate, own: "127.0.7.1", peer: "127.0.7.2" });
  // The LAN socket last: the kernel must decide by address, not by who came last.
  await started(t, priv);
  const lan = await started(t, lanLink({ port, keepalive: 50, events: onLan, peerAddresses: () => [] }));
  const peer = createSocket("udp4");
  t.after(() => { peer.close(); });
  peer.send(beatOf(1, "private"), port, "127.0.7.1");
  peer.send(beatOf(1, "lan"), port, "127.0.7.11");
  await until(() => onPrivate.from.length === 1 && onLan.from.length === 1, "one each");
  assert.deepEqual([priv.counters.refused, lan.counters.refused], [0, 0]);

  await priv.close();
  peer.send(beatOf(1, "private"), port, "127.0.7.1");
  await until(() => lan.counters.refused === 1, "the wildcard socket gets it now, and refuses it");
  assert.equal(onLan.from.length, 1);
});

test("the LAN link tries all of the peer's addresses until it speaks, then that one, then all again", async (t) => {
  const port = await freePort();
  const addresses = ["127.0.7.12", "127.0.7.22"];
  const heard = listener(0, "lan");
  const link = await started(t, lanLink({ port, keepalive: 500, events: heard, bind: "127.0.7.11", peerAddresses: () => addresses }));
  const arrived: string[] = [];
  const peers = await Promise.all([...addresses, "127.0.7.33"].map(async (address) => {
    const socket = createSocket("udp4").bind(port, address);
    t.after(() => { socket.close(); });
    socket.on("message", () => { arrived.push(address); });
    await once(socket, "listening");
    return socket;
  }));
  const [, second, foreign] = peers;

  link.send(beatOf(0, "lan"));
  await until(() => arrived.length === 2, "both addresses tried");

  foreign!.send(beatOf(1, "lan"), port, "127.0.7.11");
  await until(() => heard.from.length === 1, "heard from a foreign address");
  arrived.length = 0;
  link.send(beatOf(0, "lan"));
  await until(() => arrived.length === 2, "a foreign address is not followed");
  assert.deepEqual(arrived.toSorted(), addresses);

  second!.send(beatOf(1, "lan"), port, "127.0.7.11");
  await until(() => heard.from.length === 2, "heard from the second address");
  const before = link.counters.sent;
  link.send(beatOf(0, "lan"));
  await until(() => link.counters.sent > before, "sent");
  assert.equal(link.counters.sent, before + 1, "to the one that spoke");

  await sleep(1550);
  arrived.length = 0;
  link.send(beatOf(0, "lan"));
  await until(() => arrived.length === 2, "after 3 keepalives of silence: all again");
});

test("a missing address is told once, tried again each second, and told when cured", async (t) => {
  const port = await freePort();
  const heard = listener(0, "private");
  // 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
  const link = await started(t, privateLink({ port, keepalive: 50, events: heard, own: "192.0.2.7", peer: "127.0.7.2" }));
  for (let i = 0; i < 3; i += 1) link.send(beatOf(0, "private"));
  await sleep(1300);
  assert.equal(heard.troubles.length, 1);
  assert.match(heard.troubles[0]!, /private link: cannot listen on 192\.0\.2\.7 port \d+ \(EADDRNOTAVAIL\); trying again each second/);
  assert.deepEqual(link.counters, { sent: 0, failed: 3, heard: 0, refused: 0 });
});

test("a destination that cannot be reached is counted, told once, and told when cured", async (t) => {
  const port = await freePort();
  const heard = listener(0, "lan");
  // The kernel refuses broadcast without SO_BROADCAST, everywhere and without root.
  let addresses = ["255.255.255.255"];
  const link = await started(t, lanLink({ port, keepalive: 50, events: heard, bind: "127.0.7.11", peerAddresses: () => addresses }));
  for (let i = 0; i < 5; i += 1) link.send(beatOf(0, "lan"));
  await until(() => link.counters.failed === 5, "five failures");
  assert.deepEqual(heard.troubles, ["lan link: cannot send to 255.255.255.255 (EACCES)"]);

  addresses = ["127.0.7.12"];
  link.send(beatOf(0, "lan"));
  await until(() => link.counters.sent === 1, "sent");
  assert.equal(heard.troubles.length, 1, "not cured by one success at once");
  await sleep(1050);
  link.send(beatOf(0, "lan"));
  await until(() => heard.troubles.length === 2, "cured");
  assert.equal(heard.troubles[1], null);
});

test("nothing is thrown, sent or heard after close, and close may come first", async () => {
  const port = await freePort();
  const heard = listener(0, "private");
  const link = privateLink({ port, keepalive: 50, events: heard, own: "127.0.7.1", peer: "127.0.7.2" });
  link.send(beatOf(0, "private"));
  await link.close();
  await link.start();
  link.send(beatOf(0, "private"));
  await link.close();
  assert.deepEqual(link.counters, { sent: 0, failed: 2, heard: 0, refused: 0 });
  assert.deepEqual(heard.troubles, []);
});

test("the private link comes up when its address does, and again after it was gone", { skip: needsRoot("for a network namespace of its own") }, async () => {
  const { stdout } = await promisify(execFile)("unshare", ["--net", process.execPath, new URL("late-address.ts", import.meta.url).pathname], { timeout: 60_000 });
  const seen = JSON.parse(stdout) as Record<string, unknown> & { troubles: (string | null)[]; withoutAddress: { heard: number; troubles: string[] } };
  assert.equal(seen.withoutAddress.heard, 0);
  assert.match(seen.withoutAddress.troubles.join(), /^private link: cannot listen on 10\.9\.0\.1 port 6940 \(EADDRNOTAVAIL\)[^,]*$/);
  assert.equal(seen["heardWhenItCame"], true);
  assert.equal(seen["failedWhenGone"], true);
  assert.match(String(seen["toldWhenGone"]), /^private link: cannot send to 10\.9\.0\.2 \(E[A-Z]+\)$/);
  assert.equal(seen["heardWhenBack"], true);
  return assert.equal(seen.troubles.length, 4, `one sentence and one cure each: ${JSON.stringify(seen.troubles)}`);
});

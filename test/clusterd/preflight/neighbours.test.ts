// Who answers on a real cable, and that a node which has just died is not taken for one that answers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { answering } from "../../../clusterd/preflight/nics.ts";
import { lacks } from "../../needs.ts";
import { ownNetwork, plugIn, run, until } from "../takeover/own-network.ts";

const PEER = "10.50.0.2";

if (ownNetwork()) test("who answers now counts, by ping or by ARP; an entry of the neighbour table alone does not", { skip: lacks("ping") }, async (t) => {
  const cable = await plugIn();
  t.after(() => cable.close());
  const known = (): string => run("ip", "neighbour", "show", "to", PEER, "dev", "eth1");
  run("sh", "-c", "ip addr add 10.50.0.1/24 dev eth1; ip link set eth1 up; echo 100 >/proc/sys/net/ipv4/neigh/eth1/retrans_time_ms");
  assert.equal(await answering(PEER, "eth1"), null, "nobody has this address yet");
  cable.run("ip", "addr", "add", `${PEER}/24`, "dev", "p1");
  await until("the cable", () => run("ip", "link", "show", "dev", "eth1").includes("LOWER_UP"));
  const mac = (JSON.parse(cable.run("ip", "-j", "link", "show", "dev", "p1")) as [{ address: string }])[0].address;
  assert.equal(await answering(PEER, "eth1"), mac);
  assert.equal(await answering(PEER, null), mac, "whichever NIC leads there");
  cable.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all");
  assert.equal(await answering(PEER, "eth1"), mac, "a firewall drops pings, and ARP is answered");
  assert.match(known(), /REACHABLE/);
  // As a power cut leaves it: carrier, and nobody there.
  cable.run("ip", "addr", "del", `${PEER}/24`, "dev", "p1");
  assert.match(known(), /REACHABLE|DELAY|STALE/, "the table still has it");
  assert.equal(await answering(PEER, "eth1"), null);
  assert.equal(await answering(PEER, null), null);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { broadcastOf, canonical6, canonicalMac, isWithin, networkOf, prefixOfNetmask, whyNoHost, whyNoMac } from "../../../clusterd/config/addresses.ts";
import { takeStart } from "../../../clusterd/config/kinds.ts";
import { didYouMean, distance, suggest } from "../../../clusterd/config/suggest.ts";

test("misspelt words are told what they are near to; strange ones are told the choice", () => {
  const known = ["keepalive", "warntime", "deadtime", "port", "policy"];
  for (const [word, near] of [["deadtiem", "deadtime"], ["DEADTIME", "deadtime"], ["keep_alive", "keepalive"], ["prot", "port"], ["polici", "policy"], ["zebra", null], ["", null]] as const) assert.equal(suggest(word, known), near, word);
  assert.equal(didYouMean("zebra", ["a", "b"]), "Known: a b.");
  assert.equal(distance("abcd", "abdc"), 1);
  assert.equal(distance("kitten", "sitting"), 3);
});

test("networks and broadcast addresses, also with the highest bit set", () => {
  assert.deepEqual([networkOf("192.168.50.77", 26), broadcastOf("192.168.50.77", 26)], ["192.168.50.64", "192.168.50.127"]);
  assert.deepEqual([networkOf("255.1.2.3", 1), broadcastOf("10.0.0.1", 32), networkOf("1.2.3.4", 0)], ["128.0.0.0", "10.0.0.1", "0.0.0.0"]);
  assert.deepEqual([isWithin("10.1.2.3", "10.1.9.9", 16), isWithin("10.1.2.3", "10.2.2.3", 16)], [true, false]);
});

test("netmasks are prefixes only when their ones are in front", () => {
  for (const [mask, prefix] of [["255.255.255.0", 24], ["255.255.255.255", 32], ["255.255.255.252", 30], ["128.0.0.0", 1], ["0.0.0.0", 0], ["255.0.255.0", null], ["0.0.0.255", null], ["24", null]] as const) assert.equal(prefixOfNetmask(mask), prefix, mask);
});

test("addresses that no host can have", () => {
  for (const [address, prefix] of [["0.1.2.3", 8], ["127.0.0.1", 8], ["224.0.0.1", 24], ["255.255.255.255", 24], ["10.0.0.0", 24], ["10.0.0.255", 24], ["10.0.0.3", 30]] as const) assert.notEqual(whyNoHost(address, prefix), null, address);
  for (const [address, prefix] of [["10.0.0.1", 24], ["10.0.0.255", 16], ["10.0.0.0", 31], ["10.0.0.255", 32], ["223.255.255.1", 24]] as const) assert.equal(whyNoHost(address, prefix), null, address);
});

test("MAC and IPv6 addresses have one spelling", () => {
  assert.equal(canonicalMac("02-00-5E-50-00-01"), "02:00:5e:50:00:01");
  for (const bad of ["02:00:5e:50:00", "0200.5e50.0001", "02:00:5e:50:00:0g", "02:00:5e:50:00:01:02"]) assert.equal(canonicalMac(bad), null, bad);
  assert.deepEqual(["ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "01:00:5e:00:00:01"].map((mac) => whyNoMac(mac) === null), [false, false, false]);
  assert.equal(whyNoMac("02:00:5e:50:00:01"), null);
  assert.deepEqual([canonical6("2001:0DB8:0:0::01"), canonical6("fe80::1%eth0"), canonical6("10.0.0.1"), canonical6(":")], ["2001:db8::1", null, null, null]);
});

test("an init script is a name or a full path, however short, and leads nowhere else", () => {
  for (const [text, script] of [["init:b", "/etc/init.d/b"], ["init:ab", "/etc/init.d/ab"], ["init:/b", "/b"], ["init:/a/b.c", "/a/b.c"], ["init:b::x", "/etc/init.d/b"]] as const) {
    const read = takeStart(text);
    assert.ok("value" in read && read.value.kind === "init", text);
    assert.equal(read.value.script, script);
  }
  for (const text of ["init:", "init:/", "init:.", "init:..", "init:/.", "init:/..", "init:a/b", "init:/a/../b", "init:/a/./b", "init:/a//b", "init:/a/", "init:.b", "init:../b"]) assert.ok("fault" in takeStart(text), text);
});

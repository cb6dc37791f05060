// Two servers get to know each other, with the real commands and a real sshd's view of the result.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { EXIT } from "../../../clusterd/commands/exit-codes.ts";
import { ownKeySteps, readBundle } from "../../../clusterd/install/keys.ts";
import { pinnedKeys } from "../../../clusterd/status/peer.ts";
import { PROJECT, run } from "../cli/pair.ts";
import type { Said } from "../cli/pair.ts";

const home = mkdtempSync(join(tmpdir(), "clusterd-keys-"));
const at = (node: string, ...path: string[]): string => join(home, node, ...path);
const keys = (node: string, ...words: string[]): Promise<Said> => run(["keys", ...words, "--root", at(node)], { CLUSTERD_NODE: node });
const heartbeat = (node: string): string => readFileSync(at(node, "var/lib/clusterd/keys/heartbeat.key"), "utf8");

before(async () => {
  for (const node of ["serv1", "serv2"]) {
    mkdirSync(at(node, "etc/ssh"), { recursive: true });
    cpSync(join(PROJECT, "cluster.d"), at(node, "etc/cluster.d"), { recursive: true });
    spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at(node, "etc/ssh/ssh_host_ed25519_key")]);
    for (const { act } of ownKeySteps(at(node), node, node === "serv2")) await act();
  }
  mkdirSync(at("serv2", "root/.ssh"), { recursive: true });
  writeFileSync(at("serv2", "root/.ssh/authorized_keys"), "ssh-ed25519 AAAAadmin admin@home\n");
});
after(() => rmSync(home, { recursive: true, force: true }));

test("the second node has no secret of its own before it imports the first's", () => {
  assert.equal(existsSync(at("serv2", "var/lib/clusterd/keys/heartbeat.key")), false);
});

test("a bundle is a file for root alone, and never written over another", async () => {
  const said = await keys("serv1", "export", at("serv1.keys"));
  assert.equal(said.code, EXIT.ok, said.err);
  assert.equal(statSync(at("serv1.keys")).mode & 0o777, 0o600);
  assert.equal((await keys("serv1", "export", at("serv1.keys"))).code, EXIT.failed);
  assert.doesNotMatch(readFileSync(at("serv1.keys"), "utf8"), /PRIVATE/);
});

test("import there and back: one secret, host keys pinned, two forced commands allowed and nothing else", async () => {
  const dry = await keys("serv2", "import", at("serv1.keys"), "--dry-run");
  assert.match(dry.out, /write   .*heartbeat\.key as it is on serv1/);
  assert.equal(existsSync(at("serv2", "var/lib/clusterd/keys/heartbeat.key")), false);

  assert.equal((await keys("serv2", "import", at("serv1.keys"))).code, EXIT.ok);
  assert.equal(heartbeat("serv2").trim(), heartbeat("serv1").trim());
  assert.equal((await keys("serv2", "export", at("serv2.keys"))).code, EXIT.ok);
  const back = await keys("serv1", "import", at("serv2.keys"));
  assert.equal(back.code, EXIT.ok, back.err);
  assert.doesNotMatch(back.out, /heartbeat\.key (as|by)/, "the same already");

  const [pin] = pinnedKeys(at("serv2", "var/lib/clusterd/keys/known_hosts"), "serv1");
  assert.equal(pin?.key.toString("base64"), readFileSync(at("serv1", "etc/ssh/ssh_host_ed25519_key.pub"), "utf8").split(" ")[1]);

  const lines = readFileSync(at("serv2", "root/.ssh/authorized_keys"), "utf8").trim().split("\n");
  assert.equal(lines[0], "ssh-ed25519 AAAAadmin admin@home", "what others put there stays");
  assert.equal(lines.length, 3);
  for (const [line, program] of [[lines[1], "/usr/sbin/mirror receive"], [lines[2], "/usr/sbin/clusterd answer"]] as const)
    assert.match(line ?? "", new RegExp(`^restrict,from="10\\.50\\.0\\.1,192\\.168\\.50\\.11,192\\.168\\.50\\.1",command="${program}" ssh-ed25519 \\S+ clusterd-\\w+@serv1$`));
  assert.equal(statSync(at("serv2", "root/.ssh/authorized_keys")).mode & 0o777, 0o600);
});

test("repeating an import changes nothing; a new key of the peer replaces the old line", async () => {
  assert.match((await keys("serv2", "import", at("serv1.keys"))).out, /known here already/);
  const bundle = JSON.parse(readFileSync(at("serv1.keys"), "utf8")) as Record<string, unknown>;
  writeFileSync(at("new.keys"), JSON.stringify({ ...bundle, mirror: `ssh-ed25519 ${"A".repeat(68)}` }));
  assert.equal((await keys("serv2", "import", at("new.keys"))).code, EXIT.ok);
  const lines = readFileSync(at("serv2", "root/.ssh/authorized_keys"), "utf8").trim().split("\n");
  assert.equal(lines.length, 3);
  assert.equal(lines.filter((line) => line.includes("A".repeat(68))).length, 1);
});

test("two nodes with a secret each are told to agree, on one of them", async () => {
  const bundle = JSON.parse(readFileSync(at("serv1.keys"), "utf8")) as Record<string, unknown>;
  writeFileSync(at("differs.keys"), JSON.stringify({ ...bundle, heartbeat: "ab".repeat(32) }));
  const said = await keys("serv2", "import", at("differs.keys"));
  assert.equal(said.code, EXIT.refused);
  assert.match(said.err, /--replace-heartbeat-key/);
  assert.equal((await keys("serv2", "import", at("differs.keys"), "--replace-heartbeat-key")).code, EXIT.ok);
  assert.equal(heartbeat("serv2").trim(), "ab".repeat(32));
});

test("a node's own bundle, and that of a stranger, are refused", async () => {
  assert.match((await keys("serv1", "import", at("serv1.keys"))).err, /serv1's own: import it on serv2/);
  const bundle = JSON.parse(readFileSync(at("serv1.keys"), "utf8")) as Record<string, unknown>;
  writeFileSync(at("stranger.keys"), JSON.stringify({ ...bundle, node: "serv9" }));
  assert.match((await keys("serv2", "import", at("stranger.keys"))).err, /serv9's, but the other node is called serv1/);
});

test("nothing can be smuggled into authorized_keys by a bundle", () => {
  const good = JSON.parse(readFileSync(at("serv1.keys"), "utf8")) as Record<string, unknown>;
  assert.equal(readBundle(JSON.stringify(good)).ok, true);
  const bad: readonly (readonly [string, unknown])[] = [
    ["mirror", `${String(good["mirror"])}\nssh-ed25519 AAAA`], ["control", `command="sh" ${String(good["control"])}`], ["control", ""], ["mirror", 7], ["node", "a b"], ["node", "../x"],
    ["hostKeys", []], ["hostKeys", ["ssh-ed25519 AAAA\nserv2 ssh-rsa AAAA"]], ["heartbeat", "abc"], ["heartbeat", ["a"]], ["version", 2], ["clusterd", "other"],
  ];
  for (const [key, value] of bad) assert.equal(readBundle(JSON.stringify({ ...good, [key]: value })).ok, false, `${key} = ${String(value)}`);
  for (const text of ["", "[]", "null", "7", "{"]) assert.equal(readBundle(text).ok, false, text);
});

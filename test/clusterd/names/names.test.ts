// Aliases, logging in where a service is, and telling who logged in to the wrong node. The name server and the sshd are real, in a
// network of their own.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { EXIT } from "../../../clusterd/commands/exit-codes.ts";
import { aliasesOf, hostsLines, updateScript, zoneLines } from "../../../clusterd/names/aliases.ts";
import { leaveMotd, motdText } from "../../../clusterd/names/motd.ts";
import { loadConfig } from "../../../clusterd/config/load.ts";
import type { Config } from "../../../clusterd/config/config.ts";
import { lacks, needsRoot } from "../../needs.ts";
import { Pair, needsSshd } from "../cli/pair.ts";
import { identity, status, summary } from "../status/sample.ts";

let pair: Pair;
let config: Config;
before(async () => {
  pair = await new Pair().start();
  const etc = join(pair.home, "etc");
  mkdirSync(join(etc, "serv1"));
  mkdirSync(join(etc, "serv2"));
  writeFileSync(join(etc, "serv1/www.conf"), "[service]\nalias = www\naddress[] = 192.168.77.101/24\naddress[] = 192.168.77.102/24\n");
  writeFileSync(join(etc, "serv1/samba.conf"), "[service]\nalias = files\n[mirror]\npath[] = /srv/samba/\n");
  writeFileSync(join(etc, "serv2/db.conf"), "[service]\naddress[] = 192.168.77.103/24\n");
  const loaded = loadConfig({ etc, self: "serv1" });
  assert.ok(loaded.ok);
  config = loaded.config;
});
after(() => pair.close());
beforeEach(() => { for (const self of [0, 1] as const) pair.nodes[self].status = status(self); });

test("a service is found at its own addresses, or at its identity's", () => {
  assert.deepEqual(aliasesOf(config).map(({ alias, addresses, home }) => [alias, home, addresses.map(({ address }) => address)]), [["files", "serv1", ["192.168.77.1"]], ["www", "serv1", ["192.168.77.101", "192.168.77.102"]]]);
  const [node, ...others] = config.nodes;
  const six = { services: config.services, nodes: [{ ...node, main: { ...node.main, address6: { address: "2001:db8::1", prefix: 64 } } }, ...others] as unknown as Config["nodes"] };
  assert.equal(zoneLines(aliasesOf(six).slice(0, 1), null, 60), "files\t60\tIN\tA\t192.168.77.1\nfiles\t60\tIN\tAAAA\t2001:db8::1");
});

test("lines for hosts and for a zone, and what nsupdate is told", () => {
  const all = aliasesOf(config);
  assert.equal(hostsLines(all, "example.net").split("\n")[0], "192.168.77.1\tfiles.example.net files\t# with serv1");
  assert.equal(zoneLines(all, "example.net", 300).split("\n")[1], "www.example.net.\t300\tIN\tA\t192.168.77.101");
  assert.equal(updateScript(all.slice(0, 1), { zone: "example.net", ttl: 60, server: { host: "ns1", port: 5353 } }),
    "server ns1 5353\nzone example.net.\nupdate delete files.example.net. A\nupdate delete files.example.net. AAAA\nupdate add files.example.net. 60 A 192.168.77.1\nsend\n");
});

test("aliases prints, refuses what is no zone, and sends nothing on a dry run", async () => {
  const [node] = pair.nodes;
  assert.match((await node.clusterd("aliases")).out, /^192\.168\.77\.101\twww\t# with serv1$/m);
  assert.match((await node.clusterd("aliases", "--zone", "example.net")).out, /^www\.example\.net\.\t300\tIN\tA\t192\.168\.77\.101$/m);
  assert.equal((await node.clusterd("aliases", "--update")).code, EXIT.usage);
  assert.equal((await node.clusterd("aliases", "--zone", "a b\nserver evil")).code, EXIT.usage);
  assert.equal((await node.clusterd("aliases", "--update", "--zone", "example.net", "--server", "x y")).code, EXIT.usage);
  assert.match((await node.clusterd("aliases", "--update", "--zone", "example.net", "--dry-run")).out, /send\n\nNothing was sent\./);
});

test("a real name server takes the update: old addresses go, others stay", { skip: needsRoot("for a network of its own") || lacks("named", "nsupdate", "dig") }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-named-"));
  writeFileSync(join(folder, "zone"), "$TTL 60\n@ IN SOA ns.example.net. root.example.net. 1 60 60 60 60\n@ IN NS ns.example.net.\nns IN A 127.0.0.1\nwww IN A 10.9.9.9\nother IN A 10.9.9.8\n");
  writeFileSync(join(folder, "named.conf"), `options { directory "${folder}"; pid-file none; listen-on port 5353 { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; };\ncontrols { };\nkey cluster { algorithm hmac-sha256; secret "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="; };\nzone "example.net" { type primary; file "${folder}/zone"; allow-update { key cluster; }; };\n`);
  writeFileSync(join(folder, "cluster.key"), 'key cluster { algorithm hmac-sha256; secret "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="; };\n', { mode: 0o600 });
  const server = spawn("unshare", ["--net", "sh", "-euc", `ip link set lo up; exec named -g -n 1 -c ${folder}/named.conf`], { stdio: ["ignore", "ignore", "pipe"] });
  try {
    await new Promise<void>((resolve, reject) => {
      let log = "";
      server.stderr.on("data", (data) => { log += data; if (/\brunning\b/.test(log)) resolve(); });
      server.on("exit", () => reject(new Error(log)));
    });
    const inside = ["nsenter", `--net=/proc/${server.pid}/ns/net`];
    const dig = (name: string): readonly string[] => spawnSync("nsenter", [...inside.slice(1), "dig", "+short", "@127.0.0.1", "-p", "5353", `${name}.example.net`], { encoding: "utf8" }).stdout.trim().split("\n").sort();
    assert.deepEqual(dig("www"), ["10.9.9.9"]);
    const [node] = pair.nodes;
    const update = (...more: readonly string[]) => { node.inside = inside; return node.clusterd("aliases", "--update", "--zone", "example.net", "--server", "127.0.0.1:5353", ...more); };
    const refused = await update();
    assert.equal(refused.code, EXIT.failed, "without the key");
    assert.match(refused.err + refused.out, /nsupdate .*REFUSED/);
    assert.deepEqual(dig("www"), ["10.9.9.9"]);
    const done = await update("--key", join(folder, "cluster.key"));
    assert.equal(done.code, EXIT.ok, done.err + done.out);
    assert.deepEqual(dig("www"), ["192.168.77.101", "192.168.77.102"]);
    assert.deepEqual(dig("files"), ["192.168.77.1"]);
    assert.deepEqual(dig("other"), ["10.9.9.8"]);
  } finally {
    pair.nodes[0].inside = [];
    server.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
});

test("login goes to the owner: here it runs the command, elsewhere it is ssh with the pinned host key", { skip: needsSshd() }, async () => {
  const [node] = pair.nodes;
  assert.match((await node.clusterd("login", "www")).out, /serv1, this node, owns www/);
  const here = await node.clusterd("login", "www", "--", "sh", "-c", "echo I am here; exit 7");
  assert.deepEqual([here.out, here.code], ["I am here\n", 7]);
  assert.match((await node.clusterd("login", "wwww")).err, /there is no service wwww\. Did you mean www\?/);
  await pair.startSshd();
  node.holds(1);
  const there = JSON.parse((await node.clusterd("login", "files", "--dry-run", "--json", "--", "echo", "it's")).out) as { owner: string; command: string[] };
  assert.equal(there.owner, "serv2");
  assert.deepEqual(there.command.slice(-3), ["192.168.77.12", "--", "echo 'it'\\''s'"], "the admin address, and each word one word");
  const read = spawnSync("ssh", ["-G", ...there.command.slice(1)], { encoding: "utf8" });
  assert.equal(read.status, 0, read.stderr);
  assert.match(read.stdout, /^hostkeyalias serv2$/m);
  assert.match(read.stdout, new RegExp(`^globalknownhostsfile /etc/ssh/ssh_known_hosts ${pair.knownHosts}$`, "m"));
  assert.match(read.stdout, /^port 2222$/m);
  const real = await node.clusterd("login", "www", "--user", "root", "--", "true");
  assert.equal(real.code, 255, "ssh's own exit code: the key of whoever runs the tests is not allowed there");
  assert.match(real.err, /Permission denied/);
  assert.doesNotMatch(real.err, /authenticity|Host key verification failed/);
});

test("who logs in to the wrong node is told", async () => {
  assert.equal(motdText(config, status(0)), "serv1 does not own db now, serv2 does: clusterd login db\nWhat is edited here in their directories is overwritten by the next mirror run.");
  const away = status(0, { core: summary(0, { identities: [identity(0, 0, { role: "standby", owner: 1 }), identity(1, 0, { role: "standby", owner: null })] }) });
  assert.deepEqual(motdText(config, away).split("\n").slice(0, 3), ["serv1 does not own db now, and nobody else is known to.", "serv1 does not own samba now, serv2 does: clusterd login samba", "serv1 does not own www now, serv2 does: clusterd login www"]);
  const both = status(0, { core: summary(0, { identities: [identity(0, 0), identity(1, 0, { role: "owner", owner: 0 })] }) });
  assert.equal(motdText(config, both), "");
  assert.match(motdText(config, null), /clusterd does not run on serv1/);
  pair.nodes[0].holds(1);
  assert.match((await pair.nodes[0].clusterd("motd")).out, /serv1 does not own samba now, serv2 does/);
});

test("the text lies where everybody can read it, and goes when there is nothing to say", async () => {
  const file = join(pair.home, "motd.d/clusterd");
  await leaveMotd("look elsewhere", file);
  assert.equal(readFileSync(file, "utf8"), "look elsewhere\n");
  assert.equal(statSync(file).mode & 0o777, 0o644);
  const before = statSync(file).ino;
  await leaveMotd("look elsewhere", file);
  assert.equal(statSync(file).ino, before, "not written again");
  await leaveMotd("", file);
  assert.equal(existsSync(file), false);
});

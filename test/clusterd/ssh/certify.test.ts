// Host certificates: what ssh-keygen reads in them, and whether a real ssh is content when the other node answers under a name that
// it only knows by the pair's authority.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { EXIT } from "../../../clusterd/commands/exit-codes.ts";
import { ownKeySteps } from "../../../clusterd/install/keys.ts";
import { PROJECT, needsSshd, run } from "../cli/pair.ts";
import type { Said } from "../cli/pair.ts";

const home = mkdtempSync(join(tmpdir(), "clusterd-certify-"));
const at = (node: string, ...path: string[]): string => join(home, node, ...path);
const certify = (node: string, ...words: string[]): Promise<Said> => run(["keys", "certify", "--root", at(node), ...words], { CLUSTERD_NODE: node });
const KINDS = ["ed25519", "ecdsa", "rsa"] as const;
const certificate = (node: string, kind: string): string => at(node, `etc/ssh/clusterd/ssh_host_${kind}_key-cert.pub`);

before(async () => {
  for (const node of ["serv1", "serv2"]) {
    mkdirSync(at(node, "etc/ssh"), { recursive: true });
    cpSync(join(PROJECT, "cluster.d"), at(node, "etc/cluster.d"), { recursive: true });
    writeFileSync(at(node, "etc/cluster.d/serv1/www.conf"), "[service]\nalias = Samba\naddress = 192.168.50.101/24\n");
    writeFileSync(at(node, "etc/cluster.d/cluster.conf"), readFileSync(join(PROJECT, "cluster.d/cluster.conf"), "utf8").replace("[cluster]", "[cluster]\nzone = example.net\nssh_port = 2222"));
    for (const kind of KINDS) spawnSync("ssh-keygen", ["-q", "-t", kind, "-N", "", "-f", at(node, `etc/ssh/ssh_host_${kind}_key`)]);
    for (const { act } of ownKeySteps(at(node), node, node === "serv2")) await act();
  }
  cpSync(at("serv1", "var/lib/clusterd/keys/heartbeat.key"), at("serv2", "var/lib/clusterd/keys/heartbeat.key"));
});
after(() => rmSync(home, { recursive: true, force: true }));

test("each host key gets a certificate for all that moves and for this node's own addresses; again changes nothing", async () => {
  const dry = await certify("serv1", "--dry-run");
  assert.equal(dry.code, EXIT.ok, dry.err);
  assert.match(dry.out, /write {3}\/etc\/ssh\/clusterd\/ssh_host_ed25519_key-cert\.pub/);
  assert.equal(existsSync(at("serv1", "etc/ssh/clusterd")), false);
  for (const node of ["serv1", "serv2"]) assert.equal((await certify(node)).code, EXIT.ok);
  for (const kind of KINDS) {
    const { stdout, stderr } = spawnSync("ssh-keygen", ["-L", "-f", certificate("serv1", kind)], { encoding: "utf8" });
    assert.match(stdout, /host certificate/, stderr);
    assert.match(stdout, /Key ID: "clusterd-sample-serv1"\n[^]*Valid: forever/);
    for (const name of ["serv1", "serv2", "samba", "samba.example.net", "serv2.example.net", "192.168.50.1", "192.168.50.2", "192.168.50.101", "10.50.0.1", "192.168.50.11"]) assert.match(stdout, new RegExp(`^\\s+${name.replaceAll(".", "\\.")}$`, "m"), name);
    assert.doesNotMatch(stdout, /10\.50\.0\.2|192\.168\.50\.12/, "the other node's own addresses");
    assert.equal(statSync(certificate("serv1", kind)).mode & 0o777, 0o644);
  }
  const { changes } = JSON.parse((await certify("serv1", "--json")).out) as { changes: readonly string[] };
  assert.deepEqual(changes, []);
  assert.equal(readFileSync(at("serv1", "etc/ssh/clusterd/known_hosts"), "utf8"), readFileSync(at("serv2", "etc/ssh/clusterd/known_hosts"), "utf8"), "one authority");
});

test("a new host key or another alias makes it new; uninstall takes it away", async () => {
  const key = at("serv1", "etc/ssh/ssh_host_ecdsa_key");
  rmSync(key);
  rmSync(`${key}.pub`);
  const { changes } = JSON.parse((await certify("serv1", "--json", "--dry-run")).out) as { changes: readonly string[] };
  assert.deepEqual(changes.map((line) => line.replace(/:.*/, "")), ["write   /etc/ssh/sshd_config.d/clusterd.conf", "remove  /etc/ssh/clusterd/ssh_host_ecdsa_key-cert.pub"]);
  cpSync(at("serv1", "etc"), at("gone", "etc"), { recursive: true });
  mkdirSync(at("gone", "var/lib/clusterd"), { recursive: true });
  writeFileSync(at("gone", "var/lib/clusterd/installed.json"), JSON.stringify({ version: 1, entries: { "/usr/sbin/none": { kind: "link", is: "x" } } }));
  const gone = await run(["uninstall", "--root", at("gone")]);
  assert.equal(gone.code, EXIT.ok, gone.err);
  assert.deepEqual([existsSync(at("gone", "etc/ssh/clusterd")), existsSync(at("gone", "etc/ssh/sshd_config.d/clusterd.conf"))], [false, false]);
});

test("a configuration or key that is not sound is refused with its reason", async () => {
  mkdirSync(at("bare", "etc/cluster.d"), { recursive: true });
  const bare = await certify("bare", "--node", "serv1");
  assert.equal(bare.code, EXIT.refused);
  assert.match(bare.err, /cluster\.conf/);
  cpSync(at("serv1", "etc/cluster.d"), at("bare", "etc/cluster.d"), { recursive: true });
  assert.match((await certify("bare", "--node", "serv1")).err, /heartbeat\.key is not there/);
});

test("ssh with strict checking logs in to whichever node answers under the name, and to no machine without a certificate", { skip: needsSshd() }, async () => {
  spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(home, "user")]);
  spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(home, "stranger")]);
  writeFileSync(join(home, "hosts"), "127.0.0.1 localhost\n192.168.50.101 samba samba.example.net\n");
  mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const sshd = (lines: readonly string[]): string => {
    const file = join(home, `sshd_config-${lines.length}-${Math.random()}`);
    writeFileSync(file, [...lines, "Port 2222", "ListenAddress 192.168.50.101", `AuthorizedKeysFile ${join(home, "user.pub")}`, "StrictModes no", "PidFile none", "UsePAM no", ""].join("\n"));
    return file;
  };
  const inNode = (node: string): string => sshd([...KINDS.map((kind) => `HostKey ${at(node, `etc/ssh/ssh_host_${kind}_key`)}`).filter((line) => existsSync(line.slice(8))),
    ...readFileSync(at(node, "etc/ssh/sshd_config.d/clusterd.conf"), "utf8").split("\n").filter((line) => line.startsWith("Host")).map((line) => line.replace("/etc", at(node, "etc")))]);
  /** What ssh says, as a client with nothing but the pair's line. */
  const login = (config: string, name: string): Promise<{ readonly code: number; readonly said: string }> => new Promise((resolve) => {
    const ssh = `ssh -F none -i ${join(home, "user")} -p 2222 -o BatchMode=yes -o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o GlobalKnownHostsFile=none -o UserKnownHostsFile=${at("serv1", "etc/ssh/clusterd/known_hosts")} ${name} echo in`;
    const child = spawn("unshare", ["--net", "--mount", "sh", "-c", `ip link set lo up; ip address add 192.168.50.101/32 dev lo; mount --bind ${join(home, "hosts")} /etc/hosts; /usr/sbin/sshd -D -e -f ${config} & pid=$!
      for try in 1 2 3 4 5 6 7 8 9 10; do said=$(${ssh} 2>&1); code=$?; case $said in *refused*) sleep 0.2 ;; *) break ;; esac; done; kill $pid; echo "$said"; exit $code`], { stdio: ["ignore", "pipe", "ignore"] });
    let said = "";
    child.stdout.on("data", (data) => { said += data; });
    child.on("close", (code) => resolve({ code: code ?? -1, said: said.trim() }));
  });
  assert.equal((await certify("serv1")).code, EXIT.ok);
  for (const node of ["serv1", "serv2"]) for (const name of ["samba", "samba.example.net", "192.168.50.101"]) assert.deepEqual(await login(inNode(node), name), { code: 0, said: "in" }, `${node} as ${name}`);
  const stranger = await login(sshd([`HostKey ${join(home, "stranger")}`]), "samba");
  assert.equal(stranger.code, 255);
  assert.match(stranger.said, /Host key verification failed/);
});

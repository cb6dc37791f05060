import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { EXIT } from "../../../clusterd/commands/exit-codes.ts";
import { leaks } from "../../../clusterd/support/collect.ts";
import { REMOVED, redact, secretValues } from "../../../clusterd/support/redact.ts";
import { Pair } from "../cli/pair.ts";

/** Everything that must not be found again. */
const SECRETS = { heartbeat: "c2VjcmV0IGhlYXJ0YmVhdCBrZXkgb2YgMzI=", private: "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE", notify: "hunter2hunter2", address: "s3cr3tInAddress", conf: "tell-nobody-else" };

let pair: Pair;
const out = mkdtempSync(join(tmpdir(), "clusterd-support-test-"));
before(async () => {
  pair = await new Pair().start();
  const [node] = pair.nodes;
  const etc = join(pair.home, "etc");
  writeFileSync(join(etc, "cluster.conf"), `${readFileSync(join(etc, "cluster.conf"), "utf8")}notify = /usr/local/bin/tell --password ${SECRETS.notify} https://me:${SECRETS.address}@example.net/hook\n`);
  mkdirSync(join(etc, "serv1"));
  writeFileSync(join(etc, "serv1/app.conf"), `# token = ${SECRETS.conf}\n[service]\nalias = app\n`);
  const keys = join(node.folder, "state/keys");
  writeFileSync(join(keys, "heartbeat.key"), `${SECRETS.heartbeat}\n`, { mode: 0o600 });
  writeFileSync(join(keys, "mirror_ed25519"), `-----BEGIN OPENSSH PRIVATE KEY-----\n${SECRETS.private}\n-----END OPENSSH PRIVATE KEY-----\n`, { mode: 0o600 });
  writeFileSync(join(keys, "mirror_ed25519.pub"), "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPublicIsPublic mirror\n");
  // Somebody's debugging wrote a key where it does not belong.
  writeFileSync(join(node.folder, "state/history.jsonl"), `{"wall":1,"level":"info","event":"test","identity":null,"because":"read ${SECRETS.heartbeat} from the file"}\n`);
});
after(async () => { await pair.close(); rmSync(out, { recursive: true }); });

test("the bundle has what helps, and no secret anywhere", async () => {
  const file = join(out, "one.tar.gz");
  const said = await pair.nodes[0].clusterd("support-bundle", file);
  assert.equal(said.code, EXIT.ok, said.err + said.out);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(spawnSync("tar", ["xzf", file, "-C", out]).status, 0);
  const [folder = ""] = readdirSync(out).filter((name) => name.startsWith("clusterd-serv1-"));
  const texts = new Map(readdirSync(join(out, folder), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => [join(entry.parentPath, entry.name).slice(join(out, folder).length + 1), readFileSync(join(entry.parentPath, entry.name), "utf8")]));
  for (const [path, text] of texts) for (const [name, secret] of Object.entries(SECRETS)) assert.ok(!text.includes(secret), `the secret of ${name} stands in ${path}`);
  for (const path of ["etc/cluster.d/cluster.conf", "etc/cluster.d/serv1/app.conf", "etc/cluster.d/serv2.conf", "status-serv1.json", "status-serv2.json", "history.jsonl", "network/addresses.txt", "versions/clusterd", "versions/kernel.txt", "keys-by-name"]) assert.ok(texts.has(path), `${path} of ${[...texts.keys()].join(" ")}`);
  assert.match(texts.get("etc/cluster.d/cluster.conf") ?? "", /^name = sample$[^]*--password \[removed\]/m);
  assert.match(texts.get("history.jsonl") ?? "", /read \[removed\] from the file/);
  assert.match(texts.get("keys-by-name") ?? "", /^600 uid \d+ \d+ heartbeat\.key$/m);
  assert.match(texts.get("status-serv1.json") ?? "", /"cluster": "sample"/);
});

test("a dry run writes nothing, and nothing is written over", async () => {
  const file = join(out, "two.tar.gz");
  const dry = await pair.nodes[0].clusterd("support-bundle", file, "--local", "--dry-run");
  assert.match(dry.out, /^etc\/cluster\.d\/cluster\.conf$/m);
  assert.equal(existsSync(file), false);
  writeFileSync(file, "mine");
  assert.equal((await pair.nodes[0].clusterd("support-bundle", file, "--local")).code, EXIT.refused);
  assert.equal(readFileSync(file, "utf8"), "mine");
});

test("what is taken out by its form, and what stays", () => {
  const gone: readonly string[] = ["password = x1y2z3", "PASSWORD='a b c'", '"api_key": "abc\\"def"', "--token abcdef", "notify_secret: abc", "ftp://me:abc@host/", "Authorization: Bearer abcdefghij", "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\ncut off"];
  for (const text of gone) {
    assert.ok(redact(text).includes(REMOVED), text);
    assert.doesNotMatch(redact(text), /abc|x1y2z3|a b c|cut off/);
  }
  const stays = ["MAIN_MACADDR=02:00:5e:50:00:01", "keepalive = 75ms", "ssh-ed25519 AAAAC3Nza root@serv1", "http://example.net:8080/path", "deadtime 300 ms passed", "owner serv1, epoch 4"];
  for (const text of stays) assert.equal(redact(text), text);
  assert.equal(redact("a longsecretvalue b", ["longsecretvalue"]), `a ${REMOVED} b`);
  assert.deepEqual(secretValues("# comment that is long enough\nshort\n-----BEGIN OPENSSH PRIVATE KEY-----\n0123456789abcdef\n"), ["0123456789abcdef"]);
});

test("a value that slipped through stops everything", () => {
  assert.deepEqual(leaks([{ path: "a", text: "fine" }, { path: "b", text: "has 0123456789abcdef in it" }], ["0123456789abcdef"]), ["b"]);
});

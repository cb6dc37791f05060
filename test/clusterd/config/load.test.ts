import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../../clusterd/config/load.ts";
import type { Config } from "../../../clusterd/config/config.ts";
import { needsRoot } from "../../needs.ts";
import { cases, changed, folderOf, inFolder, load, rewrite, said } from "./cases.ts";

const update = process.env["UPDATE"] === "1";
const plain = folderOf(new Map());
const sound = (files: ReadonlyMap<string, string | Buffer>, self = "serv1"): Config => {
  const loaded = load(files, self);
  assert.ok(loaded.ok, said(loaded));
  return loaded.config;
};
const over = (files: ReadonlyMap<string, string | Buffer>): ReadonlyMap<string, string | Buffer> => new Map<string, string | Buffer>([...plain, ...files]);

for (const one of cases("valid")) {
  test(`valid ${one.name}: ${one.about}`, () => {
    const loaded = load(folderOf(one.files));
    assert.ok(loaded.ok, said(loaded));
    if (update) rewrite(one, said(loaded));
    else assert.equal(said(loaded), one.expected);
  });
}

for (const one of cases("invalid")) {
  test(`refused ${one.name}: ${one.about}`, () => {
    const loaded = load(folderOf(one.files));
    assert.ok(!loaded.ok, "was accepted");
    if (update) rewrite(one, said(loaded));
    else assert.equal(said(loaded), one.expected);
  });
}

test("both nodes read the same configuration, apart from who they are", () => {
  const [one, two] = [sound(plain, "serv1"), sound(plain, "serv2")];
  assert.deepEqual({ ...one, self: 1 }, two);
  assert.equal(one.self, 0);
  assert.match(one.digest, /^[0-9a-f]{16}$/);
});

test("the digest is of values: comments, order and written-out defaults do not change it, a value does", () => {
  const { digest } = sound(plain);
  const same = over(changed("cluster.conf", "[cluster]\n", "# a remark\n[cluster]\nport = 694\nprofile = balanced\n"));
  const other = over(changed("cluster.conf", "[cluster]\n", "[cluster]\nport = 695\n"));
  assert.equal(sound(same).digest, digest);
  assert.notEqual(sound(other).digest, digest);
});

test("a node file of 1999, unchanged: quotes, comments, capitals, CR LF, a byte order mark, empty values", () => {
  const text = "\uFEFF# node\r\nMAIN_INTERFACE=\"eth0\"  # public\r\nMAIN_IPADDR='192.168.50.1'\r\nMAIN_MACADDR=02:00:5E:50:00:0A\r\n\r\nHEARTBEAT_INTERFACE=eth1\r\nHEARTBEAT_IPADDR=10.50.0.1 #cable\r\nREDUNDANT_INTERFACE=eth2\r\nMAIN_GATEWAY=\r\n";
  const { nodes: [node] } = sound(over(new Map([["serv1.conf", text]])));
  assert.deepEqual(node.main, { interface: "eth0", mac: "02:00:5e:50:00:0a", address: "192.168.50.1", prefix: 24, gateway: null, address6: null, standInMac: node.main.standInMac });
  assert.deepEqual(node.heartbeat, { interface: "eth1", address: "10.50.0.1", prefix: 24 });
  assert.equal(node.redundant.admin, null);
});

test("stand-in MACs: locally administered, unicast, all different, none an identity's, the same on every reading", () => {
  const { nodes } = sound(plain);
  const standIns = nodes.flatMap(({ main, redundant }) => [main.standInMac, redundant.standInMac]);
  assert.deepEqual(standIns, sound(plain, "serv2").nodes.flatMap(({ main, redundant }) => [main.standInMac, redundant.standInMac]));
  assert.equal(new Set([...standIns, ...nodes.map(({ main }) => main.mac)]).size, 6);
  for (const mac of standIns) assert.equal(parseInt(mac.slice(0, 2), 16) & 3, 2, mac);
});

test("the values of a service: words of a command, haresources arguments, addresses with broadcast", () => {
  const service = (text: string): Config["services"][number] => sound(over(new Map([["serv2/app.conf", text]]))).services.find(({ name }) => name === "app")!;
  assert.deepEqual(service("[service]\nstart = init:maid::vacuum::bedroom\n").action, { kind: "init", script: "/etc/init.d/maid", args: ["vacuum", "bedroom"] });
  assert.deepEqual(service("[service]\nstart = systemd:smbd\n").action, { kind: "systemd", unit: "smbd.service" });
  assert.deepEqual(service("[service]\nstart_command = /bin/app --text=\"a b\" 'c # d; \\e' \"\"\nstop_command = /bin/app 'st\"op'\n").action,
    { kind: "command", start: ["/bin/app", "--text=a b", "c # d; \\e", ""], stop: ["/bin/app", "st\"op"], check: [] });
  assert.deepEqual(service("[service]\naddress[] = 10.1.0.1/16 10.1.255.255\naddress[] = 10.2.0.1/24\n").addresses,
    [{ address: "10.1.0.1", prefix: 16, broadcast: "10.1.255.255" }, { address: "10.2.0.1", prefix: 24, broadcast: null }]);
});

test("paths keep every character: # and ; and = and quotes and spaces", () => {
  const odd = ["/srv/a # b; c/", "/srv/it's/", "/srv/say \"hi\"/", "/srv/x=y/", "/srv/back\\slash/", "/srv/123/", "/srv/true/"];
  const quoted = ["'/srv/a # b; c/'", "\"/srv/it's/\"", "'/srv/say \"hi\"/'", "/srv/x=y/", "/srv/back\\slash/", "'/srv/123/'", "/srv/true/"];
  const { jobs } = sound(over(new Map([["serv2/odd.conf", `[mirror]\n${quoted.map((path) => `path[] = ${path}\n`).join("")}exclude[] = "#*#"\nexclude[] = 'true'\nexclude[] = 12\n`]])));
  const job = jobs.find(({ name }) => name === "odd")!;
  assert.deepEqual(job.entries.map(({ path }) => path), odd);
  assert.deepEqual(job.exclude, ["#*#", "true", "12"]);
});

test("a 1999 description is taken as it stands, line by line", () => {
  const { jobs } = sound(over(new Map([["serv1/Flpd", "\n# printing\r\n/var/spool/lpd/\r\n  /etc/print cap#1; \n"]])));
  assert.deepEqual(jobs.find(({ name }) => name === "Flpd")?.entries, [{ path: "/var/spool/lpd/", kind: "tree" }, { path: "/etc/print cap#1;", kind: "file" }]);
});

test("the same Fname on both nodes, as was usual, gives two jobs with two names", () => {
  const { jobs } = sound(over(new Map([["serv1/Fhome", "/srv/one/\n"], ["serv2/Fhome", "/srv/two/\n"]])));
  assert.deepEqual(jobs.filter(({ service }) => service === null).map(({ name, home }) => [name, home]), [["serv1-Fhome", 0], ["serv2-Fhome", 1]]);
});

test("backups and notes beside the files are ignored; a misspelt name is warned of", () => {
  const loaded = load(over(new Map([["serv1/www.conf~", "["], ["serv1/.hidden", "["], ["serv1/README", "["], ["serv1/samba.cnf", "["]])));
  assert.ok(loaded.ok, said(loaded));
  assert.match(said(loaded), /serv1\/samba\.cnf: is neither .*\n    Did you mean samba\.conf\?/);
  assert.doesNotMatch(said(loaded), /www\.conf~|hidden|README/);
});

test("no folder, an empty folder, a file instead of a folder: each is said", () => {
  assert.match(said(loadConfig({ etc: "/nonexistent/cluster.d", self: "serv1" })), /^\/nonexistent\/cluster\.d: cannot be read: ENOENT/);
  assert.match(said(load(new Map())), /^cluster\.conf: is missing\n {4}It names the pair/);
  inFolder(plain, (etc) => assert.match(said(loadConfig({ etc: join(etc, "cluster.conf"), self: "serv1" })), /is not a folder/));
});

test("who is asked for by no name is this machine", () => {
  inFolder(plain, (etc) => assert.match(said(loadConfig({ etc })), /this machine is called \S+, which is neither serv1 nor serv2/));
});

test("what is no text is refused with its reason, quickly", () => {
  const bad = (content: Buffer | string): string => said(load(over(new Map([["serv1.conf", content]]))));
  assert.match(bad("MAIN_INTERFACE=eth0\0"), /serv1\.conf: holds a NUL byte/);
  assert.match(bad(Buffer.from([0x41, 0x3d, 0xff, 0xfe, 0x0a])), /serv1\.conf: is not UTF-8 text/);
  assert.match(bad(Buffer.alloc(1024 * 1024 + 1, "a")), /serv1\.conf: is larger than 1 MB/);
  assert.match(bad("MAIN_INTERFACE=eth0\x1b[31m\n"), /serv1\.conf:1: this line holds a control character/);
});

test("a named pipe or a folder in a file's place is refused and holds nobody up", () => {
  inFolder(plain, (etc) => {
    rmSync(join(etc, "serv1.conf"));
    execFileSync("mkfifo", [join(etc, "serv1.conf")]);
    mkdirSync(join(etc, "serv2", "db.conf"), { recursive: true });
    const text = said(loadConfig({ etc, self: "serv1" }));
    assert.match(text, /serv1\.conf: is not an ordinary file/);
    assert.match(text, /serv2\/db\.conf: is not an ordinary file/);
  });
});

test("files and folders that others could change are refused", { skip: needsRoot("to give files to another user") }, () => {
  const refused = (harm: (etc: string) => void, why: RegExp): void => inFolder(plain, (etc) => {
    harm(etc);
    assert.match(said(loadConfig({ etc, self: "serv1" })), why);
  });
  refused((etc) => chmodSync(join(etc, "serv1.conf"), 0o664), /serv1\.conf: may be written by its group \(mode 664\)\n {4}chmod go-w/);
  refused((etc) => chmodSync(join(etc, "cluster.conf"), 0o646), /cluster\.conf: may be written by everybody/);
  refused((etc) => chownSync(join(etc, "serv1/www.conf"), 1, 0), /serv1\/www\.conf: belongs to user 1, not to root/);
  refused((etc) => chmodSync(etc, 0o777), /: may be written by everybody \(mode 777\)/);
  refused((etc) => chmodSync(join(etc, "serv1"), 0o775), /serv1\/: may be written by its group/);
});

test("a symbolic link is judged by its target and the folder of that", { skip: needsRoot("to judge owners") }, () => {
  const elsewhere = mkdtempSync(join(tmpdir(), "clusterd-target-"));
  try {
    inFolder(plain, (etc) => {
      const target = join(elsewhere, "serv1.conf");
      writeFileSync(target, plain.get("serv1.conf")!, { mode: 0o644 });
      rmSync(join(etc, "serv1.conf"));
      symlinkSync(target, join(etc, "serv1.conf"));
      assert.ok(loadConfig({ etc, self: "serv1" }).ok, "a link to a file of root's is fine");
      chmodSync(elsewhere, 0o777);
      assert.match(said(loadConfig({ etc, self: "serv1" })), /serv1\.conf: points into .*, which may be written by everybody/);
      chmodSync(elsewhere, 0o755);
      chmodSync(target, 0o666);
      assert.match(said(loadConfig({ etc, self: "serv1" })), /serv1\.conf: may be written by everybody/);
      rmSync(target);
      assert.match(said(loadConfig({ etc, self: "serv1" })), /serv1\.conf: is missing/);
    });
  } finally {
    rmSync(elsewhere, { recursive: true });
  }
});

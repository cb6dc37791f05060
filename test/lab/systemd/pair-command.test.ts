// `clusterd pair` on two servers as an administrator gets them, sshd and nothing of clusterd's but the release on one of them:
// one command, no question, a passed preflight, a client that gets its page and a takeover that works. Again: nothing changes.
// Then `clusterd unpair`, and both are servers as before.
//
// The other server has no systemd, lacks a package, and lets nobody in but an ordinary user with sudo, at first; and its disks are full.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { fingerprint } from "../../../clusterd/pair/login.ts";
import { needsLab } from "../needs-lab.ts";
import { until } from "../processes.ts";
import { Pair } from "./pair.ts";

const BOTH = ["serv1", "serv2"] as const;
/** What a person answered, once. */
const ANSWERS = (hostKey: string): string => `[pair]
host_key = ${hostKey}
[cluster]
references = 192.168.50.251 192.168.50.252 192.168.50.253
[serv1]
HEARTBEAT_INTERFACE = eth1
REDUNDANT_INTERFACE = eth2
ADMIN_IPADDR = 192.168.50.11
[serv2]
HEARTBEAT_INTERFACE = eth1
REDUNDANT_INTERFACE = eth2
ADMIN_IPADDR = 192.168.50.12
`;

if (await needsLab(test)) {
  const pair = new Pair(`pair-command-${process.pid}`, { sysv: ["serv2"] });
  after(() => pair.down());

  const clusterd = async (words: string): Promise<{ readonly code: number; readonly changes: readonly string[]; readonly text: string }> => {
    const { code, out, err } = await pair.exec("serv1", ["sh", "-c", `/usr/src/clusterd/clusterd/bin/clusterd ${words} --json </dev/null`]);
    const said = out === "" ? {} : JSON.parse(out) as { changes?: string[]; text?: string };
    return { code, changes: said.changes ?? [], text: `${said.text ?? out}\n${err}` };
  };
  /** On a machine with much else to do a heartbeat may be late whenever preflight looks: it is asked again. What a run changes is not. */
  const paired = async (as = "serv2"): ReturnType<typeof clusterd> => {
    const said = await clusterd(`pair ${as} --answers /root/pair.ini`);
    for (let tries = 0, code = said.code; tries < 20 && code === 1; tries += 1) {
      ({ code } = await pair.exec("serv1", ["clusterd", "preflight"]));
      if (code === 0) return { ...said, code };
    }
    return said;
  };
  /** The web server may still be starting. */
  const gotPage = (): Promise<unknown> => until("a client to get the page", 20_000, async () => (await pair.client(["socat", "-t2", "-", "TCP:192.168.50.101:80,connect-timeout=2"], "GET / HTTP/1.0\r\n\r\n").catch(() => "")).endsWith("page"));
  /** A client that knows the pair's line and nothing else logs in by the service's alias; where it came to. */
  const loggedIn = async (): Promise<string> => {
    writeFileSync(`${pair.folder}/known_hosts`, await pair.must("serv2", ["clusterd", "aliases", "--known-hosts"]));
    writeFileSync(`${pair.folder}/hosts`, await pair.must("serv1", ["clusterd", "aliases"]));
    const ssh = `ssh -F none -i ${pair.folder}/admin -o BatchMode=yes -o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o GlobalKnownHostsFile=none -o UserKnownHostsFile=${pair.folder}/known_hosts root@pages hostname`;
    return (await pair.client(["unshare", "--mount", "sh", "-c", `mount --bind ${pair.folder}/hosts /etc/hosts && exec ${ssh}`])).trim();
  };
  /** Every file of the system by its name, the administrator's with what is in it. */
  const files = async (node: string): Promise<readonly string[]> =>
    (await pair.must(node, ["sh", "-c", "find /usr -xdev -type f ! -path '/usr/src/*'; find /etc /root -type f -exec sha256sum {} +"])).split("\n");
  const assertUntouched = async (node: string): Promise<void> => {
    const [is, was] = [new Set(await files(node)), new Set(untouched[node])];
    assert.deepEqual({ more: [...is].filter((line) => !was.has(line)), less: [...was].filter((line) => !is.has(line)) }, { more: [], less: [] }, node);
  };
  const untouched: Record<string, readonly string[]> = {};

  before(async () => {
    await pair.up();
    // As an installer leaves it: the LAN's address and no other, raised by `allow-hotplug`. The private cable is plugged in, and that is all.
    for (const node of BOTH) await pair.must(node, ["sh", "-ec", `
      printf 'source /etc/network/interfaces.d/*\\nauto lo\\nallow-hotplug eth0\\niface lo inet loopback\\niface eth0 inet static\\n  address %s\\n' "$(ip -br -4 addr show eth0 | awk '{print $3}')" >/etc/network/interfaces
      ip address flush dev eth1; ip link set eth1 down
      sed -i 's|^server.document-root.*|server.document-root = "/srv/www"|' /etc/lighttpd/lighttpd.conf`]);
    // The one thing that nobody can propose: what is to be mirrored and served.
    await pair.must("serv1", ["sh", "-ec", `
      mkdir -p /srv/www /etc/cluster.d/serv1; echo page >/srv/www/index.html; systemctl restart lighttpd
      printf '[service]\\nstart = init:lighttpd\\nalias = pages\\naddress = 192.168.50.101/24\\n[mirror]\\npath = /srv/www/\\n' >/etc/cluster.d/serv1/www.conf`]);
    await pair.must("serv2", ["sh", "-ec", `
      useradd --create-home --shell /bin/sh admin; mkdir -m 700 ~admin/.ssh; cp /root/.ssh/authorized_keys ~admin/.ssh/; chown -R admin: ~admin/.ssh
      echo 'admin ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/admin
      # Where its packages come from, in a while; nftables as Debian has it, but for what nobody needs.
      rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*; echo 'deb [trusted=yes] file:/srv/repository ./' >/etc/apt/sources.list
      mkdir -p /root/deb/DEBIAN /root/deb/usr/sbin /root-repository; cp /usr/sbin/nft /root/deb/usr/sbin/
      printf 'Package: nftables\\nVersion: 99\\nArchitecture: all\\nMaintainer: nobody\\nDescription: nft\\n' | tee /root/deb/DEBIAN/control >/root-repository/Packages
      dpkg-deb --build /root/deb /root-repository/nftables.deb >/dev/null; rm -r /root/deb
      printf 'Filename: ./nftables.deb\\nSize: %s\\nSHA256: %s\\n' "$(stat -c %s /root-repository/nftables.deb)" "$(sha256sum /root-repository/nftables.deb | cut -d' ' -f1)" >>/root-repository/Packages
      dpkg --force-depends --remove nftables >/dev/null 2>&1`]);
    for (const node of BOTH) untouched[node] = await files(node);
  });

  test("a machine whose host key nobody knows is shown, and nothing is done", async () => {
    const { code, text } = await clusterd("pair serv2 --dry-run");
    assert.equal(code, 5, text);
    assert.match(text, /shows the host key SHA256:\S+ \(ssh-ed25519\), which nobody knows here/);
  });

  test("--dry-run tells each file and step on both machines, and changes nothing", async () => {
    const [, key = ""] = (await pair.must("serv2", ["cat", "/etc/ssh/ssh_host_ed25519_key.pub"])).split(" ");
    await pair.must("serv1", ["sh", "-c", "cat >/root/pair.ini"], ANSWERS(fingerprint(Buffer.from(key, "base64"))));
    untouched["serv1"] = await files("serv1");
    const { code, changes, text } = await clusterd("pair serv2 --answers /root/pair.ini --dry-run");
    assert.equal(code, 0, text);
    for (const step of ["serv1: write /etc/cluster.d/cluster.conf", "serv2: write /etc/cluster.d/serv1/www.conf", "serv1: clusterd install", "serv2: give eth1 its address 10.50.0.2/24, in /etc/network/interfaces.d/clusterd-private", "serv2: apt-get install nftables", "serv2: /etc/init.d/clusterd start"])
      assert.ok(changes.includes(step), `${step} is not among\n${changes.join("\n")}`);
    for (const node of BOTH) await assertUntouched(node);
  });

  test("what is in the way is named with its place, no half of anything stays, and the same command goes on once it is mended", async () => {
    const obstructed = async (words: RegExp): Promise<void> => {
      const { code, text } = await clusterd("pair admin@serv2 --answers /root/pair.ini");
      assert.equal(code, 1, text);
      assert.match(text, words);
      assert.equal(await pair.must("serv2", ["sh", "-c", "find /etc/cluster.d /etc/network -name '*.new-*' 2>/dev/null; ls -d /var/lib/clusterd/pair/release 2>/dev/null || :"]), "");
    };
    await obstructed(/serv2: apt-get install nftables: ended with exit code 100:[^]*nftables/);
    await pair.must("serv2", ["mv", "/root-repository", "/srv/repository"]);
    // It stays installed.
    untouched["serv2"] = [...untouched["serv2"]!, "/usr/sbin/nft"];
    await pair.must("serv2", ["sh", "-ec", "mkdir /etc/cluster.d; mount -t tmpfs -o size=4k full /etc/cluster.d"]);
    await obstructed(/serv2: write \/etc\/cluster\.d\/[^]*No space left on device/);
    await pair.must("serv2", ["sh", "-ec", "umount /etc/cluster.d; rmdir /etc/cluster.d; mkdir -p /var/lib/clusterd; mount -t tmpfs -o size=300k full /var/lib/clusterd"]);
    await obstructed(/serv2: copy the program [^]*No space left on device/);
    await pair.must("serv2", ["sh", "-ec", "cp -a /var/lib/clusterd /var/lib/freed; umount /var/lib/clusterd; rm -r /var/lib/clusterd; mv /var/lib/freed /var/lib/clusterd"]);
  });

  test("one command from two bare servers to a passed preflight", async (t) => {
    const began = performance.now();
    const { code, changes, text } = await paired("admin@serv2");
    t.diagnostic(`${changes.length} steps in ${Math.round((performance.now() - began) / 100) / 10} s`);
    assert.equal(code, 0, text);
    assert.equal(await pair.must("serv2", ["cat", "/srv/www/index.html"]), "page");
    await gotPage();
  });

  test("a second run changes nothing and says so; the takeover works", async () => {
    const { code, changes, text } = await paired();
    assert.equal(code, 0, text);
    assert.deepEqual(changes, []);
    assert.equal(await loggedIn(), "serv1");
    await pair.must("serv1", ["clusterd", "switchover", "serv1"]);
    await gotPage();
    assert.equal(await loggedIn(), "serv2", "under the same name, and ssh is not alarmed");
    await pair.must("serv1", ["clusterd", "failback", "serv1"]);
  });

  test("a service that is added later reaches the other node, and both daemons; what differs is shown and not replaced", async () => {
    await pair.must("serv1", ["sh", "-c", "mkdir -p /etc/cluster.d/serv1; printf '[mirror]\\npath = /srv/more/\\n' >/etc/cluster.d/serv1/more.conf"]);
    assert.match((await clusterd("check")).text, /"here":\["serv1 has no \/srv\/more\/, which more is to mirror: make it/);
    await pair.must("serv1", ["sh", "-c", "mkdir -p /srv/more; echo 1 >/srv/more/1"]);
    const { code, changes, text } = await paired();
    assert.equal(code, 0, text);
    for (const step of ["serv2: write /etc/cluster.d/serv1/more.conf", "serv1: clusterd reload", "serv2: clusterd reload"]) assert.ok(changes.includes(step), `${step} is not among\n${changes.join("\n")}`);
    assert.equal(await pair.must("serv2", ["cat", "/srv/more/1"]), "1");
    await pair.must("serv2", ["sh", "-c", "echo 'failback = auto' >>/etc/cluster.d/cluster.conf"]);
    const refused = await pair.exec("serv1", ["clusterd", "pair", "serv2", "--dry-run", "--answers", "/root/pair.ini"]);
    assert.equal(refused.code, 3, refused.err);
    assert.match(refused.out, /cluster\.conf of serv2 is not that of serv1:\n {2}- failback = auto\n {2}serv2 has the newer one \(.* --replace would put the older in its place/);
    await pair.must("serv1", ["rm", "/etc/cluster.d/serv1/more.conf"]);
  });

  test("unpair refuses to take services away unasked, then leaves two servers as they were", async () => {
    const refused = await clusterd("unpair");
    assert.equal(refused.code, 3, refused.text);
    await gotPage();
    const { code, text } = await clusterd("unpair --yes-i-have-checked serv2");
    assert.equal(code, 0, text);
    for (const node of BOTH) {
      await assertUntouched(node);
      assert.match(await pair.must(node, ["ls", "/var/backups/clusterd"]), /pair-/);
      assert.doesNotMatch(await pair.must(node, ["ip", "rule"]), /199[01]:/);
      await pair.must(node, ["pgrep", "-x", "lighttpd"]);
    }
    await until("serv2 to be reached at its address", 10_000, async () => (await pair.exec("serv1", ["ping", "-c", "1", "-W", "1", "192.168.50.2"])).code === 0);
    assert.deepEqual((await clusterd("unpair --here-only")).changes, []);
    const { changes: again } = await clusterd("pair serv2 --answers /root/pair.ini --dry-run");
    assert.ok(!again.some((change) => change.includes("reload")), `nothing runs there that could reload:\n${again.join("\n")}`);
    assert.ok(again.some((change) => change.startsWith("serv1: give eth1 its address")), `it is up, and would not be after the next boot:\n${again.join("\n")}`);
  });
}

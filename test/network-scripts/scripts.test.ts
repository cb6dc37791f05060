import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import { planNics, heartbeatIfcfg } from "../../clusterd/takeover/nic-plan.ts";
import { readFileSync } from "node:fs";
import { sampleConfig } from "../clusterd/takeover/sample.ts";

const scripts = new URL("../../network-scripts/", import.meta.url).pathname;
const folder = mkdtempSync(`${tmpdir()}/clusterd-ifcfg-`);
after(() => { rmSync(folder, { recursive: true, force: true }); });

function script(name: "ifup" | "ifdown", text: string | null, ...args: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  if (text !== null) writeFileSync(`${folder}/ifcfg-eth2`, text);
  else rmSync(`${folder}/ifcfg-eth2`, { force: true });
  return spawnSync(`${scripts}${name}`, args, { encoding: "utf8", env: { ...process.env, IFCFG_DIR: folder } });
}
const print = (text: string): readonly string[] => script("ifup", text, "--print", "eth2").stdout.trim().split("\n");

test("ifup prints what it would tell ip, in the order that lets no frame out with the wrong MAC", () => {
  assert.deepEqual(print("DEVICE=eth2\nMACADDR=02:00:5E:50:00:01\nIPADDR=192.168.50.130\nNETMASK=255.255.255.192\nGATEWAY=192.168.50.129\nTABLE=1990\n"), [
    "addr flush dev eth2",
    "link set dev eth2 address 02:00:5e:50:00:01",
    "link set dev eth2 up",
    "route replace 192.168.50.128/26 dev eth2 table 1990 scope link",
    "route replace default via 192.168.50.129 dev eth2 onlink table 1990",
    "addr replace 192.168.50.130/26 broadcast + dev eth2 noprefixroute",
    "link set dev eth2 address 02:00:5e:50:00:01",
    "route replace 192.168.50.128/26 dev eth2 metric 100 src 192.168.50.130",
    "route replace default via 192.168.50.129 dev eth2 onlink metric 100 src 192.168.50.130",
  ]);
});

test("an ordinary NIC needs no more than an address", () => {
  assert.deepEqual(print('# comment\nDEVICE="eth2"\nIPADDR=\'10.50.0.1\'\nPREFIX=30\nONBOOT=yes\n'), ["link set dev eth2 up", "addr replace 10.50.0.1/30 broadcast + dev eth2"]);
});

test("ifdown begins with the link", () => {
  const { stdout } = script("ifdown", "DEVICE=eth2\nREST_MACADDR=06:00:00:00:00:22\n", "--print", "eth2");
  assert.deepEqual(stdout.trim().split("\n"), ["link set dev eth2 down", "addr flush dev eth2", "link set dev eth2 address 06:00:00:00:00:22", "link set dev eth2 up"]);
});

test("nothing in an ifcfg file is ever run", () => {
  const trap = `${folder}/ran`;
  for (const line of [`IPADDR=$(touch ${trap})`, `IPADDR=\`touch ${trap}\``, `touch ${trap}`, `IPADDR=10.0.0.1;touch ${trap}`, `X=1 touch ${trap}`, "IPADDR=10.0.0.1 dev eth0"]) {
    assert.equal(script("ifup", `DEVICE=eth2\n${line}\n`, "--dry-run", "eth2").status, 3, line);
  }
  assert.throws(() => readFileSync(trap));
});

test("a wrong file is named with its line or key, exit 3", () => {
  const wrong = (text: string, message: RegExp): void => {
    const { status, stderr } = script("ifup", text, "--dry-run", "eth2");
    assert.equal(status, 3, text);
    assert.match(stderr, message);
  };
  wrong("DEVICE=eth1\n", /DEVICE is 'eth1', not eth2/);
  wrong("DEVICE=eth2\nIPADRR=10.0.0.1\n", /ifcfg-eth2:2: unknown key IPADRR/);
  wrong("DEVICE=eth2\nIPADDR=10.0.0.256\n", /10\.0\.0\.256 is not an IPv4 address/);
  wrong("DEVICE=eth2\nIPADDR=10.0.0.1\nNETMASK=255.0.255.0\n", /255\.0\.255\.0 is not a netmask/);
  wrong("DEVICE=eth2\nIPADDR=10.0.0.1\nMACADDR=02:00:5e:50:00\n", /not a MAC address/);
  assert.match(script("ifup", null, "eth2").stderr, /no ifcfg-eth2 in/);
});

test("a wrong call is exit 2, and --help says what the exit codes mean", () => {
  assert.equal(script("ifup", "DEVICE=eth2\n").status, 2);
  assert.equal(script("ifup", "DEVICE=eth2\n", "--now", "eth2").status, 2);
  assert.equal(script("ifup", "DEVICE=eth2\n", "../../etc/passwd").status, 2);
  const help = script("ifdown", null, "--help");
  assert.equal(help.status, 0);
  assert.match(help.stdout, /--dry-run[\s\S]*Exit: 0 done and verified/);
});

test("the sample ifcfg files are what clusterd generates", () => {
  for (const self of [0, 1] as const) {
    const config = sampleConfig({ self, plain: true });
    for (const { nic, ifcfg } of [...planNics(config), heartbeatIfcfg(config)]) {
      assert.equal(readFileSync(`${scripts}serv${self + 1}/ifcfg-${nic}`, "utf8"), ifcfg, `network-scripts/serv${self + 1}/ifcfg-${nic}`);
    }
  }
});

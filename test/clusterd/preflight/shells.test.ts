// A key that may do more than its forced command is found with a real sshd: it takes the first line of authorized_keys that fits.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

const home = mkdtempSync(join(tmpdir(), "clusterd-shells-"));
// Before anything that looks where the keys are.
process.env["CLUSTERD_STATE"] = home;
const { authorizedKeysLine } = await import("../../../mirror/keys.ts");
const { needsSshd } = await import("../cli/pair.ts");
const { shellsGiven } = await import("../../../clusterd/preflight/shells.ts");

const publicKey = (name: string): string => readFileSync(join(home, `keys/${name}_ed25519.pub`), "utf8");
const forced = (name: string): string => authorizedKeysLine({ publicKey: publicKey(name), from: [], program: "/bin/false answer" });
const allow = (...lines: readonly string[]): void => writeFileSync(join(home, "authorized"), `${lines.join("\n")}\n`);

before(() => {
  mkdirSync(join(home, "keys"));
  for (const name of ["mirror", "control", "host"]) spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(home, `keys/${name}_ed25519`)]);
  writeFileSync(join(home, "keys/known_hosts"), `serv2 ${publicKey("host")}`);
});
after(() => rmSync(home, { recursive: true }));

test("a forced command refuses all else; one line without it, and the key has a shell", { skip: needsSshd() }, async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.on("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const peer = { node: "serv2", address: "127.0.0.1", port };
  allow(forced("mirror"), forced("control"));
  assert.deepEqual(await shellsGiven(peer), { mirror: null, control: null }, "no sshd yet");
  writeFileSync(join(home, "sshd_config"), `ListenAddress 127.0.0.1\nPort ${port}\nHostKey ${join(home, "keys/host_ed25519")}\nAuthorizedKeysFile ${join(home, "authorized")}\nStrictModes no\nPidFile none\nUsePAM no\nPasswordAuthentication no\n`);
  mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const sshd = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", join(home, "sshd_config")], { stdio: ["ignore", "ignore", "pipe"] });
  try {
    await new Promise<void>((resolve, reject) => {
      let log = "";
      sshd.stderr.on("data", (data) => { log += data; if (log.includes("listening on 127")) resolve(); });
      sshd.on("exit", () => reject(new Error(log)));
    });
    assert.deepEqual(await shellsGiven(peer), { mirror: false, control: false });
    allow(publicKey("mirror").trim(), forced("mirror"), forced("control"));
    assert.deepEqual(await shellsGiven(peer), { mirror: true, control: false });
    allow(forced("mirror"));
    assert.deepEqual(await shellsGiven(peer), { mirror: false, control: null }, "not let in at all is another check's matter");
  } finally {
    sshd.kill("SIGKILL");
  }
});

// The real command, below a folder instead of /. It runs from an installed tree itself, which thereby proves to be complete
// (and stays as it is while somebody edits the sources).

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";
import { EXIT } from "../../../clusterd/commands/exit-codes.ts";
import { needsRoot } from "../../needs.ts";
import { PROJECT, run, runProgram } from "../cli/pair.ts";
import type { Said } from "../cli/pair.ts";

const home = mkdtempSync(join(tmpdir(), "clusterd-install-"));
const at = (root: string, ...path: string[]): string => join(home, root, ...path);
const RELEASE = "release/usr/lib/clusterd";
const command = (root: string, ...words: string[]): Promise<Said> => runProgram([at(RELEASE, "clusterd/bin/clusterd"), ...words, "--root", at(root)], { CLUSTERD_NODE: root.startsWith("serv") ? root : "serv1" });
const changes = (said: Said): readonly string[] => (JSON.parse(said.out) as { changes: string[] }).changes;
const mode = (root: string, path: string): number => statSync(at(root, path)).mode & 0o7777;

/** A server with sample configuration and host keys. */
function server(root: string): void {
  mkdirSync(at(root, "etc/ssh"), { recursive: true });
  cpSync(join(PROJECT, "cluster.d"), at(root, "etc/cluster.d"), { recursive: true });
  spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at(root, "etc/ssh/ssh_host_ed25519_key")]);
}

/** A whole installation is 130 MB, most of it Node. */
const dropAfter = (t: TestContext, root: string): void => t.after(() => rmSync(at(root), { recursive: true, force: true }));

/** Every path below a folder, with what it is. */
function tree(root: string): readonly string[] {
  return readdirSync(at(root), { recursive: true, withFileTypes: true }).map((entry) => join(entry.parentPath, entry.name)).sort();
}

before(async () => {
  const first = await run(["install", "--init", "none", "--root", at("release")]);
  assert.equal(first.code, EXIT.ok, first.err);
  for (const root of ["serv1", "serv2", "other"]) server(root);
  for (const root of ["serv1", "serv2"]) {
    const said = await command(root, "install", "--init", "systemd", ...(root === "serv2" ? ["--json"] : []));
    assert.equal(said.code, EXIT.ok, said.err + said.out);
  }
});
after(() => rmSync(home, { recursive: true, force: true }));

test("a dry run prints the same list and changes nothing", async () => {
  const untouched = tree("other");
  const dry = await command("other", "install", "--init", "systemd", "--dry-run", "--json");
  assert.equal(dry.code, EXIT.ok, dry.err);
  assert.deepEqual(tree("other"), untouched);
  const real = await command("other", "install", "--init", "systemd", "--json");
  assert.deepEqual(changes(real), changes(dry));
  assert.ok(changes(real).length > 100);
});

test("repeating it changes nothing", async () => {
  const again = await command("serv1", "install", "--init", "systemd", "--json");
  assert.equal(again.code, EXIT.ok);
  assert.deepEqual(changes(again), []);
});

test("folders and keys are root's alone", () => {
  for (const path of ["var/lib/clusterd", "var/lib/clusterd/keys", "var/backups/clusterd", "var/cache/clusterd"]) assert.equal(mode("serv1", path), 0o700, path);
  for (const key of ["heartbeat.key", "mirror_ed25519", "control_ed25519"]) assert.equal(mode("serv1", `var/lib/clusterd/keys/${key}`), 0o600, key);
  assert.equal(mode("serv1", "etc/cron.d/clusterd"), 0o644, "cron ignores a file that others may write");
});

test("what is installed runs: the commands are links into a tree with its own Node, and no compiler", () => {
  for (const name of ["clusterd", "mirror", "sync-app"]) {
    const target = readlinkSync(at("serv1", "usr/sbin", name));
    assert.ok(target.startsWith("/usr/lib/clusterd/"), target);
    assert.equal(statSync(at("serv1", target)).mode & 0o111, 0o111, target);
  }
  const modules = readdirSync(at("serv1", "usr/lib/clusterd/node_modules"));
  assert.ok(modules.includes("commander") && modules.includes("winston") && modules.includes("ssh2"));
  assert.ok(!modules.includes("typescript") && !modules.includes("fast-check") && !modules.includes("@typescript"));
  const said = spawnSync(at("serv1", "usr/lib/clusterd/clusterd/bin/clusterd"), ["check", at("serv1", "etc/cluster.d"), "--node", "serv1"], { encoding: "utf8", env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: at("serv1", "var/cache/clusterd") } });
  assert.equal(said.status, 0, said.stderr);
  assert.match(said.stdout, /sound/);
});

test("man pages and completions are in place, and speak of what is installed", () => {
  assert.match(readFileSync(at("serv1", "usr/share/man/man8/clusterd.8"), "utf8"), /^\.SS clusterd switchover \[NODE\]$/m);
  assert.match(readFileSync(at("serv1", "usr/share/man/man5/cluster.conf.5"), "utf8"), /^\.B deadtime$/m);
  assert.match(readFileSync(at("serv1", "usr/share/bash-completion/completions/mirror"), "utf8"), /^complete -F _mirror mirror$/m);
});

test("the systemd units are sound, and enabled", { skip: spawnSync("systemd-analyze", ["--version"]).status === 0 ? false : "needs systemd-analyze" }, () => {
  const units = ["clusterd.service", "clusterd-mirror.service"];
  for (const unit of units) assert.equal(readlinkSync(at("serv1", "etc/systemd/system/multi-user.target.wants", unit)), `/etc/systemd/system/${unit}`);
  // systemd-analyze wants the programs to be there: point the units at the ones that are installed below our folder.
  const copies = units.map((unit) => {
    const path = at("serv1", unit);
    writeFileSync(path, readFileSync(at("serv1", "etc/systemd/system", unit), "utf8").replaceAll("/usr/sbin/", `${at("serv1", "usr/lib/clusterd")}/`).replaceAll(/clusterd\/(clusterd|mirror) /g, "clusterd/$1/bin/$1 "));
    return path;
  });
  const said = spawnSync("systemd-analyze", ["verify", "--man=no", ...copies], { encoding: "utf8" });
  assert.equal(said.stderr.split("\n").filter((line) => line.includes(home)).join("\n"), "");
  assert.equal(said.status, 0, said.stderr);
});

test("a foreign file stops everything before anything is done; an identical one does not", async () => {
  mkdirSync(at("foreign", "usr/sbin"), { recursive: true });
  symlinkSync("/opt/other/clusterd", at("foreign", "usr/sbin/clusterd"));
  const untouched = tree("foreign");
  const said = await command("foreign", "install", "--init", "none");
  assert.equal(said.code, EXIT.refused);
  assert.match(said.out, /\/usr\/sbin\/clusterd is there already and is not clusterd's/);
  assert.deepEqual(tree("foreign"), untouched);
});

test("an edited program file is not replaced; an edited cron file is kept", async () => {
  const unit = at("other", "etc/systemd/system/clusterd.service");
  const [original, cron] = [readFileSync(unit, "utf8"), at("other", "etc/cron.d/clusterd")];
  writeFileSync(unit, `${original}# mine\n`);
  writeFileSync(cron, "# mine\n");
  const said = await command("other", "install", "--init", "systemd");
  assert.equal(said.code, EXIT.refused);
  assert.match(said.out, /clusterd\.service was edited since it was installed/);
  writeFileSync(unit, original);
  const again = await command("other", "install", "--init", "systemd");
  assert.equal(again.code, EXIT.ok);
  assert.match(again.out, /cron\.d\/clusterd is not as clusterd would write it, and is kept/);
  assert.equal(readFileSync(cron, "utf8"), "# mine\n");
});

test("an older release is replaced, and what it had too much is removed", async () => {
  const [manifestFile, stray, changed] = [at("other", "var/lib/clusterd/installed.json"), at("other", "usr/lib/clusterd/clusterd/old.ts"), at("other", "usr/lib/clusterd/package.json")];
  writeFileSync(stray, "old");
  writeFileSync(changed, "older");
  const sha = (path: string): string => spawnSync("sha256sum", [path], { encoding: "utf8" }).stdout.slice(0, 64);
  const manifest = JSON.parse(readFileSync(manifestFile, "utf8")) as { entries: Record<string, unknown> };
  manifest.entries["/usr/lib/clusterd/clusterd/old.ts"] = { kind: "file", is: sha(stray) };
  manifest.entries["/usr/lib/clusterd/package.json"] = { kind: "file", is: sha(changed) };
  writeFileSync(manifestFile, JSON.stringify(manifest));
  const said = await command("other", "install", "--init", "systemd", "--json");
  assert.deepEqual(changes(said), ["replace /usr/lib/clusterd/package.json (0644)", "remove  /usr/lib/clusterd/clusterd/old.ts"]);
  assert.equal(existsSync(stray), false);
  assert.equal(readFileSync(changed, "utf8"), readFileSync(at(RELEASE, "package.json"), "utf8"));
});

test("sysv: an init script with its links, started last and stopped first", async (t) => {
  dropAfter(t, "sysv");
  mkdirSync(at("sysv"), { recursive: true });
  assert.equal((await command("sysv", "install", "--init", "sysv")).code, EXIT.ok);
  assert.equal(mode("sysv", "etc/init.d/clusterd"), 0o755);
  assert.equal(readlinkSync(at("sysv", "etc/rc2.d/S99clusterd")), "../init.d/clusterd");
  assert.equal(readlinkSync(at("sysv", "etc/rc6.d/K01clusterd")), "../init.d/clusterd");
  assert.equal(existsSync(at("sysv", "etc/systemd")), false);
});

test("scheduler = builtin: no cron file; switching over to it removes ours", async () => {
  const conf = at("serv2", "etc/cluster.d/cluster.conf");
  assert.ok(existsSync(at("serv2", "etc/cron.d/clusterd")));
  writeFileSync(conf, `${readFileSync(conf, "utf8").replace("[timing]", "scheduler = builtin\n[timing]")}`);
  const said = await command("serv2", "install", "--init", "systemd", "--json");
  assert.deepEqual(changes(said), ["remove  /etc/cron.d/clusterd"]);
});

test("uninstall removes exactly what was installed; keys and kept versions stay", async (t) => {
  dropAfter(t, "gone");
  mkdirSync(at("gone", "usr/sbin"), { recursive: true });
  writeFileSync(at("gone", "usr/sbin/other"), "");
  const before = tree("gone");
  await command("gone", "install", "--init", "systemd");
  const dry = await command("gone", "uninstall", "--dry-run", "--json");
  assert.ok(existsSync(at("gone", "usr/lib/clusterd")));
  const said = await command("gone", "uninstall", "--json");
  assert.deepEqual(changes(said), changes(dry));
  for (const path of ["usr/lib/clusterd", "usr/sbin/clusterd", "etc/systemd/system/clusterd.service", "etc/cron.d/clusterd", "var/cache/clusterd", "usr/share/man/man8/clusterd.8", "usr/share/bash-completion/completions/clusterd"]) assert.equal(existsSync(at("gone", path)), false, path);
  assert.ok(existsSync(at("gone", "var/lib/clusterd/keys/heartbeat.key")));
  assert.ok(existsSync(at("gone", "usr/sbin/other")));
  assert.equal((await command("gone", "uninstall")).out.includes("nothing of clusterd's is installed"), true);
  const now = tree("gone").filter((path) => !path.includes("/var") && !before.includes(path) && !statSync(path).isDirectory());
  assert.deepEqual(now, []);
});

test("a run of cron's that still fills the compile cache does not stop uninstall", async (t) => {
  dropAfter(t, "filled");
  await command("filled", "install", "--init", "none");
  const filler = spawn("perl", ["-e", 'my ($folder, $until, $n) = ($ARGV[0], time + 3, 0); while (time < $until) { open my $file, ">", "$folder/" . $n++ % 50 or exit }', at("filled", "var/cache/clusterd")], { stdio: "ignore" });
  t.after(() => filler.kill("SIGKILL"));
  const said = await command("filled", "uninstall");
  assert.equal(said.code, EXIT.ok, said.err);
  assert.equal(existsSync(at("filled", "var/cache/clusterd")), false);
});

test("--purge removes keys, journal and kept versions too", async (t) => {
  dropAfter(t, "purged");
  await command("purged", "install", "--init", "none");
  assert.equal((await command("purged", "uninstall", "--purge")).code, EXIT.ok);
  assert.equal(existsSync(at("purged", "var/lib/clusterd")), false);
  assert.equal(existsSync(at("purged", "var/backups/clusterd")), false);
});

test("the init script starts, knows and stops the real programs it started", { skip: needsRoot("to start daemons") }, () => {
  // Two small programs of the right names in the place of the daemons: what is looked at is the script.
  const bin = at("init/bin");
  for (const name of ["clusterd", "mirror"]) {
    mkdirSync(at("init", name), { recursive: true });
    mkdirSync(bin, { recursive: true });
    writeFileSync(at("init", name, "cli.ts"), "#!/bin/sh\ntrap 'exit 0' TERM\nwhile :; do sleep 0.05; done\n");
    writeFileSync(join(bin, name), `#!/bin/sh\nexec sh ${at("init", name, "cli.ts")} "$@"\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const env = { PATH: process.env["PATH"], CLUSTERD_RUN: at("init/run"), CLUSTERD_BIN: bin, CLUSTERD_LOG: at("init/log") };
  const script = (...words: string[]): { status: number | null; stdout: string } => spawnSync(join(PROJECT, "clusterd/install/clusterd.init"), words, { env, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  assert.equal(script("status").status, 3);
  try {
    assert.equal(script("start").status, 0);
    assert.match(script("status").stdout, /clusterd runs \(\d+\)\nmirror runs \(\d+\)/);
    assert.match(script("start").stdout, /clusterd runs already/);
  } finally {
    assert.equal(script("stop").status, 0);
  }
  assert.equal(script("status").status, 3);
  assert.equal(script("dance").status, 2);
});

// The real daemon in a network of its own: under a flood it keeps its heartbeats and its log short, and in nothing that it
// or the mirror says, writes or hands to other programs is there a secret.

import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { deriveKeys } from "../../clusterd/heartbeat/key.ts";
import { PACKET_SIZE } from "../../clusterd/heartbeat/packet.ts";
import { ownNetwork, plugIn, run, until, wait, type Switch } from "../clusterd/takeover/own-network.ts";

const PROJECT = join(import.meta.dirname, "../..");
const KEY = Buffer.from("5ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7".slice(0, 64), "hex");

if (ownNetwork()) {
  const [state, runtime] = [process.env["CLUSTERD_STATE"] ?? "", process.env["CLUSTERD_RUN"] ?? ""];
  const keys = join(state, "keys");
  const env: NodeJS.ProcessEnv = { ...process.env, CLUSTERD_ETC: join(PROJECT, "cluster.d"), CLUSTERD_NODE: "serv1", CLUSTERD_BACKUPS: join(state, "backups"), JOURNAL_STREAM: undefined };
  let wire: Switch;
  let daemon: ChildProcess;
  let log = "";
  let beats = 0;

  const start = (): ChildProcess => {
    const child = spawn(join(PROJECT, "clusterd/bin/clusterd"), ["daemon", "--verbose"], { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text) => { log += String(text); });
    return child;
  };
  const say = (program: string, ...words: readonly string[]): string => {
    const { stdout, stderr } = spawnSync(join(PROJECT, program), words, { env, encoding: "utf8", timeout: 30_000 });
    return stdout + stderr;
  };

  before(async () => {
    mkdirSync(keys, { recursive: true, mode: 0o700 });
    writeFileSync(join(keys, "heartbeat.key"), `${KEY.toString("hex")}\n`, { mode: 0o600 });
    for (const pair of ["mirror", "control"]) run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(keys, `${pair}_ed25519`));
    wire = await plugIn();
    run("sh", "-ec", "ip addr add 10.50.0.1/24 dev eth1; ip link set eth1 up");
    wire.run("ip", "addr", "add", "10.50.0.2/24", "dev", "p1");
    const counter = wire.start("perl", "-MSocket", "-e", '$| = 1; socket my $s, AF_INET, SOCK_DGRAM, 0; bind $s, sockaddr_in(694, inet_aton("10.50.0.2")) or die $!; while (recv $s, my $packet, 600, 0) { print "." }');
    counter.stdout?.on("data", (dots) => { beats += (dots as Buffer).length; });
    daemon = start();
    await until("the daemon", () => /daemon\.started/.test(log), 30_000);
    await until("heartbeats", () => beats > 5, 10_000);
  });
  after(async () => {
    const ended = once(daemon, "exit");
    daemon.kill("SIGKILL");
    await ended;
    wire.close();
  });

  test("a flood on both links: heartbeats go on, strangers are counted, and the log does not grow", async () => {
    const [beatsBefore, linesBefore] = [beats, log.split("\n").length];
    const floods = [["10.50.0.1", "p1"], ["192.168.50.11", "lan"]].map(([target = ""]) => wire.start("perl", join(PROJECT, "test/fuzz/flood.pl"), "3", target, "694", String(PACKET_SIZE)));
    const sent = await Promise.all(floods.map(async (flood) => {
      let said = "";
      flood.stdout?.on("data", (text) => { said += String(text); });
      await once(flood, "close"); // its last words may come after its end
      return Number(said);
    }));
    assert.ok(sent.every((count) => count > 1000), `sent ${sent.join(" and ")}`);
    assert.ok(beats - beatsBefore > 10, `${beats - beatsBefore} heartbeats in three seconds of flood`);
    const lines = log.split("\n").slice(linesBefore);
    assert.ok(lines.length < 20, lines.join("\n"));
    assert.equal(daemon.exitCode, null);
    await wait(200);
    assert.match(say("clusterd/bin/clusterd", "status", "--json"), /"node":"serv1"/);
  });

  test("no secret in logs, status, history, reports, command lines or error messages, in any spelling", async () => {
    const said = [
      ...["status", "status --json", "explain", "check", "check --show", "version", "clock-check --dry-run", "keys import /dev/null", "keys import --dry-run /etc/passwd", "preflight --json"].map((line) => say("clusterd/bin/clusterd", ...line.split(" "))),
      ...["list --json", "status --json", "run --all --json", "plan www", "pass --identity serv1 --json", "setup-keys --json"].map((line) => say("mirror/bin/mirror", ...line.split(" "))),
      spawnSync(join(PROJECT, "mirror/bin/mirror"), ["receive"], { env: { ...env, SSH_ORIGINAL_COMMAND: "id" }, encoding: "utf8" }).stderr,
    ];
    const heartbeat = join(keys, "heartbeat.key");
    for (const [mode, text] of [[0o644, KEY.toString("hex")], [0o600, `${KEY.toString("hex")}7`], [0o600, `x${KEY.toString("base64")}`], [0o600, KEY.toString("hex").slice(0, 60)]] as const) {
      run("sh", "-ec", 'rm -f "$1"; umask 0; (umask 077; printf %s "$2" >"$1"); chmod "$3" "$1"', "sh", heartbeat, text, mode.toString(8));
      said.push(say("clusterd/bin/clusterd", "daemon"), say("clusterd/bin/clusterd", "keys", "export", "/dev/full"), say("clusterd/bin/clusterd", "check"));
    }
    const commands = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => ["cmdline", "environ"].map((file) => { try { return readFileSync(`/proc/${pid}/${file}`, "latin1"); } catch { return ""; } }));
    const files = [state, runtime].flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !entry.parentPath.startsWith(keys)).map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1")));
    assert.ok(files.length > 0, "no files to look through");
    assert.match(log, /daemon\.started/);
    assert.match(said.join("\n"), /heartbeat key/);
    const haystack = [log, ...said, ...commands, ...files].join("\n");
    assert.ok([...spellings()].some(([, spelling]) => `key=${KEY.toString("base64")}`.includes(spelling)), "a secret would not be found");
    for (const [name, spelling] of spellings()) assert.ok(!haystack.includes(spelling), `${name} is in: ${haystack.slice(Math.max(0, haystack.indexOf(spelling) - 200), haystack.indexOf(spelling))}`);
  });

  /** The cluster's key, the keys made of it, and the private halves of the ssh keys, as they might be written. */
  function* spellings(): Generator<readonly [string, string]> {
    const derived = Object.entries(deriveKeys(KEY, "sample")).flatMap(([link, pair]) => pair.map((key, sender) => [`${link} key of ${sender}`, key.export()] as const));
    for (const [name, bytes] of [["the cluster's key", KEY] as const, ...derived]) {
      for (const encoding of ["hex", "base64", "base64url", "latin1"] as const) {
        const text = bytes.toString(encoding);
        yield [`${name} as ${encoding}`, text];
        if (encoding !== "latin1") yield [`the middle of ${name} as ${encoding}`, text.slice(8, 28)];
      }
      yield [`${name} in capitals`, bytes.toString("hex").toUpperCase()];
      yield [`${name} as a list`, [...bytes].slice(0, 12).join(",")];
    }
    for (const pair of ["mirror", "control"]) for (const line of readFileSync(join(keys, `${pair}_ed25519`), "utf8").split("\n").slice(2, -2)) if (line.length > 30) yield [`the private ${pair} key`, line];
  }
}

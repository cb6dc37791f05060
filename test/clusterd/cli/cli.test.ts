// The real program, with the test in the place of the daemon.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { EXIT } from "../../../clusterd/commands/exit-codes.ts";
import { buildProgram } from "../../../clusterd/commands/program.ts";
import { status } from "../status/sample.ts";
import { serveControl } from "../../../clusterd/status/socket-server.ts";
import { needsRoot } from "../../needs.ts";
import { PROJECT, Pair, run, runProgram, type Said } from "./pair.ts";

let pair: Pair;
before(async () => { pair = await new Pair().start(); });
after(() => pair.close());
beforeEach(() => {
  for (const self of [0, 1] as const) {
    pair.nodes[self].status = status(self);
    pair.nodes[self].asked.length = 0;
    pair.nodes[self].answer = async () => ({ ok: true, text: "done" });
  }
});

/** What `clusterd WORDS --help` prints. */
function helpOf(words: readonly string[]): string {
  let [command, text] = [buildProgram(), ""];
  for (const word of words) command = command.commands.find((each) => each.name() === word) ?? assert.fail(`no command ${words.join(" ")}`);
  command.configureOutput({ writeOut: (more) => { text += more; } }).outputHelp();
  return text;
}

test("every command shows examples, --json and its exit codes", async () => {
  const { out, code } = await run(["--help"]);
  assert.equal(code, EXIT.ok);
  const names = [...out.matchAll(/^ {2}([a-z][a-z-]+) .*\[options\]/gm)].map((match) => match[1] as string).filter((name) => name !== "keys");
  assert.ok(names.length >= 17, names.join(" "));
  // The same tree as the program's, without its start for each of fifty; those that cli.ts takes out of it are asked for real.
  const texts = [...names.map((name) => [name]), ["keys", "export"], ["keys", "import"]].filter(([name]) => name !== "daemon" && name !== "witness").map(helpOf);
  for (const text of [...texts, (await run(["witness", "--help"])).out, (await run(["keys", "export", "--help"])).out]) {
    assert.match(text, /^Examples:$/m, text);
    assert.match(text, /--json/, text);
    assert.match(text, /^Exit codes:\n {2}\d/m, text);
  }
});

test("who reads only the beginning, or nothing, changes neither what is done nor the exit code", async () => {
  for (const [program, word, code] of [["clusterd", "--help", 0], ["clusterd", "swichover", EXIT.usage], ["mirror", "--help", 0]] as const) {
    // The reader is gone before anything is written.
    const said = await runProgram(["bash", "-c", `${PROJECT}/${program}/bin/${program} ${word} 2>&1 > >(exec true) 2> >(exec true); echo $?`]);
    assert.equal(said.out, `${code}\n`, `${program} ${word}: ${said.err}`);
  }
});

test("a misspelt command is wrong use, with a suggestion", async () => {
  const said = await run(["swichover"]);
  assert.equal(said.code, EXIT.usage);
  assert.match(said.err, /Did you mean switchover\?/);
});

test("status --local prints this node; --json one object", async () => {
  const [node] = pair.nodes;
  const text = await node.clusterd("status", "--local");
  assert.equal(text.code, EXIT.ok, text.err);
  assert.match(text.out, /^cluster sample, balanced profile/);
  assert.doesNotMatch(text.out, /\x1b/, "no colours into a pipe");
  const json = JSON.parse((await node.clusterd("status", "--local", "--json")).out) as { version: number; nodes: unknown[] };
  assert.equal(json.version, 1);
  assert.deepEqual(json.nodes, [status(0)]);
});

test("status --nagios is one line, and its exit code is that of a monitoring plugin", async () => {
  const [node] = pair.nodes;
  const sound = await node.clusterd("status", "--nagios", "--local");
  assert.match(sound.out, /^CLUSTERD OK - serv1 on serv1, serv2 on serv2 \| .*\n$/);
  assert.equal(sound.code, 0);
  const alone = await node.clusterd("status", "--nagios");
  assert.match(alone.out, /^CLUSTERD WARNING - serv2 cannot be asked/);
  assert.equal(alone.code, 1);
  const dead = await run(["status", "--nagios", "--local"], { ...node.env, CLUSTERD_RUN: "/nowhere" });
  assert.match(dead.out, /^CLUSTERD CRITICAL - clusterd is not running here/);
  assert.equal(dead.code, 2);
  const json = JSON.parse((await node.clusterd("status", "--nagios", "--json")).out) as { exit: number; state: string };
  assert.deepEqual([json.exit, json.state], [1, "WARNING"]);
});

test("every answer with --json says its version, the exit code and whether it went well", async () => {
  for (const words of [["status", "--local"], ["history"], ["explain"], ["check", "/nowhere"], ["failback"], ["reload", "--dry-run"], ["man"], ["import", "/nowhere"], ["force-own", "serv9"]]) {
    const said = await pair.nodes[0].clusterd(...words, "--json");
    const json = JSON.parse(said.out) as { version: number; ok: boolean; exit: number };
    assert.deepEqual([json.version, json.ok, json.exit], [1, said.code === 0, said.code], words.join(" "));
  }
});

test("status of a node without its daemon says so and exits with 4", async () => {
  const said = await run(["status", "--local"], { ...pair.nodes[0].env, CLUSTERD_RUN: "/nowhere" });
  assert.equal(said.code, EXIT.notRunning);
  assert.match(said.out, /serv1: not reachable\n {2}clusterd is not running here/);
});

test("status shows an unreachable peer, and what this node knows of it", async () => {
  const said = await pair.nodes[0].clusterd("status");
  assert.equal(said.code, EXIT.unreachable);
  assert.match(said.out, /serv2, as far as serv1 knows/);
  assert.match(said.out, /^serv2: not reachable$/m);
});

test("history gives the last decisions with their reasons", async () => {
  pair.nodes[0].status = status(0, { history: [1, 2, 3].map((n) => ({ wall: n, level: "info", event: `event${n}`, identity: null, because: `reason ${n}` })) });
  const said = await pair.nodes[0].clusterd("history", "--last", "2");
  assert.deepEqual(said.out.trim().split("\n").map((line) => line.replace(/^.*?  /, "")), ["event2: reason 2", "event3: reason 3"]);
  assert.equal((await pair.nodes[0].clusterd("history", "--last", "many")).code, EXIT.usage);
});

test("switchover asks the own daemon for the identity at home, and returns when the other owner is known", async () => {
  const [node] = pair.nodes;
  node.answer = async () => { setTimeout(() => node.holds(1), 100); return { ok: true, text: "handed over" }; };
  const said = await node.clusterd("switchover", "--json");
  assert.equal(said.code, EXIT.ok, said.out);
  assert.deepEqual(node.asked, [{ ask: "command", verb: "switchover", node: "serv1" }]);
  const { moves } = JSON.parse(said.out) as { moves: { identity: string; to: string; took_ms: number }[] };
  assert.equal(moves[0]?.to, "serv2");
  assert.ok((moves[0]?.took_ms ?? 0) >= 100, "the time until the new owner was in place");
});

test("a switchover that the daemon refuses is a refusal with its reason", async () => {
  pair.nodes[0].answer = async () => ({ ok: false, text: "the peer is not in sync" });
  const said = await pair.nodes[0].clusterd("switchover");
  assert.equal(said.code, EXIT.refused);
  assert.match(said.err + said.out, /serv1: the peer is not in sync/);
});

test("failback with everything at home does nothing", async () => {
  const said = await pair.nodes[0].clusterd("failback");
  assert.equal(said.code, EXIT.ok);
  assert.match(said.out, /both identities are at home/);
  assert.deepEqual(pair.nodes[0].asked, []);
});

test("--dry-run says who would be asked, and asks nobody", async () => {
  for (const words of [["switchover"], ["maintenance", "on", "--for", "2h"], ["maintenance", "off"], ["drain"], ["clear"], ["force-own", "serv2"], ["confirm-dead", "serv2"], ["leave"], ["stop"], ["restart"]]) {
    const said = await pair.nodes[0].clusterd(...words, "--dry-run");
    assert.equal(said.code, EXIT.ok, `${words.join(" ")}: ${said.err}`);
    assert.match(said.out, /Nothing was done\./);
  }
  assert.match((await pair.nodes[0].clusterd("stop", "--dry-run")).out, /^stop: serv1 would hand serv1 over to serv2\n {2}1\. [^]*expected: [^]*serv1 would end its daemon/);
  assert.deepEqual(pair.nodes[0].asked, []);
});

test("reload --dry-run says what the daemon would make of it, which need not be what the files alone say; one that cannot answer is no bad configuration", async () => {
  const [node] = pair.nodes;
  node.answer = async () => ({ ok: false, text: "The daemon would keep the one it has: that needs `clusterd restart`" });
  const said = await node.clusterd("reload", "--dry-run");
  assert.deepEqual([said.code, node.asked], [EXIT.usage, [{ ask: "would-reload" }]]);
  assert.match(said.err, /: sound.*\nThe daemon would keep the one it has: that needs `clusterd restart`\nNothing was done\.$/m);
  const none = await run(["reload", "--dry-run"], { ...node.env, CLUSTERD_RUN: "/nowhere" });
  assert.deepEqual([none.code, /clusterd is not running here/.test(none.out)], [EXIT.ok, true]);
  node.answer = async () => ({ ok: false, text: "the old configuration stays in force: …" });
  assert.equal((await node.clusterd("reload")).code, EXIT.usage);
  node.answer = async () => ({ ok: false, text: "the daemon is still starting" });
  assert.equal((await node.clusterd("reload")).code, EXIT.failed);
});

test("maintenance: the daemon is asked with time and reason; drain then has the identity handed over, and a second node in maintenance is refused", async () => {
  const [node] = pair.nodes;
  assert.match((await node.clusterd("maintenance", "on", "--for", "2h", "--why", "new disk")).out, /^done for 2 h: new disk/);
  assert.equal((await node.clusterd("maintenance", "on", "--for", "tomorrow")).code, EXIT.usage);
  const dry = await node.clusterd("drain", "--dry-run");
  assert.match(dry.out, /drain: serv1 would be asked to hand serv1 over to serv2\n {2}1\. [^]*expected: [^]*maintenance: serv1 would take nothing over/);
  node.answer = async (request) => { if (request.ask === "command") node.holds(1); return { ok: true, text: "done" }; };
  assert.match((await node.clusterd("drain", "--why", "kernel")).out, /serv1 is with serv2 now/);
  assert.deepEqual(node.asked.splice(0), [
    { ask: "maintenance", on: true, span: 7_200_000, why: "new disk" }, { ask: "maintenance", on: true, span: null, why: "kernel" }, { ask: "command", verb: "switchover", node: "serv1" },
  ]);
  const { core } = node.status;
  node.status = { ...node.status, core: { ...core, peer: { ...core.peer, maintenance: true } } };
  assert.equal((await node.clusterd("drain")).code, EXIT.refused);
  assert.match((await node.clusterd("maintenance", "on")).err, /serv2 is in maintenance already/);
  assert.match((await node.clusterd("maintenance", "status")).out, /serv2: in maintenance, as far as serv1 knows/);
  assert.deepEqual(node.asked, []);
});

test("maintenance without a daemon is kept for the next one", async () => {
  const { env } = pair.nodes[0];
  const offline = { ...env, CLUSTERD_RUN: "/nowhere" };
  assert.match((await run(["maintenance", "on", "--why", "new disk"], offline)).out, /it starts in maintenance until `clusterd maintenance off`: new disk/);
  assert.match((await run(["maintenance", "status"], offline)).out, /in maintenance until it is ended, begun .*: new disk/);
  assert.equal((await run(["undrain"], offline)).code, EXIT.ok);
  assert.match((await run(["maintenance", "status"], offline)).out, /not in maintenance/);
});

test("an unknown node is wrong use, with a suggestion", async () => {
  for (const verb of ["switchover", "failback", "force-own"]) {
    const said = await pair.nodes[0].clusterd(verb, "serv3");
    assert.equal(said.code, EXIT.usage);
    assert.match(said.err, /there is no node serv3\. Did you mean serv/);
  }
});

test("force-own without a terminal wants the node's name, and takes no other", async () => {
  const [node] = pair.nodes;
  assert.equal((await node.clusterd("force-own", "serv1")).code, EXIT.refused);
  assert.equal((await node.clusterd("force-own", "serv1", "--yes-i-have-checked", "serv2")).code, EXIT.refused);
  assert.deepEqual(node.asked, []);
  assert.equal((await node.clusterd("force-own", "serv1", "--yes-i-have-checked", "serv1")).code, EXIT.ok);
  assert.deepEqual(node.asked, [{ ask: "command", verb: "force-own", node: "serv1" }]);
});

test("force-own on a terminal says what it means, and goes on only when the name is typed", { skip: existsSync("/usr/bin/script") ? false : "needs script(1) for a terminal" }, async () => {
  const [node] = pair.nodes;
  assert.match(await typed(node.env, "no"), /whatever the other node does[^]*not confirmed: nothing was done/);
  assert.deepEqual(node.asked, []);
  assert.match(await typed(node.env, "serv1"), /Type serv1 to go on[^]*done/);
  assert.deepEqual(node.asked, [{ ask: "command", verb: "force-own", node: "serv1" }]);
});

/** `clusterd force-own serv1` on a terminal, where a person answers the question with `word`. */
function typed(env: Readonly<Record<string, string>>, word: string): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn("/usr/bin/script", ["-qec", `${PROJECT}/clusterd/bin/clusterd force-own serv1`, "/dev/null"], { env: { PATH: process.env["PATH"], ...env }, stdio: ["pipe", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (data) => {
      if (!said.includes("to go on") && (said + String(data)).includes("to go on")) child.stdin.write(`${word}\n`);
      said += String(data);
    });
    child.on("close", () => resolve(said));
  });
}

test("a node cannot be told that it is dead itself", async () => {
  assert.equal((await pair.nodes[0].clusterd("confirm-dead", "serv1", "--yes-i-have-checked", "serv1")).code, EXIT.usage);
  assert.deepEqual(pair.nodes[0].asked, []);
});

test("restart waits for the next daemon, and says whether it holds what was held", async () => {
  const [node] = pair.nodes;
  node.answer = async () => {
    setTimeout(() => { node.status = { ...node.status, started: node.status.started + 1 }; }, 100);
    return { ok: true, text: "starting anew" };
  };
  const said = await node.clusterd("restart");
  assert.equal(said.code, EXIT.ok, said.err);
  assert.match(said.out, /the next daemon runs after \d+ ms and holds what was held/);
});

test("clear, leave, reload and stop reach the daemon, and its refusal is shown", async () => {
  const [node] = pair.nodes;
  for (const word of ["clear", "leave", "reload", "stop"]) assert.equal((await node.clusterd(word)).code, EXIT.ok);
  assert.deepEqual(node.asked.map((request) => ("verb" in request ? request.verb : request.ask)), ["clear", "leave", "reload", "stop"]);
  node.answer = async () => ({ ok: false, text: "the old configuration stays in force: cluster.conf:3" });
  const said = await node.clusterd("reload");
  assert.equal(said.code, EXIT.usage);
  assert.match(said.err, /stays in force/);
});

test("check gives the verdict on a folder", async () => {
  const said = await run(["check", `${PROJECT}/cluster.d`, "--node", "serv1", "--json"]);
  assert.equal(said.code, EXIT.ok, said.err);
  assert.equal((JSON.parse(said.out) as { ok: boolean }).ok, true);
  assert.equal((await run(["check", "/nowhere"])).code, EXIT.usage);
});

test("explain prints the rows of the table, and knows what was meant", async () => {
  assert.match((await run(["explain", "standby", "peer-silent"])).out, /if may-claim → claiming/);
  assert.match((await run(["explain", "standbye"])).err, /Did you mean standby\?/);
  assert.match((await run(["explain"])).out, /Roles: waiting, standby/);
  assert.match((await run(["explain", "well", "failing"])).out, /if restarts-left → restarting; restart\n +it is started anew here/);
});

test("what the system refuses is one sentence with what to do next, not a stack; so are words that lack", async () => {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-refused-"));
  try {
    mkdirSync(join(folder, "var/lib/clusterd"), { recursive: true });
    writeFileSync(join(folder, "var/lib/clusterd/installed.json"), "{");
    const damaged = await run(["uninstall", "--root", folder]);
    assert.deepEqual([damaged.code, damaged.err.trim().split("\n").length], [EXIT.failed, 1], damaged.err);
    assert.match(damaged.err, /installed\.json cannot be read, so nobody knows what is clusterd's/);
    const lacks = await run(["pair"]);
    assert.equal(lacks.code, EXIT.usage);
    assert.match(lacks.err, /missing required argument 'HOST'\n+`clusterd pair --help` shows how it is used/);
    assert.match((await run(["pair", "no-such-host.invalid", "--dry-run"])).err, /nobody knows an address of that name: write it into \/etc\/hosts/);
    assert.match((await run(["pair", "127.0.0.2:1", "--dry-run"])).err, /no sshd listens there/);
    assert.match((await run(["pair", "root@[::1]", "--dry-run"])).err, /::1 is this machine: name the other one/);
    assert.match((await run(["pair", "serv2", "--answers", join(folder, "none")])).err, /the answers of --answers cannot be read: .*none: ENOENT/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("who is not root is told so, instead of being told that there is nothing", { skip: needsRoot("to become somebody else") }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-nobody-"));
  for (const one of ["state/keys", "run"]) mkdirSync(join(folder, one), { recursive: true, mode: 0o700 });
  const server = await serveControl(join(folder, "run/clusterd.sock"), async () => ({ ok: true, text: "" }));
  for (const one of ["", "run"]) chmodSync(join(folder, one), 0o755);
  try {
    const env = { CLUSTERD_ETC: join(PROJECT, "cluster.d"), CLUSTERD_NODE: "serv1", CLUSTERD_STATE: join(folder, "state"), CLUSTERD_RUN: join(folder, "run"), NODE_COMPILE_CACHE: "" };
    for (const words of [["clusterd/bin/clusterd", "motd"], ["clusterd/bin/clusterd", "maintenance", "status"], ["clusterd/bin/clusterd", "notify"], ["mirror/bin/mirror", "status"], ["mirror/bin/mirror", "backups"], ["mirror/bin/mirror", "scrub"]]) {
      const said = await runProgram(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", join(PROJECT, words[0]!), ...words.slice(1)], env);
      assert.notEqual(said.code, EXIT.ok, words.join(" "));
      assert.match(said.err, /run it as root/, words.join(" "));
    }
  } finally {
    await server.close();
    rmSync(folder, { recursive: true });
  }
});

test("the daemon and the answers to the peer load nothing of the command line", async () => {
  const trace = `data:text/javascript,import { registerHooks } from "node:module"; registerHooks({ load(url, context, next) { process.stderr.write("LOADED " %2B url %2B "\\n"); return next(url, context); } });`;
  for (const words of [["daemon", "--help"], ["answer"]]) {
    const said = await run(words, { NODE_OPTIONS: `--import=${JSON.stringify(trace)}` });
    assert.match(said.err, /LOADED file:.*cli\.ts/, said.err);
    assert.doesNotMatch(said.err, /LOADED .*(commander|ssh2|execa|program\.ts)/);
  }
});

test("mirror run --all says why there is nothing to mirror from here; where nobody knows, that is no success, but for cron", async () => {
  const [node] = pair.nodes;
  const mirror = (env: Readonly<Record<string, string>>, ...words: string[]): Promise<Said> => runProgram([join(PROJECT, "mirror/bin/mirror"), "run", ...words], { ...env, CLUSTERD_ETC: join(PROJECT, "cluster.d") });
  const dead = { ...node.env, CLUSTERD_RUN: "/nowhere" };
  const said = await mirror(dead, "--all");
  assert.equal(said.code, 5, JSON.stringify(said));
  assert.match(said.err, /refused in .*: nobody can say who owns serv1: clusterd is not running here .*: `systemctl start clusterd`/);
  assert.deepEqual(await mirror(dead, "--all", "--quiet"), { code: 0, out: "", err: "" });
  node.holds(1);
  const other = await mirror(node.env, "--all");
  assert.deepEqual([other.code, other.out.split(":")[0]], [0, "nothing to mirror from here"], other.err);
});

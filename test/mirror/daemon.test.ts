// The mirror's own process beside real runs: recovery, the built-in schedule, edits that people should hear about. And jobs
// of single files, 1999 descriptions and their command line.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Pair, needsPair } from "./pair.ts";
import type { Node } from "./pair.ts";

describe("a pair with files, a tree and a description of 1999", { skip: needsPair() }, () => {
  let pair: Pair;
  before(async () => {
    pair = await Pair.make((data) => `[mirror]\npath[] = ${data}/www/\npath[] = ${data}/one.conf\nexclude = *.tmp\n`);
    mkdirSync(`${pair.data}/www`);
    mkdirSync(`${pair.data}/lpd`);
    writeFileSync(`${pair.data}/www/page`, "x");
    writeFileSync(`${pair.data}/www/half.tmp`, "x");
    writeFileSync(`${pair.data}/one.conf`, "one");
    writeFileSync(`${pair.data}/lpd/job`, "print");
    writeFileSync(`${pair.data}/printcap`, "lp");
    writeFileSync(`${pair.home}/etc/serv1/Flpd`, `${pair.data}/lpd/\n${pair.data}/printcap\n`);
  });
  after(() => pair.close());

  test("single files go without marker and without deletions, excluded names stay", async () => {
    assert.equal((await pair.mirror("run", "www")).code, 0);
    assert.equal(readFileSync(`${pair.dataTwo}/one.conf`, "utf8"), "one");
    assert.equal(existsSync(`${pair.dataTwo}/www/half.tmp`), false);
    rmSync(`${pair.data}/one.conf`);
    const { code, stderr } = await pair.mirror("run", "www");
    assert.equal(code, 3);
    assert.match(stderr, /nothing to mirror, and the peer's copy stays as it is/);
    assert.equal(readFileSync(`${pair.dataTwo}/one.conf`, "utf8"), "one");
    writeFileSync(`${pair.data}/one.conf`, "two");
    const { stdout } = await pair.mirror("run", "www", "--json");
    const { jobs: [report] } = JSON.parse(stdout) as { jobs: { backups: string }[] };
    assert.equal(readFileSync(`${report?.backups}${pair.data}/one.conf`, "utf8"), "one");
  });

  test("the command line of 1999 still works, and refuses what is not the pair's", async () => {
    const sync = (...words: readonly string[]) => pair.run(pair.one, "mirror/bin/sync-app", words);
    const done = await sync(`${pair.home}/etc/serv1/Flpd`, "serv2");
    assert.equal(done.code, 0, done.stderr);
    assert.equal(readFileSync(`${pair.dataTwo}/lpd/job`, "utf8"), "print");
    assert.equal(readFileSync(`${pair.dataTwo}/printcap`, "utf8"), "lp");
    assert.match((await sync(`${pair.home}/etc/serv1/Flpd`, "serv1")).stderr, /is not the other node, serv2 is/);
    assert.match((await sync("/etc/passwd", "serv2")).stderr, /is no mirror description/);
    assert.equal((await sync("--help")).code, 0);
  });

  test("--all mirrors what this node owns and passes over the rest", async () => {
    const { code, stdout } = await pair.mirror("run", "--all");
    assert.equal(code, 0);
    assert.match(stdout, /Flpd: mirrored/);
    assert.match(stdout, /www: mirrored/);
    const other = await pair.run(pair.two, "mirror/bin/mirror", ["run", "--all", "--quiet"]);
    assert.deepEqual(other, { code: 0, stdout: "", stderr: "" });
  });

  test("a line of the scheduler that is not configured does nothing", async () => {
    const { code, stdout } = await pair.run(pair.one, "mirror/bin/mirror", ["run", "--all"], { CLUSTERD_SCHEDULER: "builtin" });
    assert.equal(code, 0);
    assert.match(stdout, /scheduler = cron: this run was started by builtin/);
  });

  test("every command has --help and --json, and a wrong word is exit 1", async () => {
    const { stdout } = await pair.mirror("--help");
    assert.match(stdout, /Exit codes:\n {2}0 /);
    const commands = ["run", "pass", "plan", "list", "status", "ledger", "conflicts", "approve", "mark", "backups", "scrub", "watch", "setup-keys"];
    const helps = await Promise.all(commands.map((command) => pair.mirror(command, "--help")));
    for (const [index, help] of helps.entries()) assert.match(help.stdout, /--json/, commands[index]);
    assert.equal((await pair.mirror("rum")).code, 1);
    assert.equal((await pair.mirror("run", "nope")).code, 1);
  });

  test("plan shows the exact rsync and changes nothing", async () => {
    writeFileSync(`${pair.data}/www/planned`, "x");
    const { code, stdout } = await pair.mirror("plan", "www");
    assert.equal(code, 0);
    assert.match(stdout, /rsync -aHAXS --numeric-ids --modify-window=-1 .*--backup-dir=\S+\/backups\/www\/\S+\.normal\S* --delete-delay/);
    assert.equal(existsSync(`${pair.dataTwo}/www/planned`), false);
  });

  test("the owner's process brings a returned peer up to date within a second or so, with nobody asking", async () => {
    pair.one.peerInSync = false;
    pair.one.status = {};
    writeFileSync(`${pair.data}/www/while-away`, "x");
    const keeper = await startDaemon(pair.one);
    try {
      await keeper.says(/mirror\.recovered identity=serv1/);
      assert.equal(readFileSync(`${pair.dataTwo}/www/while-away`, "utf8"), "x");
      assert.ok(pair.one.told.some((request) => request.ask === "mirror-report" && request.inSync && request.epoch === 12));
    } finally {
      pair.one.reset();
      await keeper.stop();
    }
  });

  test("an edit of the configuration is judged and not taken over", async () => {
    const keeper = await startDaemon(pair.one);
    try {
      const file = `${pair.home}/etc/serv1/www.conf`;
      const sound = readFileSync(file, "utf8");
      writeFileSync(file, `${sound}max_delet = 5\n`);
      await keeper.says(/mirror\.configuration-edited .*max_delet/);
      writeFileSync(`${file}.new`, sound);
      renameSync(`${file}.new`, file);
      await keeper.says(/mirror\.configuration-edited .*the files are sound/);
    } finally {
      await keeper.stop();
    }
  });

  test("an edit on the standby is reported once; what the owner's run writes there is not", async () => {
    // serv2's process in serv2's own view of the trees.
    const keeper = await startDaemon(pair.two, pair.dataTwo, pair.data);
    const motd = join(dirname(pair.two.env["CLUSTERD_RUN"] ?? ""), "motd.d/clusterd");
    try {
      await keeper.says(/mirror\.watching job=www/);
      assert.match(readFileSync(motd, "utf8"), /^serv2 does not own www now, serv1 does: clusterd login www$/m, "whoever logs in is told");
      writeFileSync(`${pair.data}/www/from-owner`, "x");
      let ran = await pair.mirror("run", "www");
      // What the test before has left may still be received.
      for (let tries = 0; ran.code !== 0 && tries < 10; tries += 1) { await new Promise((resolve) => setTimeout(resolve, 500)); ran = await pair.mirror("run", "www"); }
      assert.equal(ran.code, 0, ran.stderr);
      await new Promise((resolve) => setTimeout(resolve, 3500)); // longer than a burst and its echo
      assert.doesNotMatch(keeper.text(), /edited-on-standby/);
      writeFileSync(`${pair.dataTwo}/www/by-hand`, "x");
      writeFileSync(`${pair.dataTwo}/www/by-hand-2`, "x");
      await keeper.says(/mirror\.edited-on-standby job=www files=2 /);
    } finally {
      await keeper.stop();
      assert.equal(existsSync(motd), false, "nobody keeps it true any more");
      rmSync(`${pair.dataTwo}/www/by-hand`, { force: true });
      rmSync(`${pair.dataTwo}/www/by-hand-2`, { force: true });
    }
  });

  test("the built-in scheduler runs the crontab's lines", async () => {
    const file = `${pair.home}/etc/cluster.conf`;
    writeFileSync(file, `${readFileSync(file, "utf8")}scheduler = builtin\n`);
    const keeper = await startDaemon(pair.one);
    try { await keeper.says(/mirror\.scheduling file=\S+crontab lines=5/); } finally { await keeper.stop(); }
  });

  interface Daemon { says(pattern: RegExp): Promise<void>; text(): string; stop(): Promise<void> }

  async function startDaemon(node: Node, ...bind: readonly string[]): Promise<Daemon> {
    const child: ChildProcess = spawn("nsenter", [...pair.inside, "unshare", "--mount", "sh", "-eu", "-c", '[ $# -lt 3 ] || mount --bind "$2" "$3"; exec "$1" daemon', "sh", new URL("../../mirror/bin/mirror", import.meta.url).pathname, ...bind],
      { env: { ...process.env, ...node.env }, stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout?.on("data", (chunk) => { text += String(chunk); });
    const daemon: Daemon = {
      text: () => text,
      says: async (pattern) => {
        for (let tries = 0; !pattern.test(text); tries += 1) {
          if (tries > 2400 || child.exitCode !== null) assert.fail(`${pattern} was not said: ${text}`);
          await new Promise((resolve) => setTimeout(resolve, 25));
        }
      },
      stop: async () => { if (child.exitCode !== null) return; child.kill("SIGTERM"); await once(child, "exit"); },
    };
    await daemon.says(/mirror\.clusterd there=true/);
    return daemon;
  }
});

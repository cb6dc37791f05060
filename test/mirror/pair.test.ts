// The mirror over a real sshd with real rsync: what arrives, what is kept, what is refused.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, closeSync, existsSync, linkSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync, writeSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { RECEIVE_EXIT } from "../../mirror/exit-codes.ts";
import { entryKey } from "../../mirror/settings.ts";
import { Pair, needsPair } from "./pair.ts";
import type { Result } from "./pair.ts";

const RUN_NAME = "2026-11-21T04-05-12Z.0a1b2c";

/** What rsync itself finds different between the two trees, by content, with everything a mirror carries. */
const differences = (from: string, to: string): string =>
  execFileSync("rsync", ["-naHAXS", "--numeric-ids", "--delete", "--checksum", "--modify-window=-1", "--itemize-changes", `${from}/`, `${to}/`], { encoding: "utf8" });

describe("a pair with one tree", { skip: needsPair() }, () => {
  let pair: Pair;
  let tree: string;
  let treeTwo: string;

  before(async () => {
    pair = await Pair.make((data) => `[mirror]\npath = ${data}/www/\nmax_delete = 100\nmax_delete_percent = 10\n`);
    tree = `${pair.data}/www`;
    treeTwo = `${pair.dataTwo}/www`;
    mkdirSync(tree);
  });
  after(() => pair.close());

  const run = async () => {
    const { code, stdout, stderr } = await pair.mirror("run", "www", "--json");
    const [report] = (JSON.parse(stdout || "{\"jobs\":[]}") as { jobs: { because: string; backups: string | null; result: string; deletions: string[] }[] }).jobs;
    return { code, because: report?.because ?? stderr, backups: report?.backups ?? null, result: report?.result ?? "none", deletions: report?.deletions ?? [] };
  };
  const settled = async () => assert.equal((await run()).code, 0);

  test("refuses an empty source that was never mirrored", async () => {
    const { code, because } = await run();
    assert.equal(code, 3);
    assert.match(because, /is empty and was never mirrored/);
    assert.equal(existsSync(treeTwo), false);
  });

  test("a tree of a thousand files with hard links, ACLs, attributes, odd names and a hole arrives identical", async () => {
    for (let folder = 0; folder < 50; folder += 1) {
      mkdirSync(`${tree}/d${folder}`);
      for (let file = 0; file < 20; file += 1) writeFileSync(`${tree}/d${folder}/f${file}`, `${folder}/${file}\n`.repeat(file + 1));
    }
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/d0/`), Buffer.from([0xff, 0xfe, 0x0a, 0x20, 0x27, 0x22, 0x5c])]), "odd");
    writeFileSync(`${tree}/d0/-rf *`, "odd");
    writeFileSync(`${tree}/d0/a:b`, "odd");
    linkSync(`${tree}/d1/f1`, `${tree}/d2/linked`);
    symlinkSync("../../outside", `${tree}/d0/dangling`);
    execFileSync("mkfifo", [`${tree}/d0/fifo`]);
    execFileSync("truncate", ["-s", "64M", `${tree}/sparse`]);
    execFileSync("setfacl", ["-m", "u:1234:rw", `${tree}/d1/f2`]);
    execFileSync("setfacl", ["-d", "-m", "g:1235:rx", `${tree}/d1`]);
    execFileSync("setfattr", ["-n", "user.colour", "-v", "blue", `${tree}/d1/f3`]);
    writeFileSync(`${tree}/d3/program`, "#!/bin/sh\n");
    execFileSync("setcap", ["cap_net_raw+ep", `${tree}/d3/program`]);
    chownSync(`${tree}/d1/f4`, 1234, 1235);
    chmodSync(`${tree}/d1/f4`, 0o6751);

    const { code, because } = await run();
    assert.equal(code, 0, because);
    assert.equal(differences(tree, treeTwo), "");
    assert.equal(statSync(`${treeTwo}/d1/f1`).ino, statSync(`${treeTwo}/d2/linked`).ino);
    assert.match(execFileSync("getfacl", ["-n", `${treeTwo}/d1/f2`], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }), /user:1234:rw/);
    assert.match(execFileSync("getcap", [`${treeTwo}/d3/program`], { encoding: "utf8" }), /cap_net_raw/);
    assert.ok(statSync(`${treeTwo}/sparse`).blocks < 1000, "the hole stays a hole");
  });

  test("names of 255 bytes and paths of 3900 arrive, and so do their replaced and deleted versions in the dated directory", async () => {
    const [plain, umlauts] = ["n".repeat(255), `${"ü".repeat(127)}x`];
    const deep = Array.from({ length: 15 }, () => "d".repeat(250)).join("/");
    mkdirSync(`${tree}/long`);
    for (const name of [plain, umlauts]) writeFileSync(`${tree}/long/${name}`, "old");
    // Longer than one system call takes from the root, so step by step.
    execFileSync("sh", ["-eu", "-c", 'cd "$1"; for part in $(echo "$2" | tr / " "); do mkdir "$part"; cd -P "$part"; done; echo deep >file', "sh", `${tree}/long`, deep]);
    await settled();
    assert.equal(differences(tree, treeTwo), "");
    writeFileSync(`${tree}/long/${plain}`, "a newer one");
    rmSync(`${tree}/long/${umlauts}`);
    const { code, because, backups } = await run();
    assert.equal(code, 0, because);
    assert.equal(readFileSync(`${backups}${tree}/long/${plain}`, "utf8"), "old");
    assert.equal(readFileSync(`${backups}${tree}/long/${umlauts}`, "utf8"), "old");
    execFileSync("rm", ["-r", `${tree}/long`]);
    await settled();
  });

  test("a file that grows without end holds up no run: what it was is there, whole as far as it goes, and the rest too", async () => {
    const grows = spawn("sh", ["-c", 'while :; do i=0; while [ $i -lt 200 ]; do echo 0123456789; i=$((i + 1)); done >>"$1"; sleep 0.002; done', "sh", `${tree}/grows`], { stdio: "ignore" });
    try {
      for (let turn = 0; turn < 3; turn += 1) {
        writeFileSync(`${tree}/beside`, `${turn}`);
        const before = existsSync(`${tree}/grows`) ? statSync(`${tree}/grows`).size : 0;
        const { code, because } = await run();
        assert.equal(code, 0, because);
        assert.equal(readFileSync(`${treeTwo}/beside`, "utf8"), `${turn}`);
        const there = readFileSync(`${treeTwo}/grows`);
        assert.ok(there.length >= before, `${there.length} of ${before}`);
        assert.ok(there.equals(readFileSync(`${tree}/grows`).subarray(0, there.length)), "a beginning of what it is now");
      }
    } finally {
      grows.kill("SIGKILL");
    }
    rmSync(`${tree}/grows`);
    await settled();
  });

  test("a deleted and an overwritten file are in the run's dated directory", async () => {
    rmSync(`${tree}/d4/f1`);
    writeFileSync(`${tree}/d4/f2`, "new");
    const { code, backups } = await run();
    assert.equal(code, 0);
    assert.match(backups ?? "", /\/www\/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.[0-9a-f]{6}\.normal$/);
    assert.equal(readFileSync(`${backups}${tree}/d4/f1`, "utf8"), "4/1\n4/1\n");
    assert.equal(readFileSync(`${backups}${tree}/d4/f2`, "utf8"), "4/2\n4/2\n4/2\n");
    assert.equal(existsSync(`${treeTwo}/d4/f1`), false);
    assert.equal(readFileSync(`${treeTwo}/d4/f2`, "utf8"), "new");
  });

  test("a run that replaces nothing leaves no dated directory", async () => {
    await settled();
    const folders = readdirSync(`${pair.two.root}/backups/www`).length;
    assert.equal((await run()).backups, null);
    assert.equal(readdirSync(`${pair.two.root}/backups/www`).length, folders);
  });

  // Found by chaos 1/2: rsync exit 24 is tried again at once, and the second push wrote over what the first had kept.
  test("a second push within one run keeps what the first one kept", async () => {
    writeFileSync(`${tree}/d4/again`, "first");
    await settled();
    const contents = ["second", "third", "fourth"];
    for (const content of contents) {
      writeFileSync(`${tree}/d4/again`, content);
      const { code, stderr } = await pair.push(RUN_NAME, tree);
      assert.equal(code, 0, stderr);
    }
    const folders = readdirSync(`${pair.two.root}/backups/www`).map((name) => `${pair.two.root}/backups/www/${name}${tree}/d4/again`);
    assert.deepEqual(folders.filter((path) => existsSync(path)).map((path) => readFileSync(path, "utf8")).sort(), ["first", "second", "third"]);
    assert.equal(readFileSync(`${pair.two.root}/backups/www/${RUN_NAME}.normal${tree}/d4/again`, "utf8"), "first");
    await settled();
  });

  test("two writes of equal length within one second both arrive", async () => {
    const second = Math.floor(Date.now() / 1000);
    writeFileSync(`${tree}/twice`, "one");
    utimesSync(`${tree}/twice`, second, second + 0.1);
    await settled();
    writeFileSync(`${tree}/twice`, "two");
    utimesSync(`${tree}/twice`, second, second + 0.6);
    await settled();
    assert.equal(readFileSync(`${treeTwo}/twice`, "utf8"), "two");
  });

  test("more deletions than allowed delete nothing until exactly these are approved, once", async () => {
    for (let folder = 10; folder < 20; folder += 1) rmSync(`${tree}/d${folder}`, { recursive: true });
    const { code, because, deletions } = await run();
    assert.equal(code, 4);
    assert.match(because, /210 deletions, max_delete is 100/);
    assert.equal(deletions.length, 210);
    assert.equal(existsSync(`${treeTwo}/d10/f0`), true);

    assert.equal((await pair.mirror("approve", "www", "2026-01-01T00-00-00Z.000000")).code, 3, "another run's name approves nothing");
    assert.equal((await pair.mirror("approve", "www")).code, 0);
    rmSync(`${tree}/d20`, { recursive: true });
    assert.equal((await run()).code, 4, "another set of deletions is not approved");
    assert.equal((await pair.mirror("approve", "www")).code, 0);
    await settled();
    assert.equal(existsSync(`${treeTwo}/d10`), false);
    assert.equal((await pair.mirror("approve", "www")).code, 3, "nothing waits any more");
  });

  test("a source whose disk is not mounted deletes nothing, says why and exits non-zero", async () => {
    const files = readdirSync(treeTwo).length;
    execFileSync("mv", [tree, `${tree}.disk`]);
    mkdirSync(tree);
    const { code, because } = await run();
    assert.equal(code, 3);
    assert.match(because, /has lost its marker .clusterd-tree, so it is taken for not mounted/);
    rmSync(tree, { recursive: true });
    assert.match((await run()).because, /does not exist here/);
    execFileSync("mv", [`${tree}.disk`, tree]);
    assert.equal(readdirSync(treeTwo).length, files);
    await settled();
  });

  test("a tree emptied on purpose waits for approval however small it is", async () => {
    execFileSync("mv", [tree, `${tree}.full`]);
    mkdirSync(tree);
    execFileSync("cp", ["-p", `${tree}.full/.clusterd-tree`, tree]);
    const { code, because } = await run();
    assert.equal(code, 4);
    assert.match(because, /is empty here/);
    rmSync(tree, { recursive: true });
    execFileSync("mv", [`${tree}.full`, tree]);
    await settled();
  });

  test("the wrong disk on the other node is refused there", async () => {
    const marker = readFileSync(`${treeTwo}/.clusterd-tree`);
    rmSync(`${treeTwo}/.clusterd-tree`);
    assert.match((await run()).because, /there has lost its marker/);
    writeFileSync(`${treeTwo}/.clusterd-tree`, String(marker).replace(/id .*/, "id 0123456789abcdef"));
    assert.match((await run()).because, /is not the same tree on both nodes/);
    writeFileSync(`${treeTwo}/.clusterd-tree`, marker);
    await settled();
  });

  test("a dry run changes nothing and says what it would do", async () => {
    writeFileSync(`${tree}/later`, "x");
    rmSync(`${tree}/d5/f1`);
    const { code, stdout } = await pair.mirror("run", "www", "--dry-run");
    assert.equal(code, 0);
    assert.match(stdout, /would delete .*\/d5\/f1/);
    assert.equal(existsSync(`${treeTwo}/later`), false);
    assert.equal(existsSync(`${treeTwo}/d5/f1`), true);
    await settled();
  });

  test("only one run of a job at a time", async () => {
    execFileSync("dd", ["if=/dev/urandom", `of=${tree}/big`, "bs=1M", "count=48", "status=none"]);
    const cron = (): Promise<Result> => pair.mirror("run", "www", "--quiet");
    const results = await Promise.all([cron(), cron(), cron()]);
    assert.deepEqual(results.map(({ code }) => code).sort(), [0, 6, 6]);
    assert.equal(differences(tree, treeTwo), "");
  });

  test("a person's run waits for the one that is going on, and says so", async () => {
    execFileSync("dd", ["if=/dev/urandom", `of=${tree}/big`, "bs=1M", "count=48", "status=none"]);
    const person = (): Promise<Result> => pair.mirror("run", "www");
    const results = await Promise.all([person(), person()]);
    assert.deepEqual(results.map(({ code }) => code), [0, 0]);
    assert.match(results.map(({ stderr }) => stderr).join(""), /^mirror: www: another run is going on \(process \d+\): waits for it$/m);
  });

  test("the LAN carries the run when the private link is cut", async () => {
    await pair.network("ip addr del 10.77.0.2/32 dev lo");
    try {
      writeFileSync(`${tree}/by-lan`, "x");
      const { stdout } = await pair.mirror("run", "www", "--json");
      assert.equal((JSON.parse(stdout) as { jobs: { link: string }[] }).jobs[0]?.link, "lan");
      assert.equal(readFileSync(`${treeTwo}/by-lan`, "utf8"), "x");
    } finally {
      await pair.network("ip addr add 10.77.0.2/32 dev lo");
    }
  });

  describe("who may push", () => {
    const refusedWith = async (pattern: RegExp, code = 9) => {
      writeFileSync(`${tree}/refused`, String(Math.random()));
      const result = await run();
      assert.equal(result.code, code);
      assert.match(result.because, pattern);
      assert.notEqual(existsSync(`${treeTwo}/refused`) && readFileSync(`${treeTwo}/refused`, "utf8"), readFileSync(`${tree}/refused`, "utf8"));
    };

    afterEach(async () => {
      pair.one.reset();
      pair.two.reset();
      await pair.two.journal(12, 0);
    });

    test("not a node that is not the owner", async () => {
      pair.one.role = ["standby", "standby"];
      await refusedWith(/is standby of identity serv1, not its owner/, 5);
    });

    test("not a stale owner: the peer has journalled a newer epoch", async () => {
      await pair.two.journal(15, 1);
      await refusedWith(/epoch 12 is over, 15 is current/);
    });

    test("not while the peer itself owns the identity at that epoch", async () => {
      await pair.two.journal(12, 1);
      await refusedWith(/is not the owner of epoch 12/);
      await pair.two.journal(12, 0);
      pair.two.role = ["claiming", "owner"];
      await refusedWith(/is claiming of that identity itself/);
    });

    test("not yet at an epoch that the peer has not heard of, and then it may", async () => {
      pair.one.epoch = 14;
      await refusedWith(/epoch 14 has not been heard here yet/);
      await pair.two.journal(14, 0);
      await settled();
    });

    test("not with clocks apart or different configurations", async () => {
      pair.one.status = { offset: 3_600_000 };
      await refusedWith(/the clocks are 1 h apart/, 3);
      pair.one.status = {};
      await settled();
    });

    test("a change of owner during the run: the rsync is ended, and nothing counts as mirrored", async () => {
      execFileSync("dd", ["if=/dev/urandom", `of=${tree}/bigger`, "bs=1M", "count=400", "status=none"]);
      const before = JSON.parse((await pair.mirror("status", "--json")).stdout) as { jobs: { lastGood: number }[] };
      const running = run();
      await until(() => readdirSync(treeTwo).some((name) => name.startsWith(".bigger.")) || existsSync(`${treeTwo}/bigger`));
      await pair.two.journal(15, 1);
      const { code } = await running;
      assert.notEqual(code, 0);
      const now = JSON.parse((await pair.mirror("status", "--json")).stdout) as { jobs: { lastGood: number }[] };
      assert.equal(now.jobs[0]?.lastGood, before.jobs[0]?.lastGood);
      await pair.two.journal(12, 0);
      assert.equal(existsSync(`${treeTwo}/.clusterd-partial/bigger`), true);
      rmSync(`${tree}/bigger`);
      await settled();
      assert.equal(existsSync(`${treeTwo}/.clusterd-partial`), false, "the half of a file that never came again is gone");
    });
  });

  describe("a thief of the mirror's key", () => {
    const push = `clusterd-mirror v1 push www 12 ${RUN_NAME}`;
    const GOOD = `--server -blHogDtpAXrSe.iLsfxCIvu --log-format=%i --timeout=60 --backup-dir /x --max-delete=5 --delete-delay --stats -@-1 --partial-dir .clusterd-partial --numeric-ids`;
    const entry = (): string => entryKey({ kind: "tree", path: `${pair.data}/www/` });

    for (const [what, words] of [
      ["a shell", []],
      ["a command", ["id"]],
      ["a command behind a request", [`clusterd-mirror v1 check www 12 ${RUN_NAME}; id`]],
      ["a newline", [`clusterd-mirror v1 check www 12 ${RUN_NAME}\nid`]],
      ["rsync of his own", ["rsync --server -logDtpre.iLsfxC . /etc"]],
      ["rsync as a daemon", ["rsync --server --daemon ."]],
      ["another version", [`clusterd-mirror v2 check www 12 ${RUN_NAME}`]],
      ["an unknown verb", [`clusterd-mirror v1 pull www 12 ${RUN_NAME}`]],
      ["a run name with a path", ["clusterd-mirror v1 list www 12 ../../etc normal"]],
      ["an unknown job", [`clusterd-mirror v1 check nope 12 ${RUN_NAME}`]],
    ] as const) test(`does not get ${what}`, async () => {
      const { code, stdout } = await pair.ssh(...words);
      assert.equal(code, RECEIVE_EXIT.forbidden);
      assert.equal(stdout, "");
    });

    for (const [what, options, refusal] of [
      ["a way through to another host or port", ["-W", "10.77.0.2:22"], /administratively prohibited|open failed/],
      ["a port of the other node led back to him", ["-N", "-o", "ExitOnForwardFailure=yes", "-R", "10.77.0.2:7799:127.0.0.1:1"], /remote port forwarding failed/],
      ["a network between the two", ["-N", "-o", "ExitOnForwardFailure=yes", "-w", "7:7"], /Tunnel|tunnel|administratively prohibited/],
    ] as const) test(`does not get ${what}`, async () => {
      const { code, stderr } = await pair.ssh("-S", "none", ...options);
      assert.equal(code, 255);
      assert.match(stderr, refusal);
    });

    test("does not get sftp, a terminal, an agent or variables of his choice: whatever he asks for, one program answers", async () => {
      const sftp = await pair.ssh("-S", "none", "-s", "sftp");
      assert.equal(sftp.code, RECEIVE_EXIT.forbidden, sftp.stderr);
      const words = ["-A", "-X", "-o", "SetEnv=CLUSTERD_STATE=/tmp", `clusterd-mirror v1 check nope 12 ${RUN_NAME}`];
      assert.equal((await pair.ssh("-S", "none", ...words)).code, RECEIVE_EXIT.forbidden);
      const { code, stdout, stderr } = await pair.ssh("-S", "none", "-tt", ...words);
      assert.equal(code, 255);
      assert.match(`${stdout}${stderr}`, /PTY allocation request failed/);
    });

    for (const [what, rest] of [
      ["reading (--sender)", `${GOOD.replace("--server", "--server --sender")} . entry`],
      ["a path of his own", `${GOOD} . /etc`],
      ["a second path", `${GOOD} . entry /etc`],
      ["a daemon", `--server --daemon .`],
      ["following of links", `${GOOD.replace("-blHogDtpAXrSe", "-blHogDtpAXrSLe")} . entry`],
      ["keeping of directory links", `${GOOD.replace("-blHogDtpAXrSe", "-blHogDtpAXrSKe")} . entry`],
      ["a log file", `${GOOD} --log-file=/etc/x . entry`],
      ["another temporary folder", `${GOOD} --temp-dir=/etc . entry`],
      ["writing to devices", `${GOOD} --write-devices . entry`],
      ["removal of what is sent", `${GOOD} --remove-source-files . entry`],
      ["another partial folder", `${GOOD.replace(".clusterd-partial", "/etc")} . entry`],
      ["comparison with other folders", `${GOOD} --link-dest=/etc . entry`],
      ["lists of files", `${GOOD} --files-from=/etc/passwd . entry`],
      ["an option twice", `${GOOD} --numeric-ids . entry`],
      ["deletion as he likes", `${GOOD.replace("--delete-delay", "--delete-before")} . entry`],
      ["overwriting without a kept version", `${GOOD.replace("-blHog", "-lHog")} . entry`],
    ] as const) test(`does not get ${what}`, async () => {
      const { code, stderr } = await pair.ssh(`${push} ${entry()} normal ${rest}`);
      assert.equal(code, RECEIVE_EXIT.forbidden, stderr);
    });

    test("gets nothing at another epoch, and each refusal is one line in the log", async () => {
      assert.equal((await pair.ssh(`clusterd-mirror v1 check www 11 ${RUN_NAME}`)).code, RECEIVE_EXIT.notOwner);
      assert.equal((await pair.ssh(`clusterd-mirror v1 check www 13 ${RUN_NAME}`)).code, RECEIVE_EXIT.retry);
      const log = readFileSync(`${pair.two.root}/state/mirror/refused.log`, "utf8").trim().split("\n");
      assert.ok(log.length > 25);
      assert.ok(log.every((line) => /^\S+ exit=\d+ from=10\.77\.0\.\d because="/.test(line)));
    });

    test("the same words without the theft are understood", async () => {
      const { stderr, code } = await pair.ssh(`${push} ${entry()} normal ${GOOD} . entry`);
      assert.notEqual(code, RECEIVE_EXIT.forbidden, "rsync started, and ended for want of a sender");
      assert.match(stderr, /rsync/);
    });
  });

  test("a recovery run lists what only the returning node had, and the peer counts as in sync", async () => {
    // serv2 was the owner once, and wrote these after its last good run.
    writeFileSync(`${treeTwo}/only-there`, "never mirrored");
    writeFileSync(`${treeTwo}/d6/f1`, "another version");
    writeFileSync(`${pair.two.root}/state/mirror/www.json`, JSON.stringify({ version: 1, job: "www", identity: "serv1", lastGood: { started: Date.now() - 60_000 } }));
    writeFileSync(`${treeTwo}/d7/f1`, "a version of long ago");
    utimesSync(`${treeTwo}/d7/f1`, 1_600_000_000, 1_600_000_000);
    const { code, stdout } = await pair.mirror("pass", "--identity", "serv1", "--recovery", "--json");
    assert.equal(code, 0, stdout);
    const { jobs } = JSON.parse(stdout) as { jobs: { report: { backups: string; kept: number; keptFiles: { path: string; unmirrored: boolean }[] } }[] };
    const { report } = jobs[0] ?? assert.fail("one job");
    assert.match(report.backups, /\.recovery$/);
    assert.deepEqual(report.keptFiles.map(({ path, unmirrored }) => [path.slice(tree.length + 1), unmirrored]), [["d6/f1", true], ["d7/f1", false], ["only-there", true]]);
    assert.equal(readFileSync(`${report.backups}${tree}/only-there`, "utf8"), "never mirrored");
    assert.deepEqual(pair.one.told.filter((request) => request.ask === "mirror-report" && request.inSync).map((request) => "epoch" in request && request.epoch), [12]);
    assert.equal(differences(tree, treeTwo), "");
  });

  test("many files that only the returning node wrote hold up no recovery; many that it had before do", async () => {
    const report = `${pair.two.root}/state/mirror/www.json`;
    const recover = () => pair.mirror("pass", "--identity", "serv1", "--recovery", "--json");
    const write = () => { for (let n = 0; n < 150; n += 1) writeFileSync(Buffer.from(`${treeTwo}/ä-${n}`, "latin1"), "x"); };
    const lastGood = (started: number) => writeFileSync(report, JSON.stringify({ version: 1, job: "www", identity: "serv1", lastGood: { started } }));
    write();
    lastGood(Date.now() + 60_000); // all of them older than the last good run
    assert.equal((await recover()).code, 4);
    lastGood(Date.now() - 60_000);
    const { code, stdout } = await recover();
    assert.equal(code, 0, stdout);
    assert.match(stdout, /"kept":150/);
  });

  test("a final pass runs while the owner is freezing", async () => {
    pair.one.role = ["freezing", "standby"];
    writeFileSync(`${tree}/last-word`, "x");
    assert.equal((await run()).code, 5);
    const { code, stdout } = await pair.mirror("pass", "--identity", "serv1", "--final", "--json");
    assert.equal(code, 0, stdout);
    assert.equal(readFileSync(`${treeTwo}/last-word`, "utf8"), "x");
    pair.one.role = ["owner", "standby"];
  });

  test("a final pass carries what a client has written so far to a file that it still holds open", async () => {
    const client = openSync(`${tree}/open`, "w");
    writeSync(client, "saved, ");
    const pass = async (): Promise<string> => {
      assert.equal((await pair.mirror("pass", "--identity", "serv1", "--final", "--json")).code, 0);
      return readFileSync(`${treeTwo}/open`, "utf8");
    };
    assert.equal(await pass(), "saved, ");
    writeSync(client, "and closed");
    closeSync(client);
    assert.equal(await pass(), "saved, and closed");
  });

  test("an identity without jobs is in sync at once", async () => {
    pair.one.role = ["owner", "owner"];
    const { code, stdout } = await pair.mirror("pass", "--identity", "serv2", "--recovery", "--json");
    assert.equal(code, 0, stdout);
    assert.ok(pair.one.told.some((request) => request.ask === "mirror-report" && request.identity === "serv2" && request.inSync));
    pair.one.role = ["owner", "standby"];
  });

  test("clusterd is told of a job's first failure, not of each one like it, and of the next good run", async () => {
    const told = () => pair.one.told.flatMap((request) => (request.ask === "mirror-report" ? [request.ok] : []));
    const before = told().length;
    execFileSync("mv", [tree, `${tree}.away`]);
    await run();
    await run();
    execFileSync("mv", [`${tree}.away`, tree]);
    await settled();
    assert.deepEqual(told().slice(before), [false, true]);
  });

  test("without sshd on the other side the run says that the peer cannot be reached", async () => {
    await pair.stopSshd();
    const { code, because } = await run();
    assert.equal(code, 7, because);
  });
});

async function until(so: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) { if (so()) return; await new Promise((resolve) => setTimeout(resolve, 25)); }
  throw new Error("it did not come to that within ten seconds");
}

// How a pass comes to be cheap: what it compares, what it sends by name, what it goes on from. Real rsync over a real sshd; each call of rsync is written down.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Pair, needsPair } from "./pair.ts";

const differences = (from: string, to: string): string =>
  execFileSync("rsync", ["-naHAXS", "--numeric-ids", "--delete", "--checksum", "--modify-window=-1", "--itemize-changes", `${from}/`, `${to}/`], { encoding: "utf8" });

describe("a pass", { skip: needsPair() }, () => {
  let pair: Pair;
  let tree: string;
  let treeTwo: string;

  before(async () => {
    pair = await Pair.make((data) => `[mirror]\npath[] = ${data}/www/\npath[] = ${data}/single\nmax_delete = 100\nmax_delete_percent = 50\n`);
    tree = `${pair.data}/www`;
    treeTwo = `${pair.dataTwo}/www`;
    mkdirSync(`${pair.home}/bin`);
    writeFileSync(`${pair.home}/bin/rsync`, `#!/bin/sh\n[ "$1" = --version ] || printf '%s\\0' "$*" >>${pair.home}/calls\nexec /usr/bin/rsync \${RSYNC_LOG:+--log-file=$RSYNC_LOG} "$@"\n`, { mode: 0o755 });
    mkdirSync(`${tree}/deep/er`, { recursive: true });
    for (let n = 0; n < 50; n += 1) writeFileSync(`${tree}/deep/er/${n}`, `${n}\n`.repeat(100));
    for (const name of ["a", "b", "c", "top"]) writeFileSync(`${tree}/${name}`, name);
    writeFileSync(`${pair.data}/single`, "one file");
  });
  after(() => pair.close());

  /** The calls of rsync: dry (a dry run), listed (names), whole; and which of them went through the session. */
  const run = async (env: NodeJS.ProcessEnv = {}, ...words: string[]): Promise<{ readonly calls: readonly string[]; readonly words: readonly string[]; readonly backups: string | null }> => {
    rmSync(`${pair.home}/calls`, { force: true });
    const { code, stdout, stderr } = await pair.run(pair.one, "mirror/bin/mirror", ["run", "www", "--json", ...words], { ...env, PATH: `${pair.home}/bin:${process.env["PATH"] ?? ""}` });
    assert.equal(code, 0, stdout + stderr);
    const lines = readFileSync(`${pair.home}/calls`, "utf8").split("\0").filter((line) => line !== "");
    const [report] = (JSON.parse(stdout) as { jobs: { backups: string | null }[] }).jobs;
    return { words: lines, calls: lines.map((line) => (line.includes("--dry-run") ? "dry" : line.includes("--files-from") ? "listed" : line.endsWith("single 10.77.0.2:entry") ? "file" : "whole")), backups: report?.backups ?? null };
  };
  const same = () => { assert.equal(differences(tree, treeTwo), ""); assert.equal(readFileSync(`${pair.dataTwo}/single`, "utf8"), readFileSync(`${pair.data}/single`, "utf8")); };

  test("into an empty tree copies at once, with no deletion allowed", async () => {
    assert.deepEqual((await run()).calls, ["whole", "file"]);
    same();
  });

  test("compares once when nothing has changed, and says what it would do when asked", async () => {
    assert.deepEqual((await run()).calls, ["dry", "file"]);
    assert.deepEqual((await run({}, "--dry-run")).calls, ["dry", "dry"]);
  });

  test("sends by name what the comparison has found: contents, attributes, new folders, odd names", async () => {
    writeFileSync(`${tree}/deep/er/7`, "changed");
    chmodSync(`${tree}/deep/er/8`, 0o600);
    chmodSync(`${tree}/deep`, 0o711);
    mkdirSync(`${tree}/new/folder`, { recursive: true });
    mkdirSync(`${tree}/new/empty`);
    writeFileSync(`${tree}/new/folder/file`, "new");
    symlinkSync("no -> where", `${tree}/new/a -> b`);
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/deep/`), Buffer.from([0xff, 0x0a, 0x20, 0x5c, 0x23, 0x31, 0x33, 0x34])]), "odd");
    writeFileSync(`${tree}/deep/\\#134`, "looks escaped");
    const time = statSync(tree);
    writeFileSync(`${tree}/top`, "of equal length, no: longer");
    utimesSync(`${tree}/a`, 1, 2);
    utimesSync(tree, time.atime, time.mtime);
    const { calls, backups } = await run();
    assert.deepEqual(calls, ["dry", "listed", "file"]);
    same();
    assert.equal(readFileSync(`${backups}${tree}/deep/er/7`, "utf8"), "7\n".repeat(100), "what was replaced is kept");
    assert.deepEqual((await run()).calls, ["dry", "file"], "nothing is left to do");
  });

  test("goes on from a file of which nearly half had arrived when rsync was killed, and says how changed files are sent", async () => {
    const at = `${pair.home}/etc/serv1/www.conf`;
    const section = readFileSync(at, "utf8");
    execFileSync("dd", ["if=/dev/urandom", `of=${tree}/many-bytes`, "bs=1M", "count=96", "status=none"]);
    writeFileSync(at, `${section}bwlimit = 12M\n`);
    const cut = spawn("nsenter", [...pair.inside, `${import.meta.dirname}/../../mirror/bin/mirror`, "run", "www"], { env: { ...process.env, ...pair.one.env }, stdio: "ignore" });
    const arrived = (): number => readdirSync(treeTwo).filter((name) => name.startsWith(".many-bytes.")).map((name) => statSync(`${treeTwo}/${name}`, { throwIfNoEntry: false })?.size ?? 0)[0] ?? 0;
    await until(() => arrived() > 40_000_000);
    assert.ok(!existsSync(`${treeTwo}/many-bytes`), "the limit is kept: it is not all there at once");
    const { jobs: [job] } = JSON.parse((await pair.mirror("status", "--json")).stdout) as { jobs: { going: { percent: number; left: string } | null }[] };
    assert.ok(job?.going != null && job.going.percent > 10 && job.going.percent < 100 && /^0:00:\d\d$/.test(job.going.left), JSON.stringify(job?.going));
    const exited = once(cut, "exit");
    process.kill(Number(execFileSync("pgrep", ["-P", String(cut.pid), "-x", "rsync"], { encoding: "utf8" })), "SIGKILL");
    await exited;
    await until(() => existsSync(`${treeTwo}/.clusterd-partial/many-bytes`)); // rsync there has noticed, and puts away what it has
    const had = statSync(`${treeTwo}/.clusterd-partial/many-bytes`).size;
    assert.ok(had > 40_000_000);
    writeFileSync(at, section);
    const log = `${pair.home}/rsync.log`;
    const { calls } = await run({ RSYNC_LOG: log });
    assert.deepEqual(calls, ["dry", "listed", "file"]);
    same();
    const matched = Math.max(...[...readFileSync(log, "utf8").matchAll(/Matched data: ([\d,]+)/g)].map(([, bytes = ""]) => Number(bytes.replaceAll(",", ""))));
    assert.ok(matched > had - 1_000_000, `${matched} of ${had} bytes were not sent again`);
    assert.equal(existsSync(`${treeTwo}/.clusterd-partial`), false);
    assert.match((await pair.mirror("status")).stdout, /changed files go as deltas: the run before was cut off/);
    rmSync(`${tree}/many-bytes`);
    await run();
  });

  test("sends changed files whole where that is configured", async () => {
    const at = `${pair.home}/etc/serv1/www.conf`;
    const section = readFileSync(at, "utf8");
    writeFileSync(at, `${section}whole_file = yes\n`);
    writeFileSync(`${tree}/deep/er/9`, "9\n".repeat(99));
    const { words } = await run();
    assert.ok(words.some((line) => line.includes("--whole-file") && line.includes("--files-from")));
    same();
    writeFileSync(at, section);
  });

  test("sends the whole tree where names are not enough: other names of a file, and deletions", async () => {
    linkSync(`${tree}/b`, `${tree}/deep/also-b`);
    assert.deepEqual((await run()).calls, ["dry", "whole", "file"]);
    same();
    assert.equal(lstatSync(`${treeTwo}/b`).ino, lstatSync(`${treeTwo}/deep/also-b`).ino);
    writeFileSync(`${tree}/b`, "written through one of two names");
    assert.deepEqual((await run()).calls, ["dry", "whole", "file"]);
    same();
    assert.equal(lstatSync(`${treeTwo}/b`).ino, lstatSync(`${treeTwo}/deep/also-b`).ino);
    rmSync(`${tree}/c`);
    renameSync(`${tree}/new`, `${tree}/renamed`);
    assert.deepEqual((await run()).calls, ["dry", "whole", "file"]);
    same();
    assert.equal(existsSync(`${treeTwo}/c`), false);
  });
});

async function until(so: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !so(); await new Promise((resolve) => setTimeout(resolve, 20))) assert.ok(Date.now() < deadline, "it has not come to that within a minute");
}

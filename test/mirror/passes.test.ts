// How a pass comes to be cheap: what it compares, what it sends by name, what it goes on from. Real rsync over a real sshd; each call of rsync is written down.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, linkSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
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
    writeFileSync(`${pair.home}/bin/rsync`, `#!/bin/sh\n[ "$1" = --version ] || printf '%s\\0' "$*" >>${pair.home}/calls\nexec /usr/bin/rsync "$@"\n`, { mode: 0o755 });
    mkdirSync(`${tree}/deep/er`, { recursive: true });
    for (let n = 0; n < 50; n += 1) writeFileSync(`${tree}/deep/er/${n}`, `${n}\n`.repeat(100));
    for (const name of ["a", "b", "c", "top"]) writeFileSync(`${tree}/${name}`, name);
    writeFileSync(`${pair.data}/single`, "one file");
  });
  after(() => pair.close());

  /** The calls of rsync: dry (a dry run), listed (names), whole; and which of them went through the session. */
  const run = async (...words: string[]): Promise<{ readonly calls: readonly string[]; readonly backups: string | null }> => {
    rmSync(`${pair.home}/calls`, { force: true });
    const { code, stdout, stderr } = await pair.run(pair.one, "mirror/bin/mirror", ["run", "www", "--json", ...words], { PATH: `${pair.home}/bin:${process.env["PATH"] ?? ""}` });
    assert.equal(code, 0, stdout + stderr);
    const lines = readFileSync(`${pair.home}/calls`, "utf8").split("\0").filter((line) => line !== "");
    const [report] = (JSON.parse(stdout) as { jobs: { backups: string | null }[] }).jobs;
    return { calls: lines.map((line) => (line.includes("--dry-run") ? "dry" : line.includes("--files-from") ? "listed" : line.endsWith("single 10.77.0.2:entry") ? "file" : "whole")), backups: report?.backups ?? null };
  };
  const same = () => { assert.equal(differences(tree, treeTwo), ""); assert.equal(readFileSync(`${pair.dataTwo}/single`, "utf8"), readFileSync(`${pair.data}/single`, "utf8")); };

  test("into an empty tree copies at once, with no deletion allowed", async () => {
    assert.deepEqual((await run()).calls, ["whole", "file"]);
    same();
  });

  test("compares once when nothing has changed, and says what it would do when asked", async () => {
    assert.deepEqual((await run()).calls, ["dry", "file"]);
    assert.deepEqual((await run("--dry-run")).calls, ["dry", "dry"]);
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

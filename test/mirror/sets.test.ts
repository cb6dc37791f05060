// consistent = yes: the other node has the old set or the new one, never some of both, wherever a run or the exchange is cut off.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Pair, needsPair } from "./pair.ts";

const RUN_NAME = "2026-11-21T04-05-12Z.0a1b2c";

describe("a pair whose trees are a consistent set", { skip: needsPair() }, () => {
  let pair: Pair;
  let trees: readonly string[];
  let treesTwo: readonly string[];
  let sets: string;

  before(async () => {
    pair = await Pair.make((data) => `[mirror]\npath[] = ${data}/shop/\npath[] = ${data}/index/\nconsistent = yes\nmax_delete_percent = 90\n`);
    trees = ["shop", "index"].map((name) => `${pair.data}/${name}`);
    treesTwo = ["shop", "index"].map((name) => `${pair.dataTwo}/${name}`);
    sets = `${pair.dataTwo}/.clusterd-sets`;
    for (const tree of trees) {
      mkdirSync(`${tree}/d`, { recursive: true });
      for (let n = 0; n < 20; n += 1) writeFileSync(`${tree}/d/f${n}`, `${n}`);
      writeFileSync(`${tree}/version`, "1");
    }
    linkSync(`${trees[0]}/d/f1`, `${trees[0]}/linked`);
  });
  after(() => pair.close());
  afterEach(async () => { pair.one.reset(); pair.two.reset(); await pair.two.journal(12, 0); });

  const run = async (...words: readonly string[]) => {
    const { code, stdout, stderr } = await pair.mirror("run", "www", "--json", ...words);
    const [report] = (JSON.parse(stdout || "{\"jobs\":[]}") as { jobs: { because: string; backups: string | null; kept: number; entries: { transferred: number; deleted: number }[] }[] }).jobs;
    return { code, because: report?.because ?? stderr, backups: report?.backups ?? null, kept: report?.kept ?? 0, entries: report?.entries ?? [] };
  };
  const settled = async () => { const { code, because } = await run(); assert.equal(code, 0, because); };
  const versions = (): readonly string[] => treesTwo.map((tree) => readFileSync(`${tree}/version`, "utf8"));
  const write = (version: string): void => { for (const tree of trees) writeFileSync(`${tree}/version`, version); };
  const same = (): void => { for (const [at, tree] of trees.entries()) assert.equal(execFileSync("rsync", ["-naHAXS", "--numeric-ids", "--delete", "--checksum", "--modify-window=-1", "--itemize-changes", `${tree}/`, `${treesTwo[at]}/`], { encoding: "utf8" }), ""); };
  const nothingLeft = (): void => { assert.equal(existsSync(sets), false); assert.equal(existsSync(`${pair.two.root}/state/mirror/sets/www.json`), false); };

  test("a first run, and one after it: identical with hard links, what has not changed keeps its inode, and nothing is left over", async () => {
    await settled();
    same();
    nothingLeft();
    const { ino } = statSync(`${treesTwo[0]}/d/f5`);
    write("2");
    chmodSync(`${trees[0]}/d/f6`, 0o600);
    const { code, entries, backups } = await run();
    assert.equal(code, 0);
    same();
    nothingLeft();
    assert.deepEqual(entries.map(({ transferred }) => transferred), [1, 1]);
    assert.equal(statSync(`${treesTwo[0]}/d/f5`).ino, ino);
    assert.equal(statSync(`${treesTwo[0]}/d/f1`).ino, statSync(`${treesTwo[0]}/linked`).ino);
    assert.deepEqual(trees.map((tree) => readdirSync(`${backups}${tree}`)), [["version"], ["version"]]);
  });

  test("what a run replaces and deletes is in its dated directory, and the report counts it", async () => {
    write("3");
    rmSync(`${trees[0]}/d/f7`);
    const { code, kept, backups, entries } = await run();
    assert.equal(code, 0);
    assert.equal(kept, 3);
    assert.equal(entries[0]?.deleted, 1);
    assert.equal(readFileSync(`${backups}${trees[0]}/d/f7`, "utf8"), "7");
    assert.deepEqual(trees.map((tree) => readFileSync(`${backups}${tree}/version`, "utf8")), ["2", "2"]);
    same();
    const restored = await pair.mirror("restore", "www", `${trees[0]}/d/f7`, "--at", "10s ago", "--to", `${pair.home}/look`);
    assert.equal(restored.code, 0, restored.stderr);
  });

  test("a dry run, a run without changes and a scrub change nothing there", async () => {
    const before = treesTwo.map((tree) => statSync(tree).ino);
    write("4");
    assert.equal((await run("--dry-run")).code, 0);
    assert.deepEqual(versions(), ["3", "3"]);
    await settled();
    const after = treesTwo.map((tree) => statSync(tree).ino);
    assert.notDeepEqual(after, before);
    await settled();
    assert.equal((await pair.mirror("scrub", "www")).code, 0);
    assert.deepEqual(treesTwo.map((tree) => statSync(tree).ino), after);
  });

  test("a run that is cut off has changed nothing, neither attributes; the next one goes on from what had arrived", async () => {
    write("5");
    chmodSync(`${trees[0]}/d/f8`, 0o600);
    execFileSync("dd", ["if=/dev/urandom", `of=${trees[1]}/zz-big`, "bs=1M", "count=400", "status=none"]);
    const running = run();
    await until(() => existsSync(`${sets}/index.next`) && readdirSync(`${sets}/index.next`).some((name) => name.startsWith(".zz-big")));
    await pair.two.journal(15, 1);
    assert.notEqual((await running).code, 0);
    assert.deepEqual(versions(), ["4", "4"]);
    assert.equal(statSync(`${treesTwo[0]}/d/f8`).mode & 0o777, 0o644);
    assert.equal(existsSync(`${sets}/index.next/.clusterd-partial/zz-big`), true);
    const { ino } = statSync(`${sets}/shop.next/version`);
    await pair.two.journal(12, 0);
    writeFileSync(`${trees[1]}/zz-big`, "small");
    await settled();
    same();
    nothingLeft();
    assert.equal(statSync(`${treesTwo[0]}/version`).ino, ino, "what the run that was cut off had received is not sent again");
  });

  /** As a receiver leaves it that was killed in the exchange, after so many of its four renames. */
  function cutOff(version: string, renames: number, epoch = 12): void {
    rmSync(`${pair.two.root}/backups/www/${RUN_NAME}.normal`, { recursive: true, force: true });
    mkdirSync(sets, { mode: 0o700 });
    for (const name of ["shop", "index"]) {
      execFileSync("cp", ["-al", `${pair.dataTwo}/${name}`, `${sets}/${name}.next`]);
      rmSync(`${sets}/${name}.next/version`);
      writeFileSync(`${sets}/${name}.next/version`, version);
    }
    mkdirSync(`${pair.two.root}/state/mirror/sets`, { recursive: true });
    writeFileSync(`${pair.two.root}/state/mirror/sets/www.json`, JSON.stringify({ run: RUN_NAME, kind: "normal", epoch, trees: trees.map((tree) => `${tree}/`) }));
    const steps = ["shop", "index"].flatMap((name) => [[`${pair.dataTwo}/${name}`, `${sets}/${name}.last`], [`${sets}/${name}.next`, `${pair.dataTwo}/${name}`]] as const);
    for (const [from, to] of steps.slice(0, renames)) renameSync(from, to);
  }
  const keptVersions = (): readonly (string | null)[] => trees.map((tree) => { try { return readFileSync(`${pair.two.root}/backups/www/${RUN_NAME}.normal${tree}/version`, "utf8"); } catch { return null; } });

  for (const renames of [0, 1, 2, 3, 4]) test(`an exchange that was cut off after ${renames} of its 4 renames is ended by the next request, and what it replaced is kept`, async () => {
    const [before] = versions();
    cutOff(`after ${renames}`, renames);
    const { code, stdout } = await pair.mirror("check", "www");
    assert.equal(code, 0, stdout);
    assert.deepEqual(versions(), [`after ${renames}`, `after ${renames}`]);
    assert.deepEqual(keptVersions(), [before, before]);
    nothingLeft();
  });

  test("at a takeover the mirror's process ends it before anything else; once the epoch is over, what is there stays and the other is kept", async () => {
    const daemon = async (...expected: readonly string[]): Promise<void> => {
      const running = spawn("nsenter", [...pair.inside, "unshare", "--mount", "sh", "-eu", "-c", 'mount --bind "$2" "$3"; exec "$1" daemon', "sh", new URL("../../mirror/bin/mirror", import.meta.url).pathname, pair.dataTwo, pair.data], { env: { ...process.env, ...pair.two.env }, stdio: ["ignore", "ignore", "inherit"] });
      try {
        await until(() => !existsSync(`${pair.two.root}/state/mirror/sets/www.json`));
        assert.deepEqual(versions(), expected);
        nothingLeft();
      } finally {
        running.kill("SIGTERM");
        await once(running, "exit");
      }
    };
    cutOff("claimed", 1);
    pair.two.role = ["claiming", "owner"];
    await daemon("claimed", "claimed");
    cutOff("newer", 1, 11);
    pair.two.role = ["owner", "owner"];
    await daemon("newer", "claimed");
    assert.deepEqual(keptVersions(), ["claimed", "newer"], "of the one that was half way the old set, of the other the new one");
    pair.two.reset();
    await settled();
    same();
  });

  test("a folder of that name that is not root's alone, and a tree that is a file system of its own, are refused", async () => {
    mkdirSync(sets, { mode: 0o777 });
    chmodSync(sets, 0o777);
    write("6");
    assert.match((await run()).because, /\.clusterd-sets is not ours alone/);
    rmSync(sets, { recursive: true });
    rmSync(`${pair.two.root}/state/mirror/trees`, { recursive: true });
    execFileSync("nsenter", ["--mount", "--target", String(pair.sshdPid), "--", "mount", "--bind", `${trees[0]}`, `${trees[0]}`]);
    assert.match((await run()).because, /is a file system of its own there/);
    execFileSync("nsenter", ["--mount", "--target", String(pair.sshdPid), "--", "umount", `${trees[0]}`]);
    await settled();
    same();
  });
});

async function until(so: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) { if (so()) return; await sleep(25); }
  throw new Error("it did not come to that within ten seconds");
}

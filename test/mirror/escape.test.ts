// Links and `..` in and around mirrored trees: nothing outside a job's own folders is ever written or sent.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Pair, needsPair } from "./pair.ts";

describe("a tree whose owner plants links", { skip: needsPair() }, () => {
  let pair: Pair;
  /** The owner's tree and the standby's; a place on each node that is none of the mirror's business. */
  let here: string;
  let there: string;
  let outside: string;

  before(async () => {
    pair = await Pair.make((data) => `[mirror]\npath = ${data}/www/\nmax_delete = 1000\nmax_delete_percent = 100\n`);
    [here, there, outside] = [`${pair.data}/www`, `${pair.dataTwo}/www`, `${pair.home}/outside`];
    mkdirSync(here);
    mkdirSync(outside);
    writeFileSync(`${outside}/secret`, "of root\n");
    mkdirSync(`${here}/folder`);
    writeFileSync(`${here}/folder/page`, "one\n");
    assert.equal((await run()).code, 0);
  });
  after(() => pair.close());

  async function run(): Promise<{ readonly code: number; readonly because: string }> {
    const { code, stdout, stderr } = await pair.mirror("run", "www", "--json");
    const { jobs = [] } = JSON.parse(stdout || "{}") as { jobs?: { because: string }[] };
    return { code, because: jobs[0]?.because ?? stderr };
  }

  const untouched = (): void => {
    assert.deepEqual(readdirSync(outside), ["secret"]);
    assert.equal(readFileSync(`${outside}/secret`, "utf8"), "of root\n");
  };

  test("links in the tree arrive as links, whatever they point to", async () => {
    for (const [name, target] of [["file", `${outside}/secret`], ["folder-link", outside], ["up", "../../../../../../etc"], ["loop", "loop"], ["nowhere", "/does/not/exist"]] as const) symlinkSync(target, `${here}/${name}`);
    assert.equal((await run()).code, 0);
    assert.equal(readlinkSync(`${there}/folder-link`), outside);
    assert.equal(readlinkSync(`${there}/up`), "../../../../../../etc");
    assert.ok(lstatSync(`${there}/file`).isSymbolicLink());
    untouched();
  });

  test("a link in the place of a folder on the standby is replaced, not followed", async () => {
    rmSync(`${there}/folder`, { recursive: true });
    symlinkSync(outside, `${there}/folder`);
    writeFileSync(`${here}/folder/page`, "two\n");
    writeFileSync(`${here}/folder/secret`, "overwritten\n");
    assert.equal((await run()).code, 0);
    assert.ok(lstatSync(`${there}/folder`).isDirectory());
    assert.equal(readFileSync(`${there}/folder/page`, "utf8"), "two\n");
    untouched();
  });

  test("a folder that becomes a link on the owner is kept as a link, and its files as versions", async () => {
    renameSync(`${here}/folder`, `${here}/folder.real`);
    symlinkSync(outside, `${here}/folder`);
    assert.equal((await run()).code, 0);
    assert.equal(readlinkSync(`${there}/folder`), outside);
    rmSync(`${here}/folder`);
    renameSync(`${here}/folder.real`, `${here}/folder`);
    assert.equal((await run()).code, 0);
    untouched();
  });

  test("the tree itself turned into a link, on either node, is refused with the place it leads to", async () => {
    renameSync(here, `${here}.real`);
    symlinkSync(`${here}.real`, here);
    const own = await run();
    rmSync(here);
    renameSync(`${here}.real`, here);
    assert.equal(own.code, 3);
    assert.match(own.because, /leads through a symbolic link to \S+www\.real\//);

    // On the standby the path is seen from there: serv2's data lie at the same place as serv1's.
    renameSync(there, `${there}.real`);
    symlinkSync(`${pair.data}/www.real`, there);
    const theirs = await run();
    rmSync(there);
    renameSync(`${there}.real`, there);
    assert.equal(theirs.code, 9, theirs.because);
    assert.match(theirs.because, /leads through a symbolic link/);
    assert.equal((await run()).code, 0);
  });

  test("a link in the place of the job's kept versions is refused", async () => {
    const kept = `${pair.two.root}/backups/www`;
    renameSync(kept, `${kept}.real`);
    symlinkSync(outside, kept);
    writeFileSync(`${here}/folder/page`, "three\n");
    const { code, because } = await run();
    rmSync(kept);
    renameSync(`${kept}.real`, kept);
    assert.notEqual(code, 0);
    assert.match(because, /symbolic link/);
    untouched();
    assert.equal((await run()).code, 0);
  });

  for (const [side, flipped] of [["standby", () => there], ["owner", () => here]] as const) test(`a folder that is turned into a link and back all the time, on the ${side}`, async () => {
    const folder = `${flipped()}/race`;
    for (const tree of [here, there]) rmSync(`${tree}/race`, { recursive: true, force: true });
    mkdirSync(`${here}/race`);
    for (let file = 0; file < 100; file += 1) writeFileSync(`${here}/race/${file}`, "first\n");
    writeFileSync(`${here}/race/secret`, "not the secret\n");
    await run();
    for (let round = 0; round < 2; round += 1) {
      for (let file = 0; file < 100; file += 1) writeFileSync(`${here}/race/${file}`, `${round}\n`);
      const flipper = spawn("perl", ["-e", 'my ($at, $to) = @ARGV; while (1) { rename $at, "$at.away"; symlink $to, $at; unlink $at; rename "$at.away", $at }', folder, outside], { stdio: "ignore" });
      await run(); // whatever comes of it
      const ended = once(flipper, "exit");
      flipper.kill("SIGKILL");
      await ended;
      if (existsSync(`${folder}.away`)) { rmSync(folder, { force: true }); renameSync(`${folder}.away`, folder); }
      untouched();
    }
    assert.equal(spawnSync("grep", ["-rl", "of root", there], { encoding: "utf8" }).stdout, "", "what lies outside has been sent");
    for (const tree of [here, there]) for (const name of readdirSync(tree)) if (name.startsWith("race")) rmSync(join(tree, name), { recursive: true, force: true });
    if (!existsSync(`${here}/race`)) assert.equal((await run()).code, 0);
  });
});

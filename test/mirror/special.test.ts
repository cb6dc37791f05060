// `special = drop`: what could make a program of somebody's root, or a device of its own, does not reach the other node.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { lacks } from "../needs.ts";
import { Pair, needsPair } from "./pair.ts";

const RUN_NAME = "2026-11-21T04-05-12Z.0a1b2c";

describe("a pair that drops special files", { skip: needsPair() || lacks("setcap", "setfattr") }, () => {
  let pair: Pair;
  let tree: string;
  let treeTwo: string;
  before(async () => {
    pair = await Pair.make((data) => `[mirror]\npath = ${data}/home/\nspecial = drop\n`);
    [tree, treeTwo] = [`${pair.data}/home`, `${pair.dataTwo}/home`];
    mkdirSync(`${tree}/group`, { recursive: true });
    for (const name of ["setuid", "setgid", "capable"]) writeFileSync(`${tree}/${name}`, "#!/bin/sh\n");
    chmodSync(`${tree}/setuid`, 0o4755);
    chmodSync(`${tree}/setgid`, 0o2755);
    chmodSync(`${tree}/group`, 0o2775);
    execFileSync("setcap", ["cap_net_raw+ep", `${tree}/capable`]);
    execFileSync("setfattr", ["-n", "user.colour", "-v", "blue", `${tree}/capable`]);
    execFileSync("mkfifo", [`${tree}/fifo`]);
    execFileSync("mknod", [`${tree}/disk`, "b", "8", "0"]);
  });
  after(() => pair.close());

  const run = () => pair.mirror("run", "www", "--json");
  const modeOf = (name: string): number => statSync(`${treeTwo}/${name}`).mode & 0o7777;
  const capabilities = (): string => execFileSync("getcap", [`${treeTwo}/capable`], { encoding: "utf8" });

  test("bits of files, capabilities and device nodes stay behind; everything else travels", async () => {
    const { code, stdout, stderr } = await run();
    assert.equal(code, 0, stdout + stderr);
    assert.deepEqual(["setuid", "setgid", "group"].map(modeOf), [0o755, 0o755, 0o2775]);
    assert.equal(existsSync(`${treeTwo}/disk`), false);
    assert.ok(statSync(`${treeTwo}/fifo`).isFIFO());
    assert.equal(capabilities(), "");
    assert.match(execFileSync("getfattr", ["-n", "user.colour", `${treeTwo}/capable`], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }), /blue/);
  });

  test("the next run and a scrub find nothing to do", async () => {
    const { code, stdout } = await run();
    assert.equal(code, 0);
    assert.match(stdout, /0 files sent/);
    const scrub = await pair.mirror("scrub", "www");
    assert.equal(scrub.code, 0, scrub.stdout + scrub.stderr);
  });

  test("a bit that the copy got in another way goes with the next run", async () => {
    chmodSync(`${treeTwo}/setuid`, 0o6755);
    assert.equal((await run()).code, 0);
    assert.equal(modeOf("setuid"), 0o755);
  });

  test("a sender that keeps them is refused by the receiver's own configuration", async () => {
    const { code, stderr } = await pair.push(RUN_NAME, tree, "keep");
    assert.notEqual(code, 0);
    assert.match(stderr, /special = drop is configured here, the sender goes by keep/);
  });

  test("a sender that says drop and sends them all the same gets none of them set", async () => {
    writeFileSync(`${tree}/capable`, "#!/bin/sh\n# changed\n");
    execFileSync("setcap", ["cap_net_raw+ep", `${tree}/capable`]);
    const { code, stderr } = await pair.push(RUN_NAME, tree, "drop", (options) => options.filter((option) => !option.includes("security.capability")));
    assert.equal(code, 0, stderr);
    assert.equal(capabilities(), "");
    assert.equal(modeOf("setuid"), 0o755);
  });
});

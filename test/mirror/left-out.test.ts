// What `exclude` leaves out: the same as rsync itself leaves out of a full run.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { after, before, describe, test } from "node:test";
import { leftOut } from "../../mirror/left-out.ts";
import { walk } from "../../mirror/walk.ts";

const FILES = ["a.tmp", "cache/x", "cache/deep/y.tmp", "src/cache/z", "src/cache2/z", "src/a/b/c", "src/b/a/c", "odd[1]", "odd1", "star*name", "back\\slash", "foo/bar/baz", "x/foo/bar", "one", "two", "+ plus", "deep/er/cache", "Ä/ö", "src/.hidden", "log/2026/a", "log/x"];
const PATTERNS: readonly (readonly string[])[] = [
  ["*.tmp"], ["/cache/"], ["cache/"], ["cache"], ["/cache"], ["cache/*"], ["/src/cache/"], ["src/cache/"], ["foo/bar"], ["/foo/bar"], ["foo/**"], ["**/c"], ["a/**"], ["src/***"], ["/src/***"], ["src/*/c"], ["**/cache/"],
  ["odd[1]"], ["odd\\[1]"], ["odd\\[1\\]*"], ["star\\*name"], ["star*"], ["back\\slash"], ["back\\\\sl*"], ["o?d1"], ["[!o]*"], ["[[:alpha:]]*"], ["[a-c]*"], ["+ one", "o*", "t*"], ["- two", "x"], ["*/"], ["*", "+ one"], [".*"],
  ["Ä"], ["Ä/?"], ["log/*/a"], ["log/20[0-9][0-9]/"], ["one", "!", "two"], ["/"], ["deep/er/cache/"], ["er/cache"],
];

describe("what is left out", () => {
  let tree: string;
  before(() => {
    tree = mkdtempSync("/tmp/clusterd-left-out-");
    for (const file of FILES) { mkdirSync(dirname(`${tree}/${file}`), { recursive: true }); writeFileSync(`${tree}/${file}`, ""); }
  });
  after(() => rmSync(tree, { recursive: true, force: true }));

  for (const patterns of PATTERNS) test(`by ${patterns.join(" and ")}: as rsync does`, () => {
    const said = execFileSync("rsync", ["-anr", "--8-bit-output", ...patterns.map((pattern) => `--exclude=${pattern}`), "--out-format=%n", "./", "/tmp/clusterd-nowhere/"], { cwd: tree, encoding: "utf8" });
    const theirs = said.split("\n").filter((name) => name !== "" && name !== "./" && !name.startsWith("created directory")).map((name) => name.replace(/\/$/, "").replace(/\\#134/g, "\\")).sort();
    const out = leftOut(patterns);
    const ours = [...walk(tree)].map(({ name }) => name).filter((name) => !out(name.toString("latin1"), lstatSync(`${tree}/${name}`).isDirectory())).map(String).sort();
    assert.deepEqual(ours, theirs);
  });

  test("of what is gone nobody knows whether it was a folder: it is left out if it may have been", () => {
    assert.equal(leftOut(["cache/"])("cache", null), true);
    assert.equal(leftOut(["cache/"])("cache", false), false);
    assert.equal(leftOut(["cache/"])("cache/gone", null), true);
    assert.equal(leftOut([])("cache", null), false);
  });
});

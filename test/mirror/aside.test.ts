// Folders set aside by the receiving side: what may go by one rename, and what is left to rsync.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { after, beforeEach, test } from "node:test";

const scratch = mkdtempSync("/tmp/mirror-aside-");
after(() => rmSync(scratch, { recursive: true, force: true }));
process.env["CLUSTERD_BACKUPS"] = `${scratch}/backups`; // read when the module is loaded
const { setAside } = await import("../../mirror/receive-aside.ts");

const [tree, outside, kept] = [`${scratch}/tree/`, `${scratch}/outside`, `${scratch}/backups/www/run.live${scratch}/tree`];
const aside = (names: readonly string[], most = 100): readonly string[] => setAside(tree, kept, names, most);

beforeEach(() => {
  for (const folder of [tree, outside, `${scratch}/backups`]) rmSync(folder, { recursive: true, force: true });
  mkdirSync(`${tree}a/b`, { recursive: true });
  mkdirSync(`${outside}/b`, { recursive: true });
  writeFileSync(`${tree}a/b/file`, "kept");
  writeFileSync(`${outside}/b/secret`, "untouched");
});

test("a folder goes with all in it to the path it had, and others stay", () => {
  mkdirSync(`${tree}c`);
  assert.deepEqual(aside(["a/b"]), ["a/b"]);
  assert.equal(readFileSync(`${kept}/a/b/file`, "utf8"), "kept");
  assert.deepEqual([readdirSync(`${tree}a`), existsSync(`${tree}c`)], [[], true]);
});

test("no more entries than were allowed, in all folders together", () => {
  assert.deepEqual(aside(["a"], 2), []);
  assert.deepEqual(aside(["a"], 3), ["a"]);
  for (const name of ["d", "e"]) mkdirSync(`${tree}${name}`);
  assert.deepEqual(aside(["d", "e"], 1), ["d"]);
});

test("a name that leads out of the tree, a link, a file, and what is not there are left alone", () => {
  symlinkSync(outside, `${tree}link`);
  writeFileSync(`${tree}plain`, "");
  assert.deepEqual(aside(["../outside", "a/../../outside", "", "/a", "a/", ".", "link", "link/b", "plain", "nothing", ".clusterd-partial"]), []);
  assert.equal(readFileSync(`${outside}/b/secret`, "utf8"), "untouched");
});

test("a folder with something half-received in it, or of which something is kept already, is rsync's", () => {
  mkdirSync(`${tree}half/.clusterd-partial`, { recursive: true });
  mkdirSync(`${kept}/a/b`, { recursive: true });
  assert.deepEqual(aside(["half", "a/b"]), []);
});

test("a link in the place of the kept versions is not followed", () => {
  mkdirSync(`${scratch}/backups`);
  symlinkSync(outside, `${scratch}/backups/www`);
  assert.deepEqual(aside(["a"]), []);
  assert.deepEqual(readdirSync(outside), ["b"]);
});

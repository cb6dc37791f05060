// Kept versions: which was current when, how they come back, and which may go.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { mayRead } from "../../mirror/history/fetch.ts";
import { parseMoment } from "../../mirror/history/moment.ts";
import { confirm, directories, judge } from "../../mirror/history/retention.ts";
import type { Directory } from "../../mirror/history/retention.ts";
import { currentAt, keptHere } from "../../mirror/history/versions.ts";
import type { Version } from "../../mirror/history/versions.ts";
import { parseRequest } from "../../mirror/request.ts";
import { Pair, needsPair } from "./pair.ts";

const NOW = new Date(2026, 10, 21, 12, 0, 0).getTime();
const HOUR = 3_600_000;

test("a moment as a person writes it", () => {
  assert.equal(parseMoment("2h ago", NOW), NOW - 2 * HOUR);
  assert.equal(parseMoment("90s", NOW), NOW - 90_000);
  assert.equal(parseMoment("11:30", NOW), NOW - HOUR / 2);
  assert.equal(parseMoment("13:00", NOW), NOW - 23 * HOUR, "the last such moment, not the next");
  assert.equal(parseMoment("2026-11-20 14:05", NOW), new Date(2026, 10, 20, 14, 5).getTime());
  assert.equal(parseMoment("2026-11-20", NOW), new Date(2026, 10, 20).getTime());
  assert.equal(parseMoment("2026-11-20T14:05:00Z", NOW), Date.UTC(2026, 10, 20, 14, 5));
  for (const wrong of ["", "5", "yesterday", "25:00", "2026-13-01", "2026-11-20 14"]) assert.equal(parseMoment(wrong, NOW), null, wrong);
});

test("the version current at a moment is the one replaced first after it, on whichever node it is kept", () => {
  const version = (name: string, until: number): Version => ({ run: `r${until}`, kind: "normal", until, path: `/${name}`, name, size: 1, mtime: 0, type: "file" });
  const kept = [{ node: "serv1", cut: false, versions: [version("a", 30), version("b", 10)] }, { node: "serv2", cut: false, versions: [version("a", 20), version("a", 40)] }];
  const at = (moment: number) => currentAt(kept, moment).map(({ path, until, node }) => [path, until, node]);
  assert.deepEqual(at(5), [["/a", 20, "serv2"], ["/b", 10, "serv1"]]);
  assert.deepEqual(at(20), [["/a", 30, "serv1"]]);
  assert.deepEqual(at(40), []);
});

test("what may go: by age, number and size, oldest first; never the newest, never an unconfirmed recovery's", () => {
  const directory = (age: number, more: Partial<Directory> = {}): Directory =>
    ({ name: `d${age}`, run: `r${age}`, kind: "normal", wall: NOW - age * HOUR, size: 100, confirmed: false, ...more });
  const all = [directory(9, { kind: "recovery" }), directory(8, { kind: "recovery", confirmed: true }), directory(7), directory(6), directory(5)];
  const gone = (keeping: Partial<Parameters<typeof judge>[1]>) =>
    judge(all, { age: null, runs: null, size: null, ...keeping }, NOW).filter(({ keep }) => !keep).map(({ directory: { name } }) => name);
  assert.deepEqual(gone({}), []);
  assert.deepEqual(gone({ age: 6.5 * HOUR }), ["d8", "d7"]);
  assert.deepEqual(gone({ age: 0 }), ["d8", "d7", "d6"], "the newest stays");
  assert.deepEqual(gone({ runs: 3 }), ["d8", "d7"]);
  assert.deepEqual(gone({ size: 350 }), ["d8", "d7"], "until the rest is small enough");
  assert.deepEqual(gone({ age: 6.5 * HOUR, runs: 3 }), ["d8", "d7"], "what age has removed counts for the number");
});

test("names that lead out of a dated directory, or through a kept link, are not read", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-kept-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "srv"));
  writeFileSync(join(folder, "srv/page"), "x");
  symlinkSync("/etc", join(folder, "srv/link"));
  const may = (name: string) => mayRead(folder, [Buffer.from(name)]);
  assert.equal(may("srv/page"), null);
  assert.equal(may("srv/link"), null, "a link is itself a version");
  for (const name of ["", ".", "..", "../x", "srv/../../etc/passwd", "/etc/passwd", "srv//page", "srv/link/passwd", "srv", "srv/none", "srv/page\0"]) assert.notEqual(may(name), null, JSON.stringify(name));
});

test("the peer may ask for kept versions in exactly two ways", () => {
  const verdict = (words: string) => parseRequest(`clusterd-mirror v1 ${words}`).ok;
  for (const good of ["kept www -", "kept www L3Nydi8", "fetch www 2026-11-21T04-05-12Z.0a1b2c normal", "fetch www 2026-11-21T04-05-12Z.0a1b2c restore"]) assert.equal(verdict(good), true, good);
  for (const bad of ["kept www", "kept www ../x", "kept www - -", "kept ../www -", "fetch www", "fetch www .. normal", "fetch www 2026-11-21T04-05-12Z.0a1b2c ../normal",
    "fetch www 2026-11-21T04-05-12Z.0a1b2c normal x", "push www 1 2026-11-21T04-05-12Z.0a1b2c 0123456789ab restore --server"]) assert.equal(verdict(bad), false, bad);
});

describe("a pair with a past", { skip: needsPair() }, () => {
  let pair: Pair;
  let page: string;
  const moments: number[] = [];

  before(async () => {
    pair = await Pair.make((data) => `[mirror]\npath[] = ${data}/www/\npath[] = ${data}/one.conf\nmax_delete_percent = 100\n`);
    mkdirSync(`${pair.data}/www/sub`, { recursive: true });
    page = `${pair.data}/www/sub/page`;
    writeFileSync(`${pair.data}/one.conf`, "one");
    writeFileSync(`${pair.data}/www/other`, "other");
    for (const text of ["first\n", "second\n", "third\n"]) {
      writeFileSync(page, text);
      chmodSync(page, 0o640);
      if (text === "first\n") execFileSync("setfattr", ["-n", "user.colour", "-v", "blue", page]);
      assert.equal((await pair.mirror("run", "www")).code, 0);
      // A dated directory's name has whole seconds: the moments lie clearly between the runs.
      await new Promise((resolve) => setTimeout(resolve, 1050));
      moments.push(Date.now());
      await new Promise((resolve) => setTimeout(resolve, 1050));
    }
  });
  after(() => pair.close());
  const at = (index: number): string => new Date(moments[index]!).toISOString();

  test("lists each kept version, wherever it is kept, and says how it differs", async () => {
    const { stdout } = await pair.mirror("backups", "www", `${pair.data}/www/`, "--json");
    const { nodes, missing } = JSON.parse(stdout) as { nodes: { node: string; versions: { path: string }[] }[]; missing: string | null };
    assert.equal(missing, null);
    assert.deepEqual(nodes.map(({ node, versions }) => [node, versions.map(({ path }) => path)]), [["serv1", []], ["serv2", [page, page]]]);
    const difference = await pair.mirror("diff", "www", page, "--at", at(0));
    assert.equal(difference.code, 0, difference.stderr);
    assert.match(difference.stdout, /^-first$/m);
    assert.match(difference.stdout, /^\+third$/m);
  });

  test("a version comes back into place with all it had, what it replaces is kept, and a dry run does nothing", async () => {
    const dry = await pair.mirror("restore", "www", page, "--at", at(0), "--dry-run");
    assert.match(dry.stdout, /would bring back .*sub\/page/);
    assert.equal(readFileSync(page, "utf8"), "third\n");
    const { code, stdout, stderr } = await pair.mirror("restore", "www", page, "--at", at(0), "--json");
    assert.equal(code, 0, stderr);
    assert.equal(readFileSync(page, "utf8"), "first\n");
    assert.equal(statSync(page).mode & 0o777, 0o640);
    assert.match(execFileSync("getfattr", ["-n", "user.colour", "--only-values", page], { encoding: "utf8" }), /blue/);
    const { replaced } = JSON.parse(stdout) as { replaced: string };
    assert.equal(readFileSync(`${replaced}${page}`, "utf8"), "third\n");
    assert.deepEqual(readdirSync(`${pair.one.root}/backups/www`).filter((name) => name.startsWith("restoring")), []);
  });

  test("and below another folder, from the node that keeps it too", async () => {
    const to = `${pair.home}/elsewhere`;
    assert.equal((await pair.mirror("restore", "www", `${pair.data}/www/`, "--at", at(1), "--to", to)).code, 0);
    assert.equal(readFileSync(`${to}${page}`, "utf8"), "second\n");
    const there = await pair.run(pair.two, "mirror/bin/mirror", ["restore", "www", page, "--at", at(0), "--to", `${to}2`]);
    assert.equal(there.code, 0, there.stderr);
    assert.equal(readFileSync(`${to}2${page}`, "utf8"), "first\n");
  });

  test("a deleted folder comes back; nothing is put where the owner's next run would undo it", async () => {
    assert.equal((await pair.mirror("run", "www")).code, 0);
    await new Promise((resolve) => setTimeout(resolve, 1050));
    const before = Date.now();
    rmSync(`${pair.data}/www/sub`, { recursive: true });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.equal((await pair.mirror("run", "www")).code, 0);
    const refused = await pair.run(pair.two, "mirror/bin/mirror", ["restore", "www", `${pair.data}/www/`, "--at", new Date(before).toISOString()]);
    assert.equal(refused.code, 5);
    assert.match(refused.stderr, /serv1 owns serv1 now: its next run would undo this/);
    assert.equal((await pair.mirror("restore", "www", `${pair.data}/www/`, "--at", new Date(before).toISOString())).code, 0);
    assert.equal(readFileSync(page, "utf8"), "first\n");
  });

  test("what cannot be is said: no moment, no such run, a path of nobody, nothing replaced", async () => {
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [[page], 1, /say which version.*mirror backups/], [[page, "--at", "soon"], 1, /is no moment/], [[page, "--run", "x"], 1, /is no run/],
      [["/etc/passwd", "--at", "1h"], 1, /is not a path of www/], [[page, "--run", "2020-01-01T00-00-00Z.000000"], 3, /kept nothing/], [[`${pair.data}/one.conf`, "--at", "1h"], 3, /nothing of .* has been replaced/],
    ];
    for (const [words, code, text] of cases) {
      const said = await pair.mirror("restore", "www", ...words);
      assert.equal(said.code, code, words.join(" "));
      assert.match(said.stderr, text);
    }
  });

  test("prune removes what is beyond the limits, and only that", async () => {
    const folder = `${pair.two.root}/backups/www`;
    const prune = (...words: readonly string[]) => pair.run(pair.two, "mirror/bin/mirror", ["prune", "www", ...words]);
    const held = directories(`${pair.two.root}/backups`, "www");
    assert.ok(held.length >= 3);
    for (const name of ["2020-01-01T00-00-00Z.aaaaaa.normal", "2020-01-02T00-00-00Z.bbbbbb.recovery"]) { mkdirSync(`${folder}/${name}`); writeFileSync(`${folder}/${name}/x`, "x"); }
    assert.match((await prune("--dry-run")).stdout, /would remove www\/2020-01-01T00-00-00Z\.aaaaaa\.normal: older than keep_for/);
    assert.equal(existsSync(`${folder}/2020-01-01T00-00-00Z.aaaaaa.normal`), true);
    assert.equal((await prune("--quiet")).stdout, "removed www/2020-01-01T00-00-00Z.aaaaaa.normal: older than keep_for\n");
    assert.equal(existsSync(`${folder}/2020-01-02T00-00-00Z.bbbbbb.recovery`), true, "nobody has confirmed it");
    assert.equal((await pair.run(pair.two, "mirror/bin/mirror", ["confirm", "www", "2020-01-02T00-00-00Z.bbbbbb"])).code, 0);
    await prune();
    assert.deepEqual(directories(`${pair.two.root}/backups`, "www").map(({ name }) => name), held.map(({ name }) => name));
    assert.equal(confirm(`${pair.two.root}/backups`, "www", "2020-01-02T00-00-00Z.bbbbbb"), false);
    assert.ok(keptHere(`${pair.two.root}/backups`, "www", null).versions.length > 0);
  });
});

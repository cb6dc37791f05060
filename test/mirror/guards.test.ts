// The guards: what keeps a run from being a good one is refused or warned of before it begins, each with what to do about it.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { after, afterEach, before, describe, test } from "node:test";
import { ABILITIES, tried } from "../../mirror/abilities.ts";
import type { Abilities } from "../../mirror/abilities.ts";
import type { JobConfig } from "../../clusterd/config/config.ts";
import { kindOf, openDatabases } from "../../mirror/databases.ts";
import { judge } from "../../mirror/guards.ts";
import type { Need, Scene } from "../../mirror/guards.ts";
import { alike, strangers } from "../../mirror/ids.ts";
import type { CheckAnswer } from "../../mirror/receive-check.ts";
import { rsyncBuild } from "../../mirror/rsync-args.ts";
import { entryKey } from "../../mirror/settings.ts";
import type { TreeFacts } from "../../mirror/tree.ts";
import { lacks, needsRoot, unless } from "../needs.ts";
import { Pair, needsPair } from "./pair.ts";

const ENTRY = { path: "/srv/www/", kind: "tree" } as const;
const ALL: Abilities = Object.fromEntries(ABILITIES.map((ability) => [ability, true]));
const TREE = { path: "/srv/www/", marker: { job: "www", id: "00000000000000aa" } } as TreeFacts;

interface Over { here?: Partial<Scene["here"]>; there?: Partial<CheckAnswer>; tree?: object; job?: Partial<JobConfig>; need?: Partial<Need> }

function scene({ here, there, tree, job, need }: Over = {}): Scene {
  const answer = { id: "00000000000000aa", freeTree: 1e12, freeBackups: 1e12, inodesTree: 1e6, inodesBackups: 1e6, apart: true, abilities: ALL, ...tree };
  return {
    job: { name: "www", entries: [ENTRY], exclude: [], before: [], ...job } as unknown as JobConfig, peer: "serv2",
    here: { rsync: { version: "3.5.0", lacks: [] }, ids: { users: {}, groups: {} }, databases: [], tree: () => TREE, abilities: () => ALL, used: () => ({ users: [0], groups: [0] }), ...here },
    there: { rsync: "3.5.0", rsyncLacks: [], wall: 0, kept: ALL, ids: { users: {}, groups: {} }, entries: { [entryKey(ENTRY)]: answer }, ...there },
    needs: need === undefined ? null : [{ entry: ENTRY, bytes: 0, created: 0, kept: 0, ...need }],
  };
}
const found = (over: Over = {}) => judge(scene(over)).filter(({ state }) => state !== "ok").map(({ guard, state, says }) => `${guard}: ${state}: ${says}`);

describe("the table of guards", () => {
  test("every row says that it is fine when it is", () => {
    assert.deepEqual(judge(scene()).map(({ state }) => state), ["ok", "ok", "ok", "ok", "ok", "ok"]);
    assert.ok(judge(scene()).every(({ says }) => says.length > 10));
  });
  test("an older peer, which tells less, is not refused for that", () => {
    const { abilities, apart, inodesTree, inodesBackups, ...old } = scene().there.entries[entryKey(ENTRY)] as Exclude<CheckAnswer["entries"][string], { refused: string }>;
    assert.deepEqual(judge({ ...scene(), there: { rsync: "3.5.0", wall: 0, entries: { [entryKey(ENTRY)]: old } }, needs: [{ entry: ENTRY, bytes: 1, created: 1e9, kept: 1e9 }] }).map(({ state }) => state), Array.from({ length: 6 }, () => "ok"));
  });
  for (const [what, over, expected] of [
    ["no rsync here", { here: { rsync: null } }, /rsync: refuse: rsync is not installed on this node/],
    ["an old rsync there", { there: { rsync: "3.2.7" } }, /rsync: refuse: rsync 3.2.7 on serv2 is too old/],
    ["an rsync without ACLs there", { there: { rsyncLacks: ["ACLs"] } }, /refuse: rsync on serv2 is built without ACLs/],
    ["another tree there", { tree: { id: "00000000000000bb" } }, /trees: refuse: .*is not the same tree on both nodes/],
    ["a path that is not configured there", { there: { entries: {} } }, /trees: refuse: .*is not in the peer's configuration/],
    ["case folded there", { tree: { abilities: { ...ALL, case: false } } }, /file system: refuse: the file system of \/srv\/www\/ on serv2 takes names that differ in capitals alone/],
    ["case folded in the dated directories", { there: { kept: { ...ALL, case: false } } }, /file system: refuse: that of the dated directories on serv2 takes names/],
    ["spelling changed there", { tree: { abilities: { ...ALL, spelling: false } } }, /file system: refuse: .*two spellings/],
    ["no owners there", { tree: { abilities: { ...ALL, owners: false } } }, /file system: refuse: .*does not keep owners/],
    ["no ACLs there", { tree: { abilities: { ...ALL, acl: false } } }, /file system: warn: .*keeps no ACLs/],
    ["no fractions of a second there", { tree: { abilities: { ...ALL, times: false } } }, /file system: warn: .*every run sends every file again/],
    ["no room there", { tree: { freeBackups: 5e8 }, need: { bytes: 1e9 } }, /room: refuse: 954 MB of \/srv\/www\/ are to be sent, the peer has 476 MB free/],
    ["hardly any room, before anybody has counted", { tree: { freeTree: 1e6 } }, /room: refuse/],
    ["no inodes there", { tree: { inodesTree: 1000 }, need: { created: 950 } }, /room: refuse: 950 new files of \/srv\/www\/ need an inode each, serv2 has 1000 free/],
    ["no inodes for kept versions", { tree: { inodesBackups: 1000 }, need: { kept: 950 } }, /room: refuse: 950 replaced and deleted versions/],
    ["a number that is another's there", { here: { ids: { users: { ann: 1000 }, groups: {} }, used: () => ({ users: [1000], groups: [] }) }, there: { ids: { users: { bob: 1000, ann: 1001 }, groups: {} } } }, /users and groups: warn: .*user ann is 1000 here and 1001 on serv2, where 1000 is bob/],
    ["a database that is written to", { here: { databases: [{ kind: "SQLite", path: "/srv/www/shop.db-wal", pid: 7, program: "shop", dump: "sqlite3" }] } }, /databases: warn: shop \(process 7\) writes to \/srv\/www\/shop.db-wal of SQLite/],
  ] as const satisfies readonly (readonly [string, Over, RegExp])[]) test(what, () => assert.match(found(over).join("\n"), expected));
  test("what this node's file system lacks as well is no loss", () => {
    const poor = { ...ALL, acl: false, case: false };
    assert.deepEqual(found({ tree: { abilities: poor }, here: { abilities: () => poor } }), []);
  });
  test("inodes of versions do not count where they only change their place, nor where nobody counts them", () => {
    assert.deepEqual(found({ tree: { apart: false, inodesBackups: 10 }, need: { kept: 900 } }), []);
    assert.deepEqual(found({ tree: { inodesTree: null, inodesBackups: null }, need: { kept: 900, created: 9e9 } }), []);
  });
  test("a job with a `before` program has seen to its databases", () =>
    assert.deepEqual(found({ job: { before: ["/usr/local/sbin/dump"] }, here: { databases: [{ kind: "SQLite", path: "/srv/www/x-wal", pid: 7, program: "shop", dump: "" }] } }), []));
});

describe("names and numbers", () => {
  const ids = (users: Record<string, number>) => ({ users, groups: {} });
  test("only names that own something in the trees are told", () => {
    const [here, there] = [ids({ root: 0, ann: 1000, cid: 1003 }), ids({ root: 0, ann: 1001 })];
    assert.equal(alike(here, there), false);
    assert.deepEqual(strangers(here, there, { users: [0], groups: [] }, "serv2"), []);
    assert.deepEqual(strangers(here, there, { users: [0, 1000, 1003, 9999], groups: [] }, "serv2"), ["user ann is 1000 here and 1001 on serv2", "user cid is 1003 here and not known on serv2"]);
  });
  test("two names for one number are one user", () => assert.deepEqual(strangers(ids({ root: 0, toor: 0 }), ids({ root: 0 }), { users: [0], groups: [] }, "serv2"), []));
});

test("rsync tells what it is built without", () => {
  assert.deepEqual(rsyncBuild("rsync  version 3.5.0  protocol version 32\n    hardlinks, no ACLs, xattrs, no crtimes"), { version: "3.5.0", lacks: ["ACLs"] });
  assert.deepEqual(rsyncBuild(execFileSync("rsync", ["--version"], { encoding: "utf8" }))?.lacks, []);
});

describe("what a file system can carry", { skip: needsRoot("to give files away and to mount") }, () => {
  test("is found out by trying, and leaves nothing behind, not even another time of the folder", () => {
    const folder = mkdtempSync("/tmp/clusterd-abilities-");
    try {
      const { mtimeNs } = statSync(folder, { bigint: true });
      assert.deepEqual(tried(folder), ALL);
      assert.deepEqual(readdirSync(folder), []);
      assert.equal(statSync(folder, { bigint: true }).mtimeNs, mtimeNs);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
  test("one that takes nothing tells nothing", () => assert.deepEqual(tried("/proc"), {}));
});

describe("open databases", () => {
  for (const [path, kind] of [
    ["/srv/shop.db-wal", "SQLite"], ["/srv/x.sqlite3", "SQLite"], ["/srv/mysql/ibdata1", "MySQL or MariaDB"], ["/srv/mysql/#innodb_redo/#ib_redo12", "MySQL or MariaDB"], ["/srv/ldap/data.mdb", "LMDB"],
    ["/srv/bdb/__db.001", "Berkeley DB"], ["/srv/samba/passdb.tdb", "tdb (Samba)"], ["/srv/notes.txt", null], ["/srv/base/1/2", null], ["/srv/wall", null],
  ] as const) test(`${path}: ${kind ?? "none"}`, () => assert.equal(kindOf(path)?.name ?? null, kind));

  test("found while a process has one open for writing, not while it only reads", () => {
    const tree = `${mkdtempSync("/tmp/clusterd-databases-")}/`;
    try {
      mkdirSync(`${tree}main/pg_wal`, { recursive: true });
      writeFileSync(`${tree}main/PG_VERSION`, "16");
      for (const name of ["shop.db-wal", "main/pg_wal/000000010000000000000001"]) writeFileSync(tree + name, "");
      const reading = openSync(`${tree}shop.db-wal`, "r");
      assert.deepEqual(openDatabases([tree]), []);
      const writing = ["shop.db-wal", "main/pg_wal/000000010000000000000001"].map((name) => openSync(tree + name, "r+"));
      assert.deepEqual(openDatabases([tree]).map(({ kind, pid }) => [kind, pid]).sort(), [["PostgreSQL", process.pid], ["SQLite", process.pid]]);
      for (const fd of [reading, ...writing]) closeSync(fd);
    } finally {
      rmSync(tree, { recursive: true });
    }
  });
});

describe("a pair whose other node lacks something", { skip: needsPair() || lacks("setfacl") }, () => {
  let pair: Pair;
  let tree: string;
  let treeTwo: string;
  before(async () => {
    pair = await Pair.make((data) => `[mirror]\npath = ${data}/www/\nexclude[] = cache/\n`);
    [tree, treeTwo] = [`${pair.data}/www`, `${pair.dataTwo}/www`];
    for (const folder of [tree, treeTwo]) mkdirSync(folder);
    writeFileSync(`${tree}/page`, "x");
  });
  after(() => pair.close());

  interface Checked { readonly code: number; readonly said: readonly { guard: string; state: string; says: string }[] }
  const check = async (): Promise<Checked> => {
    const { code, stdout, stderr } = await pair.mirror("check", "www", "--json");
    assert.notEqual(stdout, "", stderr);
    return { code, said: (JSON.parse(stdout) as { jobs: { findings: Checked["said"] }[] }).jobs[0]?.findings.filter(({ state }) => state !== "ok") ?? [] };
  };
  const run = async (...words: readonly string[]) => {
    const { code, stdout, stderr } = await pair.mirror("run", "www", "--json", ...words);
    const [report] = (JSON.parse(stdout || "{\"jobs\":[]}") as { jobs: { because: string; warnings: string[] }[] }).jobs;
    return { code, because: report?.because ?? stderr, warnings: report?.warnings ?? [] };
  };
  /** In serv2's mount namespace alone. */
  const onTwo = (...words: readonly string[]): void => void execFileSync("nsenter", ["--mount", "--target", String(pair.sshdPid), "--", ...words]);
  let mounted: string | null = null;
  const mount = (type: string, options: string): void => { onTwo("mount", "-t", type, "-o", options, "none", `${tree}`); mounted = tree; };
  afterEach(() => { if (mounted !== null) { onTwo("umount", mounted); mounted = null; rmSync(`${pair.two.root}/state/mirror/trees`, { recursive: true, force: true }); } });

  test("nothing: the check says so, and the first run goes", async () => {
    const { code, stdout } = await pair.mirror("check", "www");
    assert.equal(code, 0, stdout);
    assert.match(stdout, /ok +file system +the other node's keeps all that this one's does/);
    assert.ok(!/warn|REFUSE/.test(stdout), stdout);
    assert.equal((await pair.mirror("check", "--quiet")).stdout, "");
    assert.equal(readdirSync(treeTwo).length, 0, "nothing is left behind");
  });

  test("a file system that folds case and the spelling of names: refused before anything is written", { skip: unless(/\bfuse$/m.test(readFileSync("/proc/filesystems", "utf8")), "needs FUSE in the kernel") }, async () => {
    const words = ["--disable-warning=ExperimentalWarning", `${import.meta.dirname}/folding-fs.ts`, tree, "nsenter", "--mount", "--target", String(pair.sshdPid), "--"];
    const folding = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
    await once(folding.stdout, "data");
    mounted = tree;
    const { code, said } = await check();
    assert.equal(code, 3);
    const refused = said.flatMap(({ state, says }) => (state === "refuse" ? [says] : [])).join("\n");
    assert.match(refused, /takes names that differ in capitals alone for one file/);
    assert.match(refused, /takes two spellings of é for one name/);
    const { code: ran, because } = await run();
    assert.equal(ran, 3);
    assert.match(because, /capitals alone for one file: put it on a file system such as this node's/);
    assert.deepEqual(execFileSync("nsenter", ["--mount", "--target", String(pair.sshdPid), "--", "ls", "-A", tree], { encoding: "utf8" }), "");
    onTwo("umount", tree);
    mounted = null;
    rmSync(`${pair.two.root}/state/mirror/trees`, { recursive: true, force: true });
    assert.deepEqual(await once(folding, "exit"), [0, null]);
  });

  test("ACLs and attributes: warned of, in the report too; a run with such a file is not complete, and says which", async () => {
    mount("ramfs", "mode=755");
    const { code, said } = await check();
    assert.equal(code, 0);
    assert.deepEqual(said.map(({ guard, state }) => `${guard} ${state}`), ["file system warn", "file system warn"]);
    assert.equal((await run()).warnings.length, 2);
    assert.match((await pair.mirror("status")).stdout, /warning: .*keeps no ACLs/);
    execFileSync("setfacl", ["-m", "u:1234:rw", `${tree}/page`]);
    const bad = await run();
    assert.equal(bad.code, 8);
    assert.match(bad.because, /page/);
    execFileSync("setfacl", ["-b", `${tree}/page`]);
  });

  test("inodes: refused before anything is written", async () => {
    mount("tmpfs", "nr_inodes=300,mode=755");
    for (let n = 0; n < 300; n += 1) writeFileSync(`${tree}/f${n}`, "");
    const { code, because } = await run();
    assert.equal(code, 3);
    assert.match(because, /new files of .* need an inode each, serv2 has 29\d free: remove small files/);
    for (let n = 0; n < 300; n += 1) rmSync(`${tree}/f${n}`);
  });

  test("room: refused before anything is written", async () => {
    mount("tmpfs", "size=40m,mode=755");
    execFileSync("dd", ["if=/dev/urandom", `of=${tree}/big`, "bs=1M", "count=64", "status=none"]);
    const { code, because } = await run();
    assert.equal(code, 3);
    assert.match(because, /6[45] MB of .* are to be sent, the peer has (39|40) MB free/);
    rmSync(`${tree}/big`);
  });

  test("a user of the same number: warned of by name, once under --quiet, as long as that user owns something here", async () => {
    const passwd = readFileSync("/etc/passwd", "utf8").replace(/^daemon:x:1:/m, "daemon:x:61:").concat("squatter:x:1:1::/:/bin/false\n");
    writeFileSync(`${pair.home}/passwd`, passwd);
    onTwo("mount", "--bind", `${pair.home}/passwd`, "/etc/passwd");
    mounted = "/etc/passwd";
    assert.deepEqual((await check()).said, [], "nobody of another number owns anything here");
    execFileSync("chown", ["1", `${tree}/page`]);
    rmSync(`${pair.one.root}/state/mirror/owners`, { recursive: true, force: true });
    assert.match((await check()).said.map(({ says }) => says).join(), /user daemon is 1 here and 61 on serv2, where 1 is squatter/);
    const quiet = () => pair.mirror("run", "www", "--quiet");
    assert.match((await quiet()).stderr, /^www: warning: files keep their numbers: user daemon/);
    assert.equal((await quiet()).stderr, "");
  });

  test("a database that is written to here: named, with the program and the hook; not one that the job leaves out", async () => {
    mkdirSync(`${tree}/cache`);
    for (const name of ["shop.db", "shop.db-wal", "cache/x.db-wal"]) writeFileSync(`${tree}/${name}`, "");
    const shop = spawn("sh", ["-c", 'exec 3>>"$1/shop.db-wal" 4>>"$1/cache/x.db-wal"; echo open; exec cat', "sh", tree], { stdio: ["pipe", "pipe", "inherit"] });
    await once(shop.stdout, "data");
    const { code, said } = await check();
    assert.equal(code, 0);
    assert.equal(said.length, 1);
    assert.match(said[0]?.says ?? "", new RegExp(`^cat \\(process ${shop.pid}\\) writes to ${tree}/shop.db-wal of SQLite`));
    rmSync(`${pair.one.root}/run/mirror/databases`, { recursive: true, force: true }); // a run looks every ten minutes
    assert.match((await run()).warnings.join(), /writes to .*shop.db-wal of SQLite.*a `before` program for www/);
    shop.stdin.end();
    await once(shop, "exit");
    assert.deepEqual((await check()).said, []);
  });

  test("a job of the other node is asked about there", async () => {
    pair.one.role = ["standby", "standby"];
    assert.equal((await pair.mirror("check", "www")).code, 5);
    assert.equal((await pair.mirror("check")).code, 0);
    pair.one.reset();
    assert.equal((await pair.mirror("check", "none")).code, 1);
    assert.ok(existsSync(tree));
  });
});

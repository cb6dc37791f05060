// Live mirroring between two nodes with a real sshd and rsync: what arrives while it happens, what is refused, what is known to be missing.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, chmodSync, existsSync, linkSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { lacks } from "../needs.ts";
import { Pair, needsPair } from "./pair.ts";

type Watcher = "chokidar" | "fatrace";

for (const watcher of ["chokidar", "fatrace"] as const satisfies readonly Watcher[]) describe(`live, by ${watcher}`, { skip: needsPair() || (watcher === "fatrace" && lacks("fatrace")) }, () => {
  let pair: Pair;
  let here: string;
  let there: string;
  let mirror: Daemon;

  before(async () => {
    pair = await Pair.make((data) => `[mirror]\npath[] = ${data}/www/\npath[] = ${data}/one.conf\nexclude[] = *.tmp\nexclude[] = cache/\nmax_delete = 100\nmax_delete_percent = 90\nwatch = ${watcher}\n`, { oneMount: true });
    here = `${pair.data}/www`;
    there = `${pair.dataTwo}/www`;
    mkdirSync(`${here}/d/e`, { recursive: true });
    writeFileSync(`${pair.data}/one.conf`, "one");
    for (let n = 0; n < 40; n += 1) writeFileSync(`${here}/d/f${n}`, `${n}`);
    mirror = await startDaemon(pair);
    await until("it is live", async () => (await live()).unlistedSince === null);
  });
  after(async () => { await mirror.stop(); await pair.close(); });

  interface Row { readonly by: string | null; readonly because: string; readonly unlistedSince: number | null; readonly dirty: number }
  const live = async (): Promise<Row> => {
    const { jobs } = JSON.parse((await pair.mirror("status", "--json")).stdout) as { jobs: { live: Row | null }[] };
    return jobs[0]?.live ?? { by: null, because: "no state", unlistedSince: 0, dirty: 0 };
  };
  const ledger = async () => (JSON.parse((await pair.mirror("ledger", "--json")).stdout) as { jobs: { own: { total: number; dirty: { path: string }[] } }[] }).jobs[0]?.own ?? assert.fail("no ledger");
  const arrives = (name: string, content: string) => until(`${name} has arrived`, () => existsSync(`${there}/${name}`) && readFileSync(`${there}/${name}`, "utf8") === content);
  const gone = (name: string) => until(`${name} is gone`, () => !existsSync(`${there}/${name}`));
  const same = async () => {
    await until("nothing is under way", async () => (await ledger()).total === 0);
    assert.equal(execFileSync("rsync", ["-naHAXS", "--numeric-ids", "--delete", "--checksum", "--modify-window=-1", "--itemize-changes", "--exclude=*.tmp", "--exclude=cache/", `${here}/`, `${there}/`], { encoding: "utf8" }), "");
  };
  const runs = (): number => mirror.text().split("mirror.live-pass").length;
  /** What does not depend on who watches. */
  const testOnce = (name: string, body: () => Promise<void>): void => { if (watcher === "chokidar") void test(name, body); };

  test("what is written, made, renamed and deleted arrives without a run", async () => {
    const report = (): string => readFileSync(`${pair.one.root}/state/mirror/www.json`, "utf8");
    const before = report();
    writeFileSync(`${here}/page`, "new");
    await arrives("page", "new");
    writeFileSync(`${here}/page`, "changed");
    await arrives("page", "changed");
    mkdirSync(`${here}/x/y/z`, { recursive: true });
    writeFileSync(`${here}/x/y/z/deep`, "deep");
    symlinkSync("page", `${here}/x/link`);
    writeFileSync(`${here}/x/left.tmp`, "out");
    await arrives("x/y/z/deep", "deep");
    renameSync(`${here}/x/y`, `${here}/moved`);
    await arrives("moved/z/deep", "deep");
    await gone("x/y");
    rmSync(`${here}/moved`, { recursive: true });
    await gone("moved");
    const odd = Buffer.concat([Buffer.from(`${here}/d/`), Buffer.from([0xff, 0x0a, 0x5c, 0x20])]);
    writeFileSync(odd, "odd");
    await until("an odd name has arrived", () => readdirSync(Buffer.from(`${there}/d`), { encoding: "buffer" }).some((name) => name[0] === 0xff));
    writeFileSync(`${pair.data}/one.conf`, "two");
    await until("the single file has arrived", () => readFileSync(`${pair.dataTwo}/one.conf`, "utf8") === "two");
    await same();
    assert.equal(existsSync(`${there}/x/left.tmp`), false);
    assert.equal(report(), before, "no run was needed");
  });

  test("a file that is written over in place leaves the time of its folder as it is, at the tree's top as well", async () => {
    await same();
    for (const folder of ["", "d/"]) {
      writeFileSync(`${here}/${folder}in-place`, "first");
      await arrives(`${folder}in-place`, "first");
      await same();
      writeFileSync(`${here}/${folder}in-place`, "second");
      await arrives(`${folder}in-place`, "second");
      await same();
      assert.equal(statSync(`${there}/${folder}`, { bigint: true }).mtimeNs, statSync(`${here}/${folder}`, { bigint: true }).mtimeNs);
    }
  });

  test("what lies in a folder that is left out neither goes over nor is deleted there", async () => {
    for (const side of [here, there]) { mkdirSync(`${side}/x/cache`, { recursive: true }); writeFileSync(`${side}/x/cache/own`, side); }
    await until("nothing is under way", async () => (await ledger()).total === 0);
    writeFileSync(`${here}/x/cache/new`, "here alone");
    rmSync(`${here}/x/cache/own`);
    writeFileSync(`${here}/x/beside`, "1");
    await arrives("x/beside", "1");
    rmSync(`${here}/x/cache`, { recursive: true });
    writeFileSync(`${here}/x/beside`, "2");
    await arrives("x/beside", "2");
    await until("nothing is under way", async () => (await ledger()).total === 0);
    assert.deepEqual(readdirSync(`${there}/x/cache`), ["own"]);
  });

  testOnce("the view shows how changes travel, without colours where nobody wants them, and ends by itself", async () => {
    writeFileSync(`${here}/seen`, "x");
    await arrives("seen", "x");
    const { code, stdout, stderr } = await pair.mirror("watch", "--for", "1500ms");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /JOB +OWNER +CHANGES TRAVEL/);
    assert.match(stdout, /www +serv1 +live, chokidar/);
    assert.ok(!stdout.includes("\x1b"));
    const lines = (await pair.mirror("watch", "--for", "1500ms", "--json")).stdout.trim().split("\n").map((line) => JSON.parse(line) as { version: number; jobs: { rate: number | null; running: boolean }[] });
    assert.ok(lines.length >= 1 && lines.every(({ version, jobs }) => version === 1 && jobs.length === 1));
  });

  testOnce("a scheduled run passes over what the watcher vouches for, and a person's run does not", async () => {
    await same();
    const passedOver = async (...words: readonly string[]) => (JSON.parse((await pair.mirror("run", "www", "--json", ...words)).stdout) as { passedOver: { job: string; because: string }[] }).passedOver;
    await until("it is passed over", async () => (await passedOver("--quiet")).length === 1);
    assert.deepEqual(await passedOver(), []);
  });

  test("a folder put in another's place arrives as it is", async () => {
    for (const [folder, content] of [["site", "old"], ["site.new", "longer"]] as const) { mkdirSync(`${here}/${folder}/in`, { recursive: true }); writeFileSync(`${here}/${folder}/in/index`, content); }
    writeFileSync(`${here}/site/only-old`, "x");
    await arrives("site.new/in/index", "longer");
    await arrives("site/only-old", "x");
    await same();
    renameSync(`${here}/site`, `${here}/site.old`);
    renameSync(`${here}/site.new`, `${here}/site`);
    await arrives("site/in/index", "longer");
    await arrives("site.old/only-old", "x");
    await same();
    writeFileSync(`${here}/site/in/index`, "newer");
    await arrives("site/in/index", "newer");
    await same();
  });

  test("a folder with much in it that is renamed and deleted is set aside as it was, and kept", async () => {
    for (let n = 0; n < 12; n += 1) { mkdirSync(`${here}/full/${n}`, { recursive: true }); writeFileSync(`${here}/full/${n}/file`, `${n}`); }
    symlinkSync("../../page", `${here}/full/0/link`);
    await arrives("full/11/file", "11");
    await same();
    renameSync(`${here}/full`, `${here}/fuller`);
    await arrives("fuller/11/file", "11");
    await gone("full");
    await same();
    rmSync(`${here}/fuller`, { recursive: true });
    await gone("fuller");
    await same();
    const kept = readdirSync(`${pair.two.root}/backups/www`).filter((name) => existsSync(`${pair.two.root}/backups/www/${name}${here}/fuller/7/file`));
    assert.equal(kept.length, 1, "one dated directory has it");
  });

  testOnce("the first version that is replaced is kept, however often it is written after that", async () => {
    writeFileSync(`${here}/d/often`, "first");
    await arrives("d/often", "first");
    const directories = (): number => readdirSync(`${pair.two.root}/backups/www`).length;
    const before = directories();
    for (const content of ["second", ...Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? "third" : "fourth"))]) { writeFileSync(`${here}/d/often`, content); await arrives("d/often", content); await until("nothing is under way", async () => (await ledger()).total === 0); }
    await same();
    const kept = readdirSync(`${pair.two.root}/backups/www`).filter((name) => name.endsWith(".live")).flatMap((name) => { const file = `${pair.two.root}/backups/www/${name}${here}/d/often`; return existsSync(file) ? [readFileSync(file, "utf8")] : []; });
    assert.equal(kept.filter((one) => one === "first").length, 1, String(kept));
    assert.ok(kept.includes("third"), String(kept));
    assert.ok(directories() - before <= 4, `${directories() - before} dated directories for one file within ten minutes`);
  });

  // Chaos 5/4: version 3 of a file was claimed, then written over twice by live changes, and was nowhere.
  testOnce("what a run has claimed is kept, however often it is written after that", async () => {
    const writes = async (content: string): Promise<void> => { writeFileSync(`${here}/d/claimed`, content); await arrives("d/claimed", content); await until("nothing is under way", async () => (await ledger()).total === 0); };
    for (const content of ["one", "two", "three"]) await writes(content);
    assert.equal((await pair.mirror("run", "www")).code, 0);
    for (const content of ["four", "five", "six"]) await writes(content);
    const kept = readdirSync(`${pair.two.root}/backups/www`).flatMap((name) => { const file = `${pair.two.root}/backups/www/${name}${here}/d/claimed`; return existsSync(file) ? [readFileSync(file, "utf8")] : []; });
    assert.ok(kept.includes("three"), String(kept));
  });

  // Chaos 5/9: the push with which a batch deletes is its second, and wrote over what the first had kept.
  testOnce("what a batch has replaced is kept, also when it deletes something and the file changes once more meanwhile", async () => {
    for (const name of ["claimed-too", "goes"]) { writeFileSync(`${here}/d/${name}`, "claimed"); await arrives(`d/${name}`, "claimed"); }
    assert.equal((await pair.mirror("run", "www")).code, 0);
    rmSync(`${here}/d/goes`);
    for (let turn = 0; turn < 40; turn += 1) { writeFileSync(`${here}/d/claimed-too`, `turn ${turn}`); await new Promise((resolve) => setTimeout(resolve, 10)); }
    await arrives("d/claimed-too", "turn 39");
    await until("the deletion has arrived", () => !existsSync(`${there}/d/goes`));
    const kept = (file: string) => readdirSync(`${pair.two.root}/backups/www`).flatMap((name) => { const path = `${pair.two.root}/backups/www/${name}${here}/d/${file}`; return existsSync(path) ? [readFileSync(path, "utf8")] : []; });
    for (const file of ["claimed-too", "goes"]) assert.ok(kept(file).includes("claimed"), `${file}: ${String(kept(file))}`);
  });

  testOnce("what a link takes the place of is kept, however often that is exchanged after it", async () => {
    const put = (name: string, make: (path: string) => void): void => { make(`${here}/.put`); renameSync(`${here}/.put`, `${here}/${name}`); };
    const target = (name: string): string => { try { return readlinkSync(`${there}/${name}`); } catch { return ""; } };
    writeFileSync(`${here}/was-file`, "claimed");
    symlinkSync("release-40", `${here}/current`);
    await arrives("was-file", "claimed");
    await until("the link is there", () => target("current") === "release-40");
    await same();
    assert.equal((await pair.mirror("run", "www")).code, 0);
    for (const release of ["release-41", "release-42"]) {
      put("current", (path) => symlinkSync(release, path));
      await until("the link leads there", () => target("current") === release);
      await same();
    }
    put("was-file", (path) => symlinkSync("page", path));
    await until("it is a link", () => target("was-file") === "page");
    await same();
    put("was-file", (path) => writeFileSync(path, "a file again"));
    await until("it is a file", () => target("was-file") === "" && readFileSync(`${there}/was-file`, "utf8") === "a file again");
    await same();
    const kept = (name: string) => readdirSync(`${pair.two.root}/backups/www`).flatMap((run) => { const path = `${pair.two.root}/backups/www/${run}${here}/${name}`; const stats = lstatSync(path, { throwIfNoEntry: false }); return stats === undefined ? [] : [stats.isSymbolicLink() ? readlinkSync(path) : readFileSync(path, "utf8")]; });
    assert.ok(kept("was-file").includes("claimed"), String(kept("was-file")));
    assert.ok(kept("current").includes("release-40"), String(kept("current")));
  });

  testOnce("what live changes replaced or deleted comes back as it was at a moment within the ten minutes of their directory", async () => {
    mkdirSync(`${here}/moments/in`, { recursive: true });
    for (const name of ["page", "in/deep", "in/other"]) writeFileSync(`${here}/moments/${name}`, "one");
    await arrives("moments/in/other", "one");
    await same();
    assert.equal((await pair.mirror("run", "www")).code, 0);
    for (const name of ["page", "in/other"]) { writeFileSync(`${here}/moments/${name}`, "two"); await arrives(`moments/${name}`, "two"); }
    await same();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const moment = new Date().toISOString();
    await new Promise((resolve) => setTimeout(resolve, 50));
    writeFileSync(`${here}/moments/page`, "three");
    await arrives("moments/page", "three");
    rmSync(`${here}/moments/in`, { recursive: true });
    await gone("moments/in");
    await same();
    const to = `${pair.home}/then`;
    const { code, stderr } = await pair.mirror("restore", "www", `${here}/moments/`, "--at", moment, "--to", to);
    assert.equal(code, 0, stderr);
    assert.deepEqual(["page", "in/deep", "in/other"].map((name) => readFileSync(`${to}${here}/moments/${name}`, "utf8")), ["two", "one", "two"]);
  });

  testOnce("a mirror process that stands still vouches for nothing", async () => {
    await same();
    process.kill(mirror.pid, "SIGSTOP");
    try {
      writeFileSync(`${here}/unheard-of`, "x");
      await until("nobody believes it", async () => (await live()).by === null);
      assert.equal((await pair.mirror("run", "www", "--quiet")).code, 0);
      assert.equal(readFileSync(`${there}/unheard-of`, "utf8"), "x");
    } finally {
      process.kill(mirror.pid, "SIGCONT");
    }
    await until("it is live again", async () => (await live()).unlistedSince === null);
    await same();
  });

  testOnce("a file that is written without pause arrives all the same", async () => {
    const writing = setInterval(() => appendFileSync(`${here}/log`, "line\n"), 3);
    try { await until("some of it has arrived", () => existsSync(`${there}/log`) && statSync(`${there}/log`).size > 100); } finally { clearInterval(writing); }
    await same();
  });

  testOnce("more deletions than allowed delete nothing, other changes go on, and the full run asks for approval", async () => {
    mkdirSync(`${here}/many`);
    for (let n = 0; n < 150; n += 1) writeFileSync(`${here}/many/${n}`, "x");
    await arrives("many/149", "x");
    await same();
    assert.equal((await pair.mirror("run", "www")).code, 0); // so that they are not new
    rmSync(`${here}/many`, { recursive: true }); // at once: the run that has just ended counts
    writeFileSync(`${here}/other`, "goes on");
    await arrives("other", "goes on");
    await until("it waits for approval", async () => /15\d deletions wait/.test((await pair.mirror("status")).stdout));
    assert.equal(readdirSync(`${there}/many`).length, 150);
    assert.ok((await ledger()).dirty.some(({ path }) => path.includes("/many")));
    writeFileSync(`${here}/other`, "still");
    await arrives("other", "still");
    assert.equal((await pair.mirror("approve", "www")).code, 0);
    assert.equal((await pair.mirror("run", "www")).code, 0);
    await gone("many");
    await same();
  });

  testOnce("another name of a changed file is found by a full run", async () => {
    writeFileSync(`${here}/name-1`, "a");
    linkSync(`${here}/name-1`, `${here}/d/name-2`);
    await arrives("name-1", "a");
    await arrives("d/name-2", "a");
    appendFileSync(`${here}/name-1`, "b");
    await arrives("name-1", "ab");
    await arrives("d/name-2", "ab");
    await until("it is live again", async () => (await live()).unlistedSince === null);
    await same();
  });

  testOnce("a changed mode arrives", async () => {
    chmodSync(`${here}/d/f1`, 0o601);
    await until("the mode is there", () => (statSync(`${there}/d/f1`).mode & 0o777) === 0o601);
  });

  testOnce("runs and live changes do not get in each other's way", async () => {
    const writing = setInterval(() => writeFileSync(`${here}/busy-${Math.floor(Math.random() * 20)}`, String(Math.random())), 10);
    try { for (let n = 0; n < 3; n += 1) assert.equal((await pair.mirror("run", "www", "--json")).code, 0); } finally { clearInterval(writing); }
    await same();
  });

  testOnce("at a newer epoch nothing more is taken, the ledger says what is missing, and so does the other node", async () => {
    await pair.two.journal(15, 1);
    writeFileSync(`${here}/late`, "stale");
    await until("the ledger lists it", async () => (await ledger()).dirty.some(({ path }) => path.endsWith("/late")));
    await new Promise((resolve) => setTimeout(resolve, 1500)); // longer than a few tries
    assert.equal(existsSync(`${there}/late`), false);
    assert.match((await live()).because, /epoch 12 is over, 15 is current/);
    await pair.two.journal(12, 0);
    await arrives("late", "stale");
    await same();
  });

  testOnce("what the owner has said of its ledger is known on the other node after a takeover", async () => {
    renameSync(`${there}/.clusterd-tree`, `${there}/.away`); // the standby refuses, but hears
    writeFileSync(`${here}/missing`, "x");
    const told = async () => (JSON.parse((await pair.run(pair.two, "mirror/bin/mirror", ["ledger", "--json"])).stdout) as { jobs: { own: unknown; told: { dirty: { path: string }[] } | null }[] }).jobs[0];
    await until("the other node has been told", async () => (await told())?.told?.dirty.some(({ path }) => path === `${here}/missing`) === true);
    pair.two.role = ["owner", "owner"];
    pair.two.epoch = 14;
    assert.ok((await told())?.told?.dirty.some(({ path }) => path === `${here}/missing`), "it is the owner now, and this may be stale");
    pair.two.reset();
    renameSync(`${there}/.away`, `${there}/.clusterd-tree`);
    await arrives("missing", "x");
    await until("it is live again", async () => (await live()).unlistedSince === null);
    await same();
  });

  test("a tree whose disk has gone deletes nothing there", async () => {
    const files = readdirSync(there).length;
    renameSync(here, `${here}.disk`);
    mkdirSync(here);
    await until("it is noticed", async () => (await live()).unlistedSince !== null);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(readdirSync(there).length, files);
    rmSync(here, { recursive: true });
    renameSync(`${here}.disk`, here);
    await until("it is live again", async () => (await live()).unlistedSince === null);
    writeFileSync(`${here}/back`, "x");
    await arrives("back", "x");
    await same();
  });

  testOnce("a mirror process that is killed loses no change that it had heard of", async () => {
    await pair.two.journal(15, 1);
    writeFileSync(`${here}/heard`, "x");
    await until("the ledger lists it", async () => (await ledger()).dirty.some(({ path }) => path.endsWith("/heard")));
    await mirror.kill();
    assert.ok((await ledger()).dirty.some(({ path }) => path.endsWith("/heard")));
    await pair.two.journal(12, 0);
    mirror = await startDaemon(pair);
    await arrives("heard", "x");
    await until("it is live again", async () => (await live()).unlistedSince === null);
    await same();
  });

  testOnce("a run from before the clock was set back vouches for nothing that was written after it", async () => {
    await same();
    await mirror.kill();
    const file = `${pair.one.root}/state/mirror/www.json`;
    const report = JSON.parse(readFileSync(file, "utf8")) as { lastGood: { started: number; ended: number } };
    report.lastGood.started += 3_600_000;
    report.lastGood.ended += 3_600_000;
    writeFileSync(file, JSON.stringify(report));
    writeFileSync(`${here}/after-the-step`, "nobody heard of it");
    mirror = await startDaemon(pair);
    await arrives("after-the-step", "nobody heard of it");
    await until("it is live", async () => (await live()).unlistedSince === null);
    await same();
  });

  testOnce("the receiver killed in the middle: the next batch goes over a new connection", async () => {
    const receivers = () => execFileSync("pgrep", ["-f", `cli.ts receive$`], { encoding: "utf8" }).trim().split("\n").map(Number).filter((pid) => { try { return readFileSync(`/proc/${pid}/environ`, "utf8").includes(`CLUSTERD_RUN=${pair.two.root}/run`); } catch { return false; /* another test's, and over */ } });
    writeFileSync(`${here}/large`, Buffer.alloc(64 * 1024 * 1024, "x"));
    for (const pid of receivers()) process.kill(pid, "SIGKILL");
    await until("it has arrived", () => existsSync(`${there}/large`) && statSync(`${there}/large`).size === 64 * 1024 * 1024);
    await same();
  });

  if (watcher === "fatrace") test("a watcher that is deaf is noticed, and listened to again when it hears", async () => {
    const passes = runs();
    const [pid] = execFileSync("pgrep", ["-P", String(mirror.pid), "-x", "fatrace"], { encoding: "utf8" }).trim().split("\n").map(Number);
    process.kill(pid ?? assert.fail("no fatrace"), "SIGSTOP");
    await until("it is noticed", async () => (await live()).by === null);
    writeFileSync(`${here}/unheard`, "x");
    assert.match((await live()).because, /was not heard of/);
    process.kill(pid ?? 0, "SIGCONT");
    await until("it is live again", async () => (await live()).unlistedSince === null);
    await arrives("unheard", "x");
    assert.ok(runs() >= passes);
    await same();
  });
});

interface Daemon { readonly pid: number; text(): string; stop(): Promise<void>; kill(): Promise<void> }

async function startDaemon(pair: Pair): Promise<Daemon> {
  const child: ChildProcess = spawn("nsenter", [...pair.inside, new URL("../../mirror/bin/mirror", import.meta.url).pathname, "daemon"], { env: { ...process.env, ...pair.one.env }, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout?.on("data", (chunk) => { text += String(chunk); });
  const end = async (signal: NodeJS.Signals): Promise<void> => { if (child.exitCode !== null || child.signalCode !== null) return; child.kill(signal); await once(child, "exit"); };
  await until("the mirror's process has started", () => /mirror\.clusterd there=true/.test(text));
  return { pid: child.pid ?? 0, text: () => text, stop: () => end("SIGTERM"), kill: () => end("SIGKILL") };
}

async function until(what: string, so: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    if (await so()) return;
    if (Date.now() > deadline) assert.fail(`not within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

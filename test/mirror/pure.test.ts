// The judgements of the mirror that need no machine.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import type { JobConfig } from "../../clusterd/config/config.ts";
import type { JournalRecord, Role } from "../../clusterd/core/model.ts";
import { ROLES } from "../../clusterd/core/model.ts";
import { backupDir, entryBackupDir, newRunId, parseBackupName } from "../../mirror/backup-names.ts";
import { blank, next } from "../../mirror/book.ts";
import { freshNames } from "../../mirror/fresh.ts";
import { deletionLimit, hashOf, mayDelete, maySend } from "../../mirror/gate.ts";
import { keptFiles } from "../../mirror/kept.ts";
import { authorizedKeysLine } from "../../mirror/keys.ts";
import { candidateLinks } from "../../mirror/links.ts";
import { takeLock } from "../../mirror/lock.ts";
import { afterFailure, behind, FRESH } from "../../mirror/recovery.ts";
import type { RunReport } from "../../mirror/report.ts";
import { mayAccept, parseRequest } from "../../mirror/request.ts";
import { parseServerWords, senderOptions, serverArgs, isOldRsync, rsyncVersion } from "../../mirror/rsync-args.ts";
import { judgeExit, OutputReader } from "../../mirror/rsync-outcome.ts";
import { parseCrontab } from "../../mirror/schedule.ts";
import { CRONTAB } from "../../mirror/scheduler.ts";
import { fstabPoints, lookAtTree, mountPoints, mountsOf, parseMarker } from "../../mirror/tree.ts";
import type { TreeFacts } from "../../mirror/tree.ts";
import { chooseWhole, measured } from "../../mirror/whole-file.ts";
import type { Speeds } from "../../mirror/whole-file.ts";
import { ofTotal } from "../../mirror/progress.ts";
import { inParallel } from "../../mirror/parallel.ts";
import { asRsyncPrints, fromRsyncPrint } from "../../mirror/walk.ts";
import { countEntries } from "../../mirror/watch.ts";
import { readFileSync } from "node:fs";

const scratch = mkdtempSync("/tmp/mirror-pure-");
after(() => rmSync(scratch, { recursive: true, force: true }));

const job = (over: Partial<JobConfig> = {}): JobConfig =>
  ({ name: "www", service: "www", home: 0, entries: [{ path: "/srv/www/", kind: "tree" }], exclude: [], maxDelete: 100, maxDeletePercent: 10, special: "keep", consistent: false, wholeFile: "auto", bwlimit: null, watch: null, timeout: 60_000, fullPass: 900_000, keepFor: 30 * 86_400_000, keepRuns: null, keepSize: null, before: [], after: [], hookTimeout: 60_000, ...over });
const tree = (over: Partial<TreeFacts> = {}): TreeFacts =>
  ({ path: "/srv/www/", exists: true, leadsTo: null, empty: false, marker: { job: "www", id: "00000000000000aa" }, known: { id: "00000000000000aa", mounts: ["/srv"] }, mounts: ["/srv"], unmounted: null, ...over });
const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `/srv/www/${index}`);

describe("a tree on the owner", () => {
  const because = (facts: TreeFacts): string => { const verdict = maySend(facts, "www"); return verdict.go === false ? verdict.because : String(verdict.go); };
  for (const [what, facts, expected] of [
    ["there, marked and mounted", tree(), /^true$/],
    ["marked, though this node's memory of it is lost", tree({ known: null }), /^true$/],
    ["never marked, with files", tree({ marker: null, known: null }), /^first$/],
    ["never marked, empty", tree({ marker: null, known: null, empty: true }), /is its disk mounted/],
    ["marked once, now bare", tree({ marker: null, empty: true }), /lost its marker/],
    ["marked once, now bare but not empty", tree({ marker: null }), /lost its marker/],
    ["not there", tree({ exists: false }), /does not exist/],
    ["of another job", tree({ marker: { job: "mail", id: "00000000000000aa" } }), /belongs to job mail/],
    ["another disk", tree({ marker: { job: "www", id: "00000000000000bb" } }), /another tree/],
    ["on another file system than last time", tree({ mounts: ["/"] }), /\/srv was mounted when/],
    ["whose inner file system is missing", tree({ known: { id: "00000000000000aa", mounts: ["/srv", "/srv/www/media"] } }), /\/srv\/www\/media was mounted/],
    ["with an unmounted line of fstab", tree({ unmounted: "/srv" }), /in \/etc\/fstab and not mounted/],
  ] as const) test(what, () => assert.match(because(facts), expected));
});

describe("deletions", () => {
  const verdict = (count: number, files: number, over: { emptied?: string; expected?: number; approved?: string; job?: Partial<JobConfig> } = {}) =>
    mayDelete(job(over.job), { names: names(count), files, emptied: over.emptied ?? null, expected: over.expected ?? 0 }, over.approved ?? null);
  test("few among many go", () => assert.deepEqual(verdict(90, 1000), { go: true }));
  test("more than max_delete ask", () => assert.equal(verdict(101, 100_000).go, false));
  test("a larger share than max_delete_percent asks", () => assert.equal(verdict(20, 100).go, false));
  test("up to three files are no share", () => assert.deepEqual(verdict(3, 2), { go: true }));
  test("an emptied tree asks even for one file", () => assert.equal(verdict(1, 1, { emptied: "/srv/www/" }).go, false));
  test("max_delete = 0 lets no deletion through", () => assert.equal(verdict(1, 1000, { job: { maxDelete: 0 } }).go, false));
  test("what only the returning node ever had is not counted", () => {
    assert.deepEqual(verdict(500, 100, { expected: 497 }), { go: true });
    assert.equal(verdict(500, 100, { expected: 300 }).go, false);
  });
  test("an approval counts for exactly its set", () => {
    assert.deepEqual(verdict(500, 1000, { approved: hashOf(names(500)) }), { go: true });
    assert.equal(verdict(501, 1000, { approved: hashOf(names(500)) }).go, false);
  });
  test("rsync's own limit is never below what the dry run found, and never above what the gate would let through unasked", () =>
    fc.assert(fc.property(fc.nat(5000), fc.nat(100_000), fc.nat(500), fc.nat(100), (count, files, maxDelete, maxDeletePercent) => {
      const limit = deletionLimit(job({ maxDelete, maxDeletePercent }), { names: names(count), files, emptied: null, expected: 0 });
      return limit >= count && limit <= Math.max(count, maxDelete);
    })));
  test("a run that let an approved set through uses the approval up; a refused one forgets it", () => {
    const report = (result: RunReport["result"]) => ({ report: { result, kind: "normal", run: "r" } as RunReport, deletions: names(2), approvalHash: "h" });
    const approved = { ...blank("www", "serv1"), approved: "h" };
    assert.equal(next(approved, report("good")).approved, null);
    assert.equal(next(approved, report("approval")).approved, null);
    assert.equal(next(approved, report("unreachable")).approved, "h");
    assert.equal(next(approved, report("approval")).pending?.count, 2);
  });
});

describe("who may write here", () => {
  const journal = (epoch: number, owner: 0 | 1 | null) => ({ ok: true, record: { identities: [{ epoch, owner }, { epoch: 99, owner: 1 }] } as unknown as JournalRecord }) as const;
  const ask = (epoch: number, at: number, owner: 0 | 1 | null, role: Role | null = null) => mayAccept({ journal: journal(at, owner), role, self: 1, home: 0, epoch });
  test("only the recorded owner at exactly the recorded epoch, whatever the numbers", () =>
    fc.assert(fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.constantFrom(0, 1, null), fc.constantFrom(null, ...ROLES), (epoch, at, owner, role) => {
      const allowed = epoch === at && owner === 0 && (role === null || !["claiming", "acquiring", "raising", "owner", "freezing"].includes(role));
      return ask(epoch, at, owner as 0 | 1 | null, role).go === allowed;
    })));
  test("an epoch not heard of yet is worth another try, an old one is not", () => {
    const [early, stale] = [ask(5, 4, 0), ask(3, 4, 0)];
    assert.equal(early.go === false && early.code, 75);
    assert.equal(stale.go === false && stale.code, 77);
  });
  test("a journal that cannot be read accepts nobody", () =>
    assert.equal(mayAccept({ journal: { ok: false, reason: "both slots bad" }, role: "standby", self: 1, home: 0, epoch: 4 }).go, false));
});

describe("the words of a request", () => {
  test("no line whatever is understood unless it is one of the four forms", () =>
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (line) => !parseRequest(line).ok)));
  test("words that anything is put into are refused", () =>
    fc.assert(fc.property(fc.nat(60), fc.constantFrom(";", "`", "$", "\n", "\0", "\t", "é", "  "), (at, extra) => {
      const line = "clusterd-mirror v1 check www 12 2026-11-21T04-05-12Z.0a1b2c";
      return !parseRequest(line.slice(0, at % line.length) + extra + line.slice(at % line.length)).ok;
    })));
  test("an epoch is a positive whole number", () => {
    for (const epoch of ["0", "-1", "1e9", "012", "9999999999999999", "x"]) assert.equal(parseRequest(`clusterd-mirror v1 check www ${epoch} 2026-11-21T04-05-12Z.0a1b2c`).ok, false, epoch);
  });
});

describe("rsync's words", () => {
  const push = { kind: "tree", special: "keep", dryRun: false, fsync: false, backupDir: "/b", maxDelete: 0 } as const;
  const sent = "--server -blHogDtpAXrSe.iLsfxCIvu --log-format=%i --timeout=60 --backup-dir /tmp/bk --max-delete=-1 --delete-delay --stats -@-1 --partial-dir .clusterd-partial --numeric-ids . entry";
  test("what rsync 3.5.0 sends is understood, in either spelling", () => {
    const parsed = parseServerWords(sent.split(" "));
    assert.deepEqual(parsed, { ok: true, request: { dryRun: false, deletes: true, maxDelete: 0, fsync: false, listed: false, checksum: false, whole: false, special: "keep", capabilities: "e.iLsfxCIvu" } });
    assert.deepEqual(parseServerWords(sent.replace("--backup-dir /tmp/bk", "--backup-dir=/tmp/bk").replace("-@-1", "--modify-window=-1").split(" ")), parsed);
  });
  test("the receiver's own arguments hold nothing of the sender's but numbers and switches", () => {
    const parsed = parseServerWords(sent.split(" "));
    assert.ok(parsed.ok);
    const args = serverArgs(parsed.request, { path: "/srv/www/", kind: "tree", backupDir: "/b/run" });
    assert.ok(!args.includes("/tmp/bk") && !args.includes("entry"));
    assert.deepEqual(args.slice(-2), [".", "/srv/www/"]);
    assert.ok(args.includes("--max-delete=-1"));
  });
  test("any one word left out or put in more than once is refused, or changes nothing that matters", () => {
    const words = sent.split(" ");
    for (const [index, word] of words.entries()) {
      const parsed = parseServerWords(words.filter((_, at) => at !== index));
      if (["--stats", "--log-format=%i", "--timeout=60", "--max-delete=-1", "--delete-delay"].includes(word)) assert.ok(parsed.ok, word);
      else assert.equal(parsed.ok, false, word);
    }
  });
  test("any option that is not ours is refused", () =>
    fc.assert(fc.property(fc.stringMatching(/^--?[a-zA-Z][a-z-]{0,20}(=[a-z/]{0,10})?$/), fc.nat(10), (option, at) => {
      const words = sent.split(" ");
      words.splice(1 + (at % 5 > 3 ? 0 : 1), 0, option);
      return !parseServerWords(words).ok || ["--fsync"].includes(option);
    }), { numRuns: 500 }));
  test("a tree deletes late and keeps what it replaces; a single file never deletes", () => {
    const options = senderOptions(push, ["*.tmp"]);
    for (const option of ["-aHAXS", "--numeric-ids", "--modify-window=-1", "--backup", "--backup-dir=/b", "--delete-delay", "--exclude=*.tmp"]) assert.ok(options.includes(option), option);
    assert.ok(!senderOptions({ ...push, kind: "file" }, []).some((option) => option.includes("delete")));
  });
  test("without special files the letters and --specials must agree, and the receiver strips bits and capabilities itself", () => {
    const dropped = sent.replace("HogDtp", "Hogtp").replace("--stats", "--specials --stats");
    const parsed = parseServerWords(dropped.split(" "));
    assert.ok(parsed.ok && parsed.request.special === "drop");
    const args = serverArgs(parsed.request, { path: "/srv/www/", kind: "tree", backupDir: "/b/run" });
    for (const option of ["--specials", "--chmod=Fug-s", "--filter=-x security.capability"]) assert.ok(args.includes(option), option);
    for (const half of [sent.replace("HogDtp", "Hogtp"), sent.replace("--stats", "--specials --stats")]) assert.equal(parseServerWords(half.split(" ")).ok, false);
  });
  test("a dry run looks for no half-received parts, and leaves their folder alone all the same; a real run must name it", () => {
    const options = senderOptions({ ...push, dryRun: true }, []);
    assert.ok(!options.some((option) => option.startsWith("--partial-dir")) && options.includes("--filter=-p .clusterd-partial/"));
    const without = sent.replace(" --partial-dir .clusterd-partial", "");
    assert.equal(parseServerWords(without.split(" ")).ok, false);
    const dry = parseServerWords(without.replace("-bl", "-nbl").split(" "));
    assert.ok(dry.ok && !serverArgs(dry.request, { path: "/srv/www/", kind: "tree", backupDir: "/b/run" }).includes("--partial-dir"));
  });
  test("whole files are asked for by a letter; the limit of bytes is the sender's alone", () => {
    assert.ok(senderOptions({ ...push, whole: true, bwlimit: 20 * 1024 * 1024 }, []).join(" ").includes("--whole-file --bwlimit=20480"));
    const parsed = parseServerWords(sent.replace("-blH", "-bWlH").replace("--stats", "--bwlimit=20480 --stats").split(" "));
    assert.ok(parsed.ok && parsed.request.whole);
    const args = serverArgs(parsed.request, { path: "/srv/www/", kind: "tree", backupDir: "/b/run" });
    assert.equal(args[1], "-WblHogDtpAXrSe.iLsfxCIvu");
    assert.ok(!args.some((arg) => arg.startsWith("--bwlimit")));
  });
  test("versions below the floor are too old", () => {
    assert.equal(rsyncVersion("rsync  version 3.5.0  protocol version 32\n"), "3.5.0");
    for (const [version, old] of [["3.4.2", true], ["3.4.3", false], ["3.10.0", false], ["4.0.0", false], ["2.6.9", true], [null, true]] as const) assert.equal(isOldRsync(version), old, String(version));
  });
});

describe("whole files or deltas", () => {
  const large = { link: "private", files: 2, bytes: 200_000_000 } as const;
  const small = { link: "private", files: 20_000, bytes: 200_000_000 } as const;
  const push = { overwritten: 2, transferred: 2 };
  test("deltas until both are measured, then whichever was faster, by link and size of file", () => {
    assert.equal(chooseWhole("auto", {}, large, false).whole, false);
    let speeds: Speeds = measured({}, large, false, { overwritten: 0, transferred: 2 }, 1000); // a first copy: all of it new
    assert.match(chooseWhole("auto", speeds, large, false).because, /only whole files are measured yet \(private, large files\)/);
    speeds = measured(speeds, large, false, push, 2000);
    assert.deepEqual(chooseWhole("auto", speeds, large, false), { whole: true, because: "whole files: whole 200 MB/s, as deltas 100 MB/s (private, large files)" });
    assert.equal(chooseWhole("auto", speeds, small, false).whole, false);
    assert.equal(chooseWhole("auto", speeds, { ...large, link: "lan" }, false).whole, false);
    assert.equal(chooseWhole("auto", measured(speeds, large, false, push, 500), large, false).whole, false);
  });
  test("after a run that was cut off, deltas: they go on from what it has left; and what is configured counts first", () => {
    const speeds = { "private, large files": { whole: 2, delta: 1 } };
    assert.equal(chooseWhole("auto", speeds, large, true).whole, false);
    assert.equal(chooseWhole("yes", {}, large, true).whole, true);
    assert.equal(chooseWhole("no", speeds, large, false).whole, false);
  });
  test("what is small or soon over tells nothing", () => {
    assert.deepEqual(measured({}, { ...large, bytes: 100_000 }, true, push, 5000), {});
    assert.deepEqual(measured({}, large, true, push, 20), {});
  });
});

test("progress is told of what is sent, where that is known", () => {
  const told = { bytes: 25_000_000, percent: 3, rate: "5.00MB/s", left: "1:00:00" };
  assert.deepEqual(ofTotal(told, 100_000_000, 5000), { ...told, percent: 25, left: "0:00:15" });
  assert.deepEqual(ofTotal(told, 20_000_000, 5000), { ...told, percent: 100, left: "0:00:00" });
  assert.deepEqual(ofTotal({ ...told, bytes: 0 }, 20_000_000, 5000), { ...told, bytes: 0 });
});

describe("several at a time", () => {
  test("never more than so many, the results in order, and nothing new after a bad one", async () => {
    let [now, most] = [0, 0];
    const act = async (n: number): Promise<number> => { now += 1; most = Math.max(most, now); await new Promise((resolve) => setTimeout(resolve, 5 * (n % 3))); now -= 1; return n; };
    assert.deepEqual(await inParallel([5, 4, 3, 2, 1], 2, act), [5, 4, 3, 2, 1]);
    assert.equal(most, 2);
    assert.deepEqual(await inParallel([1, 2, 3, 4], 1, act, (n) => n !== 2), [1, 2]);
  });
});

describe("what rsync says", () => {
  const OUTPUT = "*deleting   gone/\n*deleting   gone/file\n<f.st...... changed\n<f+++++++++ new\ncd+++++++++ dir/\n.d..t...... ./\n          1,048,576  52%   12.34MB/s    0:00:03 (xfr#1, to-chk=0/3)\rNumber of files: 1,234 (reg: 1,200, dir: 34)\nNumber of created files: 17 (reg: 16, dir: 1)\nNumber of regular files transferred: 2\nTotal transferred file size: 1,048,576 bytes\n";
  test("is the same however it is cut into pieces", () =>
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
      const progress: number[] = [];
      const reader = new OutputReader(({ percent }) => progress.push(percent));
      for (let at = 0, turn = 0; at < OUTPUT.length; turn += 1) { const size = sizes[turn % sizes.length] as number; reader.read(OUTPUT.slice(at, at + size)); at += size; }
      assert.deepEqual(reader.end(), { files: 1234, created: 17, transferred: 2, bytes: 1_048_576, changed: 6, names: ["changed", "new", "dir/", "./"], deleted: ["gone/", "gone/file"], overwritten: 1, replaced: ["changed"], rotten: [] });
      assert.deepEqual(progress, [52]);
    })));
  test("a link or another name is told as what may have taken a version's place; a deleted name keeps its first spaces", () => {
    const reader = new OutputReader();
    reader.read("cL+++++++++ was-a-file\ncLc.t...... link\nhf+++++++++ name\ncd+++++++++ dir/\n<f+++++++++ new\n*deleting     .x\n");
    const { replaced, overwritten, deleted } = reader.end();
    assert.deepEqual([replaced, overwritten, deleted], [["was-a-file", "link", "name"], 0, ["  .x"]]);
  });
  test("of names comes back as the bytes that they are", () =>
    fc.assert(fc.property(fc.array(fc.oneof(fc.integer({ min: 1, max: 255 }), fc.constantFrom(...Buffer.from("\\#0127"))), { minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes)), (name) =>
      assert.equal(fromRsyncPrint(asRsyncPrints(name)), name.toString("latin1")))));
  test("only exit 0 is complete; 24 is worth another pass; 255 is an unreachable peer", () => {
    assert.equal(judgeExit(0, []).kind, "complete");
    for (const code of [1, 11, 12, 23, 24, 25, 30, null]) assert.equal(judgeExit(code, []).kind, "incomplete", String(code));
    const vanished = judgeExit(24, []);
    assert.ok(vanished.kind === "incomplete" && vanished.again);
    assert.equal(judgeExit(255, []).kind, "unreachable");
    const full = judgeExit(11, ["rsync: write failed on \"/srv/www/x\": No space left on device (28)", "rsync error: error in file IO (code 11)"]);
    assert.ok(full.kind === "incomplete" && full.because.includes("No space left on device"));
  });
});

describe("dated directories", () => {
  test("names come back as they were made", () =>
    fc.assert(fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), fc.constantFrom("normal", "final", "recovery"), (seconds, kind) => {
      const run = newRunId(seconds * 1000);
      assert.deepEqual(parseBackupName(`${run}.${kind}`), { run, kind, wall: seconds * 1000 });
    })));
  test("other people's directories are none of ours", () => {
    for (const name of ["", "lost+found", "2026-11-21", "2026-11-21T04-05-12Z.0a1b2c", "2026-11-21T04-05-12Z.0a1b2c.evil", "x.2026-11-21T04-05-12Z.0a1b2c.normal"]) assert.equal(parseBackupName(name), null, name);
  });
  test("a version keeps the path it had", () => {
    const dir = backupDir("/var/backups/clusterd", "www", "R", "normal");
    assert.equal(entryBackupDir(dir, { path: "/srv/www/", kind: "tree" }), "/var/backups/clusterd/www/R.normal/srv/www");
    assert.equal(entryBackupDir(dir, { path: "/etc/hosts", kind: "file" }), "/var/backups/clusterd/www/R.normal/etc");
  });
  test("versions written after the last good run are told apart", () => {
    mkdirSync(`${scratch}/kept/a`, { recursive: true });
    for (const [name, seconds] of [["old", 100], ["new", 300]] as const) { writeFileSync(`${scratch}/kept/a/${name}`, "x"); utimesSync(`${scratch}/kept/a/${name}`, seconds, seconds); }
    assert.deepEqual(keptFiles(`${scratch}/kept`, 200_000).files.map(({ path, unmirrored }) => [path, unmirrored]), [["/a/new", true], ["/a/old", false]]);
  });
});

describe("mounts", () => {
  const MOUNTINFO = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 8:2 / /srv rw - ext4 /dev/sdb1 rw\n24 23 8:3 / /srv/my\\040data rw - ext4 /dev/sdc1 rw\n";
  test("the nearest above and every one inside are found, names with spaces too", () => {
    assert.deepEqual(mountsOf("/srv/www/", mountPoints(MOUNTINFO)), ["/srv"]);
    assert.deepEqual(mountsOf("/srv/", mountPoints(MOUNTINFO)), ["/srv", "/srv/my data"]);
    assert.deepEqual(mountsOf("/srvother/", mountPoints(MOUNTINFO)), ["/"]);
  });
  test("a line of fstab that is not mounted is noticed above the tree and in it", () => {
    mkdirSync(`${scratch}/tree/in`, { recursive: true });
    const fstab = (point: string): string => `# comment /x\nUUID=1 / ext4 defaults 0 1\nUUID=2 ${point} ext4 defaults 0 2\nUUID=3 none swap sw 0 0\n`;
    assert.deepEqual(fstabPoints(fstab("/a")), ["/", "/a"]);
    for (const [point, found] of [[scratch, scratch], [`${scratch}/tree/in`, `${scratch}/tree/in`], [`${scratch}/treeother`, null]] as const)
      assert.equal(lookAtTree(`${scratch}/tree/`, "nojob", { mountinfo: MOUNTINFO, fstab: fstab(point) }).unmounted, found, point);
  });
  test("a marker is one only in full", () => {
    assert.deepEqual(parseMarker("# words\njob www\nid 0123456789abcdef\n"), { job: "www", id: "0123456789abcdef" });
    for (const text of ["", "job www\n", "id 0123456789abcdef\n", "job www\nid 0123\n"]) assert.equal(parseMarker(text), null);
  });
});

describe("the crontab", () => {
  test("the file that is installed is sound, and its lines run on both schedulers", async () => {
    const { lines, problems } = parseCrontab(readFileSync(CRONTAB, "utf8"));
    assert.deepEqual(problems, []);
    assert.deepEqual(lines.map(({ user, command }) => [user, command.slice(0, 2).join(" ")]), [["root", "mirror run"], ["root", "clusterd clock-check"], ["root", "mirror prune"], ["root", "mirror scrub"], ["root", "clusterd preflight"]]);
    const { validate } = await import("node-cron");
    for (const { when } of lines) assert.ok(validate(when), when);
  });
  for (const [line, expected] of [
    ["60 * * * * root mirror run --all", /minute "60"/], ["* * * * root mirror", /6 words/], ["* * 0 * * root mirror run", /day of month "0"/], ["*/0 * * * * root mirror run", /minute/],
    ["5/2 * * * * root mirror run", /minute/], ["9-3 * * * * root mirror run", /minute/], ["* * * * * root rm -rf x", /neither mirror nor clusterd/], ["* * * * * root mirror run www;id", /needs a shell/],
  ] as const) test(`refuses ${line}`, () => {
    const { lines, problems } = parseCrontab(`# head\n${line}\n`);
    assert.deepEqual(lines, []);
    assert.equal(problems[0]?.line, 2);
    assert.match(problems.map(({ message }) => message).join(), expected);
  });
  test("lists, ranges, steps, comments and variables are understood", () =>
    assert.deepEqual(parseCrontab("A=b\n\n# x\n1,2-5/2,*/7 0-23 1 12 7 root /usr/sbin/mirror run www\n"), { lines: [{ line: 4, when: "1,2-5/2,*/7 0-23 1 12 7", user: "root", command: ["/usr/sbin/mirror", "run", "www"] }], problems: [] }));
});

describe("one at a time", () => {
  test("a lock is held by one, freed by its holder only, and taken over from the dead", () => {
    const path = `${scratch}/lock/one.lock`;
    const first = takeLock(path);
    assert.ok(first.ok);
    assert.deepEqual(takeLock(path), { ok: false, holder: process.pid });
    first.release();
    writeFileSync(path, "1 1\n"); // pid 1 lives, but did not start then
    const again = takeLock(path);
    assert.ok(again.ok);
    again.release();
    writeFileSync(path, "");
    assert.ok(takeLock(path).ok);
  });
});

describe("recovery", () => {
  type Status = Parameters<typeof behind>[0];
  const status = (over: { role?: Role; inSync?: boolean; peer?: string; same?: boolean | null }): Status =>
    ({ core: { peer: { state: over.peer ?? "alive", sameConfiguration: over.same ?? true }, identities: [{ identity: 0, role: over.role ?? "owner", peerInSync: over.inSync ?? false }, { identity: 1, role: "standby", peerInSync: false }] } }) as unknown as Status;
  test("only an owner brings its peer up to date, once it is there", () => {
    assert.deepEqual(behind(status({})), [0]);
    assert.deepEqual(behind(status({ peer: "silent" })), []);
    assert.deepEqual(behind(status({ role: "claiming" })), []);
    assert.deepEqual(behind(status({ inSync: true })), []);
    assert.deepEqual(behind(status({ same: false })), []);
  });
  test("failures are followed by longer pauses, up to a minute", () => {
    let attempts = FRESH;
    const pauses = Array.from({ length: 9 }, () => { attempts = afterFailure(attempts, 0); return attempts.notBefore; });
    assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  });
});

describe("ways to the peer", () => {
  const node = (n: number, admin: string | null) => ({ name: `serv${n}`, heartbeat: { address: `10.50.0.${n}` }, main: { address: `192.168.50.${n}` }, redundant: { admin: admin === null ? null : { address: admin } } });
  const config = { self: 0, nodes: [node(1, null), node(2, "192.168.50.12")] } as unknown as Parameters<typeof candidateLinks>[0];
  const owner = (index: 0 | 1) => ({ core: { identities: [{}, { owner: index }] } }) as unknown as Parameters<typeof candidateLinks>[1];
  test("private first; the peer's own address never while this node has it", () => {
    assert.deepEqual(candidateLinks(config, owner(1)).map(({ address }) => address), ["10.50.0.2", "192.168.50.12", "192.168.50.2"]);
    assert.deepEqual(candidateLinks(config, owner(0)).map(({ address }) => address), ["10.50.0.2", "192.168.50.12"]);
  });
});

test("the authorized_keys line allows one program and nothing else", () => {
  assert.equal(authorizedKeysLine({ publicKey: "ssh-ed25519 AAAA x\n", from: ["10.0.0.1", "192.168.1.1"], program: "/usr/sbin/mirror receive" }), 'restrict,from="10.0.0.1,192.168.1.1",command="/usr/sbin/mirror receive" ssh-ed25519 AAAA x');
  assert.throws(() => authorizedKeysLine({ publicKey: "k", from: [], program: 'x",command="sh' }));
});

test("fresh names are spelled as rsync prints them", () => {
  mkdirSync(`${scratch}/fresh/dir`, { recursive: true });
  writeFileSync(Buffer.concat([Buffer.from(`${scratch}/fresh/dir/`), Buffer.from([0xc3, 0xa4, 0x0a, 0x5c, 0x23, 0x31, 0x32, 0x33, 0x5c])]), "x");
  assert.deepEqual([...freshNames([`${scratch}/fresh/`], 0)].sort(), [`${scratch}/fresh/dir/`, `${scratch}/fresh/dir/\\#303\\#244\\#012\\#134#123\\`]);
  assert.deepEqual(freshNames([`${scratch}/fresh/`], Date.now() + 60_000), []);
  assert.deepEqual(freshNames([`${scratch}/fresh/`], null), []);
});

test("a tree is counted only as far as the bound", () => {
  mkdirSync(`${scratch}/count/a/b`, { recursive: true });
  for (let n = 0; n < 8; n += 1) writeFileSync(`${scratch}/count/a/b/${n}`, "");
  assert.equal(countEntries([`${scratch}/count`], 100), 10);
  assert.equal(countEntries([`${scratch}/count`], 9), null);
});

// The parts of live mirroring that need no second node.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import { MOST_NAMES, toBatch } from "../../mirror/batch.ts";
import { addDirt, addLine, cleanBefore, cleanLine, cleanSent, EXTENTS, readLines } from "../../mirror/dirty.ts";
import type { DirtyPaths, Extent } from "../../mirror/dirty.ts";
import { frame, FrameReader, LARGEST } from "../../mirror/frames.ts";
import { Lags } from "../../mirror/live-state.ts";
import { topmost } from "../../mirror/live-push.ts";
import { Rest } from "../../mirror/rest.ts";
import { parseServerWords, serverArgs } from "../../mirror/rsync-args.ts";
import { parseLedger } from "../../mirror/told.ts";
import { Versions } from "../../mirror/versions.ts";
import { choose } from "../../mirror/watcher-choice.ts";

const scratch = mkdtempSync("/tmp/mirror-live-");
after(() => rmSync(scratch, { recursive: true, force: true }));

describe("dirty paths", () => {
  const name = fc.stringMatching(/^\/[\x01-\xff]{1,8}$/);
  test("the journal's lines add up to what they tell of, whatever the names", () =>
    fc.assert(fc.property(fc.array(fc.tuple(name, fc.constantFrom<Extent | "clean">(...EXTENTS, "clean"), fc.nat(1000))), (acts) => {
      const paths: DirtyPaths = new Map();
      let text = "";
      for (const [path, act, time] of acts)
        if (act === "clean") { cleanSent(paths, new Map([...paths].filter(([one]) => one === path))); text += cleanLine(path); }
        else { addDirt(paths, path, act, time, 0); text += addLine(path, act, time); }
      assert.deepEqual([...readLines(text, 0)], [...paths]);
    })));
  test("a torn last line says nothing", () => assert.equal(readLines(`${addLine("/a", "self", 1)}+ self 2 /b`, 0).size, 1));
  test("a path that changed while it was sent stays dirty, since the later change", () => {
    const paths: DirtyPaths = new Map();
    addDirt(paths, "/a", "self", 10, 510);
    addDirt(paths, "/b", "self", 10, 510);
    const batch = new Map(paths);
    addDirt(paths, "/a", "self", 12, 512);
    assert.deepEqual(cleanSent(paths, batch).map(([path]) => path), ["/b"]);
    assert.deepEqual([...paths], [["/a", { extent: "self", since: 10, last: 12, heard: 512 }]]);
    assert.deepEqual(cleanBefore(paths, 512), []);
    assert.equal(cleanBefore(paths, 513).length, 1);
  });
});

describe("a batch", () => {
  const tree = `${scratch}/tree/`;
  const batch = (...dirty: readonly (readonly [string, Extent])[]) => toBatch(tree, dirty.map(([path, extent]) => [`${tree}${path}`.replace(/\/$/, ""), { extent, since: Date.now() + 60_000, last: 0, heard: 0 }] as const))?.names;
  mkdirSync(`${tree}d/e`, { recursive: true });
  writeFileSync(`${tree}d/e/f`, "");
  test("names what is there, and the highest of what is gone", () => {
    assert.deepEqual(batch(["d/e/f", "self"], ["gone/x/y", "self"]), ["d/e/f", "gone"]);
    assert.deepEqual(batch(["d/e/f/below", "self"]), ["d/e/f/below"]);
  });
  test("a folder: itself, its names, or all in it", () => {
    assert.deepEqual(batch(["d", "self"]), ["d"]);
    assert.deepEqual(batch(["d", "names"]), ["d/"]);
    assert.deepEqual(batch(["d", "all"]), ["./", "d", "d/", "d/e/"]);
    assert.deepEqual(batch(["", "names"]), ["./"]);
  });
  test("never reaches above the tree", () => {
    rmSync(`${scratch}/none`, { recursive: true, force: true });
    assert.deepEqual(toBatch(`${scratch}/none/`, [[`${scratch}/none/a/b`, { extent: "self", since: 0, last: 0, heard: 0 }]])?.names, ["a"]);
  });
  test("too much is a full run's work", () => {
    assert.equal(toBatch(tree, Array.from({ length: MOST_NAMES + 1 }, (_, n) => [`${tree}${n}`, { extent: "self", since: 0, last: 0, heard: 0 }] as const)), null);
  });
});

test("frames come out as they went in, however they are cut", () =>
  fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom("Q" as const, "D" as const, "E" as const, "S" as const, "X" as const), fc.uint8Array({ maxLength: 40 }))), fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (frames, sizes) => {
    const stream = Buffer.concat(frames.map(([letter, body]) => frame(letter, Buffer.from(body))));
    const reader = new FrameReader();
    const out: [string, string][] = [];
    for (let at = 0, turn = 0; at < stream.length; turn += 1) { const size = sizes[turn % sizes.length] as number; for (const { letter, body } of reader.read(stream.subarray(at, at + size))) out.push([letter, body.toString("hex")]); at += size; }
    assert.deepEqual(out, frames.map(([letter, body]) => [letter, Buffer.from(body).toString("hex")]));
  })));
test("what is no frame is not waited for", () => {
  assert.throws(() => [...new FrameReader().read(Buffer.from("SSH-2.0 hello"))]);
  const huge = frame("D");
  huge.writeUInt32BE(LARGEST + 1, 1);
  assert.throws(() => [...new FrameReader().read(huge)]);
});

test("kept versions: the first of a window is never replaced", () => {
  const versions = new Versions();
  const same = (name: string): string => name;
  const runs = (names: readonly string[], now: number) => versions.split(names, same, now).map(({ run }) => run);
  const [first = ""] = runs(["a", "d/x"], 0);
  versions.kept(first, { replaced: ["a", "d/x"], deleted: [] });
  const [kept, second] = runs(["a", "b"], 1);
  assert.equal(kept, first);
  assert.notEqual(second, first);
  const [names = ""] = runs(["d/"], 2);
  assert.ok(![first, second].includes(names), "what comparing a folder's names replaces is kept elsewhere");
  assert.equal(versions.forDeletion(names, ["d/x"], 3), names);
  versions.kept(names, { replaced: [], deleted: ["d/x"] });
  assert.notEqual(versions.forDeletion(names, ["d/x"], 4), names);
  const [other = ""] = runs(["d/"], 5);
  versions.kept(other, { replaced: ["d/y"], deleted: [] });
  assert.notEqual(runs(["d/"], 5)[0], other, "a file that changed while the names were compared");
  const [whole] = runs(["d"], 5);
  assert.ok(![first, second, names].includes(whole ?? ""), "a whole folder of which something is kept");
  assert.notEqual(runs(["z"], 600_010)[0], whole, "ten minutes later");
});

test("kept versions: what a run has claimed is not replaced by what comes after it", () => {
  const versions = new Versions();
  const push = (now: number): string => {
    const [part] = versions.split(["a"], (name) => name, now);
    versions.kept(part!.run, { replaced: ["a"], deleted: [] });
    return part!.run;
  };
  const before = [push(0), push(1), push(2)];
  versions.anew();
  const after = [push(3), push(4)];
  assert.equal(before[1], before[2], "only the last of what nobody claimed");
  assert.equal(new Set([...before, ...after]).size, 4, "the claimed version is kept in a directory that nothing more comes to");
});

describe("which watcher", () => {
  const by = (over: Partial<Parameters<typeof choose>[0]> & { entries?: number; folders?: number }) =>
    choose({ wanted: "auto", room: 20_000, watches: 8192, fatrace: true, ...over, count: { entries: over.entries ?? 100, folders: over.folders ?? 10, more: false } }).by;
  for (const [what, over, expected] of [
    ["a small tree", {}, "chokidar"], ["a large one", { entries: 20_001 }, "fatrace"], ["a large one without fatrace", { entries: 20_001, fatrace: false }, null],
    ["more folders than watches", { folders: 5000 }, "fatrace"], ["a large one, chokidar wanted", { wanted: "chokidar", entries: 30_000 }, null],
    ["a small one, fatrace wanted", { wanted: "fatrace" }, "fatrace"], ["fatrace wanted and not there", { wanted: "fatrace", fatrace: false }, null], ["none wanted", { wanted: "no" }, null],
  ] as const) test(what, () => assert.equal(by(over), expected));
});

describe("rsync's words for listed paths", () => {
  const live = "--server -bldHogDtpAXRSe.LsfxCIvu --no-r --log-format=%i --timeout=60 --backup-dir /x --max-delete=-1 --delete-delay --stats --delete-missing-args -@-1 --partial-dir .clusterd-partial --numeric-ids . entry";
  test("as rsync 3.5.0 sends them are understood, and the receiver's own hold none of the sender's paths", () => {
    const parsed = parseServerWords(live.split(" "));
    assert.ok(parsed.ok && parsed.request.listed);
    const args = serverArgs(parsed.request, { path: "/srv/www/", kind: "tree", backupDir: "/b/run" });
    assert.ok(!args.includes("/x") && !args.includes("entry") && args.includes("--delete-missing-args"));
  });
  test("a comparison by checksum is told apart", () => {
    const parsed = parseServerWords(live.replace("-bldHogDtpAXRSe", "-bnldHogDtpAXcRSe").split(" "));
    assert.ok(parsed.ok && parsed.request.checksum && parsed.request.dryRun);
    assert.match(serverArgs(parsed.request, { path: "/srv/www/", kind: "tree", backupDir: "/b/run" })[1] ?? "", /^-ncbldHogDtpAXRSe/);
  });
  test("neither their letters nor their options belong to a full run", () => {
    assert.equal(parseServerWords(live.replace(" --delete-missing-args", "").split(" ")).ok, false);
    assert.equal(parseServerWords(live.replace("bldHogDtpAXRS", "blHogDtpAXrS").split(" ")).ok, false);
    assert.equal(parseServerWords("--server -blHogDtpAXrSe.iLs --no-r --backup-dir /x -@-1 --partial-dir .clusterd-partial --numeric-ids . entry".split(" ")).ok, false);
  });
});

test("a ledger is taken only if it is one", () => {
  const good = { at: 1, mode: "passes", because: "x", unlistedSince: null, dirty: [{ path: "/a", since: 1 }], total: 1 };
  assert.deepEqual(parseLedger(JSON.stringify({ ...good, more: 1 })), good);
  for (const bad of ["", "[]", "{}", JSON.stringify({ ...good, dirty: [{ path: 1, since: 1 }] }), JSON.stringify({ ...good, unlistedSince: "x" }), JSON.stringify({ ...good, dirty: Array(10_001).fill(good.dirty[0]) })]) assert.equal(parseLedger(bad), null, bad.slice(0, 60));
});

test("lags are those of the last thousand changes", () => {
  const lags = new Lags();
  assert.equal(lags.summary(), null);
  for (let n = 1; n <= 1100; n += 1) lags.add(n);
  assert.deepEqual(lags.summary(), { changes: 1100, p50: 601, p99: 1091, max: 1100 });
});

describe("what rests", () => {
  test("what is new goes at once, however long the batch before it took", () => {
    const rest = new Rest();
    rest.sent(["/a", "/b"], 5000, 10_000);
    rest.sent(["/c"], 5000, 15_000);
    assert.ok(["/a", "/b", "/c", "/d"].every((path) => rest.until(path) <= 15_000));
  });
  test("what is in every long batch takes no more than a third of the time", () => {
    const rest = new Rest();
    let [now, busy] = [0, 0];
    for (let n = 0; n < 100; n += 1) { now = Math.max(now, rest.until("/log")) + 800; busy += 800; rest.sent(["/log"], 800, now); }
    assert.ok(busy / now < 0.35, `${busy / now}`);
  });
  test("short batches hold up nothing", () => {
    const rest = new Rest();
    for (let now = 100; now < 10_000; now += 100) rest.sent(["/log"], 100, now);
    assert.ok(rest.until("/log") <= 0);
  });
});

test("of what is to be deleted, the folders that go as a whole", () =>
  assert.deepEqual(topmost(["a/b/c", "a/b/", "a-x/", "a/", "d", "e/f/", "e/f/g/"]), ["a-x", "a", "e/f"]));

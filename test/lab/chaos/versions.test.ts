// The auditor itself: does it find what is lost, and only that?

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { DiskReader, joinLedgers, judge, readLedger, withGone } from "./versions.ts";
import type { Claim, Disk } from "./versions.ts";

const TREES = { www: "/srv/www/" };
const NOTHING: Disk = { live: new Set(), kept: new Map() };
const disk = (live: readonly string[], kept: Readonly<Record<string, number>> = {}): Disk => ({ live: new Set(live), kept: new Map(Object.entries(kept)) });
const claim = (owner: 0 | 1, started: number, ended: number): Claim => ({ job: "www", run: "R", owner, started, ended });
const said = (node: 0 | 1, ...lines: readonly string[]) => readLedger(lines.map((line) => `${line}\n`).join(""), node);
const lostOf = (ledgers: Parameters<typeof judge>[0], disks: Parameters<typeof judge>[1], claims: readonly Claim[] = []) => {
  const { lost, falselyClaimed } = judge(ledgers, disks, claims, TREES, new Set());
  return { lost: lost.map(({ version }) => version.sha), falsely: falselyClaimed.map(({ version }) => version.sha) };
};

test("a version that is nowhere is lost; in a tree or a dated directory of either node it is not", () => {
  const ledgers = [said(0, "- 1 /srv/www/f 0", "+ 2 /srv/www/f a"), said(1)] as const;
  assert.deepEqual(lostOf(ledgers, [NOTHING, NOTHING]).lost, ["a"]);
  for (const disks of [[disk(["a"]), NOTHING], [NOTHING, disk(["a"])], [NOTHING, disk([], { a: 5 })]] as const) assert.deepEqual(lostOf(ledgers, disks).lost, []);
});

test("whoever wrote it may replace it on the same node, until a run claims it", () => {
  const replaced = ["- 1 /srv/www/f 0", "+ 2 /srv/www/f a", "- 10 /srv/www/f a", "+ 11 /srv/www/f b"];
  const ledgers = [said(0, ...replaced), said(1)] as const;
  const disks = [disk(["b"]), NOTHING] as const;
  assert.deepEqual(lostOf(ledgers, disks), { lost: [], falsely: [] });
  assert.deepEqual(lostOf(ledgers, disks, [claim(0, 3, 9)]), { lost: ["a"], falsely: ["a"] });
  assert.deepEqual(lostOf(ledgers, disks, [claim(0, 3, 10)]), { lost: [], falsely: [] }, "it did not stand until the run's end");
  assert.deepEqual(lostOf(ledgers, disks, [claim(0, 2, 9)]), { lost: [], falsely: [] }, "it was closed as the run began");
});

test("replaced on the other node excuses nothing", () => {
  const ledgers = [said(0, "- 1 /srv/www/f 0", "+ 2 /srv/www/f a"), said(1, "- 10 /srv/www/f a", "+ 11 /srv/www/f b")] as const;
  assert.deepEqual(lostOf(ledgers, [NOTHING, disk(["b"])]).lost, ["a"]);
});

test("a claim is held against the peer's disk, not the owner's", () => {
  const ledgers = [said(0, "- 1 /srv/www/f 0", "+ 2 /srv/www/f a"), said(1)] as const;
  assert.deepEqual(lostOf(ledgers, [disk(["a"]), NOTHING], [claim(0, 3, 9)]), { lost: [], falsely: ["a"] });
  assert.deepEqual(lostOf(ledgers, [disk(["a"]), disk(["a"])], [claim(0, 3, 9)]).falsely, []);
  assert.deepEqual(lostOf(ledgers, [disk([], { a: 8 }), NOTHING], [claim(0, 3, 9)]).falsely, [], "the peer's run had moved it aside by then");
});

test("what a busy service replaces while the disks are read is not lost (chaos 51/31)", () => {
  const [first, later] = [["- 1 /srv/www/f 0", "+ 2 /srv/www/f a"], ["- 10 /srv/www/f a", "+ 11 /srv/www/f b"]] as const;
  assert.deepEqual(lostOf([withGone(said(0, ...first), said(0, ...first, ...later)), said(1)], [disk(["b"]), NOTHING]).lost, []);
});

test("a claim of an earlier round is remembered", () => {
  const ledgers = [said(0, "- 1 /srv/www/f 0", "+ 2 /srv/www/f a", "x 10 /srv/www/f a"), said(1)] as const;
  const promised = new Set<string>();
  assert.equal(judge(ledgers, [NOTHING, disk(["a"])], [claim(0, 3, 9)], TREES, promised).lost.length, 0);
  assert.equal(judge(ledgers, [NOTHING, NOTHING], [], TREES, promised).lost.length, 1);
});

test("claimed, and then replaced by hand on both nodes, it is nobody's loss", () => {
  const ledgers = [said(0, "- 1 /srv/www/f 0", "+ 2 /srv/www/f a", "- 10 /srv/www/f a", "+ 11 /srv/www/f b"), said(1, "- 20 /srv/www/f a", "+ 21 /srv/www/f c")] as const;
  assert.deepEqual(lostOf(ledgers, [disk(["b"]), disk(["c"])], [claim(0, 3, 9)]), { lost: [], falsely: [] });
});

test("a writer that was cut off leaves a torn path, a deletion none; half a line says nothing", () => {
  const ledger = said(0, "- 1 /srv/www/f 0", "x 2 /srv/www/g b");
  assert.deepEqual([...ledger.torn], ["/srv/www/f"]);
  assert.deepEqual([...joinLedgers([ledger, said(0, "- 1 /srv/www/h 0", "+ 2 /srv/www/h c")]).gone], [["b", 2]]);
  assert.equal(readLedger("- 1 /srv/www/f 0\n+ 2 /srv/www/f abc", 0).versions.length, 0);
});

test("a disk is read with what was put there since; half-received files are no versions", () => {
  const root = mkdtempSync("/tmp/versions-");
  const sha = (text: string): string => createHash("sha256").update(text).digest("hex");
  try {
    const run = `${root}/var/backups/clusterd/www/2026-11-21T04-05-12Z.0a1b2c.normal/srv/www`;
    for (const folder of [run, `${root}/srv/www/.clusterd-partial`]) mkdirSync(folder, { recursive: true });
    writeFileSync(`${root}/srv/www/f`, "live");
    writeFileSync(`${root}/srv/www/.clusterd-partial/f`, "half");
    writeFileSync(`${run}/f`, "kept");
    const reader = new DiskReader(root);
    const read = () => { const { live, kept } = reader.read(["/srv/www/", "/srv/files/"], "/var/backups/clusterd"); return [[...live], [...kept.keys()]]; };
    assert.deepEqual(read(), [[sha("live")], [sha("kept")]]);
    writeFileSync(`${root}/draft`, "over it");
    renameSync(`${root}/draft`, `${run}/f`);
    rmSync(`${root}/srv/www/f`);
    assert.deepEqual(read(), [[], [sha("over it")]]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

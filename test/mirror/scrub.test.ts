// Bit rot is planted on the standby, with size and time as they were: found by a scrub, in slices, and repaired only when asked.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { filesAfter, slices } from "../../mirror/scrub/files.ts";
import { toScrub } from "../../mirror/scrub/state.ts";
import type { Round } from "../../mirror/scrub/state.ts";
import { Pair, needsPair } from "./pair.ts";

describe("the files of a tree, in slices", () => {
  const tree = `${mkdtempSync("/tmp/mirror-scrub-")}/`;
  after(() => rmSync(tree, { recursive: true }));
  const files = ["a", "b.d/x", "b.d/y/deep", "b.d/z", "b/x", "c"];
  for (const name of files) { mkdirSync(`${tree}${name}`.replace(/\/[^/]*$/, ""), { recursive: true }); writeFileSync(`${tree}${name}`, "12345"); }
  const all = [...filesAfter(tree, null)];
  test("each is named once", () => assert.deepEqual([...all].sort(), [...files].sort()));
  test("from any of them on come those that come after it, though it has gone meanwhile", () => {
    for (const [index, name] of all.entries()) assert.deepEqual([...filesAfter(tree, name)], all.slice(index + 1), name);
    rmSync(`${tree}b.d`, { recursive: true });
    const rest = [...filesAfter(tree, "b.d/y/deep")];
    for (const name of files) { mkdirSync(`${tree}${name}`.replace(/\/[^/]*$/, ""), { recursive: true }); writeFileSync(`${tree}${name}`, "12345"); }
    assert.deepEqual(rest, all.slice(all.indexOf("b.d/z") + 1));
  });
  test("a slice ends at so many names or bytes", () => {
    assert.deepEqual([...slices(tree, null, { names: 4, bytes: 1000 })].map(({ names }) => names.length), [4, 2]);
    assert.deepEqual([...slices(tree, null, { names: 4, bytes: 12 })].map(({ names, bytes }) => [names.length, bytes]), [[2, 10], [2, 10], [2, 10]]);
  });
  test("a state of another kind is none", () => assert.deepEqual(toScrub({ now: { began: "x" }, last: 7 }), { now: null, last: null }));
});

describe("a scrub of a pair", { skip: needsPair() }, () => {
  let pair: Pair;
  let there: string;
  before(async () => {
    pair = await Pair.make((data) => `[mirror]\npath[] = ${data}/www/\npath[] = ${data}/one.conf\nexclude = *.tmp\n`);
    there = `${pair.dataTwo}/www`;
    for (let n = 0; n < 30; n += 1) { mkdirSync(`${pair.data}/www/d${n % 3}`, { recursive: true }); writeFileSync(`${pair.data}/www/d${n % 3}/f${n}`, `content ${n}`); }
    writeFileSync(`${pair.data}/one.conf`, "one");
    assert.equal((await pair.mirror("run", "www")).code, 0);
  });
  after(() => pair.close());

  function rot(path: string): void {
    const { atime, mtime, size } = statSync(path);
    writeFileSync(path, "?".repeat(size));
    utimesSync(path, atime, mtime);
  }
  interface Answer { readonly code: number; readonly round: Round; readonly found: readonly string[] }
  async function scrub(...words: readonly string[]): Promise<Answer> {
    const { code, stdout, stderr } = await pair.mirror("scrub", "www", "--json", ...words);
    const { jobs: [job] } = JSON.parse(stdout || `{"jobs":[]}`) as { jobs: Answer[] };
    return { ...(job ?? assert.fail(stderr)), code };
  }

  test("nothing is found where nothing has rotted, in each entry", async () => {
    const { code, round } = await scrub();
    assert.deepEqual([code, round.files, round.rotten], [0, 32, []]); // 30, the marker, the single file
    assert.notEqual(round.ended, null);
    assert.match((await pair.mirror("status")).stdout, /scrubbed .+ ago: 32 files \(0 MB\), all alike/);
  });

  test("what no run finds is found and reported, and nothing is changed; people are told", async () => {
    for (const name of ["d1/f4", "d2/f29"]) { rot(`${there}/${name}`); utimesSync(`${there}/${name}`, new Date(), statSync(`${pair.data}/www/${name}`).mtime); }
    // utimes has microseconds at best: both sides get the same whole second, as a copy by other means would leave it.
    for (const side of [pair.data, pair.dataTwo]) for (const name of ["d1/f4", "d2/f29"]) utimesSync(`${side}/www/${name}`, 1_700_000_000, 1_700_000_000);
    writeFileSync(`${pair.data}/www/d0/behind`, "not mirrored yet");
    pair.one.told.length = 0;
    const { code, found } = await scrub();
    assert.equal(code, 10);
    assert.deepEqual(found, [`${pair.data}/www/d1/f4`, `${pair.data}/www/d2/f29`]);
    assert.match(readFileSync(`${there}/d1/f4`, "utf8"), /^\?+$/);
    assert.ok(pair.one.told.some((request) => request.ask === "mirror-report" && !request.ok && /2 files of equal size and time differ/.test(request.detail)));
    const run = await pair.mirror("run", "www");
    assert.equal(run.code, 0);
    assert.match(readFileSync(`${there}/d1/f4`, "utf8"), /^\?+$/, "a run passes it over");
  });

  test("--repair sends this node's copy, and what it replaces is kept", async () => {
    const { code, round } = await scrub("--repair");
    assert.deepEqual([code, round.repaired], [0, 2]);
    assert.equal(readFileSync(`${there}/d1/f4`, "utf8"), "content 4");
    const kept = readdirSync(`${pair.two.root}/backups/www`).flatMap((run) => { try { return [readFileSync(`${pair.two.root}/backups/www/${run}${pair.data}/www/d1/f4`, "utf8")]; } catch { return []; } });
    assert.ok(kept.some((text) => /^\?+$/.test(text)), String(kept));
    assert.equal((await scrub()).code, 0);
  });

  test("it goes on where it ended, slice by slice, to the end, and begins no new round too soon", async () => {
    // Each sitting does one slice, and each entry is one here.
    const first = await scrub("--bytes", "1");
    assert.deepEqual([first.round.ended, first.round.cursor?.entry], [null, `${pair.data}/www/`]);
    assert.match((await pair.mirror("status")).stdout, /scrub under way since/);
    const second = await scrub("--bytes", "1");
    assert.notEqual(second.round.ended, null);
    assert.equal(second.round.files, first.round.files + 1);
    assert.equal((await scrub("--every", "1h")).round.ended, second.round.ended);
    const spent = await scrub("--for", "1ms");
    assert.equal(spent.round.ended, null);
  });

  test("only the owner scrubs, and only at its epoch", async () => {
    assert.equal((await pair.run(pair.two, "mirror/bin/mirror", ["scrub", "www"])).code, 5);
    assert.deepEqual(await pair.run(pair.two, "mirror/bin/mirror", ["scrub", "--quiet"]), { code: 0, stdout: "", stderr: "" });
    await pair.two.journal(15, 1);
    const { code, stderr } = await pair.mirror("scrub", "www");
    await pair.two.journal(12, 0);
    assert.equal(code, 9, stderr);
    assert.match(stderr, /epoch 12 is over/);
  });

  test("a full run by checksum is not among what the receiver takes", async () => {
    const { code, stderr } = await pair.ssh("clusterd-mirror v1 push www 12 2026-11-21T04-05-12Z.0a1b2c 000000000000 normal --server -nc . entry".replace("000000000000", (await import("../../mirror/settings.ts")).entryKey({ kind: "tree", path: `${pair.data}/www/` })));
    assert.equal(code, 126, stderr);
  });
});

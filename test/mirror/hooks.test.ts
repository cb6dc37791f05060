// `before` and `after` around real runs: in their order, `after` whenever `before` was begun, and never in a dry run.

import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Pair, needsPair } from "./pair.ts";

describe("a pair whose job has hooks", { skip: needsPair() }, () => {
  let pair: Pair;
  let diary: string;
  before(async () => {
    pair = await Pair.make((data) => `[mirror]\npath = ${data}/www/\nbefore = ${data}/before dump\nafter = ${data}/after\nhook_timeout = 2s\n`);
    diary = `${pair.data}/diary`;
    mkdirSync(`${pair.data}/www`);
    writeFileSync(`${pair.data}/www/page`, "x");
    hook("before", 'echo "before $1 $CLUSTERD_JOB $CLUSTERD_KIND" >>DIARY; echo fresh >DATA/www/dump');
    hook("after", 'echo "after $CLUSTERD_RESULT" >>DIARY');
  });
  after(() => pair.close());

  function hook(name: string, body: string): void {
    writeFileSync(`${pair.data}/${name}`, `#!/bin/sh\n${body.replaceAll("DIARY", diary).replaceAll("DATA", pair.data)}\n`);
    chmodSync(`${pair.data}/${name}`, 0o755);
  }
  async function run(...words: readonly string[]): Promise<{ code: number; because: string; diary: readonly string[] }> {
    rmSync(diary, { force: true });
    const { code, stdout } = await pair.mirror("run", "www", "--json", ...words);
    const { jobs: [report] } = JSON.parse(stdout) as { jobs: { because: string }[] };
    return { code, because: report?.because ?? "", diary: existsSync(diary) ? readFileSync(diary, "utf8").trim().split("\n") : [] };
  }

  test("a dry run runs none", async () => assert.deepEqual((await run("--dry-run")).diary, []));

  test("what `before` makes travels with the same pass", async () => {
    const { code, diary: wrote } = await run();
    assert.equal(code, 0);
    assert.deepEqual(wrote, ["before dump www normal", "after good"]);
    assert.equal(readFileSync(`${pair.dataTwo}/www/dump`, "utf8"), "fresh\n");
  });

  test("a `before` that fails stops the pass, says why, and `after` still follows", async () => {
    hook("before", 'echo "no space for the dump" >&2; exit 3');
    writeFileSync(`${pair.data}/www/page`, "newer");
    const { code, because, diary: wrote } = await run();
    assert.equal(code, 3);
    assert.match(because, /before: .*ended with exit code 3.*no space for the dump/);
    assert.deepEqual(wrote, ["after refused"]);
    assert.equal(readFileSync(`${pair.dataTwo}/www/page`, "utf8"), "x");
  });

  test("one that hangs is killed; a failing `after` is told and undoes nothing", async () => {
    hook("before", "sleep 60");
    assert.match((await run()).because, /before: .*(timed out|killed|2 s)/);
    hook("before", "true");
    hook("after", "exit 4");
    const { code, because } = await run();
    assert.equal(code, 0);
    assert.match(because, /after: .*exit code 4/);
    assert.equal(readFileSync(`${pair.dataTwo}/www/page`, "utf8"), "newer");
  });
});

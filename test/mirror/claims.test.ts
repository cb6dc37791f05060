// What an audit found that could be lost or claimed falsely, over a real sshd with real rsync: each was so once.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { needsRoot } from "../needs.ts";
import { Pair, needsPair } from "./pair.ts";

const PROJECT = join(import.meta.dirname, "../..");

describe("nothing is lost, and nothing claimed falsely", { skip: needsPair() }, () => {
  let pair: Pair;
  let tree: string;
  let treeTwo: string;

  before(async () => {
    pair = await Pair.make((data) => `[mirror]\npath = ${data}/www/\nmax_delete = 20\nbwlimit = 1M\n`);
    tree = `${pair.data}/www`;
    treeTwo = `${pair.dataTwo}/www`;
    mkdirSync(tree);
    for (let n = 0; n < 200; n += 1) writeFileSync(`${tree}/f${n}`, `${n}`);
    assert.equal((await pair.mirror("run", "www")).code, 0);
  });
  after(() => pair.close());
  afterEach(() => { pair.one.reset(); pair.two.reset(); pair.one.told.length = 0; });

  const run = async (...words: readonly string[]) => {
    const { code, stdout, stderr } = await pair.mirror("run", "www", "--json", ...words);
    const [report] = (JSON.parse(stdout || "{\"jobs\":[]}") as { jobs: { because: string; backups: string | null; kind: string }[] }).jobs;
    return { code, because: report?.because ?? stderr, backups: report?.backups ?? null, kind: report?.kind ?? "" };
  };

  test("a run that somebody starts before the recovery is one: what only the returning node had is kept until a person has looked", async () => {
    writeFileSync(`${treeTwo}/f1`, "written there, and nowhere else");
    pair.one.peerInSync = false;
    const { code, because, backups, kind } = await run();
    assert.equal(code, 0, because);
    assert.equal(kind, "recovery");
    assert.match(backups ?? "", /\.recovery$/);
    assert.equal(readFileSync(`${backups}${tree}/f1`, "utf8"), "written there, and nowhere else");
    assert.match((await pair.run(pair.two, "mirror/bin/mirror", ["conflicts"])).stdout, /f1/);
    assert.equal((await pair.mirror("pass", "--identity", "serv1", "--recovery")).code, 0); // the mirror's own process has not been told
    assert.match((await pair.mirror("conflicts")).stdout, /f1/, "nor has the owner forgotten it");
  });

  test("what a standby has received since it last owned is not its own: a recovery that would delete much of it asks", async () => {
    writeFileSync(`${pair.two.root}/state/mirror/www.json`, JSON.stringify({ version: 1, job: "www", identity: "serv1", lastGood: { started: Date.now() - 3_600_000 } }));
    for (let n = 0; n < 40; n += 1) writeFileSync(`${tree}/week-${n}`, "x");
    assert.equal((await run()).code, 0);
    for (let n = 0; n < 40; n += 1) rmSync(`${tree}/week-${n}`); // by mistake, while the other node is away
    const { code, stdout } = await pair.mirror("pass", "--identity", "serv1", "--recovery", "--json");
    assert.equal(code, 4, stdout);
    assert.ok(existsSync(`${treeTwo}/week-0`));
    assert.equal((await pair.mirror("approve", "www")).code, 0);
    assert.equal((await run()).code, 0);
  });

  test("a reload during a pass: the peer does not count as in sync, since what is new was not in it", async () => {
    writeFileSync(`${tree}/f2`, Buffer.alloc(2 * 1024 * 1024, "x"));
    const passing = pair.mirror("pass", "--identity", "serv1", "--recovery", "--json");
    await until("the pass has begun to receive", () => existsSync(`${pair.two.root}/state/mirror/unfinished/www`));
    pair.one.status = { configuration: { digest: "", loaded: 1, problem: null } };
    const { code, stdout } = await passing;
    assert.equal(code, 3, stdout);
    assert.match(stdout, /the configuration changed during the pass/);
    assert.equal(pair.one.told.filter((request) => request.ask === "mirror-report" && request.inSync).length, 0);
    assert.equal((await pair.mirror("pass", "--identity", "serv1", "--recovery", "--json")).code, 0);
    assert.equal(pair.one.told.filter((request) => request.ask === "mirror-report" && request.inSync).length, 1);
  });

  test("a version of the same length and second comes back when it is restored", async () => {
    const second = Math.floor(Date.now() / 1000) - 10;
    for (const [text, part] of [["one", 0.1], ["two", 0.6]] as const) {
      writeFileSync(`${tree}/f4`, text);
      utimesSync(`${tree}/f4`, second, second + part);
      assert.equal((await run()).code, 0);
    }
    const { nodes } = JSON.parse((await pair.mirror("backups", "www", `${tree}/f4`, "--json")).stdout) as { nodes: { versions: { run: string; size: number }[] }[] };
    const version = nodes.flatMap(({ versions }) => versions).find(({ size }) => size === 3) ?? assert.fail("it is kept");
    const { code, stderr } = await pair.mirror("restore", "www", `${tree}/f4`, "--run", version.run);
    assert.equal(code, 0, stderr);
    assert.equal(readFileSync(`${tree}/f4`, "utf8"), "one");
  });
});

test("a disk that is full in the middle of a state file leaves the old one, whole", { skip: needsRoot("to mount a small disk") }, (t) => {
  const folder = mkdtempSync("/tmp/cm-full-");
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const script = `import { readFileSync } from "node:fs"; const { writeDurably } = await import(${JSON.stringify(join(PROJECT, "clusterd/base/files.ts"))});
    writeDurably("state", "old".repeat(1000)); let said = "nothing"; try { writeDurably("state", "new".repeat(100_000)); } catch (error) { said = error.code; } console.log(said, readFileSync("state", "utf8").slice(0, 3), readFileSync("state").length);`;
  const said = execFileSync("unshare", ["--mount", "sh", "-eu", "-c", 'mount -t tmpfs -o size=64k none "$1"; cd "$1"; exec "$2" --disable-warning=ExperimentalWarning --input-type=module -e "$3"', "sh", folder, process.execPath, script], { encoding: "utf8" });
  assert.equal(said, "ENOSPC old 3000\n");
});

async function until(what: string, so: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!so()) {
    if (Date.now() > deadline) assert.fail(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

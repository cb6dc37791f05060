// Old configurations in one file each: test/import/*.case. Comment lines, `== options` (as on the command line, one a line), `== from`
// (what is imported; default: every file), the files, and `== expected`: what `clusterd import --dry-run` must print, word for word.
// With UPDATE=1 it is written anew: read the difference.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { EXIT } from "../../../clusterd/commands/exit-codes.ts";
import { PROFILES, timingProblems } from "../../../clusterd/config/timing.ts";
import { newDraft } from "../../../clusterd/import/draft.ts";
import { FORMATS } from "../../../clusterd/import/import.ts";
import { fitTimes } from "../../../clusterd/import/times.ts";
import { readCase, rewrite } from "../config/cases.ts";
import type { Case } from "../config/cases.ts";
import { run } from "../cli/pair.ts";
import type { Said } from "../cli/pair.ts";

const CASES = join(import.meta.dirname, "../../import");
const cases = readdirSync(CASES).filter((name) => name.endsWith(".case")).sort().map((name) => readCase(join(CASES, name)));
/** Those that lack something: `check` says what. */
const UNUSABLE = ["blanks", "three-nodes"];

/** The old files of a case in a folder, and the words of the command line. */
async function imported<T>(one: Case, use: (clusterd: (...more: string[]) => Promise<Said>, home: string) => Promise<T>): Promise<T> {
  const home = mkdtempSync(join(tmpdir(), "clusterd-import-test-"));
  const meta = ["options", "from"];
  const files = [...one.files].filter(([path]) => !meta.includes(path));
  for (const [path, text] of files) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), text ?? "");
  }
  const lines = (block: string): readonly string[] => (one.files.get(block) ?? "").trim().split("\n").filter((line) => line !== "");
  const from = lines("from").length > 0 ? lines("from").map((path) => path.replace(/^(\w+:)?/, `$1${home}/`)) : files.map(([path]) => join(home, path));
  const options = lines("options").flatMap((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]);
  try {
    return await use((...more) => run(["import", ...from, ...options, ...more]), home);
  } finally {
    rmSync(home, { recursive: true });
  }
}

for (const one of cases) {
  test(`${one.name}: ${one.about}`, () => imported(one, async (clusterd, home) => {
    const said = await clusterd("--dry-run");
    const text = `${said.out}${said.err}`.replaceAll(`${home}/`, "");
    if (process.env["UPDATE"] === "1") rewrite(one, text);
    else assert.equal(text, one.expected);
    assert.equal(said.code, UNUSABLE.includes(one.name) ? EXIT.usage : EXIT.ok, said.out);
  }));
}

const named = (name: string): Case => cases.find((one) => one.name === name) as Case;

test("what is written is what was shown, check accepts it, and nothing is written over", () => imported(named("heartbeat"), async (clusterd, home) => {
  const to = join(home, "new");
  const json = JSON.parse((await clusterd("--dry-run", "--json")).out) as { version: number; files: { path: string; text: string }[]; check: { ok: boolean } };
  assert.equal(json.version, 1);
  assert.ok(json.check.ok);
  assert.equal(existsSync(to), false);
  assert.equal((await clusterd("--to", to)).code, EXIT.ok);
  for (const { path, text } of json.files) assert.equal(readFileSync(join(to, path), "utf8"), text);
  for (const node of ["serv1", "serv2"]) assert.equal((await run(["check", to, "--node", node])).code, EXIT.ok);
  assert.match(readFileSync(join(to, "README.import"), "utf8"), /NOT CARRIED OVER/);
  const again = await clusterd("--to", to);
  assert.equal(again.code, EXIT.refused);
  assert.match(again.err, /is not empty: nothing is written over/);
}));

test("no secret of an old file stands anywhere in what is made of it", async () => {
  for (const [name, secret] of [["heartbeat", "Do not print me"], ["keepalived-scripts", "sEcReT11"], ["heartbeat", "mysecretpassword"]] as const) {
    await imported(named(name), async (clusterd) => {
      const { out } = await clusterd("--dry-run", "--json");
      assert.ok(out.length > 1000);
      assert.equal(out.includes(secret), false, `${secret} in ${out}`);
    });
  }
});

test("every directive of heartbeat's files is accounted for", () => imported(named("heartbeat"), async (clusterd, home) => {
  const { notes } = JSON.parse((await clusterd("--dry-run", "--json")).out) as { notes: { file: string; line: number; directive: string }[] };
  const text = (path: string): string => named("heartbeat").files.get(path) ?? "";
  for (const [index, line] of text("ha.d/ha.cf").split("\n").entries()) {
    if (/^\w/.test(line)) assert.ok(notes.some((note) => note.file === join(home, "ha.d/ha.cf") && note.line === index + 1), line);
  }
  const resources = text("ha.d/haresources").replace(/#.*/g, "").replaceAll("\\\n", " ").split("\n").flatMap((line) => line.trim().split(/\s+/).slice(1));
  assert.ok(resources.length >= 6);
  for (const resource of resources) assert.ok(notes.some(({ directive }) => directive === resource), resource);
}));

test("no text whatever makes a reader throw, and what it writes can always be judged", () => {
  const words = fc.constantFrom("{", "}", "\"", "'", "\\", "\n", " ", "=", "#", "!", "::", "/", "--", "[[", "]]", ",", "$A=b", "$A", "@x", "node", "serial", "ping", "bcast", "ucast", "vrrp_instance", "virtual_ipaddress", "notify_master", "track_script", "vrrp_script", "failover", "address", "start_cmd",
    "sync", "settings", "default.rsync", "source", "target", "exclude", "192.168.1.1", "999.1.1.1/33", "/24", "serv1", "eth0", "smb", "-1", "1e9", "\u0000", "\ud800", "é", "IPaddr", "Filesystem", "constructor", "__proto__");
  fc.assert(fc.property(fc.constantFrom(...FORMATS), fc.array(words, { maxLength: 60 }), ({ read }, parts) => {
    const draft = newDraft();
    read({ file: "old", text: parts.join(""), node: null }, draft);
    read({ file: "old", text: parts.join(" "), node: null }, draft);
    for (const note of draft.notes) assert.equal(typeof note.text, "string");
  }), { numRuns: 400 });
});

test("any old times become times that hold every inequality, and whatever can be kept is kept", () => {
  const ms = fc.integer({ min: 1, max: 700_000 });
  fc.assert(fc.property(fc.record({ keepalive: ms, warntime: ms, deadtime: ms, initdead: ms }, { requiredKeys: [] }), (given) => {
    const { times, changes } = fitTimes(given);
    assert.deepEqual(timingProblems({ ...PROFILES.balanced, ...times }), []);
    for (const [key, value] of Object.entries(given)) assert.ok(times[key as keyof typeof times] === value || changes.some((change) => change.startsWith(key)), key);
    for (const value of Object.values(times)) assert.ok(Number.isInteger(value) && value >= 1 && value <= 600_000, String(value));
  }));
});

test("wrong use is said: no target, an unknown format, a third node, an unknown key", async () => {
  assert.match((await run(["import", "/etc/hostname"])).err, /where to\? --to FOLDER/);
  assert.match((await run(["import", "/etc/hostname", "--dry-run"])).out, /its name tells no format\. Known: ha\.cf/);
  assert.match((await run(["import", "/nowhere/ha.cf", "--dry-run"])).out, /\/nowhere\/ha\.cf: is not there/);
  await imported(named("samba"), async (clusterd) => {
    assert.match((await clusterd("--dry-run", "--node", "serv3")).out, /a third node beside serv1 and serv2/);
    assert.match((await clusterd("--dry-run", "--node", "serv1:MAIN_IPADR=1.2.3.4")).out, /Did you mean MAIN_IPADDR\?/);
  });
});

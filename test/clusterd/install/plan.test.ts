import assert from "node:assert/strict";
import { test } from "node:test";
import { describeChange, planInstall, planRemoval } from "../../../clusterd/install/plan.ts";
import type { Found, Manifest, Wanted } from "../../../clusterd/install/plan.ts";

const file = (path: string, sha: string, yours = false): Wanted => ({ kind: "file", path, mode: 0o644, from: `/src${path}`, sha, ...(yours && { yours }) });
const there = (all: Readonly<Record<string, Found>>) => (path: string): Found => all[path] ?? { kind: "absent" };
const onDisk = (sha: string, mode = 0o644): Found => ({ kind: "file", sha, mode });
const known = (path: string, is: string): Manifest => ({ [path]: { kind: "file", is } });

test("a file and its place in the manifest: what is done in each case", () => {
  const cases: readonly (readonly [name: string, found: Found, before: Manifest, expected: string])[] = [
    ["absent", { kind: "absent" }, {}, "make    /a (0644)"],
    ["as it should be", onDisk("new"), known("/a", "new"), ""],
    ["as it should be, but unknown", onDisk("new"), {}, ""],
    ["ours, of an older release", onDisk("old"), known("/a", "old"), "replace /a (0644)"],
    ["ours, edited", onDisk("edited"), known("/a", "old"), "refused: /a was edited since it was installed: move it away first"],
    ["foreign", onDisk("other"), {}, "refused: /a is there already and is not clusterd's: move it away first"],
    ["a folder of that name", { kind: "folder", mode: 0o755 }, {}, "refused: /a is there already and is not a file"],
    ["a link of that name", { kind: "link", target: "/etc/passwd" }, {}, "refused: /a is there already and is not a file"],
    ["wrong mode", onDisk("new", 0o666), known("/a", "new"), "chmod   /a to 0644"],
  ];
  for (const [name, found, before, expected] of cases) {
    const plan = planInstall([file("/a", "new")], there({ "/a": found }), before);
    assert.equal([...plan.changes.map(describeChange), ...plan.refusals.map((why) => `refused: ${why}`)].join("\n"), expected, name);
  }
});

test("a file that is the administrator's to edit is kept when edited, and said", () => {
  const plan = planInstall([file("/etc/cron.d/clusterd", "new", true)], there({ "/etc/cron.d/clusterd": onDisk("edited") }), known("/etc/cron.d/clusterd", "old"));
  assert.deepEqual([plan.changes, plan.refusals], [[], []]);
  assert.match(plan.notes[0] ?? "", /kept as it is/);
  assert.deepEqual(plan.manifest, known("/etc/cron.d/clusterd", "old"), "so that uninstall keeps it too");
});

test("what a newer release no longer has is removed, unless edited", () => {
  const before = { ...known("/old", "o"), ...known("/changed", "c") };
  const plan = planInstall([], there({ "/old": onDisk("o"), "/changed": onDisk("edited") }), before);
  assert.deepEqual(plan.changes.map(describeChange), ["remove  /old"]);
  assert.match(plan.notes[0] ?? "", /\/changed was edited/);
  assert.deepEqual(plan.manifest, {});
});

test("a folder that was there before is used, brought to its mode, and never removed", () => {
  const wanted: readonly Wanted[] = [{ kind: "folder", path: "/var/keys", mode: 0o700 }];
  const plan = planInstall(wanted, there({ "/var/keys": { kind: "folder", mode: 0o755 } }), {});
  assert.deepEqual(plan.changes.map(describeChange), ["chmod   /var/keys to 0700"]);
  assert.deepEqual(plan.manifest, {});
});

test("removal goes from the deepest to the top, and leaves links that lead elsewhere now", () => {
  const manifest: Manifest = { "/a": { kind: "folder", is: "" }, "/a/b": { kind: "folder", is: "" }, "/a/b/c": { kind: "file", is: "1" }, "/sbin/x": { kind: "link", is: "/a/b/c" }, "/gone": { kind: "file", is: "2" } };
  const disk = there({ "/a": { kind: "folder", mode: 0o755 }, "/a/b": { kind: "folder", mode: 0o755 }, "/a/b/c": onDisk("1"), "/sbin/x": { kind: "link", target: "/usr/local/x" } });
  const { changes, notes } = planRemoval(manifest, disk);
  assert.deepEqual(changes.map((change) => ("path" in change ? change.path : "")), ["/a/b/c", "/a/b", "/a"]);
  assert.deepEqual(notes, ["/sbin/x was edited since it was installed, and is kept"]);
});

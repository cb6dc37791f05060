import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readTrusted, writeDurably } from "../../../clusterd/base/files.ts";
import { formatProblem, problem, reasonOf } from "../../../clusterd/base/errors.ts";

const dir = mkdtempSync(join(tmpdir(), "clusterd-files-"));
after(() => rmSync(dir, { recursive: true }));

test("what is written durably is there, with its mode, and no draft is left", () => {
  const path = join(dir, "state");
  writeDurably(path, "one");
  writeDurably(path, "two");
  assert.deepEqual([readFileSync(path, "utf8"), (statSync(path).mode & 0o777).toString(8), readdirSync(dir)], ["two", "600", ["state"]]);
  assert.deepEqual(readTrusted(path), { ok: true, text: "two" });
});

test("a write that cannot be says why and leaves the old file", () => {
  assert.throws(() => writeDurably(join(dir, "none/such"), "x"), /ENOENT/);
});

test("files that are not there are told apart from files that cannot be read", () => {
  const [absent, folder] = [readTrusted(join(dir, "absent")), readTrusted(dir)];
  assert.ok(!absent.ok && absent.missing && absent.message === "is missing");
  assert.ok(!folder.ok && !folder.missing && folder.message === "is not an ordinary file");
});

test("a problem reads as file, line, sentence, and the hint on a line of its own", () => {
  assert.equal(formatProblem(problem("cluster.conf", 14, "says nothing", "Say something.")), "cluster.conf:14: says nothing\n    Say something.");
  assert.equal(formatProblem(problem("serv1.conf", null, "is missing")), "serv1.conf: is missing");
});

test("a reason is one line, whatever was thrown", () => {
  assert.equal(reasonOf(new Error("first\nsecond")), "first");
  assert.equal(reasonOf("text"), "text");
  assert.equal(reasonOf(new TypeError("")), "TypeError");
});

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createSecret, readTrusted, writeDurably } from "../../../clusterd/base/files.ts";
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

test("a disk that takes only a part leaves the old file, and so does a draft of a process that had our number before a power cut", () => {
  const path = join(dir, "whole");
  const write = `import { writeDurably } from ${JSON.stringify(new URL("../../../clusterd/base/files.ts", import.meta.url).href)}; writeDurably(process.argv[1], "new ".repeat(1000))`;
  writeDurably(path, "old");
  // A file of at most 1024 bytes stands for the disk: write(2) takes so much of it, and only the next one fails.
  const { status, stderr } = spawnSync("sh", ["-c", 'trap "" XFSZ; ulimit -f 2; exec "$@"', "sh", process.execPath, "--input-type=module-typescript", "--eval", write, path], { encoding: "utf8" });
  assert.notEqual(status, 0);
  assert.match(stderr, /EFBIG/);
  assert.equal(readFileSync(path, "utf8"), "old");
  writeFileSync(`${path}.new-${process.pid}`, "hal");
  writeDurably(path, "newer");
  assert.equal(readFileSync(path, "utf8"), "newer");
});

test("of a secret that could not be written nothing is left that would be in the way of the next try; one that is there is kept", () => {
  const path = join(dir, "secret");
  const { status } = spawnSync("sh", ["-c", 'trap "" XFSZ; ulimit -f 2; exec "$@"', "sh", process.execPath, "--input-type=module-typescript", "--eval",
    `import { createSecret } from ${JSON.stringify(new URL("../../../clusterd/base/files.ts", import.meta.url).href)}; createSecret(process.argv[1], "key ".repeat(1000))`, path], { stdio: "ignore" });
  assert.notEqual(status, 0);
  createSecret(path, "key");
  assert.throws(() => createSecret(path, "another"), /EEXIST/);
  assert.equal(readFileSync(path, "utf8"), "key");
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

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createKey, loadKey } from "../../../clusterd/heartbeat/key.ts";
import { needsRoot } from "../../needs.ts";

const dir = mkdtempSync(join(tmpdir(), "clusterd-key-"));
after(() => { rmSync(dir, { recursive: true }); });

let files = 0;
function keyFile(content: string | Buffer, mode = 0o600): string {
  const path = join(dir, `key${files += 1}`);
  writeFileSync(path, content, { mode });
  chmodSync(path, mode);
  return path;
}
function refusedBecause(path: string, why: RegExp): void {
  const outcome = loadKey(path);
  assert.ok(!outcome.ok, "accepted");
  assert.match(outcome.reason, why);
  assert.ok(outcome.reason.includes(path), "the message names the file");
}

test("reads 32 raw bytes, and the same as 64 hex digits with or without a line end", () => {
  const key = randomBytes(32);
  const hex = key.toString("hex");
  for (const content of [key, hex, `${hex}\n`, `${hex.toUpperCase()}\r\n`]) {
    assert.deepEqual(loadKey(keyFile(content)), { ok: true, key });
  }
});

test("refuses a key that others could have read or replaced, and says what to do", () => {
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610]) refusedBecause(keyFile(randomBytes(32), mode), /mode 06\d\d.*chmod 600/);
});

test("refuses a key of another owner", { skip: needsRoot("to give a file away") }, () => {
  const path = keyFile(randomBytes(32));
  chownSync(path, 12345, 0);
  return refusedBecause(path, /belongs to user 12345/);
});

test("refuses what is not a file of its own: a link, a directory, a pipe, nothing", () => {
  const link = join(dir, "link");
  symlinkSync(keyFile(randomBytes(32)), link);
  refusedBecause(link, /symbolic link/);
  refusedBecause(dir, /not a regular file/);
  const pipe = join(dir, "pipe");
  execFileSync("mkfifo", ["-m", "600", pipe]);
  refusedBecause(pipe, /not a regular file/);
  refusedBecause(join(dir, "absent"), /not there.*peer/);
});

test("refuses a wrong size and wrong digits", () => {
  for (const content of ["", randomBytes(31), randomBytes(33), "g".repeat(64), "a".repeat(63), `${"a".repeat(64)}\n\n`, Buffer.alloc(5000)]) {
    refusedBecause(keyFile(content), /neither 32 raw bytes nor 64 hex digits/);
  }
});

test("draws a key that only its owner can read, and never draws it twice", () => {
  const path = join(dir, "keys", "heartbeat.key");
  const made = createKey(path);
  assert.ok(made.ok);
  assert.equal(statSync(path).mode & 0o7777, 0o600);
  assert.equal(statSync(join(dir, "keys")).mode & 0o7777, 0o700);
  assert.deepEqual(loadKey(path), made);
  const again = createKey(path);
  assert.ok(!again.ok);
  assert.match(again.reason, /exists already and is kept/);
  assert.deepEqual(loadKey(path), made);
});

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createLog, toLine } from "../../../clusterd/base/log.ts";
import type { Log, LogOptions } from "../../../clusterd/base/log.ts";

const dir = mkdtempSync(join(tmpdir(), "clusterd-log-"));
after(() => rmSync(dir, { recursive: true }));
let files = 0;

async function written(options: LogOptions, say: (log: Log) => void): Promise<readonly string[]> {
  const path = join(dir, `log${files += 1}`);
  const fd = openSync(path, "w");
  const log = createLog({ ...options, fd });
  say(log);
  await log.flush();
  closeSync(fd);
  return readFileSync(path, "utf8").split("\n").slice(0, -1);
}

async function inJournal<T>(value: string | undefined, then: () => Promise<T>): Promise<T> {
  const before = { JOURNAL_STREAM: process.env["JOURNAL_STREAM"], NOTIFY_SOCKET: process.env["NOTIFY_SOCKET"] };
  delete process.env["JOURNAL_STREAM"];
  delete process.env["NOTIFY_SOCKET"];
  if (value !== undefined) process.env["JOURNAL_STREAM"] = value;
  try {
    return await then();
  } finally {
    for (const [name, held] of Object.entries(before)) if (held === undefined) delete process.env[name]; else process.env[name] = held;
  }
}

test("one line a record: time, level, event, fields, the reason last and in quotes", async () => {
  const lines = await inJournal(undefined, () => written({}, (log) => log.warn("takeover.started", { because: "silent for 300 ms", identity: "serv1", epoch: 18 })));
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /^\d{4}-\d\d-\d\dT[\d:.]+Z warn takeover\.started identity=serv1 epoch=18 because="silent for 300 ms"$/);
});

test("summer time, time zones and leap seconds change no line: moments are in UTC, and their order is that of the text", async (t) => {
  const zone = process.env["TZ"];
  t.after(() => { if (zone === undefined) delete process.env["TZ"]; else process.env["TZ"] = zone; });
  // The hour that Berlin has twice, before and after; and the second after a leap second.
  const moments = [Date.UTC(2026, 9, 25, 0, 30), Date.UTC(2026, 9, 25, 1, 30), Date.UTC(2026, 9, 25, 2, 30), Date.UTC(2027, 0, 1)];
  t.mock.timers.enable({ apis: ["Date"] });
  const lines: string[] = [];
  for (const [at, moment] of moments.entries()) {
    process.env["TZ"] = ["Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati", "UTC"][at];
    t.mock.timers.setTime(moment);
    lines.push(...await inJournal(undefined, () => written({}, (log) => log.info("x", {}))));
  }
  assert.deepEqual(lines.map((line) => line.split(" ")[0]), ["2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z", "2026-10-25T02:30:00.000Z", "2027-01-01T00:00:00.000Z"]);
  assert.deepEqual(lines.toSorted(), lines);
});

test("no field can begin a line, colour a terminal or forge another field", () => {
  const line = toLine("T", "info", "e", { a: "x\ny\r\x1b[31m\x7f\x9b\u2028z", b: "c d=e", c: "", d: ["f", "g"], e: null, f: undefined, because: "\"quoted\"" });
  assert.equal(line, String.raw`T info e a="x\ny\r\u001b[31m\u007f\u009b\u2028z" b="c d=e" c="" d="f g" e=null because="\"quoted\""`);
});

test("lines below the level are not written; order is kept", async () => {
  const lines = await inJournal(undefined, () => written({ level: "warn" }, (log) => { log.debug("a"); log.info("b"); log.warn("c"); log.error("d"); log.alarm("e"); }));
  assert.deepEqual(lines.map((line) => line.split(" ").slice(1).join(" ")), ["warn c", "error d", "alarm e"]);
});

test("for the journal each line has its priority in front", async () => {
  const lines = await inJournal("8:1234", () => written({ level: "debug" }, (log) => { log.alarm("a"); log.error("b"); log.warn("c"); log.info("d"); log.debug("e"); }));
  assert.deepEqual(lines.map((line) => line.slice(0, 3)), ["<1>", "<3>", "<4>", "<6>", "<7>"]);
});

test("json: an object a line, with the same fields", async () => {
  const [line = ""] = await inJournal(undefined, () => written({ json: true }, (log) => log.info("mirror.done", { job: "www", files: 3, because: "a\nb" })));
  const { time, ...rest } = JSON.parse(line);
  assert.deepEqual(rest, { level: "info", event: "mirror.done", job: "www", files: 3, because: "a\nb" });
  assert.ok(!Number.isNaN(Date.parse(time)));
});

test("a reader that stops reading holds nobody up: lines are dropped, and it is told how many", async () => {
  const path = join(dir, "pipe");
  execFileSync("mkfifo", [path]);
  const [reader, writer] = [openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), openSync(path, "w")];
  const log = createLog({ fd: writer });
  const began = performance.now();
  // A pipe holds 64 KB; the first write fills it and waits off the event loop.
  for (let n = 0; n < 5000; n += 1) {
    log.info("beat", { n, filling: "x".repeat(100) });
    if (n % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(performance.now() - began < 5000, "the event loop went on");
  const flushed = log.flush();
  let text = "";
  const buffer = Buffer.alloc(1_000_000);
  const drain = setInterval(() => { try { text += buffer.toString("utf8", 0, readSync(reader, buffer)); } catch { /* EAGAIN: nothing there yet */ } }, 5);
  await flushed;
  log.info("last");
  await log.flush();
  clearInterval(drain);
  closeSync(writer);
  text += readFileSync(reader, "utf8");
  closeSync(reader);
  const lines = text.split("\n").filter((line) => line.includes(" info beat ")).length;
  const dropped = [...text.matchAll(/log\.dropped lines=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  assert.ok(dropped > 0, "some were dropped");
  assert.equal(lines + dropped, 5000);
});

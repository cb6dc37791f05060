import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createNotifier as createFor } from "../../../clusterd/notify/notifier.ts";
import { commandWay } from "../../../clusterd/notify/ways.ts";

/** With a command as the only way, or none. */
const createNotifier = (argv: readonly string[], ...rest: Parameters<typeof createFor> extends readonly [unknown, ...infer R] ? R : never) => createFor(argv.length === 0 ? [] : [commandWay(argv)], ...rest);

interface Scene { readonly program: string; readonly told: () => readonly string[]; readonly warned: string[]; readonly log: { warn(event: string, fields?: Readonly<Record<string, unknown>>): void } }

/** A notify command that writes its words down, one argument after another. */
function scene(t: TestContext, body: string): Scene {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-notify-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [program, out] = [join(folder, "tell"), join(folder, "told")];
  writeFileSync(program, `#!/bin/sh\nout=${out}\n${body}\n`);
  chmodSync(program, 0o755);
  const warned: string[] = [];
  return { program, warned, told: () => (existsSync(out) ? readFileSync(out, "utf8").trimEnd().split("\n") : []), log: { warn: (event, fields) => warned.push(`${event} ${JSON.stringify(fields)}`) } };
}

const WRITE = `printf '<%s>' "$@" >>"$out"; echo >>"$out"`;

test("the command gets its own words, then event, what it is about and why; no shell sees them", async (t) => {
  const { program, told, log } = scene(t, WRITE);
  const notifier = createNotifier([program, "-x", "a b"], log);
  notifier.tell({ event: "takeover", about: "serv1", because: "silent; $(touch /tmp/never) `id`" });
  await notifier.idle();
  assert.deepEqual(told(), ["<-x><a b><takeover><serv1><silent; $(touch /tmp/never) `id`>"]);
});

test("notices arrive one at a time and in order, and telling returns at once", async (t) => {
  const { program, told, log } = scene(t, `sleep 0.05; ${WRITE}`);
  const notifier = createNotifier([program], log);
  for (const event of ["one", "two", "three"]) notifier.tell({ event, about: "-", because: "" });
  assert.deepEqual(told(), [], "nobody waits");
  await notifier.idle();
  assert.deepEqual(told(), ["<one><-><>", "<two><-><>", "<three><-><>"]);
});

test("a command that hangs is ended, and the next notice still goes out", async (t) => {
  const { program, told, warned, log } = scene(t, `[ "$1" = hang ] && exec sleep 60; ${WRITE}`);
  const notifier = createNotifier([program], log, { timeout: 100 });
  notifier.tell({ event: "hang", about: "-", because: "" });
  notifier.tell({ event: "next", about: "-", because: "" });
  await notifier.idle();
  assert.deepEqual(told(), ["<next><-><>"]);
  assert.match(warned[0] ?? "", /notify.failed.*longer than 100 ms/);
});

test("a command that is missing or fails is logged, nothing more", async (t) => {
  const { warned, log } = scene(t, "");
  const notifier = createNotifier(["/nowhere/tell"], log);
  notifier.tell({ event: "takeover", about: "serv1", because: "" });
  await notifier.idle();
  assert.match(warned[0] ?? "", /notify.failed.*was not found/);
});

test("when too much waits the oldest are dropped and counted", async (t) => {
  const { program, told, warned, log } = scene(t, WRITE);
  const notifier = createNotifier([program], log);
  for (let n = 0; n < 105; n += 1) notifier.tell({ event: String(n), about: "-", because: "" });
  await notifier.idle();
  assert.equal(told().length, 101, "the one under way and a hundred that waited");
  assert.equal(told()[0], "<0><-><>");
  assert.equal(told().at(-1), "<104><-><>");
  assert.match(warned.join(), /notify.dropped.*"notices":4/);
});

test("without a command nobody is told", async (t) => {
  const { log, warned } = scene(t, "");
  const notifier = createNotifier([], log);
  notifier.tell({ event: "takeover", about: "serv1", because: "" });
  await notifier.idle();
  assert.deepEqual(warned, []);
});

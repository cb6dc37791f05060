// What is asked of real servers and programs, those that hang and those that are hostile included.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import type { RequestListener } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { probe, type Answer } from "../../../clusterd/checks/probe.ts";
import type { Action, Check } from "../../../clusterd/config/config.ts";

const PATIENCE = 20_000;
const address = "127.0.0.1";
const ask = async (check: Check, { timeout = PATIENCE, action = null as Action | null } = {}): Promise<Answer> => {
  const { ok, said } = await probe({ check, timeout, action, service: "www", identity: "serv1" });
  return { ok, said };
};

async function listening(t: TestContext, server: Server): Promise<number> {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => open.add(socket.on("error", () => { /* the probe hangs up as it likes */ })));
  t.after(() => { for (const socket of open) socket.destroy(); server.close(); });
  await new Promise<void>((resolve) => { server.listen(0, address, resolve); });
  return (server.address() as AddressInfo).port;
}
const speaking = (t: TestContext, says: (socket: Socket) => void): Promise<number> => listening(t, createServer(says));
const serving = (t: TestContext, answers: RequestListener): Promise<number> => listening(t, createHttpServer(answers));
/** proc_pid_stat(5); a zombie is dead, and a container's first process may never bury it. */
const lives = (pid: string): boolean => existsSync(`/proc/${pid}/stat`) && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
const tcp = (port: number, more: Partial<Check & { kind: "tcp" }> = {}): Check => ({ kind: "tcp", address, port, send: "", expect: null, ...more });
const http = (port: number, more: Partial<Check & { kind: "http" }> = {}): Check => ({ kind: "http", address, port, path: "/", status: 200, expect: null, ...more });

test("tcp: a connection is enough when nothing is expected; nobody there is an answer", async (t) => {
  const port = await speaking(t, () => { /* says nothing */ });
  assert.deepEqual(await ask(tcp(port)), { ok: true, said: "connects" });
  assert.deepEqual(await ask(tcp(1)), { ok: false, said: "nobody listens there" });
});

test("tcp: what is sent arrives, and what is expected may come in parts", async (t) => {
  const port = await speaking(t, (socket) => socket.on("data", (data) => { socket.write(String(data).startsWith("PING\r\n") ? "+PO" : "-ERR"); setTimeout(() => socket.write("NG\r\n"), 50); }));
  assert.deepEqual(await ask(tcp(port, { send: "PING\r\n", expect: "^\\+PONG" })), { ok: true, said: "answers" });
});

test("tcp: another answer, a silence and an early end each say so", async (t) => {
  const other = await speaking(t, (socket) => socket.end("554 no\r\n"));
  assert.deepEqual(await ask(tcp(other, { expect: "^220 " })), { ok: false, said: 'answers, but not "^220 ": "554 no\\r\\n"' });
  const silent = await speaking(t, () => { /* says nothing */ });
  assert.deepEqual(await ask(tcp(silent, { expect: "^220 " }), { timeout: 100 }), { ok: false, said: "nothing was said within 100 ms" });
  const shut = await speaking(t, (socket) => socket.end());
  assert.deepEqual(await ask(tcp(shut, { expect: "x" })), { ok: false, said: 'closes without a word, but not "x"' });
});

test("http: status and page; the line says what was wrong with it", async (t) => {
  const port = await serving(t, ({ url }, answer) => { answer.statusCode = url === "/health?a=1" ? 204 : url === "/" ? 200 : 503; answer.end(url === "/" ? "<p>Welcome</p>" : undefined); });
  assert.deepEqual(await ask(http(port, { expect: "Wel+come" })), { ok: true, said: "status 200" });
  assert.deepEqual(await ask(http(port, { path: "/health?a=1", status: 204 })), { ok: true, said: "status 204" });
  assert.deepEqual(await ask(http(port, { path: "/down" })), { ok: false, said: "status 503 Service Unavailable, not 200" });
  assert.deepEqual(await ask(http(port, { expect: "all well" })), { ok: false, said: 'status 200, but not "all well": "<p>Welcome</p>"' });
});

test("http: who hangs, before the status or within the page, is given up at the timeout", async (t) => {
  const mute = await serving(t, () => { /* never answers */ });
  assert.deepEqual(await ask(http(mute), { timeout: 100 }), { ok: false, said: "no answer within 100 ms" });
  const slow = await serving(t, (_, answer) => { answer.write("<p>"); });
  assert.deepEqual(await ask(http(slow, { expect: "end" }), { timeout: 300 }), { ok: false, said: "status 200, but no whole page within 300 ms" });
});

test("http: a page without end is read so far and no further", async (t) => {
  const port = await serving(t, (_, answer) => { const more = (): void => { while (answer.write("x".repeat(65_536))); answer.once("drain", more); }; more(); });
  assert.match((await ask(http(port, { expect: "y" }))).said, /^status 200, but not "y"/);
});

test("a regular expression that goes astray ends after a moment", async (t) => {
  const port = await speaking(t, (socket) => socket.end(`${"a".repeat(40)}!`));
  assert.match((await ask(tcp(port, { expect: "^(a+)+$" }))).said, /looking for "\^\(a\+\)\+\$" failed: Script execution timed out/);
});

test("command: the exit code counts, the environment names the service, a hanging one is ended with its children", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "clusterd-probe-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const script = (name: string, body: string): Check => { writeFileSync(join(dir, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 }); return { kind: "command", words: [join(dir, name), "--quick", "two words"] }; };
  assert.deepEqual(await ask(script("good", `echo "$CLUSTERD_SERVICE of $CLUSTERD_IDENTITY, $2"`)), { ok: true, said: "www of serv1, two words" });
  assert.match((await ask(script("bad", "echo queue is full >&2; exit 4"))).said, /bad --quick "two words" ended with exit code 4: queue is full/);
  assert.match((await ask({ kind: "command", words: [join(dir, "none")] })).said, /was not found/);
  const hung = await ask(script("hang", `sleep 300 & echo $! >${dir}/child; wait`), { timeout: 300 });
  assert.equal(hung.ok, false);
  assert.match(hung.said, /took longer than 300 ms and was ended/);
  assert.ok(!lives(readFileSync(join(dir, "child"), "utf8").trim()));
});

test("output: what a program says counts, whatever its exit code", async () => {
  const echo = (text: string): Check => ({ kind: "output", expect: "^OK", words: ["/bin/sh", "-c", `echo ${text}; exit 1`] });
  assert.deepEqual(await ask(echo("OK, 3 users")), { ok: true, said: "answers" });
  assert.deepEqual(await ask(echo("FAILED")), { ok: false, said: 'answers, but not "^OK": "FAILED\\n"' });
  assert.equal((await ask({ kind: "output", expect: "", words: ["/nowhere/probe"] })).ok, false);
});

test("running: what starts the service is asked; a script without a clear answer is no word against it", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "clusterd-probe-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const init = (name: string, body: string): Action => { writeFileSync(join(dir, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 }); return { kind: "init", script: join(dir, name), args: [] }; };
  const check: Check = { kind: "running" };
  assert.equal((await ask(check, { action: init("up", "echo is up") })).ok, true);
  assert.equal((await ask(check, { action: init("down", "exit 3") })).ok, false);
  assert.deepEqual({ ...await ask(check, { action: init("old", "echo usage: start stop; exit 1") }), said: "" }, { ok: true, said: "" });
  assert.equal((await ask(check)).ok, false);
});

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { askDaemon, followDaemon } from "../../../clusterd/status/control-client.ts";
import type { ControlAnswer, ControlRequest } from "../../../clusterd/status/control.ts";
import { serveControl, type ControlServer } from "../../../clusterd/status/socket-server.ts";

const echo = async (request: ControlRequest): Promise<ControlAnswer> => ({ ok: true, text: JSON.stringify(request) });

async function serve(t: TestContext, handler = echo, options: { idle?: number } = {}): Promise<string> {
  return (await serveBoth(t, handler, options)).path;
}

async function serveBoth(t: TestContext, handler = echo, options: { idle?: number } = {}): Promise<{ path: string; server: ControlServer }> {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-control-"));
  const path = join(folder, "run", "clusterd.sock");
  const server = await serveControl(path, handler, options);
  t.after(async () => { await server.close(); rmSync(folder, { recursive: true, force: true }); });
  return { path, server };
}

/** What comes back for these bytes, as text. */
function say(path: string, bytes: string | Buffer, end = false): Promise<string> {
  return new Promise((resolve) => {
    let said = "";
    const socket = connect(path, () => { socket.write(bytes); if (end) socket.end(); });
    socket.on("data", (chunk) => { said += chunk; });
    socket.on("error", () => {});
    socket.on("close", () => resolve(said));
  });
}

test("answers a request with one line and closes", async (t) => {
  const path = await serve(t);
  assert.deepEqual(await askDaemon({ ask: "status" }, { socket: path }), { ok: true, text: '{"ask":"status"}' });
});

test("only root may connect: the socket has mode 0600, its folder 0700", async (t) => {
  const path = await serve(t);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(path, "..")).mode & 0o777, 0o700);
});

test("a request may arrive in pieces", async (t) => {
  const path = await serve(t);
  const said = await new Promise<string>((resolve) => {
    const socket = connect(path, () => { socket.write('{"ask":'); setTimeout(() => socket.write('"stop"}\n'), 30); });
    socket.on("data", (chunk) => resolve(String(chunk)));
  });
  assert.deepEqual(JSON.parse(said), { ok: true, text: '{"ask":"stop"}' });
});

test("what is no request gets an answer that says so", async (t) => {
  const path = await serve(t);
  const cases: readonly (readonly [string, boolean, RegExp])[] = [
    ["hello\n", false, /not JSON/], ["null\n", false, /asks nothing/], ["[1]\n", false, /asks nothing/], ['{"ask":7}\n', false, /asks nothing/], ['{"ask":"status"}', true, /no line end/],
    [`${"x".repeat(65 * 1024)}`, false, /longer than/],
  ];
  for (const [bytes, end, expected] of cases) {
    const answer = JSON.parse(await say(path, bytes, end)) as ControlAnswer;
    assert.equal(answer.ok, false, bytes.slice(0, 20));
    assert.match(answer.text, expected);
  }
  assert.equal((await askDaemon({ ask: "status" }, { socket: path })).ok, true, "and it still serves");
});

test("who says nothing is sent away, and holds up nobody", async (t) => {
  const path = await serve(t, echo, { idle: 60 });
  const silent = say(path, "");
  assert.equal((await askDaemon({ ask: "status" }, { socket: path })).ok, true);
  assert.match(await silent, /did not arrive in time/);
});

test("a handler that fails is an answer, not a crash", async (t) => {
  const path = await serve(t, async () => { throw new Error("the journal is gone"); });
  assert.deepEqual(await askDaemon({ ask: "reload" }, { socket: path }), { ok: false, text: "clusterd failed at this request: the journal is gone" });
});

test("who hangs up before the answer does no harm", async (t) => {
  const path = await serve(t, async (request) => { await new Promise((resolve) => setTimeout(resolve, 30)); return echo(request); });
  await new Promise<void>((resolve) => { const socket = connect(path, () => { socket.write('{"ask":"status"}\n'); socket.destroy(); resolve(); }); });
  assert.equal((await askDaemon({ ask: "status" }, { socket: path })).ok, true);
});

test("a socket that a dead daemon left behind is replaced; a living one is not", async (t) => {
  const path = await serve(t);
  await assert.rejects(serveControl(path, echo), /another clusterd answers/);
  assert.equal((await askDaemon({ ask: "status" }, { socket: path })).ok, true);

  const folder = mkdtempSync(join(tmpdir(), "clusterd-control-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "clusterd.sock"), "");
  const second = await serveControl(join(folder, "clusterd.sock"), echo);
  assert.equal((await askDaemon({ ask: "status" }, { socket: join(folder, "clusterd.sock") })).ok, true);
  await second.close();
});

test("the asking side speaks of a daemon that is not there, hangs or talks nonsense", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-control-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "s");
  assert.match((await askDaemon({ ask: "status" }, { socket: path })).text, /not running here/);
  const server = createServer((socket) => { socket.on("error", () => {}); socket.on("data", (data) => { if (String(data).includes("reload")) socket.end("what?\n"); }); });
  await new Promise<void>((resolve) => { server.listen(path, resolve); });
  t.after(() => server.close());
  assert.match((await askDaemon({ ask: "status" }, { socket: path, timeout: 50 })).text, /did not answer within 50 ms/);
  assert.match((await askDaemon({ ask: "reload" }, { socket: path })).text, /not JSON/);
});

test("who follows is told again with each news, until they hang up or the daemon ends", async (t) => {
  let asked = 0;
  const { path, server } = await serveBoth(t, async () => ({ ok: true, text: String(asked += 1) }));
  const following = followDaemon({ socket: path });
  assert.deepEqual((await following.next()).value, { ok: true, text: "1" });
  server.news();
  assert.deepEqual((await following.next()).value, { ok: true, text: "2" });
  await following.return(undefined);
  await new Promise((resolve) => setTimeout(resolve, 20));
  server.news();
  assert.equal(asked, 2, "nobody listens any more");

  const last = followDaemon({ socket: path });
  await last.next();
  await server.close();
  assert.equal((await last.next()).done, true);
  assert.match(String((await followDaemon({ socket: path }).next()).value?.text), /not running here/);
});

test("who follows and does not read is sent away", async (t) => {
  const { path, server } = await serveBoth(t, async () => ({ ok: true, text: "x".repeat(512 * 1024) }));
  const socket = connect(path, () => socket.write('{"ask":"status","follow":true}\n'));
  const gone = new Promise((resolve) => socket.on("close", resolve).on("error", () => {}));
  await new Promise((resolve) => setTimeout(resolve, 50));
  socket.pause();
  for (let tries = 0; tries < 10; tries += 1) { server.news(); await new Promise((resolve) => setTimeout(resolve, 5)); }
  socket.resume();
  await gone;
});

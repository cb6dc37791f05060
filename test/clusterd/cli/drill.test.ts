// The real `clusterd drill`, with the test in the place of both daemons.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { test } from "node:test";
import { EXIT } from "../../../clusterd/commands/exit-codes.ts";
import { status } from "../status/sample.ts";
import { needsSshd, Pair, PROJECT } from "./pair.ts";

// Who is logged in at the identity's own address loses that connection with the identity, and with it the terminal: all that runs in it
// gets SIGHUP, and nobody reads what is written any more.
test("a drill whose terminal goes in the middle brings the identity home all the same", { skip: needsSshd() }, async (t) => {
  const pair = new Pair();
  t.after(() => pair.close());
  await pair.start();
  await pair.startSshd();
  const [one, two] = pair.nodes;
  const [nsenter = "", ...inside] = one.inside;
  // The pair's loopback answers for the whole subnet.
  const silence = (verb: "add" | "del"): void => assert.equal(spawnSync(nsenter, [...inside, "ip", "route", verb, "unreachable", "192.168.77.1/32", "table", "local"], { stdio: "inherit" }).status, 0);
  // In a session of its own, so that the signal reaches what it has started too, as a terminal's does.
  const drill = spawn(nsenter, [...inside, `${PROJECT}/clusterd/bin/clusterd`, "drill"], { env: { PATH: process.env["PATH"] ?? "", ...one.env }, stdio: ["ignore", "pipe", "pipe"], detached: true });
  let said = "";
  drill.stdout.on("data", (data) => { said += data; });
  drill.stderr.on("data", (data) => { said += data; });
  t.after(() => { drill.kill("SIGKILL"); });
  one.answer = async () => {
    process.kill(-(drill.pid ?? 0), "SIGHUP");
    drill.stderr.destroy();
    silence("add");
    await new Promise((resolve) => setTimeout(resolve, 500));
    silence("del");
    one.holds(1);
    return { ok: true, text: "let go" };
  };
  two.answer = async () => {
    one.status = status(0);
    return { ok: true, text: "let go" };
  };
  const code = await new Promise((resolve) => { drill.on("close", (exit, signal) => resolve(signal ?? exit)); });
  assert.deepEqual({ code, home: two.asked }, { code: EXIT.ok, home: [{ ask: "command", verb: "handover", node: "serv1" }] }, said);
  // How long it was silent is for the drill to say, less what a busy machine did not let it ask; a probe that has ended says 0.
  assert.ok(Number(/serv1 to serv2: (\d+) ms without an answer/.exec(said)?.[1]) > 0, `the probe went on too: ${said}`);
});

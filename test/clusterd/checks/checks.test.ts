// The daemon's side with the real process that asks: it comes and goes with what is held, and what it finds reaches the rim.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createChecks, type Checks } from "../../../clusterd/checks/checks.ts";
import type { Config } from "../../../clusterd/config/config.ts";
import { coreConfigOf } from "../../../clusterd/core-config.ts";
import { EMPTY_RECORD, initialState, type State } from "../../../clusterd/core/state.ts";
import { sampleConfig, UNCHECKED } from "../takeover/sample.ts";

function configWith(port: number): Config {
  const sample = sampleConfig({ self: 0 });
  const checking = { ...UNCHECKED, checks: [{ kind: "tcp" as const, address: "127.0.0.1", port, send: "", expect: null }], interval: 50, fall: 2, restarts: { most: 1, within: 600_000 } };
  return { ...sample, services: sample.services.map((service) => ({ ...service, action: { kind: "systemd", unit: "www.service" }, checking })) };
}

/** Processes that ask, of ours. */
const probers = (): readonly number[] => readdirSync("/proc").filter((name) => /^\d+$/.test(name)).filter((pid) => {
  try {
    const [, parent] = readFileSync(`/proc/${pid}/stat`, "utf8").split(")").at(-1)?.trim().split(" ") ?? [];
    return Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("/checks/prober.ts");
  } catch {
    return false;
  }
}).map(Number);

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1500; tries += 1) {
    if (condition()) return;
    await sleep(20);
  }
  assert.fail(`waited 30 s in vain: ${what}`);
}

interface Scene { readonly core: State; readonly checks: Checks; readonly done: string[]; readonly told: string[] }

function scene(t: TestContext, config: Config): Scene {
  const core = initialState(coreConfigOf(config), "0".repeat(32), 0, 0, [EMPTY_RECORD, EMPTY_RECORD]);
  const [done, told]: [string[], string[]] = [[], []];
  const checks = createChecks(config, {
    state: () => core,
    restart: (identity, service) => { done.push(`restart ${service} of ${identity}`); return Promise.resolve({ ok: true, detail: "" }); },
    handOver: (identity, because) => { done.push(`hand over ${identity}: ${because}`); return Promise.resolve({ ok: false, text: "no handover: the peer is not heard" }); },
    tell: ({ event }) => { told.push(event); }, warn: (because) => { told.push(because); },
  });
  t.after(() => { checks.close(); });
  return { core, checks, done, told };
}

test("what fails is started anew, then asked to be handed over; a refusal leaves it stuck and told; the process ends with the ownership", { timeout: 120_000 }, async (t) => {
  const { core, checks, done, told } = scene(t, configWith(1));
  assert.deepEqual(probers(), [], "nothing is held: nobody asks");
  Object.assign(core.holdings[0], { role: "owner", services: "started" });
  await until("a handover to be asked for", () => done.length === 2);
  assert.deepEqual(done, ["restart www of 0", "hand over 0: service check of www failed 2 times: tcp 127.0.0.1:1: nobody listens there"]);
  await until("the refusal", () => checks.status()[0]?.phase === "stuck");
  assert.deepEqual(told, ["service.restarting", "service.leaving", "service.stuck"]);
  assert.equal(checks.status()[0]?.checks[0]?.state, "failing");
  Object.assign(core.holdings[0], { role: "standby", services: "stopped" });
  await until("the process to end", () => probers().length === 0);
  assert.deepEqual(checks.status(), []);
});

test("a process that asks and dies, is replaced; a new configuration asks other things", { timeout: 120_000 }, async (t) => {
  const server = createServer((socket) => socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  t.after(() => { server.close(); });
  const config = configWith((server.address() as AddressInfo).port);
  const { core, checks, done, told } = scene(t, config);
  Object.assign(core.holdings[0], { role: "owner", services: "started" });
  await until("it to be well", () => checks.status()[0]?.checks[0]?.state === "passing");
  for (const pid of probers()) process.kill(pid, "SIGKILL");
  await until("its end to be told", () => told.length === 1);
  assert.match(told[0] ?? "", /the process that asks services has ended, and is started again/);
  await until("another", () => probers().length === 1);
  checks.use({ ...config, services: [] });
  await until("nobody to ask", () => probers().length === 0);
  assert.deepEqual(done, []);
});

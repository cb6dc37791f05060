// When a daemon does not make way for the next one, and that a refusal changes nothing.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Config } from "../../clusterd/config/config.ts";
import type { State } from "../../clusterd/core/state.ts";
import type { Parts } from "../../clusterd/ending.ts";
import { sampleConfig } from "./takeover/sample.ts";

const folder = mkdtempSync(join(tmpdir(), "clusterd-restart-"));
cpSync(new URL("../../cluster.d", import.meta.url), join(folder, "etc"), { recursive: true });
Object.assign(process.env, { CLUSTERD_ETC: join(folder, "etc"), CLUSTERD_NODE: "serv1", CLUSTERD_RUN: join(folder, "run"), CLUSTERD_STATE: join(folder, "state") });
const { makeWay } = await import("../../clusterd/ending.ts");
const { leftUp } = await import("../../clusterd/restart.ts");
const { loadConfig } = await import("../../clusterd/config/load.ts");
after(() => rmSync(folder, { recursive: true }));

test("what is up on a NIC that the new configuration does not name stands against a restart: nobody would take it down there", () => {
  const before = sampleConfig({ self: 0 });
  const next: Config = { ...before, nodes: [{ ...before.nodes[0], main: { ...before.nodes[0].main, interface: "eth3" } }, before.nodes[1]] };
  const [home, away] = [{ identity: 0, until: 0 }, { identity: 1, until: 0 }] as const;
  assert.match(leftUp([home], before, next, false) ?? "", /identity of serv1 is up on eth0, and the main NIC of serv1 is eth3 .*`clusterd drain` first/);
  assert.equal(leftUp([away], before, next, false), null);
  assert.equal(leftUp([home, away], before, before, false), null);
  assert.match(leftUp([away], before, next, true) ?? "", /identity of serv2 is up on eth0/, "the NICs have changed their roles");
  assert.equal(leftUp([home], before, next, true), null);
});

test("a restart that is refused leaves services and addresses as the configuration in force has them", { timeout: 60_000 }, async () => {
  const loaded = loadConfig();
  assert.ok(loaded.ok);
  const resting = { role: "standby", pending: null };
  let atWork: string | null = null;
  const followed: (string | null)[] = [];
  const parts = {
    config: loaded.config, checks: null, links: null, witness: null, log: { info: () => {} },
    driver: { state: { failed: null, leaving: null, holdings: [resting, resting] } as unknown as State, stop: () => assert.fail("it went") },
    network: { exchanged: () => null, atWork: () => atWork, leave: () => assert.fail("it went") },
  } as unknown as Parts;
  const follow = async (next: Config | null): Promise<void> => { followed.push(next?.digest ?? null); atWork = "not now: eth0 is being changed"; };
  assert.deepEqual(await makeWay(parts, follow), { ok: false, text: "not now: eth0 is being changed" });
  assert.deepEqual(followed, [loaded.config.digest, null]);
  assert.deepEqual(await makeWay(parts, follow), { ok: false, text: "not now: eth0 is being changed" });
  assert.equal(followed.length, 2, "what is known beforehand changes nothing at all");
});

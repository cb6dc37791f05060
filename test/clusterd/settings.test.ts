// What a reload may change while the daemon runs, and what would only seem to be in force.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const etc = mkdtempSync(join(tmpdir(), "clusterd-settings-"));
cpSync(new URL("../../cluster.d", import.meta.url), etc, { recursive: true });
Object.assign(process.env, { CLUSTERD_ETC: etc, CLUSTERD_NODE: "serv1" });
const { Settings } = await import("../../clusterd/settings.ts");
const { loadConfig } = await import("../../clusterd/config/load.ts");
after(() => rmSync(etc, { recursive: true }));

const FILE = join(etc, "cluster.conf");
const sample = readFileSync(FILE, "utf8");
const settings = (): InstanceType<typeof Settings> => {
  writeFileSync(FILE, sample);
  const loaded = loadConfig();
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return new Settings(loaded.config);
};
const change = (key: string, value: string): void => writeFileSync(FILE, sample.replace(new RegExp(`^(?:# )?${key} ?= ?.*$`, "m"), `${key} = ${value}`));

test("what is read anew is in force; what is wrong changes nothing", () => {
  const now = settings();
  change("failback", "auto");
  assert.equal(now.reload(), null);
  assert.equal(now.config.cluster.failback, "auto");
  change("failback", "perhaps");
  assert.match(now.reload() ?? "", /failback/);
  assert.deepEqual([now.config.cluster.failback, now.problem === null], ["auto", false]);
});

for (const [key, value] of [["port", "695"], ["main_failure", "redundant"], ["kernel_lease", "no"], ["watchdog", "auto"], ["serial_baud", "19200"], ["references", "192.168.50.251"]] as const)
  test(`${key} belongs to parts that were made at the start: a reload refuses it, and says what takes it`, () => {
    const now = settings();
    const before = now.config;
    change(key, value);
    assert.match(now.wouldRefuse() ?? "in force", /needs `clusterd restart`/);
    assert.equal(now.problem, null, "a look changes nothing");
    assert.match(now.reload() ?? "in force", /needs `clusterd restart`/);
    assert.equal(now.config, before);
  });

test("a service or mirror job that changes its home is refused while clusterd runs, with the way to do it", () => {
  const now = settings();
  const before = now.config;
  renameSync(join(etc, "serv1/www.conf"), join(etc, "serv2/www.conf"));
  const said = now.reload() ?? "in force";
  renameSync(join(etc, "serv2/www.conf"), join(etc, "serv1/www.conf"));
  assert.match(said, /^www would move from serv1\/ to serv2\/ while clusterd runs: take it out of serv1\/ and `clusterd reload` on both nodes/);
  assert.equal(now.config, before);
  assert.equal(now.reload(), null);
});

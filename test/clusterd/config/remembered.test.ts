// What is remembered of the configuration is what reading it anew would give, or it is not used.

import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { loadConfig } from "../../../clusterd/config/load.ts";
import { loadRemembered } from "../../../clusterd/config/remembered.ts";
import { needsRoot } from "../../needs.ts";

const SAMPLES = new URL("../../../cluster.d", import.meta.url).pathname;
const home = mkdtempSync(join(tmpdir(), "clusterd-remembered-"));
after(() => rmSync(home, { recursive: true }));
const [etc, file] = [join(home, "etc"), join(home, "run/configuration.json")];
const at = (name: string): string => join(etc, name);
beforeEach(() => {
  for (const old of [etc, file]) rmSync(old, { recursive: true, force: true });
  cpSync(SAMPLES, etc, { recursive: true });
});

const read = (self = "serv1", settled = 0) => loadRemembered({ etc, self, file, settled });
/** Another name is put into what is remembered: whoever gets it has not read the files. */
const REMEMBERED = "remembered";
async function remember(): Promise<void> {
  await sleep(10); // the kernel's clock for files ticks every 4 ms
  assert.ok((await read()).ok);
  const kept = JSON.parse(readFileSync(file, "utf8")) as { config: { cluster: { name: string } } };
  kept.config.cluster.name = REMEMBERED;
  writeFileSync(file, JSON.stringify(kept), { mode: 0o600 });
}
async function name(self = "serv1", settled = 0): Promise<string> {
  const loaded = await read(self, settled);
  return loaded.ok ? loaded.config.cluster.name : loaded.problems.map(({ message }) => message).join();
}

test("the same as when it is read, the second time too", async () => {
  await sleep(10);
  const plain = loadConfig({ etc, self: "serv1" });
  assert.ok(plain.ok);
  for (const time of ["first", "second"]) {
    const loaded = await read();
    assert.deepEqual(loaded.ok ? loaded.config : loaded, plain.config, time);
  }
});

test("unchanged, it is not read again", async () => {
  await remember();
  assert.equal(await name(), REMEMBERED);
});

const CHANGES: Readonly<Record<string, () => void>> = {
  "a file of equal length": () => { writeFileSync(at("cluster.conf"), readFileSync(at("cluster.conf"), "utf8").replace(/^name = .*$/m, (line) => `name = ${"x".repeat(line.length - 7)}`)); },
  "a file put in another's place": () => { writeFileSync(at("new"), readFileSync(at("cluster.conf"))); renameSync(at("new"), at("cluster.conf")); },
  "a new file": () => { writeFileSync(at("serv1/Fnew"), "/srv/new/\n"); },
  "a file that is gone": () => { rmSync(at("serv1/www.conf")); },
  "a mode": () => { chmodSync(at("cluster.conf"), 0o640); },
  "a link, of which nobody knows who changes it": () => { renameSync(at("serv2.conf"), join(home, "elsewhere.conf")); symlinkSync(join(home, "elsewhere.conf"), at("serv2.conf")); },
};
for (const [what, change] of Object.entries(CHANGES)) test(`read anew: ${what}`, async () => {
  await remember();
  change();
  assert.notEqual(await name(), REMEMBERED);
});

test("another node's eyes see it anew", async () => {
  await remember();
  assert.notEqual(await name("serv2"), REMEMBERED);
});

test("what has just changed may change again within the same tick: read anew, and not remembered", async () => {
  await remember();
  assert.notEqual(await name("serv1", 600_000), REMEMBERED);
  rmSync(file);
  assert.ok((await read("serv1", 600_000)).ok);
  assert.throws(() => readFileSync(file), /ENOENT/);
});

test("what others than root may have written is not believed", { skip: needsRoot("to be somebody who distrusts") }, async () => {
  await remember();
  chmodSync(file, 0o666);
  assert.notEqual(await name(), REMEMBERED);
});

test("a problem is never remembered", async () => {
  writeFileSync(at("cluster.conf"), "[cluster]\n");
  await sleep(10);
  assert.ok(!(await read()).ok);
  assert.throws(() => readFileSync(file), /ENOENT/);
});

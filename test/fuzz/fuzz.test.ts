// Every parser against its corpus, and against a second's worth of new hostile input. The long runs: npm run fuzz.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { decodeState, encodeState } from "../../clusterd/restart.ts";
import { needsRoot } from "../needs.ts";
import { world as newWorld } from "../sim/setting.ts";
import { forge, lie } from "./heartbeat.ts";
import { fuzz, whyNot } from "./run.ts";
import { CORPUS, corpusOf } from "./target.ts";
import { TARGETS } from "./targets.ts";
import { NETWORK_TARGETS } from "./targets/scripts.ts";

const skip = (name: string): string | false => NETWORK_TARGETS.some((target) => target.name === name) && needsRoot("for a network of its own");

for (const target of TARGETS) {
  describe(`${target.name}: ${target.what}`, { skip: skip(target.name) }, () => {
    test("every input of the corpus is answered", async (t) => {
      t.after(() => target.close?.());
      for (const { file, input } of corpusOf(target)) assert.equal(await whyNot(target, input), null, `corpus/${target.name}/${file}`);
    });

    test("so is what was made of them", async (t) => {
      t.after(() => target.close?.());
      const { finding, runs } = await fuzz(target, { runs: target.inUnit, seed: 1999 });
      assert.equal(finding, null, finding === null ? "" : `${finding.because}\ninput (base64): ${finding.input.toString("base64").slice(0, 2000)}`);
      assert.equal(runs, target.inUnit);
    });
  });
}

test("the kept state of a restart is one of today's shape: else its fuzzer would only meet refusals", () => {
  const path = join(CORPUS, "restart/standby");
  if (process.env["UPDATE"] === "1") {
    const pair = newWorld();
    pair.boot(0);
    pair.boot(1);
    pair.run(500);
    writeFileSync(path, encodeState(pair.hosts[0].state!));
  }
  assert.notEqual(decodeState(readFileSync(path)), null, "its shape has changed: UPDATE=1 writes it anew");
});

test("a hundred thousand heartbeats forged without the key: none is accepted", () => {
  const { accepted, fates } = forge(100_000, 1999);
  assert.equal(accepted, 0, JSON.stringify(fates));
  assert.ok((fates["authentication"] ?? 0) > 50_000, "most of them got as far as the seal");
});

test("whoever has the key and lies does not end the daemon", () => {
  const { crash, believed, roles } = lie(15_000, 1999);
  assert.equal(crash, null);
  assert.ok(believed > 5000 && (roles["owner"] ?? 0) > 0 && (roles["raising"] ?? 0) > 0, `believed ${believed}, ${JSON.stringify(roles)}`);
});

test("an epoch at the end of its field is refused: the next one could not be written (found by seed 1)", () => {
  const { crash } = lie(3_000, 1);
  assert.equal(crash, null);
});

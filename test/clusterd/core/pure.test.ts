// The brain stays pure: its files know each other and the types of time, and nothing else.
//
// A signpost, not a fence: whoever has a good reason to look outside changes this test and writes the reason in DECISIONS.md.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const core = join(import.meta.dirname, "../../../clusterd/core");
const files = readdirSync(core).map((name) => ({ name, text: readFileSync(join(core, name), "utf8") }));

for (const { name, text } of files) {
  test(`core/${name} imports nothing that could answer differently tomorrow`, () => {
    const outward = [...text.matchAll(/^(?:import|export)\b(.*?)from "([^"]+)"/gms)]
      .filter(([, what = "", from = ""]) => !/^\.\/[\w-]+\.ts$/.test(from) && !(what.trim().startsWith("type") && from === "../base/time.ts"));
    assert.deepEqual(outward.map(([, , from]) => from), [], "the same step() runs in the daemon, the simulator and the tests");
  });
  test(`core/${name} asks neither clock nor chance nor process`, () => {
    const code = text.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, "");
    assert.doesNotMatch(code, /\bDate\b|Math\.random|performance\.|process\.|setTimeout|setInterval|await |async /);
  });
}

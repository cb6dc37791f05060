// What `clusterd install` says when the files are in place: of what failed, and of what is to be done next.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { inTurn, nextSteps, warmCache } from "../../../clusterd/install/after.ts";

test("a program that cannot be loaded is named, with its error, what was left out and what to do: no stack", async (t) => {
  const home = mkdtempSync(join(tmpdir(), "clusterd-after-"));
  t.after(() => rmSync(home, { recursive: true }));
  const put = (path: string, text: string): void => { mkdirSync(dirname(join(home, path)), { recursive: true }); writeFileSync(join(home, path), text); chmodSync(join(home, path), 0o755); };
  put("clusterd/bin/clusterd", `#!/bin/sh\nexec ${process.execPath} ${join(home, "half.mjs")}\n`);
  put("half.mjs", "half a file (");
  put("mirror/bin/mirror", "#!/bin/sh\n");
  const steps = [{ what: "fill    the cache", act: () => warmCache(home, join(home, "cache")) }, { what: "run     the rest", act: () => assert.fail("not reached") }];
  const said = (await inTurn(steps)) ?? "";
  assert.match(said, new RegExp(`^failed: fill    the cache: ${home}/clusterd/bin/clusterd cannot be loaded: SyntaxError: .*\\.\n  .*--warm-up.* shows all of it.*do not restart`));
  assert.match(said, /\nnot done: run {5}the rest\nThe files are in place\.$/);
  assert.doesNotMatch(said, /^\s+at /m);
  put("half.mjs", "");
  assert.equal(await inTurn(steps.slice(0, 1)), null);
});

test("who has taken the other node's keys is told to carry its own there", () => {
  const next = (keys: "known" | "theirs" | "none"): string => nextSteps({ init: "systemd", root: "/", problem: null, keys }).join("\n");
  assert.match(next("theirs"), /keys export FILE +here, too.*\n +clusterd keys import FILE +there/);
  assert.match(next("none"), /the same the other way round/);
  assert.doesNotMatch(next("known"), /keys/);
});

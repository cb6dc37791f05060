// Without a free file descriptor heartbeats, journal and guards go on; what needs one fails as data, and works again once there is one.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../../clusterd/base/exec.ts";
import { needsRoot } from "../needs.ts";

const RUN_TS = new URL("../run-ts", import.meta.url).pathname;

test("no file descriptor is left: heartbeats, journal and dead-man go on, nothing ends the daemon, and all is well again afterwards", { skip: needsRoot("for a network of its own") }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-exhausted-"));
  try {
    const words = ["unshare", "--net", "sh", "-c", 'ip link set lo up && ulimit -n 100 && exec "$@"', "sh", RUN_TS, join(import.meta.dirname, "exhausted.ts")];
    const ran = await run(words, { timeout: 90_000, env: { CLUSTERD_RUN: join(folder, "run"), CLUSTERD_STATE: join(folder, "state"), CLUSTERD_ETC: join(folder, "etc") } });
    assert.equal(ran.failure, null, `${ran.failure}\n${ran.stderr}`);
    assert.deepEqual(JSON.parse(ran.stdout.trim().split("\n").at(-1) ?? ""), {
      "dead-man": null, limit: "EMFILE",
      heartbeats: true, journal: "written", ip: true, program: "spawn true EMFILE", sleeper: true, reports: 0,
      guard: true, "ip without": false, "heartbeats without helpers": true,
      "guard again": true, "ip again": true, "program again": null, "helpers again": true,
    }, ran.stderr);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";

import type { JobConfig } from "../../clusterd/config/config.ts";
import { coreConfigOf } from "../../clusterd/core-config.ts";
import { sampleConfig } from "./takeover/sample.ts";

test("what is mirrored is told by job, path and what is left out, and by nothing else of a job", () => {
  const mirrored = (...jobs: readonly JobConfig[]) => coreConfigOf({ ...sampleConfig(), jobs }).mirrored;
  const www: JobConfig = {
    name: "www", service: "www", home: 0, entries: [{ path: "/srv/www/", kind: "tree" }, { path: "/etc/www.conf", kind: "file" }], exclude: [],
    maxDelete: 100, maxDeletePercent: 10, special: "keep", consistent: false, wholeFile: "auto", bwlimit: null, watch: null, timeout: 60_000,
    fullPass: 900_000, keepFor: 86_400_000, keepRuns: null, keepSize: null, before: [], after: [], hookTimeout: 60_000,
  };
  assert.deepEqual(mirrored(www), [["www:/srv/www/", "www:/etc/www.conf"], []]);
  assert.deepEqual(mirrored({ ...www, bwlimit: 1, maxDelete: 7, timeout: 1 }), mirrored(www));
  assert.deepEqual(mirrored({ ...www, home: 1, exclude: ["cache/"] })[1], ["www:/srv/www/ without cache/", "www:/etc/www.conf without cache/"]);
});

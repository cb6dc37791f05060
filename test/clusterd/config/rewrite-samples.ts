// Writes cluster.d/ anew from the tables of options: clusterd/bin/run-node test/clusterd/config/rewrite-samples.ts
// Read the difference, and commit only what you understand.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { referencePage, sampleText } from "../../../clusterd/config/explain.ts";

const folder = join(import.meta.dirname, "../../../cluster.d");
for (const { path, text } of [...sampleText(), { path: "README.md", text: referencePage() }]) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

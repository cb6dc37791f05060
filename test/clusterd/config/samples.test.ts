import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { referencePage, sampleText, showConfig } from "../../../clusterd/config/explain.ts";
import { FILES } from "../../../clusterd/config/options.ts";
import type { Options } from "../../../clusterd/config/options.ts";
import { inFolder, load, said } from "./cases.ts";
import { loadConfig } from "../../../clusterd/config/load.ts";

const SAMPLES = join(import.meta.dirname, "../../../cluster.d");
const written = new Map(readdirSync(SAMPLES, { recursive: true, encoding: "utf8" })
  .filter((path) => statSync(join(SAMPLES, path)).isFile())
  .map((path) => [path, readFileSync(join(SAMPLES, path), "utf8")]));

test("cluster.d holds exactly the samples and the reference page that the tables of options give", () => {
  const told = new Map([...sampleText(), { path: "README.md", text: referencePage() }].map(({ path, text }) => [path, text]));
  assert.deepEqual([...written.keys()].sort(), [...told.keys()].sort());
  for (const [path, text] of told) assert.equal(written.get(path), text, `${path}: clusterd/bin/run-node test/clusterd/config/rewrite-samples.ts writes it anew`);
});

test("the samples are sound, without warnings, on both nodes", () => {
  for (const self of ["serv1", "serv2"]) assert.equal(said(load(written, self)), "");
});

test("the samples are sound with every key that is only shown, too, one at a time", () => {
  // Keys that exclude others, or need others, by design.
  const alone = new Set(["start_command", "stop_command", "check_command", "policy", "SERIAL_DEVICE", "FENCE_AGENT"]);
  let tried = 0;
  for (const [path, text] of written) {
    for (const [line, key = ""] of text.matchAll(/^# ([A-Za-z0-9_]+) ?= ?\S.*$/gm)) {
      if (!path.endsWith(".conf") || alone.has(key)) continue;
      const loaded = load(new Map([...written, [path, text.replace(line, line.slice(2))]]));
      assert.ok(loaded.ok, `${path} with ${line.slice(2)}: ${said(loaded)}`);
      tried += 1;
    }
  }
  assert.ok(tried >= 25, `only ${tried} tried`);
});

test("every key is in an annotated sample and on the reference page, with its meaning", () => {
  const samples = [...written.values()].join("\n");
  const page = referencePage();
  for (const tables of Object.values(FILES)) {
    for (const [key, option] of Object.values(tables as Record<string, Options>).flatMap((table) => Object.entries(table))) {
      assert.match(samples, new RegExp(`^(# )?${key} ?= ?\\S`, "m"), key);
      assert.ok(page.includes(`| \`${key}\``) && page.includes(option.meaning), key);
      assert.ok(samples.replaceAll(/\n# +/g, " ").includes(option.meaning), key);
    }
  }
});

test("every example of the table is a value that its own kind accepts", () => {
  for (const tables of Object.values(FILES)) {
    for (const [key, { kind, example }] of Object.values(tables as Record<string, Options>).flatMap((table) => Object.entries(table))) {
      assert.deepEqual(kind.read({ section: "", key, line: 1, isList: false, values: [{ text: example, words: example.split(" "), line: 1 }] }).faults, [], key);
    }
  }
});

test("show prints every value in force: times, stand-in MACs, majority, who mirrors what", () => {
  inFolder(written, (etc) => {
    const loaded = loadConfig({ etc, self: "serv2" });
    assert.ok(loaded.ok);
    const text = showConfig(loaded.config);
    for (const part of [/seen from +serv2/, /deadtime +300 ms/, /takeover after +950 ms/, /2 of 3 must answer/, /stand-in MACs +eth0 [0-9a-f]{2}:/, /start +\/etc\/init\.d\/lighttpd start/,
      /mirror job www, from serv1 to serv2\n +tree +\/srv\/www\//, /mirror job files, from serv2 to serv1/, /mirror job Flpd/]) assert.match(text, part);
  });
});

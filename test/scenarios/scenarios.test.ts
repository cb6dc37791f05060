// Every story in this folder, played on the real core, tells what is written below its line.
//
// UPDATE=1 writes down what they tell now: read the diff, and commit only what you understand.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { playStory } from "./story.ts";

const folder = import.meta.dirname;

for (const file of readdirSync(folder).filter((name) => name.endsWith(".txt")).sort()) {
  const path = `${folder}/${file}`;
  const text = readFileSync(path, "utf8");
  test(`story ${file.replace(".txt", "")}: ${text.split("\n")[0]?.replace(/^# /, "")}`, () => {
    const [script = "", expected = ""] = text.split("\n----\n");
    const told = playStory(text);
    assert.doesNotMatch(told, /BOTH NODES SPEAK/, "two owners at once");
    if (process.env["UPDATE"] === "1") writeFileSync(path, `${script}\n----\n${told}\n`);
    else assert.equal(told, expected.trimEnd());
  });
}

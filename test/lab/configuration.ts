// The sample pair with a few keys changed, for labs that need more of clusterd than the sample asks for.

import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import type { Lab } from "./lab.ts";

const SAMPLE = new URL("../../cluster.d", import.meta.url).pathname;

/** By file, then by key: the value. A key that the sample only shows in a comment is set there, another is added at the end. */
export type Changes = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** A folder beside the labs (not /tmp, which others clean: a lab reads it as long as it is up); made anew each time. */
export function changedSample(lab: Lab, changes: Changes): string {
  const folder = `${dirname(dirname(lab.folder))}/configuration-${lab.name}`;
  rmSync(folder, { recursive: true, force: true });
  cpSync(SAMPLE, folder, { recursive: true });
  for (const [file, keys] of Object.entries(changes)) {
    let text = readFileSync(`${folder}/${file}`, "utf8");
    for (const [key, value] of Object.entries(keys)) {
      const shown = new RegExp(`^(?:# )?${key} ?= ?.*$`, "m");
      text = shown.test(text) ? text.replace(shown, `${key} = ${value}`) : `${text}${key}=${value}\n`;
    }
    writeFileSync(`${folder}/${file}`, text);
  }
  return folder;
}

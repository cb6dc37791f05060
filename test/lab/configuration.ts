// A lab's own configuration: the sample pair, with a few keys changed for labs that need more of clusterd than it asks for.

import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";

import type { Lab } from "./lab.ts";

export const SAMPLE = new URL("../../cluster.d", import.meta.url).pathname;

/** By file, then by key: the value. A key that the sample only shows in a comment is set there, another is added at the end. */
export type Changes = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** A copy of the sample, made anew each time; it goes when the lab does. */
export function ownSample({ ownConfiguration }: Lab): string {
  rmSync(ownConfiguration, { recursive: true, force: true });
  cpSync(SAMPLE, ownConfiguration, { recursive: true });
  return ownConfiguration;
}

export function changedSample(lab: Lab, changes: Changes): string {
  const folder = ownSample(lab);
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

// The pair that chaos is let loose on: the sample's network, and one service of our own on each side that writes.

import { cpSync, rmSync, writeFileSync } from "node:fs";

import { changedSample, SAMPLE } from "../configuration.ts";
import { settle } from "../home.ts";
import type { Manner } from "../home.ts";
import type { Lab } from "../lab.ts";
import { readNodes } from "../sample.ts";
import { TREES } from "./witnesses.ts";

const STORE = "/usr/bin/perl /usr/lib/clusterd/test/lab/chaos/store.pl";
/** Rounds are to be short: what is well for a moment is well. */
export const QUICKLY: Manner = { quiet: 250, poll: 100 };

/** Builds the pair anew and returns when both identities are at home and both nodes have each other's files. */
export async function freshPair(lab: Lab, profile: string, mainFailure: string): Promise<void> {
  await lab.up({ profile, configuration: makeConfiguration(lab, mainFailure) });
  await settle(lab, { ...QUICKLY, inSync: false });
  await Promise.all(lab.nodes().map(({ name }) => lab.exec(name, ["mirror", "run", "--all"], { timeout: 60_000 })));
  await settle(lab, QUICKLY);
}

function makeConfiguration(lab: Lab, mainFailure: string): string {
  const folder = changedSample(lab, { "cluster.conf": { main_failure: mainFailure } });
  for (const [at, { name, addresses: [main] }] of readNodes(SAMPLE).entries()) {
    rmSync(`${folder}/${name}`, { recursive: true });
    const [job, tree] = Object.entries(TREES)[at]!;
    cpSync(`${SAMPLE}/${name}`, `${folder}/${name}`, { recursive: true, filter: (path) => path.endsWith(name) });
    writeFileSync(`${folder}/${name}/${job}.conf`, [
      "[service]",
      ...["start", "stop", "check"].map((verb) => `${verb}_command = ${STORE} ${verb} ${name} ${main} ${tree}`),
      "start_timeout = 2s", "stop_timeout = 2s", "check = running", "check_interval = 1s", "check_fall = 2", "restarts = 100 within 10m",
      "[mirror]", `path = ${tree}`, "exclude = *.tmp", "",
    ].join("\n"));
  }
  return folder;
}

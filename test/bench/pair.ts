// The pair that is measured, and how it is built. Milliseconds.

import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { ownSample } from "../lab/configuration.ts";
import { settle } from "../lab/home.ts";
import type { Lab } from "../lab/lab.ts";

export interface Setting {
  readonly profile: string;
  /** A folder from makeConfiguration(); it must stay as long as the lab is up. */
  readonly configuration: string;
}

/** The sample; without services there is nothing to start and nothing to mirror, so that the failover alone is measured. */
export function makeConfiguration(lab: Lab, withServices: boolean): string {
  const folder = ownSample(lab);
  if (!withServices) for (const node of ["serv1", "serv2"]) rmSync(`${folder}/${node}`, { recursive: true });
  return folder;
}

/** Builds the pair anew and waits until it has settled at home, its nodes in possession of each other's files and past
 *  `initdead`, during which a daemon that has just started claims nothing. */
export async function freshPair(lab: Lab, setting: Setting): Promise<void> {
  await lab.up(setting);
  await settle(lab);
  await sleep(setting.profile === "safety" ? 10_000 : 3000);
  await settle(lab);
}

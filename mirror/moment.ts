// A moment that two processes of this node can compare, whatever is done to the wall clock meanwhile: the kernel's own count, and which boot it is of.

import { readFileSync } from "node:fs";
import { monotonicNow } from "../clusterd/base/time.ts";
import type { Instant } from "../clusterd/base/time.ts";

/** `boot`: /proc/sys/kernel/random/boot_id (random(4)). */
export interface Moment { readonly boot: string; readonly at: Instant }

const BOOT = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

export const thisMoment = (): Moment => ({ boot: BOOT, at: monotonicNow() });

/** In this boot's count; before everything, if it was another boot's or is not known. */
export const instantOf = (moment: Moment | null | undefined): Instant => (moment?.boot === BOOT ? moment.at : -Infinity);

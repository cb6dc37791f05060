// One short word for the whole effective configuration: equal on both nodes, or there is no takeover.
//
// It is taken over values, not over text: comments, order of keys and written-out defaults do not count, nor does which
// of the two nodes is asking.

import { createHash } from "node:crypto";
import type { Config } from "./config.ts";

/** First 16 hex digits of SHA-256. The number in front changes when this program reads the same files differently. */
export function digestOf({ cluster, nodes, services, jobs }: Pick<Config, "cluster" | "nodes" | "services" | "jobs">): string {
  return createHash("sha256").update(`1 ${canonical({ cluster, nodes, services, jobs })}`).digest("hex").slice(0, 16);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  return `{${Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, held]) => `${JSON.stringify(key)}:${canonical(held)}`).join()}}`;
}

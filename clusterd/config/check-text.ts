// A check of a running service as it is written, for people.

import type { Check } from "./config.ts";

export function checkText(check: Check): string {
  switch (check.kind) {
    case "tcp": return `tcp ${check.address}:${check.port}${check.send === "" ? "" : ` send ${JSON.stringify(check.send)}`}${check.expect === null ? "" : ` expect ${check.expect}`}`;
    case "http": return `http ${check.address}:${check.port}${check.path} status ${check.status}${check.expect === null ? "" : ` expect ${check.expect}`}`;
    case "command": return `command ${words(check.words)}`;
    case "output": return `output ${check.expect} ${words(check.words)}`;
    case "unit": return `unit ${check.unit}`;
    case "running": return "running";
  }
}

/** Words as the configuration has them, quoted where they must be. */
export const words = (list: readonly string[]): string => (list.length === 0 ? "none" : list.map((word) => (/^[\w@%+=:,./*-]+$/.test(word) ? word : JSON.stringify(word))).join(" "));

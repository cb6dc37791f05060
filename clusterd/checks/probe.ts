// Asks a service once, in the way that its check says: well or not, and in a few words why. Bounded in time and in what is read.
//
// None of these rejects or throws: whatever happens is an answer. Not here: how often, and what follows (policy.ts).

import { monotonicNow } from "../base/time.ts";
import type { Duration } from "../base/time.ts";
import type { Action, Check } from "../config/config.ts";
import { askCommand, askOutput } from "./probes/command.ts";
import { askHttp } from "./probes/http.ts";
import { askTcp } from "./probes/tcp.ts";

export interface Answer {
  readonly ok: boolean;
  /** For people, at most a line. */
  readonly said: string;
}

export interface Asked {
  readonly check: Check;
  readonly timeout: Duration;
  /** What starts the service, and whose it is: for `running`, and for what programs find in their environment. */
  readonly action: Action | null;
  readonly service: string;
  readonly identity: string;
}

const LONGEST = 200;

export async function probe({ check, timeout, ...of }: Asked, signal?: AbortSignal): Promise<Answer & { readonly took: Duration }> {
  const began = monotonicNow();
  const { ok, said } = await ask(check, { ...of, timeout, ...(signal !== undefined && { signal }) });
  return { ok, said: said.replace(/[\s\p{Cc}]+/gu, " ").trim().slice(0, LONGEST), took: monotonicNow() - began };
}

export interface How extends Omit<Asked, "check"> {
  readonly signal?: AbortSignal;
}

function ask(check: Check, how: How): Promise<Answer> {
  switch (check.kind) {
    case "tcp": return askTcp(check, how);
    case "http": return askHttp(check, how);
    case "command": return askCommand({ kind: "command", start: [], stop: [], check: check.words }, how);
    case "output": return askOutput(check, how);
    case "unit": return askCommand({ kind: "systemd", unit: check.unit }, how);
    case "running": return askCommand(how.action, how);
  }
}

// What the daemon does with each request of the control socket.

import type { Config } from "./config/config.ts";
import type { Index } from "./core/model.ts";
import type { Driver } from "./driver.ts";
import { beginMaintenance, endMaintenance } from "./maintenance.ts";
import type { ControlAnswer, ControlRequest, NodeStatus } from "./status/control.ts";

/** The daemon, as a request needs it. */
export interface Serving {
  readonly config: Config;
  readonly driver: Driver;
  status(): NodeStatus;
  reload(): ControlAnswer;
  /** Why the files as they are now would not be taken, or null. */
  wouldRefuse(): string | null;
  restart(): Promise<ControlAnswer>;
  leave(why: string): void;
  /** What is on disk about it has changed. */
  takeMaintenance(): void;
  /** For the log and the administrator. */
  warn(event: string, identity: Index, because: string): void;
  noteCommand(verb: string, node: string | null): void;
}

type Of<Ask extends ControlRequest["ask"]> = ControlRequest & { readonly ask: Ask };

export async function serveRequest(daemon: Serving, request: ControlRequest): Promise<ControlAnswer> {
  switch (request.ask) {
    case "status": return { ok: true, text: "", status: daemon.status() };
    case "command": return command(daemon, request);
    case "mirror-report": return mirrorReport(daemon, request);
    case "maintenance": return maintenance(daemon, request);
    case "reload": return daemon.reload();
    case "would-reload": {
      const refusal = daemon.wouldRefuse();
      return refusal === null ? { ok: true, text: "The daemon would take it." } : { ok: false, text: `The daemon would keep the one it has: ${refusal}` };
    }
    case "restart": return daemon.restart();
    case "stop":
      daemon.leave("asked over the control socket");
      return { ok: true, text: "handing over, then ending" };
  }
}

const indexOf = ({ nodes }: Config, name: string): Index | null => (nodes[0].name === name ? 0 : nodes[1].name === name ? 1 : null);
const unknown = ({ nodes }: Config, name: string): ControlAnswer => ({ ok: false, text: `no node is named ${name}; the nodes are ${nodes[0].name} and ${nodes[1].name}` });

async function command(daemon: Serving, { verb, node }: Of<"command">): Promise<ControlAnswer> {
  const identity = node === null ? null : indexOf(daemon.config, node);
  if (node !== null && identity === null) return unknown(daemon.config, node);
  daemon.noteCommand(verb, node);
  return daemon.driver.command(verb, identity);
}

function mirrorReport(daemon: Serving, { identity: name, epoch, inSync, ok, job, detail }: Of<"mirror-report">): ControlAnswer {
  const identity = indexOf(daemon.config, name);
  if (identity === null) return unknown(daemon.config, name);
  if (inSync) daemon.driver.happened({ kind: "in-sync", identity, epoch });
  if (!ok) daemon.warn("mirror.run-failed", identity, `${job}: ${detail}`);
  return { ok: true, text: "noted" };
}

function maintenance(daemon: Serving, { on, span, why }: Of<"maintenance">): ControlAnswer {
  if (on) beginMaintenance(span, why, Date.now());
  else endMaintenance();
  daemon.takeMaintenance();
  return { ok: true, text: on ? "in maintenance: this node takes nothing over" : "not in maintenance: this node may take over" };
}

// What both nodes know, gathered from here: our own daemon through its socket, the other's through ssh.

import type { Config } from "../config/config.ts";
import type { Index } from "../core/model.ts";
import type { Duration } from "../base/time.ts";
import type { NodeStatus } from "../status/control.ts";
import { askDaemon } from "../status/control-client.ts";
import { settings } from "../../mirror/settings.ts";

/** One node as `status` shows it. */
export type NodeView =
  | { readonly node: string; readonly status: NodeStatus }
  | { readonly node: string; readonly unreachable: string; /** No daemon runs there. */ readonly absent?: boolean };

export const seen = (view: NodeView | null): NodeStatus | null => (view !== null && "status" in view ? view.status : null);

/** The other node may be dead: people wait this long for it and no longer. */
const PATIENCE: Duration = 3000;

export async function lookHere(node: string): Promise<NodeView> {
  const answer = await askDaemon({ ask: "status" });
  return answer.ok && answer.status !== undefined ? { node: answer.status.node, status: answer.status } : { node, unreachable: answer.text, absent: !answer.ok && answer.absent === true };
}

export async function lookThere(config: Config, own: NodeStatus | null): Promise<NodeView> {
  const { askPeer } = await import("../status/peer.ts");
  const node = config.nodes[other(config.self)].name;
  const said = await askPeer(config, ["status"], { timeout: PATIENCE, status: own });
  if (!said.reached) return { node, unreachable: said.text };
  if (!said.answer.ok) return { node, unreachable: `${node}: ${said.answer.text}` };
  return said.answer.status === undefined ? { node, unreachable: `${node}: answered without its status` } : { node, status: said.answer.status };
}

export interface Both { readonly own: NodeView; readonly peer: NodeView | null }

/** The other node is looked at unless `local`. Without a sound configuration nobody knows where it is. */
export async function look(local: boolean): Promise<Both> {
  const read = await settings();
  const self = read.ok ? read.config.nodes[read.config.self].name : "this node";
  const own = await lookHere(self);
  if (local) return { own, peer: null };
  if (read.ok) return { own, peer: await lookThere(read.config, seen(own)) };
  const status = seen(own);
  return { own, peer: { node: status === null ? "the other node" : status.nodes[other(status.core.self)], unreachable: "the configuration here has problems (`clusterd check`), so it cannot be asked" } };
}

export const other = (index: Index): Index => (index === 0 ? 1 : 0);

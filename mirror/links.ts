// By which address is the peer reached? The private link first, the LAN when it is cut.
//
// A TCP connection to the peer's sshd is tried, in order; opening one on the private link costs a fraction of a
// millisecond. Which machine answers is ssh's question: its pinned host key is looked up by the node's name.

import { connect } from "node:net";
import type { Duration } from "../clusterd/base/time.ts";
import { peerOf } from "../clusterd/config/config.ts";
import type { Config } from "../clusterd/config/config.ts";
import type { NodeStatus } from "../clusterd/status/control.ts";

export interface Link { readonly name: "private" | "lan"; readonly address: string }

/** In the order in which they are tried. The peer's main address only while the peer has it. */
export function candidateLinks(config: Config, status: NodeStatus | null): readonly Link[] {
  const peer = peerOf(config);
  const node = config.nodes[peer];
  const atHome = status === null || status.core.identities[peer].owner === peer;
  const lan = [node.redundant.admin?.address, atHome ? node.main.address : undefined];
  return [{ name: "private", address: node.heartbeat.address }, ...lan.flatMap((address): Link[] => address === undefined ? [] : [{ name: "lan", address }])];
}

/** The first that answers within `patience`, or null. */
export async function chooseLink(links: readonly Link[], port: number, patience: Duration = 700): Promise<Link | null> {
  for (const link of links) if (await answers(link.address, port, patience)) return link;
  return null;
}

function answers(host: string, port: number, patience: Duration): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (yes: boolean): void => { socket.destroy(); resolve(yes); };
    socket.setTimeout(patience, () => done(false));
    socket.on("connect", () => done(true));
    socket.on("error", () => done(false));
  });
}

// A run's connection, begun while its code is still being loaded: ssh and the receiver at its other end take as long to start as that.
//
// Only where the run will need it: this node owns what is to be mirrored. Whatever goes wrong here is the run's own to find, and to say.

import type { Config } from "../clusterd/config/config.ts";
import { otherNode } from "../clusterd/config/config.ts";
import { askDaemon } from "../clusterd/status/control-client.ts";
import { candidateLinks, chooseLink } from "./links.ts";
import { leftTo } from "./scheduler.ts";
import { Session } from "./session.ts";
import { settings } from "./settings.ts";
import type { Peer } from "./ssh.ts";

let begun: Session | null = null;

/** `names`: jobs or nodes; none = all jobs. */
export async function connectEarly(names: readonly string[]): Promise<void> {
  const read = await settings();
  if (!read.ok || leftTo(read.config) !== null) return;
  const { config } = read;
  const answer = await askDaemon({ ask: "status" });
  const status = answer.ok ? answer.status : undefined;
  if (status === undefined || !config.jobs.some(({ name, home }) => isAsked(config, names, name, home) && status.core.identities[home].role !== "standby")) return;
  const link = await chooseLink(candidateLinks(config, status), config.cluster.sshPort);
  if (link !== null) begun = new Session({ node: otherNode(config).name, address: link.address, port: config.cluster.sshPort });
}

const isAsked = ({ nodes }: Config, names: readonly string[], job: string, home: 0 | 1): boolean => names.length === 0 || names.includes(job) || names.includes(nodes[home].name);

/** The connection that was begun, once; else a new one. */
export function sessionTo(peer: Peer): Session {
  const early = begun;
  if (early === null || early.peer.address !== peer.address || !early.open) return new Session(peer);
  begun = null;
  return early;
}

// May this machine go away for the length of a reboot without its clients waiting? Pure.

import type { Index } from "../core/model.ts";
import type { NodeStatus } from "../status/control.ts";

/** Why the other node cannot take over what is held here; null = it can, or nothing is held. */
export function rebootObstacle(held: readonly Index[], own: NodeStatus, there: NodeStatus | null): string | null {
  if (held.length === 0) return null;
  const { core, nodes } = own;
  const peer = nodes[core.self === 0 ? 1 : 0];
  const names = held.map((identity) => nodes[identity]).join(" and ");
  if (core.peer.state !== "alive" && core.peer.state !== "late") return `${peer} is ${core.peer.state}, so nobody would hold ${names} meanwhile`;
  if (core.peer.maintenance) return `${peer} is in maintenance and takes nothing over: \`clusterd maintenance off\` there ends that`;
  if (core.peer.sameConfiguration === false) return "the configurations of the two nodes differ, so nothing can be handed over";
  if (there === null) return `${peer} cannot be asked over ssh, so it would not be seen to own ${names}`;
  for (const identity of held) {
    const { locked, stale, role } = there.core.identities[identity];
    if (locked) return `${peer}'s standby lock is set: \`clusterd clear\` there removes it`;
    if (stale) return `${peer} is not resynchronised for ${nodes[identity]} yet: \`mirror status\` says why`;
    if (role !== "standby") return `${peer} is ${role} for ${nodes[identity]}, not standby`;
  }
  return null;
}

// What a person wants to know first, woken at three in the morning: are clients served, would the next fault be survived, and
// what is to be done? One line each, from what the nodes that answer say. Pure.
//
// The rows of VERDICTS are looked at from the top: the first that finds something speaks. Figures and reasons are below it in the status.

import type { NodeView } from "../commands/look.ts";
import type { IdentitySummary, Index } from "../core/model.ts";
import type { NodeStatus } from "./control.ts";
import { maintenanceText } from "../maintenance.ts";
import { HOLDING, troublesOf, unserved } from "./troubles.ts";

export type State = "NOT SERVED" | "NOT REDUNDANT" | "SERVED" | "ALL WELL";
export interface Verdict {
  readonly state: State;
  readonly says: string;
  /** What a person does now; null: nothing. */
  readonly next: string | null;
}
type Found = Omit<Verdict, "state"> | null;

/** Null: no node answers. */
export function verdict(views: readonly NodeView[]): Verdict | null {
  const known = views.flatMap((view) => ("status" in view ? [view.status] : []));
  const missing = views.find((view) => "unreachable" in view)?.node ?? null;
  if (known.length === 0) return null;
  for (const [state, look] of VERDICTS) {
    const found = look(known, missing);
    if (found !== null) return { state, ...found };
  }
  return { state: "ALL WELL", says: "both are at home, each has the other's files, and the next fault is survived", next: null };
}

const VERDICTS: readonly (readonly [State, (known: readonly NodeStatus[], missing: string | null) => Found])[] = [
  ["NOT SERVED", (known) => {
    const troubles = unserved(known);
    return troubles.length === 0 ? null : { says: listed(troubles.map(({ text }) => text)), next: troubles[0]?.next ?? null };
  }],
  ["NOT REDUNDANT", (known) => {
    const [{ core, nodes, node }] = known as readonly [NodeStatus];
    const peer = nodes[core.self === 0 ? 1 : 0];
    if (core.peer.state === "left") return { says: `${node} is alone: clusterd was stopped on ${peer}`, next: `start it there again: \`systemctl start clusterd\`, or /etc/init.d/clusterd start` };
    if (core.peer.state !== "silent" && core.peer.state !== "unknown") return null;
    return { says: `${node} is alone: ${peer} is silent on every link`,
      next: `look at ${peer}: power, console, cables. When it is back it is resynchronised first, by itself; then \`clusterd failback\`` };
  }],
  ["NOT REDUNDANT", (known) => {
    const resting = known.find(({ maintenance }) => maintenance != null);
    return resting?.maintenance == null ? null : { says: `${resting.node} takes nothing over: in maintenance ${maintenanceText(resting.maintenance, resting.wall)}`, next: `\`clusterd undrain\` on ${resting.node} when the work is done` };
  }],
  ["NOT REDUNDANT", (known) => {
    const locked = each(known, ({ locked }) => locked);
    return locked === null ? null : { says: `${locked.node} has lost a tie for ${locked.identity} and is locked`, next: `see \`mirror conflicts\` there, then \`clusterd clear ${locked.identity}\` on ${locked.node}` };
  }],
  ["NOT REDUNDANT", (known) => {
    const behind = each(known, ({ role, peerInSync }) => HOLDING.includes(role) && !peerInSync);
    if (behind === null) return null;
    const stuck = known.flatMap(({ node, jobs }) => (node === behind.node ? jobs : [])).find(({ identity, lastResult }) => identity === behind.identity && lastResult !== null && REFUSED.test(lastResult));
    return { says: `the other node lacks files of ${behind.identity}, and does not stand in for it yet`, next: stuck !== undefined ? `${stuck.job}: ${stuck.lastResult}` : "wait: it is being resynchronised. `mirror watch` shows it going on, `mirror status` what holds it up" };
  }],
  ["SERVED", (known, missing) => {
    const troubles = [...(missing === null ? [] : [`${missing} cannot be asked, though it lives`]), ...known.flatMap(troublesOf).map(({ text }) => text)];
    return troubles.length === 0 ? null : { says: listed(troubles), next: "`clusterd preflight` says of each what to do about it" };
  }],
  ["SERVED", (known) => {
    const away = each(known, ({ role, identity }, { core }) => role === "owner" && identity !== core.self);
    return away === null ? null : { says: `${away.identity} is away, on ${away.node}`, next: `\`clusterd failback ${away.identity}\` brings it home when you like` };
  }],
];

/** A run that waiting does not mend. */
const REFUSED = /^(refused|approval|peer-refused|no-clusterd): /;

/** The first identity, of any node's, of which this is true. */
function each(known: readonly NodeStatus[], is: (identity: IdentitySummary, status: NodeStatus) => boolean): { readonly node: string; readonly identity: string } | null {
  for (const status of known) for (const one of status.core.identities) if (is(one, status)) return { node: status.node, identity: status.nodes[one.identity as Index] };
  return null;
}

const listed = ([first = "", ...more]: readonly string[]): string => `${first}${more.length === 0 ? "" : ` (and ${more.length} more: see below)`}`;

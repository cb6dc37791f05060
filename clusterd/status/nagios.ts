// `clusterd status --nagios`: one line and one of four exit codes, as monitoring plugins have them. Pure.
//
// Critical: clients are not served, or by two. Warning: they are served, but the next fault might not be survived. The line and the
// figures behind | follow the Monitoring Plugins guidelines.

import type { NodeView } from "../commands/look.ts";
import type { NodeStatus } from "./control.ts";
import { hasFailed, HOLDING, holds, troublesOf, unserved } from "./troubles.ts";

export const STATES = ["OK", "WARNING", "CRITICAL", "UNKNOWN"] as const;
export interface Verdict { readonly code: 0 | 1 | 2 | 3; readonly line: string }

/** `peer`: null when it was not to be asked. */
export function nagios(own: NodeView, peer: NodeView | null): Verdict {
  if (!("status" in own)) return { code: 2, line: said(2, [own.unreachable]) };
  const known = [own.status, ...(peer !== null && "status" in peer ? [peer.status] : [])];
  const findings = [
    ...unserved(known).map(({ text }) => ({ code: 2 as const, text })),
    ...(peer !== null && "unreachable" in peer ? [{ code: 1 as const, text: `${peer.node} cannot be asked` }] : []),
    ...known.flatMap((status) => troublesOf(status).map(({ text }) => ({ code: 1 as const, text }))),
  ];
  const code = findings.reduce<0 | 1 | 2>((worst, finding) => (finding.code > worst ? finding.code : worst), 0);
  const texts = findings.filter((finding) => finding.code === code).map(({ text }) => text);
  return { code, line: `${said(code, texts.length > 0 ? [...new Set(texts)] : [owners(known)])} | ${figures(own.status, known)}` };
}

const said = (code: 0 | 1 | 2 | 3, texts: readonly string[]): string => `CLUSTERD ${STATES[code]} - ${texts.join("; ").replace(/[|\p{Cc}]+/gu, " ")}`;

const owners = (known: readonly NodeStatus[]): string => ([0, 1] as const).map((identity) => {
  const { nodes, core: { identities } } = known[0] as NodeStatus;
  const holder = known.find(({ core }) => HOLDING.includes(core.identities[identity].role))?.node ?? nodes[identities[identity].owner ?? identity];
  return `${nodes[identity]} on ${holder}${holder === nodes[identity] ? "" : " (away)"}`;
}).join(", ");

function figures(own: NodeStatus, known: readonly NodeStatus[]): string {
  const jobs = known.flatMap((status) => status.jobs.filter((job) => holds(status.core, status.nodes, job.identity)));
  const oldest = Math.max(0, ...jobs.flatMap(({ lastGood }) => (lastGood === null ? [] : [(own.wall - lastGood) / 1000])));
  return [
    `links=${own.core.links.filter(({ state }) => state === "on-time").length};;;0;${own.core.links.length}`,
    `references=${own.core.references.answered};;;0;${own.core.references.of}`,
    ...(own.offset === null ? [] : [`offset=${(own.offset / 1000).toFixed(6)}s`]),
    `jobs_failed=${jobs.filter(hasFailed).length}`, `mirror_age=${Math.round(oldest)}s`,
  ].join(" ");
}

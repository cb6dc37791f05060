// `clusterd status --nagios`: one line and one of four exit codes, as monitoring plugins have them. Pure.
//
// Critical: clients are not served, or by two. Warning: they are served, but the next fault might not be survived. The line and the
// figures behind | follow the Monitoring Plugins guidelines.

import type { NodeView } from "../commands/look.ts";
import type { Index } from "../core/model.ts";
import type { NodeStatus } from "./control.ts";
import { HOLDING } from "./text.ts";
import { failingServices, hasFailed, holds, troublesOf } from "./troubles.ts";

export const STATES = ["OK", "WARNING", "CRITICAL", "UNKNOWN"] as const;
export interface Verdict { readonly code: 0 | 1 | 2 | 3; readonly line: string }

interface Finding { readonly code: 1 | 2; readonly text: string }

/** `peer`: null when it was not to be asked. */
export function nagios(own: NodeView, peer: NodeView | null): Verdict {
  if (!("status" in own)) return { code: 2, line: said(2, [own.unreachable]) };
  const known = [own.status, ...(peer !== null && "status" in peer ? [peer.status] : [])];
  const findings = [
    ...([0, 1] as const).flatMap((identity) => held(known, identity, own.status.nodes[identity])),
    ...known.flatMap((status) => failingServices(status).map(({ text }) => ({ code: 2 as const, text }))),
    ...(peer !== null && "unreachable" in peer ? [{ code: 1 as const, text: `${peer.node} cannot be asked` }] : []),
    ...known.flatMap((status) => troublesOf(status).map(({ text }) => ({ code: 1 as const, text }))),
  ];
  const code = findings.reduce<0 | 1 | 2>((worst, finding) => (finding.code > worst ? finding.code : worst), 0);
  const texts = findings.filter((finding) => finding.code === code).map(({ text }) => text);
  return { code, line: `${said(code, texts.length > 0 ? [...new Set(texts)] : [owners(known)])} | ${figures(own.status, known)}` };
}

const said = (code: 0 | 1 | 2 | 3, texts: readonly string[]): string => `CLUSTERD ${STATES[code]} - ${texts.join("; ").replace(/[|\p{Cc}]+/gu, " ")}`;

function held(known: readonly NodeStatus[], identity: Index, name: string): readonly Finding[] {
  const holders = known.filter(({ core }) => HOLDING.includes(core.identities[identity].role));
  if (holders.length > 1) return [{ code: 2, text: `${name} is held by both nodes` }];
  if (holders.some(({ core }) => core.identities[identity].services === "failed")) return [{ code: 2, text: `services of ${name} failed to start on ${holders[0]?.node}` }];
  if (holders.length === 1 || known.length === 1 && recorded(known[0] as NodeStatus, identity)) return [];
  return [{ code: 2, text: `nobody holds ${name}` }];
}

/** Without the other node's own word: it is the owner as far as we know, and we hear it. */
const recorded = ({ core }: NodeStatus, identity: Index): boolean => {
  const { owner } = core.identities[identity];
  return owner !== null && owner !== core.self && core.peer.state !== "silent";
};

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

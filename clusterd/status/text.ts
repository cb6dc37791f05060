// What both nodes know, as a page for the terminal. Pure: views in, text out.
//
// In the order in which a person asks: who holds what, since when and why; is the other well, and on which links; are
// the clocks together; when did each job last succeed; what is wrong. Where the nodes disagree, that is said.

import { stripVTControlCharacters, styleText } from "node:util";
import { formatDuration } from "../base/time.ts";
import type { Duration, WallTime } from "../base/time.ts";
import { ROLES } from "../core/model.ts";
import type { IdentitySummary, Index } from "../core/model.ts";
import type { NodeView } from "../commands/look.ts";
import { maintenanceText } from "../maintenance.ts";
import type { NodeStatus } from "./control.ts";
import { painter, table } from "./table.ts";
import type { Paint } from "./table.ts";
import { HOLDING } from "./troubles.ts";
import { verdict } from "./verdict.ts";
import type { State, Verdict } from "./verdict.ts";

export interface TextOptions {
  readonly now: WallTime;
  readonly colour: boolean;
  /** Time zone of the times shown; undefined = this machine's. */
  readonly zone: string | undefined;
}

export function statusText(views: readonly NodeView[], options: TextOptions): string {
  const paint = painter(options.colour);
  const known = views.flatMap((view) => ("status" in view ? [view.status] : []));
  const [first] = known;
  const said = verdict(views);
  const parts = first === undefined || said === null ? [] : [
    `${paint("bold", `cluster ${first.cluster}`)}, ${first.profile} profile, ${clock(options.now, options.zone)}`,
    judged(said, paint),
    owners(known, first, options, paint),
  ];
  return [...parts, ...views.map((view) => ("status" in view ? nodeText(view.status, options, paint) : paint("red", `${view.node}: not reachable`) + `\n  ${view.unreachable}`)), ...jobsText(known, options, paint)].join("\n\n");
}

const STATE_STYLE = { "NOT SERVED": "red", "NOT REDUNDANT": "red", SERVED: "yellow", "ALL WELL": "green" } as const satisfies Record<State, Parameters<Paint>[0]>;

const judged = ({ state, says, next }: Verdict, paint: Paint): string =>
  [`${paint(STATE_STYLE[state], state)}: ${clean(says)}`, ...(next === null ? [] : [`  now: ${clean(next)}`])].join("\n");

// ---- who holds what ----------------------------------------------------------------------------------------------

function owners(known: readonly NodeStatus[], { nodes }: NodeStatus, { now, zone }: TextOptions, paint: Paint): string {
  const rows = ([0, 1] as const).map((identity) => {
    const holders = known.filter(({ core }) => HOLDING.includes(core.identities[identity].role));
    const [teller] = [...holders, ...known];
    if (teller === undefined) return [];
    const said = teller.core.identities[identity];
    return [nodes[identity], paintOwner(ownerText(known, holders, identity, nodes), paint), since(said.since, now, zone), clean(whyHeld(teller, identity) ?? said.because)];
  });
  return table([["IDENTITY", "HELD BY", "SINCE", "BECAUSE"], ...rows], paint);
}

/** Why an owner came to own: what began the chain of roles that ended in it, not its last link. Null when it is not remembered. */
function whyHeld({ core, history, nodes }: NodeStatus, identity: Index): string | null {
  if (core.identities[identity].role !== "owner") return null;
  const roles = history.filter((each) => each.identity === nodes[identity] && (ROLES as readonly string[]).includes(each.event.replace("identity.", "")));
  const before = roles.findLastIndex(({ event }) => !["identity.claiming", "identity.acquiring", "identity.raising", "identity.owner"].includes(event));
  const chain = roles.slice(before + 1);
  return chain.some(({ event }) => event === "identity.owner") ? chain.find(({ event }) => event !== "identity.owner" && event !== "identity.raising")?.because ?? null : null;
}

function ownerText(known: readonly NodeStatus[], holders: readonly NodeStatus[], identity: Index, nodes: readonly [string, string]): string {
  if (holders.length > 1) return `${holders.map(({ node }) => node).join(" AND ")}!`;
  const [holder] = holders;
  if (holder !== undefined) {
    const { role } = holder.core.identities[identity];
    return `${holder.node}${holder.node === nodes[identity] ? "" : " (away)"}${role === "owner" ? "" : `, ${role}`}`;
  }
  const recorded = known[0]?.core.identities[identity].owner ?? null;
  return known.length === 2 || recorded === null || recorded === known[0]?.core.self ? "nobody" : `${nodes[recorded]}, as far as ${known[0]?.node} knows`;
}

const paintOwner = (text: string, paint: Paint): string => paint(/!$|^nobody/.test(text) ? "red" : /away|knows|,/.test(text) ? "yellow" : "green", text);

// ---- one node ----------------------------------------------------------------------------------------------------

function nodeText(status: NodeStatus, options: TextOptions, paint: Paint): string {
  const { core, nodes, guards, configuration } = status;
  const peer = nodes[core.self === 0 ? 1 : 0];
  const lines: readonly (readonly [string, string])[] = [
    ["peer", `${peer} ${core.peer.state}${ago(core.peer.heardAgo, "heard ")}${core.peer.maintenance ? ", in maintenance" : ""}`],
    ["links", core.links.map(({ link, state, heardAgo }) => `${link} ${state}${state === "on-time" ? "" : ago(heardAgo, "heard ")}`).join("; ")],
    ["references", core.references.of === 0 ? "none configured" : `${core.references.answered} of ${core.references.of} answer${core.references.majority ? "" : ": no majority"}${ago(core.references.ago, "asked ")}`],
    ...(core.witness === null ? [] : [["witness", witnessText(core.witness)] as const]),
    ["offset", status.offset === null ? "not known yet" : `${peer}'s clock is ${signed(status.offset)}`],
    ...(status.clock === null ? [] : [["clock", `${status.clock.disciplined ? "disciplined" : "NOT DISCIPLINED"}: ${status.clock.detail} (${past(options.now - status.clock.checked)})`] as const]),
    ["guards", `dead-man ${guards.deadman ? "stands by" : "MISSING"}; kernel lease ${guards.kernelLease ? "on" : "off"}${guards.watchdog === null ? "" : `; watchdog ${guards.watchdog ? "armed" : "NOT HELD"}`}${core.stalls.count === 0 ? "" : `; stalled ${core.stalls.count} times in a day, at worst ${formatDuration(core.stalls.worst)}`}`],
    ...(status.maintenance == null ? [] : [["maintenance", maintenanceText(status.maintenance, options.now)] as const]),
    ["settings", `digest ${configuration.digest.slice(0, 8)}, loaded ${past(options.now - configuration.loaded)}${core.peer.sameConfiguration === false ? `, NOT those of ${peer}` : ""}`],
    ...core.identities.map((identity) => [nodes[identity.identity], roleText(identity)] as const),
    ...(status.checks ?? []).map((service) => [`check ${service.service}`, checkedText(service)] as const),
    ...core.identities.flatMap(({ identity, waitsFor }) => (waitsFor === null ? [] : [["waits for", `${waitsFor} (${nodes[identity]})`] as const])),
  ];
  const wrong = [...core.problems, ...(configuration.problem === null ? [] : [`new configuration refused: ${configuration.problem}`])];
  return [
    `${paint("bold", status.node)}, up ${formatSpan(status.wall - status.started)}`,
    ...lines.map(([name, text]) => `  ${name.padEnd(11)} ${clean(text)}`),
    ...wrong.map((text) => paint("red", `  problem     ${clean(text)}`)),
  ].join("\n");
}

function checkedText({ phase, active, restarts, retryIn, checks }: NonNullable<NodeStatus["checks"]>[number]): string {
  const each = checks.map(({ check, state, said, row }) => `${check}: ${state}${said === "" ? "" : ` (${row > 1 ? `${row} times ` : ""}${said})`}`);
  return [
    phase === "stuck" ? `STUCK, next try in ${formatSpan(retryIn ?? 0)}` : phase, ...(active ? [] : ["not asked now"]), ...(restarts === 0 ? [] : [`started anew ${restarts} ${restarts === 1 ? "time" : "times"} of late`]), ...each,
  ].join("; ");
}

function witnessText({ ago: since, verdicts }: NonNullable<NodeStatus["core"]["witness"]>): string {
  if (since === null || since > 3000) return `does not answer${ago(since, "last ")}`;
  return verdicts.includes("stale") ? "answers: the other node owned later than this one knows" : verdicts.includes("unmet") ? "answers, and has not met both nodes yet" : "answers";
}

function roleText({ role, epoch, leaseLeft, services, stale, locked, standing, peerInSync }: IdentitySummary): string {
  const holds = HOLDING.includes(role);
  return [
    `${role}, epoch ${epoch}`,
    ...(holds ? [`services ${services}`] : []),
    ...(leaseLeft === null ? [] : [`lease ${formatDuration(Math.round(leaseLeft))}`]),
    ...(holds && standing ? ["standing vote of the peer"] : []),
    ...(holds ? [peerInSync ? "peer in sync" : "peer not yet in sync"] : []),
    ...(stale ? ["stale: to be resynchronised"] : []),
    ...(locked ? ["locked"] : []),
  ].join(", ");
}

// ---- mirror jobs -------------------------------------------------------------------------------------------------

function jobsText(known: readonly NodeStatus[], { now }: TextOptions, paint: Paint): readonly string[] {
  const newest = new Map<string, NodeStatus["jobs"][number]>();
  for (const job of known.flatMap(({ jobs }) => jobs)) {
    const seen = newest.get(job.job);
    if (seen === undefined || (job.lastRun ?? 0) > (seen.lastRun ?? 0)) newest.set(job.job, { ...job, lastGood: latest(job.lastGood, seen?.lastGood) });
    else newest.set(job.job, { ...seen, lastGood: latest(job.lastGood, seen.lastGood) });
  }
  if (newest.size === 0) return [];
  const rows = [...newest.values()].map(({ job, identity, lastGood, lastResult }) => [job, identity, lastGood === null ? paint("red", "never") : past(now - lastGood), clean(lastResult ?? "not run here")]);
  return [table([["JOB", "IDENTITY", "LAST GOOD RUN", "LAST RESULT"], ...rows], paint)];
}

const latest = (one: WallTime | null, another: WallTime | null | undefined): WallTime | null => (one === null ? another ?? null : Math.max(one, another ?? 0));

// ---- history -----------------------------------------------------------------------------------------------------

export function historyText(history: NodeStatus["history"], { colour, zone }: Pick<TextOptions, "colour" | "zone">): string {
  const paint: Paint = (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text);
  if (history.length === 0) return "nothing has been decided yet";
  return history.map(({ wall, level, event, identity, because }) => {
    const line = `${clock(wall, zone)}  ${clean(event)}${identity === null ? "" : ` ${clean(identity)}`}: ${clean(because)}`;
    return level === "alarm" ? paint("red", line) : level === "warn" ? paint("yellow", line) : line;
  }).join("\n");
}

// ---- words for times ---------------------------------------------------------------------------------------------

const clock = (wall: WallTime, zone: string | undefined): string =>
  new Date(wall).toLocaleString("sv-SE", { ...(zone !== undefined && { timeZone: zone }) });
const since = (wall: WallTime, now: WallTime, zone: string | undefined): string => `${clock(wall, zone)}, ${past(now - wall)}`;
const past = (ms: Duration): string => (ms < 0 ? "in the future" : `${formatSpan(ms)} ago`);
const ago = (ms: Duration | null, before: string): string => (ms === null ? "" : `, ${before}${formatDuration(Math.round(ms))} ago`);
const signed = (ms: number): string => (Math.abs(ms) < 0.005 ? "equal" : `${formatDuration(Math.abs(ms))} ${ms > 0 ? "ahead" : "behind"}`);

/** As people speak of spans: 42 s, 12 min, 3 h, 5 d. */
function formatSpan(ms: Duration): string {
  const [unit, size] = ms < 120_000 ? ["s", 1000] : ms < 7_200_000 ? ["min", 60_000] : ms < 172_800_000 ? ["h", 3_600_000] : ["d", 86_400_000];
  return `${Math.floor(ms / (size as number))} ${unit}`;
}

/** What the peer or a program said must not move the cursor of whoever reads it. */
const clean = (text: string): string => stripVTControlCharacters(text).replace(/[\x00-\x1f\x7f-\x9f]+/g, " ");

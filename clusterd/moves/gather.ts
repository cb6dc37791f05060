// What plan.ts wants to know of a move, found out: configuration, status of both nodes, history, reports and ledgers of the mirror.

import { readFileSync } from "node:fs";
import { STATE } from "../base/paths.ts";
import type { Config } from "../config/config.ts";
import type { Index } from "../core/model.ts";
import { historyFile } from "../history.ts";
import type { NodeStatus } from "../status/control.ts";
import { jobLedger } from "../../mirror/ledger.ts";
import { readReport } from "../../mirror/report.ts";
import { pastHandovers } from "./past.ts";
import type { Handover } from "./plan.ts";

/** `there`: what the other node knows, if it was asked. */
export function gatherHandover(config: Config, { identity, from }: { readonly identity: Index; readonly from: Index }, status: NodeStatus, there: NodeStatus | null): Handover {
  const to = from === 0 ? 1 : 0;
  const { name } = config.nodes[identity];
  const jobs = config.jobs.filter(({ home }) => home === identity);
  const decisions = from === config.self ? wholeHistory() : there?.history ?? [];
  return {
    identity: name, from: config.nodes[from].name, to: config.nodes[to].name, nic: config.nodes[to][identity === to ? "main" : "redundant"].interface,
    services: config.services.filter(({ home, action }) => home === identity && action !== null).toSorted((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1)).map((service) => service.name),
    jobs: jobs.map(({ name: job }) => ({ job, took: tookLast(job) })),
    past: pastHandovers(decisions, name), ledgers: jobs.map((job) => jobLedger(config, job, status, Date.now())),
    keepalive: config.cluster.timing.keepalive, obstacle: obstacleTo(status, there, from),
  };
}

function tookLast(job: string): number | null {
  const run = readReport(job)?.lastGood;
  return run == null ? null : run.ended - run.started;
}

/** As far as it shows from here; the daemon that is asked knows better. */
function obstacleTo(status: NodeStatus, there: NodeStatus | null, from: Index): string | null {
  const { core, nodes } = status;
  const to = nodes[from === 0 ? 1 : 0];
  const taker = from === core.self ? there : status;
  if (core.peer.state === "silent" || core.peer.state === "left" || core.peer.state === "unknown") return `the two nodes do not hear each other (peer ${core.peer.state})`;
  if (core.peer.sameConfiguration === false) return "the configurations of the two nodes differ";
  if (taker === null ? core.peer.maintenance : taker.core.maintenance) return `${to} is in maintenance`;
  return null;
}

function wholeHistory(): NodeStatus["history"] {
  try {
    return readFileSync(historyFile(STATE), "utf8").split("\n").flatMap((line) => { try { return [JSON.parse(line) as NodeStatus["history"][number]]; } catch { return []; } });
  } catch {
    return []; // nothing has been decided yet
  }
}

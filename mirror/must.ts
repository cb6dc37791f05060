// What must hold before anything of a job goes over: this node owns, its trees are there, the peer can be reached. Otherwise: Stop.

import { accessSync } from "node:fs";
import { reasonOf } from "../clusterd/base/errors.ts";
import type { Config, JobConfig } from "../clusterd/config/config.ts";
import { askDaemon } from "../clusterd/status/control-client.ts";
import type { NodeStatus } from "../clusterd/status/control.ts";
import type { RunKind } from "./backup-names.ts";
import { EXIT } from "./exit-codes.ts";
import { mayRun, maySend } from "./gate.ts";
import { candidateLinks, chooseLink } from "./links.ts";
import type { Link } from "./links.ts";
import type { RunReport } from "./report.ts";
import { carriesConfiguration } from "./settings.ts";
import { lookAtTree, markTree } from "./tree.ts";

/** Thrown by the steps of a run or a scrub, so that they read straight; whoever began it turns it into a report. */
export class Stop extends Error {
  readonly result: RunReport["result"];
  readonly code: number;
  constructor(result: RunReport["result"], code: number, because: string) {
    super(because);
    this.result = result;
    this.code = code;
  }
}

export async function mustOwn(config: Config, job: JobConfig, kind: RunKind): Promise<NodeStatus> {
  const answer = await askDaemon({ ask: "status" });
  if (!answer.ok || answer.status === undefined) throw new Stop("no-clusterd", EXIT.notOwner, `nobody can say who owns ${config.nodes[job.home].name}: ${answer.text}`);
  const { status } = answer;
  insist(mayRun({ status, home: job.home, kind, offsetLimit: config.cluster.offsetLimit, carriesConfiguration: carriesConfiguration(job) }));
  return status;
}

/** Every entry of the job is really here; a tree that is mirrored for the first time gets its marker. */
export function lookHere(job: JobConfig, dryRun: boolean): void {
  for (const { kind, path } of job.entries) {
    if (kind === "file") { mustBeReadable(path); continue; }
    const verdict = maySend(lookAtTree(path, job.name), job.name);
    if (verdict.go === "first") { if (!dryRun) markTree(path, job.name); } else insist(verdict);
  }
}

function mustBeReadable(path: string): void {
  try {
    accessSync(path);
  } catch (error) {
    throw new Stop("refused", EXIT.refused, `${path}: ${reasonOf(error)}: nothing to mirror, and the peer's copy stays as it is`);
  }
}

export async function mustReach(config: Config, status: NodeStatus): Promise<Link> {
  const links = candidateLinks(config, status);
  const link = await chooseLink(links, config.cluster.sshPort);
  if (link !== null) return link;
  throw new Stop("unreachable", EXIT.unreachable, `no sshd answers at ${links.map(({ address }) => address).join(", ")}, port ${config.cluster.sshPort}`);
}

export function insist(verdict: { readonly go: true | "first" } | { readonly go: false; readonly code: number; readonly because: string }, result: RunReport["result"] = "refused"): void {
  if (verdict.go === false) throw new Stop(result, verdict.code, verdict.because);
}

// Which versions does a person mean, and which of the two nodes keeps them?

import { BACKUPS } from "../../clusterd/base/paths.ts";
import { otherNode } from "../../clusterd/config/config.ts";
import type { Config, JobConfig } from "../../clusterd/config/config.ts";
import { askDaemon } from "../../clusterd/status/control-client.ts";
import { isRunId } from "../backup-names.ts";
import { EXIT } from "../exit-codes.ts";
import { candidateLinks, chooseLink } from "../links.ts";
import { askPeer } from "../ssh.ts";
import type { Peer } from "../ssh.ts";
import { parseMoment } from "./moment.ts";
import { currentAt, keptHere, ofRun } from "./versions.ts";
import type { Chosen, Kept } from "./versions.ts";

export interface When { readonly at?: string; readonly run?: string; readonly json?: true }

export interface FoundVersions { readonly chosen: readonly Chosen[]; readonly peer: Peer | null; readonly moment: number | null }

export async function find(config: Config, job: JobConfig, path: string, { at, run }: When): Promise<FoundVersions | { readonly wrong: string; readonly code: number }> {
  const wrong = (text: string, code: number = EXIT.usage) => ({ wrong: text, code });
  if ((at === undefined) === (run === undefined)) return wrong("say which version: --at TIME, or --run RUN; `mirror backups JOB PATH` lists them");
  const when = at === undefined ? null : parseMoment(at, Date.now());
  if (at !== undefined && when === null) return wrong(`"${at}" is no moment: "2h ago", "14:05" or "2026-11-20 14:05"`);
  if (run !== undefined && !isRunId(run)) return wrong(`"${run}" is no run: \`mirror backups ${job.name} ${path}\` lists them`);
  if (!job.entries.some((entry) => path === entry.path || (entry.kind === "tree" && path.startsWith(entry.path)))) return wrong(`${path} is not a path of ${job.name}: ${job.entries.map((entry) => entry.path).join(" ")}`);
  const { kept, missing, peer } = await everything(config, job, path);
  const chosen = when === null ? ofRun(kept, run as string) : currentAt(kept, when);
  if (missing !== null) process.stderr.write(`mirror: ${missing}\n`);
  if (kept.some(({ cut }) => cut)) return wrong(`there are too many versions below ${path}: name a narrower path`);
  if (chosen.length === 0) return wrong(when === null ? `run ${run} kept nothing of ${path}` : `nothing of ${path} has been replaced or deleted since then: it is as it was, or was never mirrored`, EXIT.refused);
  return { chosen, peer, moment: when };
}

/** What both nodes keep. Without the peer half of it may be missing, which is said. */
export async function everything(config: Config, job: JobConfig, path: string): Promise<{ readonly kept: readonly Kept[]; readonly missing: string | null; readonly peer: Peer | null }> {
  const self = config.nodes[config.self].name;
  const there = otherNode(config).name;
  const here: Kept = { node: self, ...keptHere(BACKUPS, job.name, Buffer.from(path)) };
  const answer = await askDaemon({ ask: "status" });
  const link = await chooseLink(candidateLinks(config, answer.ok ? answer.status ?? null : null), config.cluster.sshPort);
  if (link === null) return { kept: [here], missing: `${there} cannot be reached: what it keeps is not looked at`, peer: null };
  const peer: Peer = { node: there, address: link.address, port: config.cluster.sshPort };
  const said = await askPeer(peer, ["clusterd-mirror", "v1", "kept", job.name, Buffer.from(path).toString("base64url")], 60_000);
  if (said.code !== 0) return { kept: [here], missing: `${there} does not say what it keeps: ${said.stderr.trim()}`, peer: null };
  return { kept: [here, { node: there, ...JSON.parse(said.stdout) as Omit<Kept, "node"> }], missing: null, peer };
}

/** Null when a file restored here stays: anywhere else the owner's next run would undo it. */
export async function notOwner(config: Config, job: JobConfig): Promise<string | null> {
  const answer = await askDaemon({ ask: "status" });
  if (!answer.ok || answer.status === undefined) return `${answer.text}; without clusterd only --to FOLDER is possible`;
  const { role, owner } = answer.status.core.identities[job.home];
  if (role === "owner") return null;
  const whose = owner === null ? "nobody owns" : `${config.nodes[owner].name} owns`;
  return `${whose} ${config.nodes[job.home].name} now: its next run would undo this. Restore there, or say --to FOLDER`;
}

// One batch of changes of one job to the peer, over a session that is open: the same gates as a full run, on just those paths.
//
// Files and folders go at once, with no deletion allowed. Only if something would have been deleted, a dry run says what, the limits of
// deletion judge it together with all live deletions since the last full run, and then exactly so many are allowed.

import { basename, dirname } from "node:path";
import { BACKUPS } from "../clusterd/base/paths.ts";
import type { Config, JobConfig } from "../clusterd/config/config.ts";
import type { NodeStatus } from "../clusterd/status/control.ts";
import { toBatch } from "./batch.ts";
import { backupDir, entryBackupDir } from "./backup-names.ts";
import type { RunId } from "./backup-names.ts";
import type { Dirt } from "./dirty.ts";
import { mayDelete, mayRun, maySend } from "./gate.ts";
import type { Deletions } from "./gate.ts";
import { readReport } from "./report.ts";
import { DELETIONS_STOPPED } from "./rsync-outcome.ts";
import { REMOTE_PATH, senderOptions } from "./rsync-args.ts";
import { rsync, THROUGH } from "./rsync.ts";
import type { RsyncResult } from "./rsync.ts";
import type { Session } from "./session.ts";
import { carriesConfiguration, entryKey } from "./settings.ts";
import type { Entry } from "./settings.ts";
import { lookAtTree } from "./tree.ts";
import type { Versions } from "./versions.ts";
import { asRsyncPrints } from "./walk.ts";

/** A batch that takes longer is for a full pass. */
const LONGEST = 600_000;
const PRINTED = (name: string): string => asRsyncPrints(Buffer.from(name, "latin1"));

export type Pushed =
  /** All but `left` is there. `held`: why those wait for a person. `linked`: a full pass must look for other names of a file. */
  | { readonly kind: "sent"; readonly left: ReadonlySet<string>; readonly held: string | null; readonly linked: boolean }
  /** Not now. */
  | { readonly kind: "later"; readonly because: string }
  /** Not this way: only a full pass can do it, or say why not. */
  | { readonly kind: "pass"; readonly because: string };

/** What must be remembered from one batch to the next of a job. */
export interface Since {
  readonly versions: Versions;
  /** Live deletions since the last good full run, as `tree path + name`; and what was new since then, whose deletion does not count. */
  readonly deleted: Set<string>;
  readonly created: Set<string>;
}

export interface LiveContext { readonly config: Config; readonly job: JobConfig; readonly status: NodeStatus; readonly session: Session; readonly since: Since }

const MOST_CREATED = 100_000;

export async function pushLive(context: LiveContext, dirty: ReadonlyMap<string, Dirt>): Promise<Pushed> {
  const { config, job, status } = context;
  const verdict = mayRun({ status, home: job.home, kind: "live", offsetLimit: config.cluster.offsetLimit, carriesConfiguration: carriesConfiguration(job) });
  if (!verdict.go) return { kind: "later", because: verdict.because };
  const left = new Set<string>();
  let [held, linked]: [string | null, boolean] = [null, false];
  for (const entry of job.entries) {
    const mine = new Map([...dirty].filter(([path]) => belongs(entry, path)));
    if (mine.size === 0) continue;
    const pushed = entry.kind === "tree" ? await pushTree(context, entry, mine) : await pushFile(context, entry);
    if (pushed.kind !== "sent") return pushed;
    for (const path of pushed.left) left.add(path);
    held ??= pushed.held;
    linked ||= pushed.linked;
  }
  return { kind: "sent", left, held, linked }; // what belongs to no entry any more (another configuration) is nobody's
}

const latin1 = (path: string): string => Buffer.from(path).toString("latin1");
const belongs = (entry: Entry, path: string): boolean => entry.kind === "file" ? path === latin1(entry.path) : `${path}/`.startsWith(latin1(entry.path));

async function pushTree(context: LiveContext, entry: Entry, dirty: ReadonlyMap<string, Dirt>): Promise<Pushed> {
  const { job, since } = context;
  const here = maySend(lookAtTree(entry.path, job.name), job.name);
  if (here.go !== true) return { kind: "pass", because: here.go === "first" ? `${entry.path} was never mirrored` : here.because };
  const batch = toBatch(latin1(entry.path), dirty);
  if (batch === null) return { kind: "pass", because: "too many changes at once" };
  const left = new Set<string>();
  let held: string | null = null;
  for (const { run, names } of since.versions.split(batch.names, PRINTED, Date.now())) {
    const bad = await pushNames(context, entry, run, names);
    if (bad?.kind === "held") {
      held = bad.because;
      for (const path of dirty.keys()) if (bad.names.some((name) => name.startsWith(PRINTED(path.slice(latin1(entry.path).length))))) left.add(path);
    } else if (bad !== null) return bad;
  }
  return { kind: "sent", left, held, linked: batch.linked };
}

interface Held { readonly kind: "held"; readonly names: readonly string[]; readonly because: string }

/** Null when they are there. Held: all of them but the deletions are. */
async function pushNames(context: LiveContext, entry: Entry, run: RunId, names: readonly string[]): Promise<Exclude<Pushed, { kind: "sent" }> | Held | null> {
  const { job, since } = context;
  const go = async (dryRun: boolean, maxDelete: number, under = run): Promise<RsyncResult> => {
    const result = await call(context, entry, under, { dryRun, maxDelete }, names);
    if (!dryRun) since.versions.kept(under, result.counts);
    return result;
  };
  const first = await go(false, 0);
  if (first.code !== DELETIONS_STOPPED) return judge(first);
  const dry = await go(true, UNLIMITED);
  if (dry.code !== 0) return judge(dry);
  const wanted = dry.counts.deleted.map((name) => entry.path + name);
  const verdict = mayDelete(job, deletions(job, since, entry, wanted), null);
  if (!verdict.go) return { kind: "held", names: dry.counts.deleted, because: verdict.because };
  const last = await go(false, wanted.length, since.versions.forDeletion(run, dry.counts.deleted, Date.now()));
  for (const name of last.counts.deleted) if (!since.created.delete(entry.path + name)) since.deleted.add(entry.path + name);
  return judge(last);
}

const UNLIMITED = 999_999_999;

/** All that a full run in place of the live ones since the last would have found. */
function deletions(job: JobConfig, { deleted, created }: Since, entry: Entry, wanted: readonly string[]): Deletions {
  const names = [...new Set([...deleted, ...wanted.filter((name) => !created.has(name))])].sort();
  return {
    names, expected: 0, files: readReport(job.name)?.lastGood?.entries.reduce((sum, { files }) => sum + files, 0) ?? 0,
    emptied: names.length > 0 && lookAtTree(entry.path, "").empty ? entry.path : null,
  };
}

async function pushFile(context: LiveContext, entry: Entry): Promise<Pushed> {
  const [part] = context.since.versions.split([latin1(entry.path)], PRINTED, Date.now());
  if (part === undefined) return SENT;
  const result = await call(context, entry, part.run, { dryRun: false, maxDelete: 0 }, null);
  if (result.counts.replaced.length > 0) context.since.versions.kept(part.run, { replaced: [PRINTED(latin1(entry.path))], deleted: [] });
  return judge(result) ?? SENT;
}

const SENT: Pushed = { kind: "sent", left: new Set(), held: null, linked: false };

function call({ config: _config, job, status, session, since }: LiveContext, entry: Entry, run: RunId, { dryRun, maxDelete }: { dryRun: boolean; maxDelete: number }, names: readonly string[] | null): Promise<RsyncResult> {
  const kept = entryBackupDir(backupDir(BACKUPS, job.name, run, "live"), entry);
  const epoch = status.core.identities[job.home].epoch;
  const args = [
    ...senderOptions({ kind: entry.kind, dryRun, fsync: false, backupDir: kept, maxDelete, listed: names !== null }, job.exclude),
    "-e", THROUGH, `--rsync-path=clusterd-mirror v1 push ${job.name} ${epoch} ${run} ${entryKey(entry)} live`,
    names === null ? `./${basename(entry.path)}` : "./", `peer:${REMOTE_PATH}`,
  ];
  return rsync(args, {
    cwd: names === null ? dirname(entry.path) : entry.path, timeout: Math.min(job.timeout, LONGEST), session,
    onNew: (name) => { if (since.created.size < MOST_CREATED) since.created.add(entry.path + name); },
    ...(names === null ? {} : { input: Buffer.from(names.map((name) => `${name}\0`).join(""), "latin1") }),
  });
}

/** Null when it went well. A file that vanished under rsync has been heard of, and comes again. */
function judge({ outcome, refusal }: RsyncResult): Exclude<Pushed, { kind: "sent" }> | null {
  if (outcome.kind === "complete") return null;
  if (refusal !== null) return { kind: "later", because: `the peer refused: ${refusal}` };
  return outcome.kind === "incomplete" && !outcome.again ? { kind: "pass", because: outcome.because } : { kind: "later", because: outcome.because };
}

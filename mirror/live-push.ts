// One batch of changes of one job to the peer, over a session that is open: the same gates as a full run, on just those paths.
//
// Files and folders go at once, with no deletion allowed. Only if something would have been deleted, or much is gone here, a dry run says
// what, the limits of deletion judge it together with all live deletions since the last full run, and then exactly so many are allowed:
// whole folders are set aside by the receiver at one stroke (receive-aside.ts), the rest is rsync's, and so is the last word.

import { setTimeout as sleep } from "node:timers/promises";
import { monotonicNow } from "../clusterd/base/time.ts";
import type { Instant } from "../clusterd/base/time.ts";
import type { Config, JobConfig } from "../clusterd/config/config.ts";
import type { NodeStatus } from "../clusterd/status/control.ts";
import { look, toBatch } from "./batch.ts";
import { newRunId } from "./backup-names.ts";
import type { RunId } from "./backup-names.ts";
import type { Dirt } from "./dirty.ts";
import { mayDelete, mayRun, maySend } from "./gate.ts";
import type { Deletions } from "./gate.ts";
import { latin1, pushListed } from "./listed.ts";
import { readReport } from "./report.ts";
import { DELETIONS_STOPPED } from "./rsync-outcome.ts";
import type { RsyncResult } from "./rsync.ts";
import type { Session } from "./session.ts";
import { carriesConfiguration, entryKey } from "./settings.ts";
import type { Entry } from "./settings.ts";
import { lookAtTree } from "./tree.ts";
import type { Versions } from "./versions.ts";
import { asRsyncPrints } from "./walk.ts";

/** A batch that takes longer is for a full pass. */
const LONGEST = 600_000;
const ASIDE_TIMEOUT = 60_000;
const QUIET = 60;
const LONGEST_WAIT = 400;
/** With more than so many paths gone, something will have to be deleted; with fewer it may have been there for a moment only. */
const FEW = 10;
const PRINTED = (name: string): string => asRsyncPrints(Buffer.from(name, "latin1"));

export type Pushed =
  /** All but `left` is there. `held`: why those wait for a person. `linked`: a full pass must look for other names of a file. */
  | { readonly kind: "sent"; readonly left: ReadonlySet<string>; readonly held: string | null; readonly linked: boolean }
  /** Not now. */
  | { readonly kind: "later"; readonly because: string; /** What stood in the way is over. */ readonly atOnce?: true }
  /** Not this way: only a full pass can do it, or say why not. */
  | { readonly kind: "pass"; readonly because: string };

/** What must be remembered from one batch to the next of a job. */
export interface Since {
  readonly versions: Versions;
  /** Live deletions since the last good full run, as `tree path + name`; and what was new since then, whose deletion does not count. */
  readonly deleted: Set<string>;
  readonly created: Set<string>;
}

export interface LiveContext { readonly config: Config; readonly job: JobConfig; readonly status: NodeStatus; readonly session: Session; readonly since: Since; /** When something was heard last. */ readonly heardAt: () => Instant }

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

const belongs = (entry: Entry, path: string): boolean => entry.kind === "file" ? path === latin1(entry.path) : `${path}/`.startsWith(latin1(entry.path));

async function pushTree(context: LiveContext, entry: Entry, dirty: ReadonlyMap<string, Dirt>): Promise<Pushed> {
  const { job, since } = context;
  const here = maySend(lookAtTree(entry.path, job.name), job.name);
  if (here.go !== true) return { kind: "pass", because: here.go === "first" ? `${entry.path} was never mirrored` : here.because };
  const batch = toBatch(latin1(entry.path), dirty);
  if (batch === null) return { kind: "pass", because: "too many changes at once" };
  const left = new Set<string>();
  let held: string | null = null;
  // What is there goes first: deletions take their time.
  const listed = new Set(batch.names);
  const names = batch.names.filter((name) => !listed.has(`${name}/`)); // its folder's list carries a folder itself, too
  const [there, gone] = batch.gone > FEW ? apart(latin1(entry.path), names) : [names, []];
  const parts = (names: readonly string[], push: typeof pushNames) => names.length === 0 ? [] : since.versions.split(names, PRINTED, Date.now()).map((part) => ({ ...part, push }));
  for (const { run, names, push } of [...parts(there, pushNames), ...parts(gone, pushDeletions)]) {
    const bad = await push(context, entry, run, names);
    if (bad?.kind === "held") {
      held = bad.because;
      for (const path of dirty.keys()) if (bad.names.some((name) => name.startsWith(PRINTED(path.slice(latin1(entry.path).length))))) left.add(path);
    } else if (bad !== null) return bad;
  }
  return { kind: "sent", left, held, linked: batch.linked };
}

interface Held { readonly kind: "held"; readonly names: readonly string[]; readonly because: string }

type Bad = Exclude<Pushed, { kind: "sent" }> | Held;

/** Null when they are there. Held: all of them but the deletions are. */
async function pushNames(context: LiveContext, entry: Entry, run: RunId, names: readonly string[]): Promise<Bad | null> {
  const first = await call(context, entry, run, { dryRun: false, maxDelete: 0 }, names);
  context.since.versions.kept(run, first.counts);
  return first.code === DELETIONS_STOPPED ? pushDeletions(context, entry, context.since.versions.third, names) : judge(first);
}

/** The same when it is known that there is something to delete. */
async function pushDeletions(context: LiveContext, entry: Entry, run: RunId, names: readonly string[]): Promise<Bad | null> {
  const { job, since } = context;
  await quiet(context);
  const dry = await call(context, entry, run, { dryRun: true, maxDelete: UNLIMITED }, names);
  if (dry.code !== 0 || dry.counts.changed === 0) return judge(dry);
  const wanted = dry.counts.deleted.map((name) => entry.path + name);
  const verdict = mayDelete(job, deletions(job, since, entry, wanted), null);
  if (!verdict.go) return { kind: "held", names: dry.counts.deleted, because: verdict.because };
  // What has changed since the push before this one is replaced too, and must not take the place of what that one has kept (chaos 5/9).
  const under = dry.counts.replaced.length > 0 ? newRunId(Date.now()) : since.versions.forDeletion(run, dry.counts.deleted, Date.now());
  const moved = await setAside(context, entry, under, dry.counts.deleted);
  const last = await call(context, entry, under, { dryRun: false, maxDelete: wanted.length - moved.length }, names);
  const deleted = [...moved, ...last.counts.deleted];
  since.versions.kept(under, { replaced: last.counts.replaced, deleted });
  for (const name of deleted) if (!since.created.delete(entry.path + name)) since.deleted.add(entry.path + name);
  return judge(last);
}

/** A deletion that is going on is to be judged as a whole, not in halves that each are few enough. */
async function quiet({ heardAt }: LiveContext): Promise<void> {
  for (const most = monotonicNow() + LONGEST_WAIT; monotonicNow() - heardAt() < QUIET && monotonicNow() < most;) await sleep(QUIET / 4);
}

/** Folders that are gone here as a whole; returns all names that went with them. Not with exclusions: what rsync passes over stays there. */
async function setAside({ job, status, session, since }: LiveContext, entry: Entry, run: RunId, deleted: readonly string[]): Promise<readonly string[]> {
  const tops = job.exclude.length > 0 ? [] : topmost(deleted).filter((name) => !name.includes("\\") && look(`${latin1(entry.path)}${name}`) === null);
  if (tops.length === 0) return [];
  const epoch = status.core.identities[job.home].epoch;
  const words = ["clusterd-mirror", "v1", "aside", job.name, String(epoch), run, entryKey(entry), String(deleted.length)];
  const answer = await session.ask(words, ASIDE_TIMEOUT, tops.map((name) => `${name}\0`).join(""));
  if (answer.code !== 0) { since.versions.anew(); return []; } // rsync will do it, or say why not
  const moved = (JSON.parse(answer.stdout) as readonly string[]).map((name) => `${name}/`);
  return deleted.filter((name) => moved.some((folder) => name.startsWith(folder)));
}

/** Of names as rsync prints them, the folders that lie in none of the others, without the slash. */
export function topmost(names: readonly string[]): readonly string[] {
  let last = "";
  return [...names].sort().flatMap((name) => {
    if (!name.endsWith("/") || (last !== "" && name.startsWith(last))) return [];
    last = name;
    return [name.slice(0, -1)];
  });
}

function apart(tree: string, names: readonly string[]): readonly [readonly string[], readonly string[]] {
  const gone = new Set(names.filter((name) => look(`${tree}${name}`) === null));
  return [names.filter((name) => !gone.has(name)), [...gone]];
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

async function call({ job, status, session, since }: LiveContext, entry: Entry, run: RunId, { dryRun, maxDelete }: { dryRun: boolean; maxDelete: number }, names: readonly string[] | null): Promise<RsyncResult> {
  const way = { job, session, epoch: status.core.identities[job.home].epoch, timeout: Math.min(job.timeout, LONGEST) };
  const result = await pushListed(way, entry, { run, dryRun, maxDelete }, names, (name) => { if (since.created.size < MOST_CREATED) since.created.add(entry.path + name); });
  // What it replaced last was not told, and a second push under the same name would write over what was kept (chaos 5/10).
  if (!dryRun && result.code !== 0 && result.code !== DELETIONS_STOPPED) since.versions.anew();
  return result;
}

/** Null when it went well. A file that vanished under rsync has been heard of, and comes again. */
function judge({ outcome, refusal }: RsyncResult): Exclude<Pushed, { kind: "sent" }> | null {
  if (outcome.kind === "complete") return null;
  if (refusal !== null) return { kind: "later", because: `the peer refused: ${refusal}` };
  if (outcome.kind === "incomplete" && outcome.again) return { kind: "later", because: outcome.because, atOnce: true };
  return { kind: outcome.kind === "incomplete" ? "pass" : "later", because: outcome.because };
}

// The receiving side: the one forced command that the peer's key may run here (request.ts lists what it may ask).
//
// For each request this node looks for itself: is the peer the owner of exactly the epoch in our journal, is the tree
// there, is nothing else running. Only then rsync's receiving half starts, with arguments and paths of our own and only the
// capabilities that owners, modes, ACLs and device files need. Anything else: one line, exit 126, nothing started.
// Answers go to standard output as JSON, refusals to standard error and into STATE/mirror/refused.log.
//
// Node core only, so that it starts fast.

import { appendFileSync, closeSync, mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { reasonOf } from "../clusterd/base/errors.ts";
import { BACKUPS, JOURNAL, STATE } from "../clusterd/base/paths.ts";
import { otherNode } from "../clusterd/config/config.ts";
import type { Config, JobConfig } from "../clusterd/config/config.ts";
import type { Index, Role } from "../clusterd/core/model.ts";
import { readJournal } from "../clusterd/journal.ts";
import { askDaemon } from "../clusterd/status/control-client.ts";
import type { ControlAnswer } from "../clusterd/status/control.ts";
import { backupDir, entryBackupDir } from "./backup-names.ts";
import type { RunId, RunKind } from "./backup-names.ts";
import { RECEIVE_EXIT } from "./exit-codes.ts";
import { setAside } from "./receive-aside.ts";
import { freshNames } from "./fresh.ts";
import { keptFiles } from "./kept.ts";
import { readAll } from "./input.ts";
import { noteBegun, noteEnded, sweepAfter } from "./leftovers.ts";
import { receiveLock, whenFree } from "./lock.ts";
import { check, look } from "./receive-check.ts";
import { freshBackupDir, makeReady, openFolder, removeEmpty } from "./receive-folders.ts";
import { runRsync } from "./receive-rsync.ts";
import type { Wire } from "./receive-rsync.ts";
import { readReceived, readReport, writeReceived } from "./report.ts";
import { LIVE, mayAccept, parseRequest } from "./request.ts";
import type { Acceptance, Request } from "./request.ts";
import { parseServerWords, serverArgs } from "./rsync-args.ts";
import { entryKey, findJob, settings } from "./settings.ts";
import type { Entry } from "./settings.ts";
import { exchange, settleLeft, stage } from "./sets.ts";
import { readTold, takeTold } from "./told.ts";
import { lookAtTree, rememberTrees } from "./tree.ts";
import { receivingMark } from "./watch.ts";

/** For what is left of a run whose sender has just ended. Milliseconds. */
const PATIENCE = 5000;
/** Bytes of names in one `aside`. */
const MOST_NAMES = 1024 * 1024;

export interface CommitAnswer { readonly kept: number; readonly backups: string | null }

export type Outcome = { readonly code: 0; readonly answer: unknown } | { readonly code: number; readonly because: string };

/** Serves the one request in SSH_ORIGINAL_COMMAND; resolves to the exit code. */
export async function receive(line: string | undefined): Promise<number> {
  if (line === LIVE) return (await import("./receive-live.ts")).receiveLive(serveSafely);
  const outcome = await serveSafely(line, null);
  if ("answer" in outcome) { if (outcome.answer !== null) process.stdout.write(`${JSON.stringify(outcome.answer)}\n`); return 0; }
  if (outcome.because !== "") process.stderr.write(`clusterd-mirror: refused: ${outcome.because}\n`);
  return outcome.code;
}

/** One request, whatever happens; a refusal is written down. */
async function serveSafely(line: string | undefined, wire: Wire | null): Promise<Outcome> {
  const outcome = await serve(line, wire).catch((error: unknown): Outcome => ({ code: RECEIVE_EXIT.tree, because: `this node could not do it: ${reasonOf(error)}` }));
  if (!("answer" in outcome) && outcome.because !== "") remember(outcome.code, outcome.because, line ?? "");
  return outcome;
}

async function serve(line: string | undefined, wire: Wire | null): Promise<Outcome> {
  const parsed = parseRequest(line);
  if (!parsed.ok) return { code: RECEIVE_EXIT.forbidden, because: parsed.because };
  const { request } = parsed;
  const asked = askDaemon({ ask: "status" }, { timeout: 2000 }); // it thinks while we read
  const read = await settings();
  if (!read.ok) return { code: RECEIVE_EXIT.tree, because: `the configuration of this node has problems: ${read.text.split("\n")[0]}` };
  const job = findJob(read.config, request.job);
  if (job === undefined) return { code: RECEIVE_EXIT.forbidden, because: `there is no job ${request.job} in this node's configuration` };
  // Loaded when needed: every request of every run starts this program anew.
  if (request.verb === "kept") return { code: 0, answer: (await import("./history/versions.ts")).keptHere(BACKUPS, job.name, request.path) };
  if (request.verb === "fetch") return wire === null ? (await import("./receive-kept.ts")).sendKept(job, request) : { code: RECEIVE_EXIT.forbidden, because: "kept versions are sent over a connection of their own" };
  const accepted = await judge(read.config, job, request.epoch, asked);
  if (!accepted.go) return accepted;
  const left = await settleLeft(job);
  if (left != null && left.problem !== null) return { code: RECEIVE_EXIT.tree, because: `${job.name}: ${left.problem}` };
  switch (request.verb) {
    case "check": return { code: 0, answer: check(job) };
    case "fresh": return { code: 0, answer: freshNames(job.entries.filter(({ kind }) => kind === "tree").map(({ path }) => path), lastAlike(job, request.run)) };
    case "push": return push(read.config, job, request, wire);
    case "aside": return wire === null ? { code: RECEIVE_EXIT.forbidden, because: "names come over a kept connection" } : aside(job, request, wire);
    case "commit": return commit(job, request);
    case "ledger": return wire === null ? { code: RECEIVE_EXIT.forbidden, because: "a ledger comes over a kept connection" } : takeTold(job.name, request.epoch, wire.input);
    case "list": return { code: 0, answer: keptFiles(backupDir(BACKUPS, job.name, request.run, request.kind), lastAlike(job, request.run)) };
  }
}

/** When this node last had what the other one has: as the owner when its last good run began, as the standby when it last heard of one, or of live
 *  changes; before this run, that is. What it wrote later has never left it; what it has received since its last run as owner is not its own. Null: never. */
function lastAlike({ name }: JobConfig, run: RunId): number | null {
  const received = readReceived(name);
  const times = [readReport(name)?.lastGood?.started, received?.run === run ? undefined : received?.at, readTold(name)?.heard].filter((time) => time !== undefined);
  return times.length === 0 ? null : Math.max(...times);
}

async function judge(config: Config, job: JobConfig, epoch: number, asked: Promise<ControlAnswer> | null): Promise<Acceptance> {
  const journal = readJournal(JOURNAL);
  const verdict = mayAccept({ journal, role: asked === null ? null : ownRole(job.home, await asked), self: config.self, home: job.home, epoch });
  return verdict.go ? verdict : { ...verdict, because: `${job.name} from ${otherNode(config).name}: ${verdict.because}` };
}

function ownRole(home: Index, answer: ControlAnswer): Role | "unknown" | null {
  if (answer.ok) return answer.status?.core.identities[home].role ?? "unknown";
  return answer.absent === true ? null : "unknown";
}

async function push(config: Config, job: JobConfig, request: Request & { readonly verb: "push" }, wire: Wire | null): Promise<Outcome> {
  const refuse = (code: number, because: string): Outcome => ({ code, because: `${job.name}: ${because}` });
  const entry = job.entries.find((one) => entryKey(one) === request.entry);
  if (entry === undefined) return refuse(RECEIVE_EXIT.forbidden, "that path is not in this node's configuration");
  const words = parseServerWords(request.server);
  if (!words.ok) return refuse(RECEIVE_EXIT.forbidden, words.because);
  if (words.request.deletes !== (entry.kind === "tree")) return refuse(RECEIVE_EXIT.forbidden, "deleting belongs to trees, and to every tree");
  if (words.request.listed ? entry.kind !== "tree" : request.kind === "live" && entry.kind === "tree") return refuse(RECEIVE_EXIT.forbidden, "listed paths belong to trees, and to every live run of one");
  if (words.request.checksum && request.kind !== "live") return refuse(RECEIVE_EXIT.forbidden, "comparing by checksum belongs to listed paths");
  if (words.request.special !== job.special) return refuse(RECEIVE_EXIT.forbidden, `special = ${job.special} is configured here, the sender goes by ${words.request.special}: \`clusterd check\` on both`);
  const staging = job.consistent && !words.request.dryRun && request.kind !== "live";
  if (staging ? words.request.listed : job.consistent && !words.request.dryRun && !words.request.checksum) return refuse(RECEIVE_EXIT.forbidden, "a consistent set travels as a whole");
  const found = look(job, entry);
  if ("refused" in found) return refuse(RECEIVE_EXIT.tree, found.refused);
  const go = async (dir: string): Promise<Outcome> => {
    const kept = entryBackupDir(dir, entry);
    if (!words.request.dryRun) noteBegun(job.name, request.run);
    const staged = staging ? await stage(entry.path, request.run) : null;
    const target = staged === null ? makeReady(entry, kept, words.request.dryRun) : { folder: staged.folder, name: "./" };
    const folder = openFolder(target.folder);
    if (folder === null) return refuse(RECEIVE_EXIT.tree, `the way to ${target.folder} leads through a symbolic link`);
    try {
      const code = await runRsync(serverArgs(words.request, { path: target.name, kind: entry.kind, backupDir: kept, links: staged?.links ?? [] }), { folder, special: job.special }, async () => {
        const still = await judge(config, job, request.epoch, null);
        return still.go ? null : still.because;
      }, wire);
      if (code === 0) staged?.complete();
      if (request.kind === "live" && !words.request.dryRun) { removeEmpty(backupDir(BACKUPS, job.name, request.run, request.kind)); if (code === 0) noteEnded(job.name, request.run); }
      return code === 0 ? { code, answer: null } : { code, because: "" };
    } finally {
      closeSync(folder);
    }
  };
  // A comparison writes nothing and may take long: live changes go on beside it.
  return words.request.dryRun && words.request.checksum ? go(backupDir(BACKUPS, job.name, request.run, request.kind)) : receiving(job, request, entry, go);
}

/** One at a time for each job, with a dated directory and the marks that tell our own writing from a person's. */
async function receiving(job: JobConfig, request: { readonly job: string; readonly run: RunId; readonly kind: RunKind }, entry: Entry, act: (dir: string) => Promise<Outcome> | Outcome): Promise<Outcome> {
  const lock = await whenFree(() => receiveLock(job.name), Date.now() + PATIENCE);
  if (!lock.ok) return { code: RECEIVE_EXIT.retry, because: `${job.name}: another run is being received (process ${lock.holder})` };
  const dir = freshBackupDir(request, entry, Date.now());
  try {
    writeFileSync(receivingMark(job.name), "");
    return await act(dir);
  } finally {
    writeFileSync(receivingMark(job.name), "");
    if (!dir.includes(request.run)) removeEmpty(dir); // the run's own is looked at when it is complete
    lock.release();
  }
}

/** Folders that are gone on the owner: each is put into the dated directory by one rename. Answers which were; rsync does the others. */
async function aside(job: JobConfig, request: Request & { readonly verb: "aside" }, { input }: Wire): Promise<Outcome> {
  const entry = job.entries.find((one) => one.kind === "tree" && entryKey(one) === request.entry);
  const asked = await readAll(input, MOST_NAMES);
  if (job.consistent) return { code: RECEIVE_EXIT.forbidden, because: `${job.name}: a consistent set travels as a whole` };
  if (entry === undefined || asked === null) return { code: RECEIVE_EXIT.forbidden, because: `${job.name}: ${asked === null ? "too many names" : "that path is no tree of this node's configuration"}` };
  const found = look(job, entry);
  if ("refused" in found) return { code: RECEIVE_EXIT.tree, because: `${job.name}: ${found.refused}` };
  const names = asked.toString("latin1").split("\0").slice(0, -1);
  return receiving(job, { ...request, kind: "live" }, entry, (dir) => ({ code: 0, answer: setAside(entry.path, entryBackupDir(dir, entry), names, request.most) }));
}

/** The run is good only now: whoever it came from was still the owner at its end (judged by serve()), and every marker arrived. */
async function commit(job: JobConfig, request: Request & { readonly verb: "commit" | "list" }): Promise<Outcome> {
  if (job.consistent) {
    const problem = await exchanged(job, request);
    if (problem !== null) return problem;
  }
  const trees = job.entries.filter(({ kind }) => kind === "tree").map(({ path }) => lookAtTree(path, job.name));
  const bare = trees.find(({ marker }) => marker?.job !== job.name);
  if (bare !== undefined) return { code: RECEIVE_EXIT.tree, because: `${job.name}: the marker has not arrived in ${bare.path}` };
  rememberTrees(job.name, trees);
  sweepAfter(job.name, request.run, trees.map(({ path }) => path));
  const folder = backupDir(BACKUPS, job.name, request.run, request.kind);
  removeEmpty(folder);
  const { total } = keptFiles(folder, null);
  writeReceived({ job: job.name, run: request.run, kind: request.kind, epoch: request.epoch, at: Date.now(), kept: total });
  return { code: 0, answer: { kept: total, backups: total === 0 ? null : folder } satisfies CommitAnswer };
}

/** Null when the new set is in place. */
async function exchanged(job: JobConfig, request: Request & { readonly verb: "commit" | "list" }): Promise<Outcome | null> {
  const lock = await whenFree(() => receiveLock(job.name), Date.now() + PATIENCE);
  if (!lock.ok) return { code: RECEIVE_EXIT.retry, because: `${job.name}: another run is being received (process ${lock.holder})` };
  try {
    writeFileSync(receivingMark(job.name), "");
    const because = await exchange(job, request);
    return because === null ? null : { code: RECEIVE_EXIT.tree, because: `${job.name}: ${because}` };
  } finally {
    writeFileSync(receivingMark(job.name), "");
    lock.release();
  }
}

const LOG = `${STATE}/mirror/refused.log`;
const LOG_LIMIT = 1024 * 1024;

function remember(code: number, because: string, line: string): void {
  try {
    mkdirSync(dirname(LOG), { recursive: true, mode: 0o700 });
    if ((statSync(LOG, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT) renameSync(LOG, `${LOG}.1`);
    const from = (process.env["SSH_CONNECTION"] ?? "").split(" ")[0] ?? "";
    appendFileSync(LOG, `${new Date().toISOString()} exit=${code} from=${from} because=${JSON.stringify(because)} request=${JSON.stringify(line.slice(0, 300))}\n`, { mode: 0o600 });
  } catch { /* a full disk must not turn a refusal into an error of another kind */ }
}

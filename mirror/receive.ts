// The receiving side: the one forced command that the peer's key may run here (request.ts lists what it may ask).
//
// For each request this node looks for itself: is the peer the owner of exactly the epoch in our journal, is the tree
// there, is nothing else running. Only then rsync's receiving half starts, with arguments and paths of our own and only the
// capabilities that owners, modes, ACLs and device files need. Anything else: one line, exit 126, nothing started.
// Answers go to standard output as JSON, refusals to standard error and into STATE/mirror/refused.log.
//
// Node core only, so that it starts fast.

import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { appendFileSync, closeSync, constants, existsSync, lstatSync, mkdirSync, openSync, readdirSync, readlinkSync, realpathSync, renameSync, rmdirSync, statSync, statfsSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { reasonOf } from "../clusterd/base/errors.ts";
import { BACKUPS, JOURNAL, RUN, STATE } from "../clusterd/base/paths.ts";
import { otherNode } from "../clusterd/config/config.ts";
import type { Config, JobConfig } from "../clusterd/config/config.ts";
import type { Index, Role } from "../clusterd/core/model.ts";
import { readJournal } from "../clusterd/journal.ts";
import { askDaemon } from "../clusterd/status/control-client.ts";
import { backupDir, entryBackupDir, newRunId } from "./backup-names.ts";
import { RECEIVE_EXIT } from "./exit-codes.ts";
import { mayReceive } from "./gate.ts";
import type { PeerTree } from "./gate.ts";
import { freshNames } from "./fresh.ts";
import { keptFiles } from "./kept.ts";
import { noteBegun, noteEnded, sweepAfter } from "./leftovers.ts";
import { receiveLock, whenFree } from "./lock.ts";
import { readReport, writeReceived } from "./report.ts";
import { LIVE, mayAccept, parseRequest } from "./request.ts";
import type { Acceptance, Reading, Request } from "./request.ts";
import { parseServerWords, rsyncVersion, serverArgs } from "./rsync-args.ts";
import { entryKey, findJob, settings } from "./settings.ts";
import type { Entry } from "./settings.ts";
import { takeTold } from "./told.ts";
import { lookAtTree, rememberTrees } from "./tree.ts";
import { receivingMark } from "./watch.ts";

const RSYNC = "/usr/bin/rsync";
const SETPRIV = "/usr/bin/setpriv";
/** What a faithful copy needs (capabilities(7)), and nothing else: no network, no modules, no reboot, no ptrace. */
const CAPABILITIES = ["chown", "dac_override", "dac_read_search", "fowner", "fsetid", "mknod", "setfcap"];
/** How often a running push looks whether its owner still is one. */
const WATCH_MS = 250;
/** For what is left of a run whose sender has just ended. Milliseconds. */
const PATIENCE = 5000;
/** Bytes of names that one `fetch` may ask for. */
const MOST_NAMES = 16 * 1024 * 1024;

/** Answer of `check`. */
export interface CheckAnswer { readonly rsync: string | null; readonly wall: number; readonly entries: Readonly<Record<string, PeerTree | { readonly refused: string }>> }
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

/** What stands in for standard input, output and error when a request came over a kept connection. */
export interface Wire { readonly input: Readable; readonly output: Writable; readonly errors: Writable }

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
  const read = settings();
  if (!read.ok) return { code: RECEIVE_EXIT.tree, because: `the configuration of this node has problems: ${read.text.split("\n")[0]}` };
  const job = findJob(read.config, request.job);
  if (job === undefined) return { code: RECEIVE_EXIT.forbidden, because: `there is no job ${request.job} in this node's configuration` };
  // Loaded when needed: every request of every run starts this program anew.
  if (request.verb === "kept") return { code: 0, answer: (await import("./history/versions.ts")).keptHere(BACKUPS, job.name, request.path) };
  if (request.verb === "fetch") return wire === null ? sendKept(job, request) : { code: RECEIVE_EXIT.forbidden, because: "kept versions are sent over a connection of their own" };
  const accepted = await judge(read.config, job, request.epoch, true);
  if (!accepted.go) return accepted;
  switch (request.verb) {
    case "check": return { code: 0, answer: check(job) };
    case "fresh": return { code: 0, answer: freshNames(job.entries.filter(({ kind }) => kind === "tree").map(({ path }) => path), lastAsOwner(job)) };
    case "push": return push(read.config, job, request, wire);
    case "commit": return commit(job, request);
    case "ledger": return wire === null ? { code: RECEIVE_EXIT.forbidden, because: "a ledger comes over a kept connection" } : takeTold(job.name, request.epoch, wire.input);
    case "list": return { code: 0, answer: keptFiles(backupDir(BACKUPS, job.name, request.run, request.kind), lastAsOwner(job)) };
  }
}

/** When this node's last good run as the owner began: what it wrote later has never left it. */
const lastAsOwner = (job: JobConfig): number | null => readReport(job.name)?.lastGood?.started ?? null;

async function judge(config: Config, job: JobConfig, epoch: number, ask: boolean): Promise<Acceptance> {
  const journal = readJournal(JOURNAL);
  const verdict = mayAccept({ journal, role: ask ? await ownRole(job.home) : null, self: config.self, home: job.home, epoch });
  return verdict.go ? verdict : { ...verdict, because: `${job.name} from ${otherNode(config).name}: ${verdict.because}` };
}

async function ownRole(home: Index): Promise<Role | "unknown" | null> {
  const answer = await askDaemon({ ask: "status" }, { timeout: 2000 });
  if (answer.ok) return answer.status?.core.identities[home].role ?? "unknown";
  return answer.absent === true ? null : "unknown";
}

function check(job: JobConfig): CheckAnswer {
  const answers = job.entries.map((entry) => [entryKey(entry), look(job, entry)] as const);
  return { rsync: installedRsync(), wall: Date.now(), entries: Object.fromEntries(answers) };
}

function look(job: JobConfig, entry: Entry): PeerTree | { readonly refused: string } {
  const tree = entry.kind === "tree" ? lookAtTree(entry.path, job.name) : null;
  const verdict = tree === null ? { go: true as const } : mayReceive(tree, job.name);
  return verdict.go ? { id: tree?.marker?.id ?? null, freeTree: freeAt(entry.path), freeBackups: freeAt(BACKUPS) } : { refused: verdict.because };
}

async function push(config: Config, job: JobConfig, request: Request & { readonly verb: "push" }, wire: Wire | null): Promise<Outcome> {
  const refuse = (code: number, because: string): Outcome => ({ code, because: `${job.name}: ${because}` });
  const entry = job.entries.find((one) => entryKey(one) === request.entry);
  if (entry === undefined) return refuse(RECEIVE_EXIT.forbidden, "that path is not in this node's configuration");
  const words = parseServerWords(request.server);
  if (!words.ok) return refuse(RECEIVE_EXIT.forbidden, words.because);
  if (words.request.deletes !== (entry.kind === "tree")) return refuse(RECEIVE_EXIT.forbidden, "deleting belongs to trees, and to every tree");
  if (words.request.listed !== (request.kind === "live" && entry.kind === "tree")) return refuse(RECEIVE_EXIT.forbidden, "listed paths belong to live runs of trees, and to every one");
  const found = look(job, entry);
  if ("refused" in found) return refuse(RECEIVE_EXIT.tree, found.refused);
  const lock = await whenFree(() => receiveLock(job.name), Date.now() + PATIENCE);
  if (!lock.ok) return refuse(RECEIVE_EXIT.retry, `another run is being received (process ${lock.holder})`);
  const dir = freshBackupDir(request, entry);
  try {
    writeFileSync(receivingMark(job.name), "");
    const kept = entryBackupDir(dir, entry);
    if (!words.request.dryRun) noteBegun(job.name, request.run);
    const target = makeReady(entry, kept, words.request.dryRun);
    const folder = openFolder(target.folder);
    if (folder === null) return refuse(RECEIVE_EXIT.tree, `the way to ${target.folder} leads through a symbolic link`);
    try {
      const code = await runRsync(serverArgs(words.request, { path: target.name, kind: entry.kind, backupDir: kept }), folder, async () => {
        const still = await judge(config, job, request.epoch, false);
        return still.go ? null : still.because;
      }, wire);
      if (request.kind === "live") { removeEmpty(backupDir(BACKUPS, job.name, request.run, request.kind)); if (code === 0) noteEnded(job.name, request.run); }
      return code === 0 ? { code, answer: null } : { code, because: "" };
    } finally {
      closeSync(folder);
    }
  } finally {
    writeFileSync(receivingMark(job.name), "");
    if (!dir.includes(request.run)) removeEmpty(dir); // the run's own is looked at when it is complete
    lock.release();
  }
}

/** Versions kept here, as tar on standard output; the names come on standard input. */
async function sendKept(job: JobConfig, { run, kind }: Reading & { readonly verb: "fetch" }): Promise<Outcome> {
  const refuse = (because: string): Outcome => ({ code: RECEIVE_EXIT.forbidden, because: `${job.name}: ${because}` });
  const { mayRead, packHere } = await import("./history/fetch.ts");
  const asked = await readAll(process.stdin, MOST_NAMES);
  if (asked === null) return refuse("too many names");
  const names = asked.toString("latin1").split("\n").filter((line) => line !== "").map((line) => Buffer.from(line, "base64url"));
  const folder = backupDir(BACKUPS, job.name, run, kind);
  const problem = names.length === 0 ? "no names" : mayRead(folder, names);
  if (problem !== null) return refuse(problem);
  const packing = packHere(folder, names);
  packing.stdout?.pipe(process.stdout);
  const [code] = await once(packing, "close") as [number | null];
  return code === 0 ? { code, answer: null } : { code: RECEIVE_EXIT.tree, because: `${job.name}: tar ended with ${code}` };
}

async function readAll(stream: NodeJS.ReadableStream, most: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > most) return null;
  }
  return Buffer.concat(chunks);
}

/** Where this push keeps what it replaces: the run's dated directory, or a new one if versions of this entry lie there already, since
 *  rsync would write over them. A run whose files vanish under it pushes again; a hostile owner may. */
function freshBackupDir({ job, run, kind }: Request & { readonly verb: "push" }, entry: Entry): string {
  const dir = backupDir(BACKUPS, job, run, kind);
  const kept = entryBackupDir(dir, entry);
  const taken = entry.kind === "tree" ? existsSync(kept) && readdirSync(kept).length > 0 : existsSync(join(kept, basename(entry.path)));
  return taken ? backupDir(BACKUPS, job, newRunId(Date.now()), kind) : dir;
}

/** Makes the folders that rsync does not make itself. A dry run changes nothing: a tree that is not there looks like an empty one. */
function makeReady(entry: Entry, kept: string, dryRun: boolean): { readonly folder: string; /** As rsync, which stands in the folder, names it. */ readonly name: string } {
  const folder = entry.kind === "tree" ? entry.path : dirname(entry.path);
  const name = entry.kind === "tree" ? "./" : `./${basename(entry.path)}`;
  const there = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (dryRun && !there) {
    const empty = `${RUN}/mirror/empty`;
    mkdirSync(empty, { recursive: true, mode: 0o700 });
    return { folder: realpathSync(empty), name };
  }
  if (dryRun) return { folder, name };
  if (!there) makeFolder(folder, "/");
  makeFolder(kept, BACKUPS, 0o700);
  return { folder, name };
}

/** Like mkdir -p, but no folder on the way below `root` may be a symbolic link: it would lead out of what is ours. */
function makeFolder(path: string, root: string, mode = 0o777): void {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const parts = path.slice(root.length).split("/").filter((part) => part !== "");
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const at = join(root, ...parts.slice(0, depth));
    const stats = lstatSync(at, { throwIfNoEntry: false });
    if (stats === undefined) mkdirSync(at, { mode });
    else if (!stats.isDirectory()) throw new Error(`${at} is ${stats.isSymbolicLink() ? "a symbolic link" : "no folder"}: nothing is written through it`);
  }
}

/** The folder itself, opened: whatever becomes of its name, rsync works in this one. Null when the way to it has a symbolic
 *  link, which whoever may write above the tree could turn to any place at any moment. */
function openFolder(path: string): number | null {
  const folder = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  if (readlinkSync(`/proc/self/fd/${folder}`) === path.replace(/(?<=.)\/$/, "")) return folder;
  closeSync(folder);
  return null;
}

/** Runs rsync's receiving half on our own standard input and output; ends it when `lost` gives a reason. */
function runRsync(args: readonly string[], folder: number, lost: () => Promise<string | null>, wire: Wire | null): Promise<number> {
  const keep = `-all,${CAPABILITIES.map((name) => `+${name}`).join(",")}`;
  const child = spawn(SETPRIV, ["--no-new-privs", "--inh-caps", "-all", "--bounding-set", keep, "--", RSYNC, ...args],
    { stdio: wire === null ? "inherit" : "pipe", env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C", HOME: "/" }, cwd: `/proc/self/fd/${folder}` });
  const say = (text: string): void => void (wire?.errors ?? process.stderr).write(text);
  if (wire !== null && child.stdin !== null) {
    wire.input.pipe(child.stdin.on("error", () => wire.input.resume())); // it ended early: nobody reads the rest
    child.stdout?.pipe(wire.output, { end: false });
    child.stderr?.pipe(wire.errors, { end: false });
  }
  const watch = setInterval(() => void lost().then((why) => {
    if (why === null) return;
    clearInterval(watch);
    say(`clusterd-mirror: ended: ${why}\n`);
    child.kill("SIGTERM");
  }), WATCH_MS);
  return new Promise((resolve) => {
    const done = (code: number): void => { clearInterval(watch); resolve(code); };
    child.on("error", (error) => { say(`clusterd-mirror: ${SETPRIV} ${RSYNC}: ${error.message}\n`); done(RECEIVE_EXIT.tree); });
    child.on("close", (code) => done(code ?? RECEIVE_EXIT.retry));
  });
}

/** The run is good only now: whoever it came from was still the owner at its end (judged by serve()), and every marker arrived. */
function commit(job: JobConfig, request: Request & { readonly verb: "commit" | "list" }): Outcome {
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

/** A run that replaced nothing leaves nothing. */
function removeEmpty(folder: string): void {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) removeEmpty(join(folder, entry.name));
    rmdirSync(folder); // fails, rightly, when something is in it
  } catch { /* not empty, or never made */ }
}

/** Bytes free for root where `path` is or would be. */
function freeAt(path: string): number {
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      const { bavail, bsize } = statfsSync(folder);
      return bavail * bsize;
    } catch (error) {
      if (folder === "/") throw error;
    }
  }
}

export function installedRsync(): string | null {
  try {
    return rsyncVersion(execFileSync(RSYNC, ["--version"], { encoding: "utf8", timeout: 5000 }));
  } catch {
    return null;
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

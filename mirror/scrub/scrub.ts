// Compares the contents of both copies by checksum, slice by slice: what has rotted on a disk has the size and time it had, so no run sees it.
//
// A slice is a dry run of rsync on just those paths, through the same forced command and under the same rules as a live batch; live changes go on
// beside it. What differs is compared once more, since it may have been written just then. Which of the two copies is the good one nobody can
// tell from here: so it is reported, and only on request (`repair`) the owner's copy goes over; what it replaces is kept in a dated directory.

import { setTimeout as sleep } from "node:timers/promises";
import { otherNode } from "../../clusterd/config/config.ts";
import type { Config, JobConfig } from "../../clusterd/config/config.ts";
import type { WallTime } from "../../clusterd/base/time.ts";
import { newRunId } from "../backup-names.ts";
import { EXIT } from "../exit-codes.ts";
import { latin1, pushListed } from "../listed.ts";
import type { Listed, ListedWay } from "../listed.ts";
import { sendLock, whenFree } from "../lock.ts";
import { lookHere, mustOwn, mustReach, Stop } from "../must.ts";
import { DELETIONS_STOPPED } from "../rsync-outcome.ts";
import type { Counts } from "../rsync-outcome.ts";
import { Session } from "../session.ts";
import type { Entry } from "../settings.ts";
import { asRsyncPrints } from "../walk.ts";
import { slices } from "./files.ts";
import { readScrub, writeScrub } from "./state.ts";
import type { Round } from "./state.ts";

export interface ScrubOptions {
  readonly repair: boolean;
  /** It ends after the slice in which this moment, or this many bytes, has passed; the next one goes on from there. */
  readonly until: WallTime;
  readonly bytes: number;
  /** No new round while the last one is younger. Milliseconds. */
  readonly every: number;
  readonly onSlice?: (round: Round) => void;
}

export interface Scrubbed { readonly code: number; readonly because: string; readonly round: Round; /** In this sitting. */ readonly found: readonly string[] }

const AGAIN_AFTER = 1000;
const SEND_PATIENCE = 60_000;

export async function scrub(config: Config, job: JobConfig, options: ScrubOptions): Promise<Scrubbed> {
  const { now, last } = readScrub(job.name);
  if (now === null && last !== null && Date.now() - last.began < options.every) return { code: EXIT.ok, because: "the last scrub is recent enough", round: last, found: [] };
  const found: string[] = [];
  let round: Round = now ?? { began: Date.now(), ended: null, files: 0, bytes: 0, rotten: [], repaired: 0, cursor: null };
  const keep = (next: Round): void => { round = next; writeScrub(job.name, { now: next.ended === null ? next : null, last: next.ended === null ? last : next }); options.onSlice?.(next); };
  try {
    const status = await mustOwn(config, job, "live");
    lookHere(job, true);
    const link = await mustReach(config, status);
    const session = new Session({ node: otherNode(config).name, address: link.address, port: config.cluster.sshPort });
    try {
      const way: ListedWay = { job, session, epoch: status.core.identities[job.home].epoch, timeout: job.timeout };
      const before = round.bytes;
      let left = false;
      for (const part of parts(job, round.cursor)) {
        left = Date.now() >= options.until || round.bytes - before >= options.bytes;
        if (left) break;
        const { rotten, repaired } = await compare(way, part, options.repair);
        found.push(...rotten);
        keep({ ...round, files: round.files + (part.names?.length ?? 1), bytes: round.bytes + part.bytes, rotten: [...round.rotten, ...rotten], repaired: round.repaired + repaired, cursor: { entry: part.entry.path, name: part.names?.at(-1) ?? null } });
      }
      if (!left) keep({ ...round, ended: Date.now(), cursor: null });
    } finally {
      session.close();
    }
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    return { code: error.code, because: error.message, round, found };
  }
  const bad = found.length > 0 && !options.repair;
  return { code: bad ? EXIT.differs : EXIT.ok, because: round.ended === null ? "goes on from here next time" : "all files are compared", round, found };
}

interface Part { readonly entry: Entry; readonly names: readonly string[] | null; readonly bytes: number }

/** What is left of the round, in slices. */
function* parts(job: JobConfig, cursor: Round["cursor"]): Generator<Part> {
  const at = cursor === null ? -1 : job.entries.findIndex(({ path }) => path === cursor.entry);
  for (const [index, entry] of job.entries.entries()) {
    if (index < at || (index === at && entry.kind === "file")) continue;
    if (entry.kind === "file") yield { entry, names: null, bytes: 0 };
    else for (const slice of slices(latin1(entry.path), index === at ? cursor?.name ?? null : null)) yield { entry, ...slice };
  }
}

async function compare(way: ListedWay, { entry, names }: Part, repair: boolean): Promise<{ readonly rotten: readonly string[]; readonly repaired: number }> {
  const suspects = await differing(way, entry, names);
  if (suspects.length === 0) return { rotten: [], repaired: 0 };
  await sleep(AGAIN_AFTER);
  const wanted = new Set(suspects);
  const bytes = names?.filter((name) => wanted.has(asRsyncPrints(Buffer.from(name, "latin1")))) ?? null;
  const rotten = await differing(way, entry, bytes);
  if (repair && rotten.length > 0) await send(way, entry, bytes);
  return { rotten: rotten.map((name) => (entry.kind === "tree" ? entry.path + name : entry.path)), repaired: repair ? rotten.length : 0 };
}

const differing = async (way: ListedWay, entry: Entry, names: readonly string[] | null): Promise<readonly string[]> => (await checked(way, entry, { dryRun: true }, names)).rotten;

async function send(way: ListedWay, entry: Entry, names: readonly string[] | null): Promise<void> {
  const lock = await whenFree(() => sendLock(way.job.name), Date.now() + SEND_PATIENCE);
  if (!lock.ok) throw new Stop("busy", EXIT.busy, `something of ${way.job.name} is being sent (process ${lock.holder}): try again`);
  try {
    await checked(way, entry, { dryRun: false }, names);
  } finally {
    lock.release();
  }
}

/** A file that has gone meanwhile is the next run's to delete, not ours. */
async function checked(way: ListedWay, entry: Entry, how: Pick<Listed, "dryRun">, names: readonly string[] | null): Promise<Counts> {
  for (let attempt = 1; ; attempt += 1) {
    const { code, outcome, refusal, counts } = await pushListed(way, entry, { run: newRunId(Date.now()), maxDelete: 0, checksum: true, ...how }, names);
    if (outcome.kind === "complete" || code === DELETIONS_STOPPED) return counts;
    if (refusal !== null) throw new Stop("peer-refused", EXIT.peerRefused, `${entry.path}: the peer refused: ${refusal}`);
    if (outcome.kind === "unreachable") throw new Stop("unreachable", EXIT.unreachable, `${entry.path}: ${outcome.because}`);
    if (!outcome.again || attempt === 3) throw new Stop("incomplete", EXIT.incomplete, `${entry.path}: ${outcome.because}`);
  }
}

// What the peer may ask of this node, over ssh, and from whom it is taken. Pure.
//
//   clusterd-mirror v1 check  JOB EPOCH RUN
//   clusterd-mirror v1 fresh  JOB EPOCH RUN
//   clusterd-mirror v1 push   JOB EPOCH RUN ENTRY KIND --server …
//   clusterd-mirror v1 aside  JOB EPOCH RUN ENTRY COUNT   folders that are gone, on standard input; at most COUNT entries in all
//   clusterd-mirror v1 commit JOB EPOCH RUN KIND
//   clusterd-mirror v1 list   JOB EPOCH RUN KIND
//   clusterd-mirror v1 ledger JOB EPOCH RUN
//   clusterd-mirror v1 kept   JOB PATH        versions kept here; PATH in base64url, or - for all
//   clusterd-mirror v1 fetch  JOB RUN KIND    versions kept here, as tar; their names on standard input
//   clusterd-mirror v1 live
//
// kept and fetch read dated directories and nothing else, so they are answered whoever owns. live asks nothing: it keeps the connection,
// over which requests of the other kinds follow, each judged for itself.
// Words are separated by single spaces; there are no quotes, no escapes, and no shell ever sees them.

import type { Index, JournalRecord, Role } from "../clusterd/core/model.ts";
import { isKind, isRunId, isRunKind } from "./backup-names.ts";
import type { Kind, RunId, RunKind } from "./backup-names.ts";
import { RECEIVE_EXIT } from "./exit-codes.ts";

interface Common { readonly job: string; readonly epoch: number; readonly run: RunId }
export type Request =
  | Common & { readonly verb: "check" | "fresh" | "ledger" }
  | Common & { readonly verb: "push"; readonly entry: string; readonly kind: RunKind; readonly server: readonly string[] }
  | Common & { readonly verb: "aside"; readonly entry: string; readonly most: number }
  | Common & { readonly verb: "commit" | "list"; readonly kind: RunKind }
  | Reading;

/** About kept versions: no ownership is needed. */
export type Reading =
  | { readonly verb: "kept"; readonly job: string; readonly path: Buffer | null }
  | { readonly verb: "fetch"; readonly job: string; readonly run: RunId; readonly kind: Kind };

export type Parsed = { readonly ok: true; readonly request: Request } | { readonly ok: false; readonly because: string };

const LONGEST = 4096;

/** Keep this connection: the requests follow in frames (frames.ts). */
export const LIVE = "clusterd-mirror v1 live";

export function parseRequest(line: string | undefined): Parsed {
  const refuse = (because: string): Parsed => ({ ok: false, because });
  if (line === undefined || line === "") return refuse("no shell here");
  if (line.length > LONGEST || !/^[\x21-\x7e]+( [\x21-\x7e]+)*$/.test(line)) return refuse("not a request of ours");
  const [program, version, verb, job, ...rest] = line.split(" ");
  if (program !== "clusterd-mirror") return refuse("not a request of ours");
  if (version !== "v1") return refuse("only version v1 is spoken here");
  if (job === undefined || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(job)) return refuse("no such job name");
  if (verb === "kept" || verb === "fetch") return parseReading(verb, job, rest);
  const [epochWord, run, ...more] = rest;
  if (epochWord === undefined || !/^[1-9]\d{0,14}$/.test(epochWord)) return refuse("no such epoch");
  if (run === undefined || !isRunId(run)) return refuse("no such run name");
  const common: Common = { job, epoch: Number(epochWord), run };
  if (verb === "check" || verb === "fresh" || verb === "ledger") return more.length === 0 ? { ok: true, request: { ...common, verb } } : refuse("words too many");
  if (verb === "commit" || verb === "list") {
    const kind = more[0] ?? "";
    return more.length === 1 && isRunKind(kind) ? { ok: true, request: { ...common, verb, kind } } : refuse("no such kind of run");
  }
  if (verb === "aside") {
    const [entry = "", most = ""] = more;
    return more.length === 2 && isEntry(entry) && /^[1-9]\d{0,8}$/.test(most) ? { ok: true, request: { ...common, verb, entry, most: Number(most) } } : refuse("no such entry or count");
  }
  if (verb !== "push") return refuse("not one of check, fresh, push, aside, commit, list, ledger, kept, fetch");
  const [entry = "", kind = "", ...server] = more;
  if (!isEntry(entry) || !isRunKind(kind)) return refuse("no such entry or kind of run");
  return { ok: true, request: { ...common, verb, entry, kind, server } };
}

const isEntry = (word: string): boolean => /^[0-9a-f]{12}$/.test(word);

function parseReading(verb: "kept" | "fetch", job: string, rest: readonly string[]): Parsed {
  if (verb === "kept") {
    const [path = ""] = rest;
    if (rest.length !== 1 || !/^(-|[A-Za-z0-9_-]{2,3000})$/.test(path)) return { ok: false, because: "no such path" };
    return { ok: true, request: { verb, job, path: path === "-" ? null : Buffer.from(path, "base64url") } };
  }
  const [run = "", kind = ""] = rest;
  return rest.length === 2 && isRunId(run) && isKind(kind) ? { ok: true, request: { verb, job, run, kind } } : { ok: false, because: "no such run" };
}

export type Acceptance = { readonly go: true } | { readonly go: false; readonly code: number; readonly because: string };

/** Roles in which this node's own version counts, or is about to. */
const OWN: readonly Role[] = ["claiming", "acquiring", "raising", "owner", "freezing"];

/** May the peer write identity `home`'s trees here at `epoch`? Only the recorded owner at exactly the recorded epoch: a stale
 *  node cannot overwrite newer data whatever the timing, and this holds without the daemon. */
export function mayAccept(facts: {
  readonly journal: { readonly ok: true; readonly record: JournalRecord } | { readonly ok: false; readonly reason: string };
  /** From the daemon. Null: none runs here. "unknown": one does, and does not answer; it may be taking over just now. */
  readonly role: Role | "unknown" | null;
  readonly self: Index; readonly home: Index; readonly epoch: number;
}): Acceptance {
  const { journal, role, self, home, epoch } = facts;
  const refuse = (because: string, code: number = RECEIVE_EXIT.notOwner): Acceptance => ({ go: false, code, because });
  if (!journal.ok) return refuse(`this node does not know who owns what (${journal.reason}): clusterd must have run here`, RECEIVE_EXIT.retry);
  const record = journal.record.identities[home];
  if (role === "unknown") return refuse("clusterd runs on this node and does not answer: try again", RECEIVE_EXIT.retry);
  if (role !== null && OWN.includes(role)) return refuse(`this node is ${role} of that identity itself`);
  if (epoch > record.epoch) return refuse(`epoch ${epoch} has not been heard here yet (${record.epoch} has): try again`, RECEIVE_EXIT.retry);
  if (epoch < record.epoch) return refuse(`epoch ${epoch} is over, ${record.epoch} is current: the sender is stale`);
  if (record.owner === null || record.owner === self) return refuse(`the sender is not the owner of epoch ${epoch}`);
  return { go: true };
}

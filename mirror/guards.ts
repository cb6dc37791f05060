// What may keep a run from being a good one, looked at on both nodes before it begins: one row a question, each with what to do about it. Pure.
//
// A refusal stops the run before anything is written; a warning goes with its report, and `mirror status` says it. `mirror check` prints every row.
// Whether the trees are really there is asked in gate.ts; the deletions are judged there, too, after the dry run.

import type { JobConfig } from "../clusterd/config/config.ts";
import type { Abilities, Ability } from "./abilities.ts";
import type { OpenDatabase } from "./databases.ts";
import { mayWrite } from "./gate.ts";
import { alike, strangers } from "./ids.ts";
import type { Ids, UsedIds } from "./ids.ts";
import type { CheckAnswer, PeerTree } from "./receive-check.ts";
import { isOldRsync, RSYNC_FLOOR } from "./rsync-args.ts";
import type { RsyncBuild } from "./rsync-args.ts";
import { entryKey } from "./settings.ts";
import type { Entry } from "./settings.ts";
import type { TreeFacts } from "./tree.ts";

export interface Finding {
  readonly guard: string;
  readonly state: "ok" | "warn" | "refuse";
  readonly says: string;
  readonly remedy: string;
  /** It was the other node that refused. */
  readonly there?: true;
}

/** What the dry run says of one entry. */
export interface Need { readonly entry: Entry; readonly bytes: number; readonly created: number; /** Versions that go to the dated directory. */ readonly kept: number }

export interface Scene {
  readonly job: JobConfig;
  readonly peer: string;
  readonly here: {
    readonly rsync: RsyncBuild | null; readonly ids: Ids; readonly databases: readonly OpenDatabase[];
    /** Asked only where the other node lacks something: the answer takes files in the tree, or a walk through it. */
    readonly tree: (path: string) => TreeFacts; readonly abilities: (path: string) => Abilities; readonly used: () => UsedIds;
  };
  readonly there: CheckAnswer;
  /** Null: before the dry run. */
  readonly needs: readonly Need[] | null;
}

type Found = Omit<Finding, "guard">;
const refuse = (says: string, remedy: string): Found => ({ state: "refuse", says, remedy });
const warn = (says: string, remedy: string): Found => ({ state: "warn", says, remedy });

const MB = 1024 * 1024;
/** Kept free beside what is sent. */
const SPARE = 16 * MB;
const SPARE_INODES = 100;
/** So many names are told. */
const TOLD = 5;

/** What follows where the other node's file system, or that of its dated directories, lacks what this node's has. */
const LOSSES: Readonly<Record<Ability, { readonly tree: typeof warn; readonly kept: typeof warn | null; readonly says: string }>> = {
  case: { tree: refuse, kept: refuse, says: "takes names that differ in capitals alone for one file" },
  spelling: { tree: refuse, kept: refuse, says: "takes two spellings of é for one name, or changes the spelling" },
  owners: { tree: refuse, kept: warn, says: "does not keep owners and modes" },
  names: { tree: warn, kept: warn, says: "refuses some names (a:b, bytes that are no UTF-8), so a run with such a file is not complete" },
  acl: { tree: warn, kept: warn, says: "keeps no ACLs, so a run with a file that has one is not complete" },
  xattr: { tree: warn, kept: warn, says: "keeps no attributes (user.*), so a run with a file that has one is not complete" },
  hardLinks: { tree: warn, kept: null, says: "has no hard links, so a run with such files is not complete" },
  times: { tree: warn, kept: null, says: "keeps no fractions of a second, so every run sends every file again" },
  holes: { tree: warn, kept: warn, says: "has no sparse files: their holes take room there" },
  large: { tree: warn, kept: warn, says: "holds no file of 4 GB" },
};
const BETTER = "put it on a file system such as this node's (ext4, xfs, btrfs with their defaults)";

export interface Guard { readonly name: string; readonly fine: string; readonly look: (scene: Scene) => readonly Found[] }

export const GUARDS: readonly Guard[] = [
  { name: "rsync", fine: "new enough on both nodes, and built with ACLs, attributes and hard links", look: ({ here, there, peer }) => [
    ...unfit("this node", here.rsync), ...unfit(peer, there.rsync === null ? null : { version: there.rsync, lacks: there.rsyncLacks ?? [] }),
  ] },
  { name: "trees", fine: "the same on both nodes, marked and mounted", look: ({ job, here, there }) => job.entries.flatMap((entry): readonly Found[] => {
    const answer = there.entries[entryKey(entry)];
    if (answer === undefined) return [{ ...refuse(`${entry.path} is not in the peer's configuration of ${job.name}`, "`clusterd check` on both"), there: true }];
    if ("refused" in answer) return [{ ...refuse(`the peer refused: ${answer.refused}`, ""), there: true }];
    const verdict = entry.kind === "tree" ? mayWrite(here.tree(entry.path), answer) : { go: true as const };
    return verdict.go ? [] : [refuse(verdict.because, "")];
  }) },
  { name: "file system", fine: "the other node's keeps all that this one's does", look: (scene) => answers(scene).flatMap(({ entry, answer }) => [
    ...lost(scene, entry, answer.abilities, `the file system of ${entry.path} on ${scene.peer}`, "tree"),
    ...lost(scene, entry, scene.there.kept, `that of the dated directories on ${scene.peer}`, "kept"),
  ]).filter(({ says }, at, all) => all.findIndex((one) => one.says === says) === at) },
  { name: "room", fine: "enough, in bytes and inodes, for what is sent and what is kept", look: (scene) => answers(scene).flatMap(({ entry, answer }) =>
    short(answer, scene.needs?.find((need) => need.entry === entry) ?? { entry, bytes: 0, created: 0, kept: 0 }, scene.peer)) },
  { name: "users and groups", fine: "who owns files here is known by the same number there", look: ({ here, there, peer }) => {
    if (there.ids === undefined || alike(here.ids, there.ids)) return [];
    const strange = strangers(here.ids, there.ids, here.used(), peer);
    if (strange.length === 0) return [];
    return [warn(`files keep their numbers: ${strange.slice(0, TOLD).join("; ")}${strange.length > TOLD ? `; and ${strange.length - TOLD} more` : ""}`, "give each the same number on both (`usermod -u`, `groupmod -g`, then chown), before a takeover needs it")];
  } },
  { name: "databases", fine: "none is written to while it is mirrored", look: ({ job, here }) => job.before.length > 0 ? [] : here.databases.map(({ kind, path, program, pid, dump }) =>
    warn(`${program} (process ${pid}) writes to ${path} of ${kind}: its copy may not hold together`, `a \`before\` program for ${job.name} that dumps it into the tree (${dump}), and \`exclude\` for the files themselves; see \`mirror check --help\``)) },
];

/** Every row, in the order of the table; a row that finds nothing says so. */
export const judge = (scene: Scene): readonly Finding[] => GUARDS.flatMap(({ name, fine, look }): readonly Finding[] => {
  const found = look(scene);
  return found.length > 0 ? found.map((one) => ({ guard: name, ...one })) : [{ guard: name, state: "ok", says: fine, remedy: "" }];
});

/** As a report and a refusal say it. */
export const sentence = ({ says, remedy }: Pick<Finding, "says" | "remedy">): string => (remedy === "" ? says : `${says}: ${remedy}`);

function unfit(node: string, rsync: RsyncBuild | null): readonly Found[] {
  const floor = RSYNC_FLOOR.join(".");
  if (rsync === null) return [refuse(`rsync is not installed on ${node}`, `install it, ${floor} or newer`)];
  if (isOldRsync(rsync.version)) return [refuse(`rsync ${rsync.version} on ${node} is too old`, `${floor} or newer, for its security fixes`)];
  return rsync.lacks.length === 0 ? [] : [refuse(`rsync on ${node} is built without ${rsync.lacks.join(", ")}`, "install the distribution's rsync, or build it with them")];
}

const answers = ({ job, there }: Scene): readonly { readonly entry: Entry; readonly answer: PeerTree }[] => job.entries.flatMap((entry) => {
  const answer = there.entries[entryKey(entry)];
  return answer === undefined || "refused" in answer ? [] : [{ entry, answer }];
});

function lost({ here }: Scene, entry: Entry, abilities: Abilities | undefined, where: string, place: "tree" | "kept"): readonly Found[] {
  const missing = (Object.keys(LOSSES) as Ability[]).filter((ability) => abilities?.[ability] === false && LOSSES[ability][place] !== null);
  if (missing.length === 0) return [];
  const own = here.abilities(entry.path);
  return missing.filter((ability) => own[ability] !== false).map((ability) => (LOSSES[ability][place] ?? warn)(`${where} ${LOSSES[ability].says}`, BETTER));
}

/** Is there room for it? */
export const fits = (there: PeerTree, need: Need): boolean => short(there, need, "").length === 0;

function short(there: PeerTree, { entry, bytes, created, kept }: Need, peer: string): readonly Found[] {
  const free = Math.min(there.freeTree, there.freeBackups);
  const lacking = (what: string, wanted: number, has: number | null | undefined): readonly Found[] => has == null || wanted + SPARE_INODES <= has ? []
    : [refuse(`${wanted} ${what} need an inode each, ${peer} has ${has} free`, "remove small files there, or make the file system anew with more")];
  return [
    ...(bytes + SPARE <= free ? [] : [refuse(`${Math.ceil(bytes / MB)} MB of ${entry.path} are to be sent, the peer has ${Math.floor(free / MB)} MB free`, "`mirror prune` there, a shorter keep_for, or a larger disk")]),
    ...lacking(`new files of ${entry.path}`, created, there.inodesTree),
    // On one file system a version only changes its place.
    ...(there.apart === true ? lacking(`replaced and deleted versions of ${entry.path}`, kept, there.inodesBackups) : []),
  ];
}

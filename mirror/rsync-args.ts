// What exactly rsync is told, on both sides.
//
// The sender runs `rsync`, whose remote half is started through the receiver's forced command. The receiver never runs
// the words it was sent: it parses them, compares what they mean with what this page expects, and builds the remote
// half's arguments itself. Text cannot be compared: rsync 3.5.0 sends `--backup-dir DIR` as two words, joins the short
// options into one, and turns --max-delete=0 into -1. Pure.
//
// Why these options: -aHAXS --numeric-ids carry owners, hard links, ACLs, attributes and holes; --modify-window=-1 compares
// nanoseconds, since two writes of equal length in one second would otherwise look alike for ever; --backup with a
// directory keeps what is replaced or deleted; --delete-delay deletes last, after everything else arrived. Never
// --inplace (a torn file on a cut), never --ignore-errors (deletions after read errors).

import type { Special } from "../clusterd/config/config.ts";

export const PARTIAL_DIR = ".clusterd-partial";
/** What --partial-dir implies: nobody sends or deletes these folders. A dry run receives nothing, and looking for a half-received part of each file would
 *  cost it a quarter more. */
const NOT_HALF_RECEIVED = `--filter=-p ${PARTIAL_DIR}/`;
/** One for the whole tree, in the folder that rsync stands in: by a name relative to each file's folder rsync would make it
 *  wherever a link leads that has just taken that folder's place. */
const HALF_RECEIVED = `/proc/self/cwd/${PARTIAL_DIR}`;
/** The remote path in the sender's words: the receiver puts in its own. */
export const REMOTE_PATH = "entry";
/** Seconds without a byte before either half gives up. */
const IO_TIMEOUT = 60;
/** What we build on: 3.4.3 closes the attacks of a hostile sender or receiver on the other. */
export const RSYNC_FLOOR = [3, 4, 3] as const;

/** A rule of one's own replaces rsync's default one, which leaves out system.* (ACLs travel by -A). trusted.* belongs to the
 *  kernel's file systems, and writing it would need a capability that amounts to root. */
const ATTRIBUTE_RULES = ["--filter=-x system.*", "--filter=-x trusted.*"];

/** With `special = drop`: the receiver takes no capabilities, no device nodes (sockets and fifos it does), and no set-user-id bits of files.
 *  Those of folders only pass on a group. */
const WITHOUT_CAPABILITIES = "-x security.capability";

export interface Push {
  readonly kind: "tree" | "file";
  readonly special: Special;
  readonly dryRun: boolean;
  /** The last pass of a handover: on disk before it counts. */
  readonly fsync: boolean;
  readonly backupDir: string;
  /** rsync stops deleting after so many: the gate's own number, should the source shrink after the dry run. */
  readonly maxDelete: number;
  /** Only the paths on standard input, each ended by a zero byte: one that is gone is deleted there, one that ends in a slash is a folder
   *  whose names are compared (not what is deeper). */
  readonly listed?: boolean;
  /** Changed files go whole, not as what differs. */
  readonly whole?: boolean;
  /** Bytes a second; null or absent = no limit. */
  readonly bwlimit?: number | null;
  /** Contents are compared by checksum, whatever size and time say: a scrub. */
  readonly checksum?: boolean;
}

/** Sender: options only, without -e, --rsync-path, source and target. */
export function senderOptions(push: Push, exclude: readonly string[]): readonly string[] {
  return [
    ...(push.dryRun ? ["--dry-run"] : []),
    ...(push.checksum === true ? ["--checksum"] : []),
    "-aHAXS", "--numeric-ids", "--modify-window=-1", `--timeout=${IO_TIMEOUT}`, ...(push.dryRun ? [] : [`--partial-dir=${PARTIAL_DIR}`]),
    ...(push.special === "drop" ? ["--no-devices", `--filter=${WITHOUT_CAPABILITIES}`] : []),
    "--backup", `--backup-dir=${push.backupDir}`,
    ...(push.kind === "tree" ? ["--delete-delay", `--max-delete=${push.maxDelete}`] : []),
    ...(push.listed === true ? ["--files-from=-", "--from0", "--delete-missing-args"] : []),
    ...(push.fsync ? ["--fsync"] : []),
    ...(push.whole === true ? ["--whole-file"] : []),
    ...(push.bwlimit == null ? [] : [`--bwlimit=${Math.max(1, Math.round(push.bwlimit / 1024))}`]), // rsync counts in KiB
    ...ATTRIBUTE_RULES,
    ...exclude.map((pattern) => `--exclude=${pattern}`),
    ...(push.dryRun ? [NOT_HALF_RECEIVED] : []),
    "--stats", "--no-human-readable", "--out-format=%i %n",
  ];
}

/** What the words of a remote half mean, as far as they may differ from run to run. */
export interface ServerRequest { readonly dryRun: boolean; readonly deletes: boolean; readonly maxDelete: number; readonly fsync: boolean; readonly listed: boolean; readonly checksum: boolean; readonly whole: boolean; readonly special: Special; readonly capabilities: string }
export type ParsedServer = { readonly ok: true; readonly request: ServerRequest } | { readonly ok: false; readonly because: string };

/** -aHAXS --backup as rsync spells it for its remote half; without device nodes --specials takes the place of D. */
const LETTERS = { keep: "blHogDtpAXrS", drop: "blHogtpAXrS" } as const;
/** … and of a run on listed paths: with the folders above them (R), no deeper than they say (d). */
const LISTED_LETTERS = { keep: "bldHogDtpAXRS", drop: "bldHogtpAXRS" } as const;
const isCount = (value: string): boolean => /^-?\d{1,9}$/.test(value);

/** Every long option that may come, and what its value may be; null = it has none. Anything else is refused. */
const LONG: Readonly<Record<string, ((value: string) => boolean) | null>> = {
  "--log-format": (value) => value === "%i",
  "--timeout": isCount,
  "--backup-dir": (value) => value.startsWith("/"), // and never used: the receiver has its own
  "--partial-dir": (value) => value === PARTIAL_DIR,
  "--max-delete": isCount,
  "--modify-window": (value) => value === "-1",
  "--bwlimit": isCount, // the sender keeps to it by itself
  "--delete-delay": null,
  "--delete-missing-args": null,
  "--specials": null,
  "--no-r": null,
  "--fsync": null,
  "--stats": null,
  "--numeric-ids": null,
  "-@-1": null,
};
const REQUIRED = ["--numeric-ids", "--backup-dir"];

/** Receiver: the words after the request's own (`--server …`), judged. */
export function parseServerWords(words: readonly string[]): ParsedServer {
  const refuse = (because: string): ParsedServer => ({ ok: false, because });
  if (words[0] !== "--server") return refuse("the words are not those of rsync's receiving half");
  const seen = new Map<string, string>();
  let letters: string | null = null;
  let at = 1;
  for (; at < words.length && words[at] !== "."; at += 1) {
    const word = words[at] as string;
    const [name, inline] = split(word);
    if (Object.hasOwn(LONG, name)) {
      const allows = LONG[name] as ((value: string) => boolean) | null;
      const value = allows === null ? inline ?? "" : inline ?? words[at += 1] ?? "";
      if (seen.has(name) || (allows === null ? inline !== null : !allows(value))) return refuse(`option ${show(word)} is not allowed so`);
      seen.set(name, value);
    } else if (letters === null && /^-[A-Za-z]/.test(word)) letters = word.slice(1);
    else return refuse(`option ${show(word)} is not allowed`);
  }
  if (words[at] !== "." || words[at + 1] !== REMOTE_PATH || words.length !== at + 2) return refuse("a path of the sender's choice is not allowed");
  const listed = seen.has("--delete-missing-args");
  if (seen.has("--no-r") && !listed) return refuse("option --no-r is not allowed so");
  const special = seen.has("--specials") ? "drop" : "keep";
  const short = judgeLetters(letters ?? "", (listed ? LISTED_LETTERS : LETTERS)[special]);
  if (short === null) return refuse(`options -${show(letters ?? "")} are not those of a mirror run`);
  const missing = [...REQUIRED, ...(short.dryRun ? [] : ["--partial-dir"])].find((name) => !seen.has(name)) ?? (seen.has("-@-1") || seen.has("--modify-window") ? undefined : "--modify-window");
  if (missing !== undefined) return refuse(`option ${missing} is missing`);
  return { ok: true, request: { ...short, deletes: seen.has("--delete-delay"), maxDelete: Math.max(0, Number(seen.get("--max-delete") ?? 0)), fsync: seen.has("--fsync"), listed, special } };
}

function split(word: string): readonly [string, string | null] {
  const cut = word.startsWith("--") ? word.indexOf("=") : -1;
  return cut < 0 ? [word, null] : [word.slice(0, cut), word.slice(cut + 1)];
}

/** The joined letters: exactly ours, perhaps n (dry run), c (checksum), W (whole files) or v; from e on it is the sender's capabilities. */
function judgeLetters(joined: string, ours: string): { readonly dryRun: boolean; readonly checksum: boolean; readonly whole: boolean; readonly capabilities: string } | null {
  const cut = joined.indexOf("e");
  if (cut < 0) return null;
  const letters = [...joined.slice(0, cut)];
  const capabilities = joined.slice(cut);
  const [dryRun, checksum, whole] = [letters.includes("n"), letters.includes("c"), letters.includes("W")];
  const plain = letters.filter((letter) => !["n", "c", "W", "v"].includes(letter)).sort().join("");
  return plain === [...ours].sort().join("") && /^e\.[A-Za-z]{0,20}$/.test(capabilities) ? { dryRun, checksum, whole, capabilities } : null;
}

const show = (word: string): string => JSON.stringify(word.slice(0, 60));

/** Receiver: what is really run, all of it ours but for the numbers and switches in `request`. */
export function serverArgs(request: ServerRequest, target: { readonly path: string; readonly kind: "tree" | "file"; readonly backupDir: string; /** What is unchanged in one of these becomes a hard link. */ readonly links?: readonly string[] }): readonly string[] {
  return [
    "--server", `-${request.dryRun ? "n" : ""}${request.checksum ? "c" : ""}${request.whole ? "W" : ""}${(request.listed ? LISTED_LETTERS : LETTERS)[request.special]}${request.capabilities}`,
    ...(request.special === "drop" ? ["--specials", "--chmod=Fug-s", `--filter=${WITHOUT_CAPABILITIES}`] : []),
    ...(request.listed ? ["--no-r", "--delete-missing-args"] : []),
    "--log-format=%i", `--timeout=${IO_TIMEOUT}`, "--backup-dir", target.backupDir,
    ...(target.kind === "tree" ? ["--delete-delay", request.maxDelete === 0 ? "--max-delete=-1" : `--max-delete=${request.maxDelete}`] : []),
    ...(request.fsync ? ["--fsync"] : []),
    ...(target.links ?? []).map((folder) => `--link-dest=${folder}`),
    "--stats", "-@-1", ...(request.dryRun ? [] : ["--partial-dir", HALF_RECEIVED]), "--numeric-ids", ".", target.path,
  ];
}

/** "rsync  version 3.5.0  protocol version 32" → "3.5.0", or null. */
export const rsyncVersion = (text: string): string | null => /version v?(\d+\.\d+\.\d+)/.exec(text)?.[1] ?? null;

export interface RsyncBuild { readonly version: string; /** What it should have been built with, and was not. */ readonly lacks: readonly string[] }

/** From `rsync --version`, whose list of capabilities says `no ACLs` of one that it lacks. Null: it is none. */
export function rsyncBuild(text: string): RsyncBuild | null {
  const version = rsyncVersion(text);
  return version === null ? null : { version, lacks: ["ACLs", "xattrs", "hardlinks"].filter((ability) => new RegExp(`\\bno ${ability}\\b`).test(text)) };
}

export function isOldRsync(version: string | null): boolean {
  const parts = (version ?? "0").split(".").map(Number);
  for (const [index, least] of RSYNC_FLOOR.entries()) if ((parts[index] ?? 0) !== least) return (parts[index] ?? 0) < least;
  return false;
}

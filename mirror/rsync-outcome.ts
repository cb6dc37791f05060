// What rsync's output and exit code mean (rsync(1), EXIT VALUES). Pure, but for remembering what it has read so far.
//
// Only 0 is a mirror. 23 and 24 look harmless and are not: files are missing there, and rsync has skipped the deletions.
// Names are bytes; rsync prints odd ones as \#ooo, and so do we.

export interface Counts {
  /** Everything in the source, folders too. */
  readonly files: number;
  /** Files whose content was sent. */
  readonly transferred: number;
  /** Total size of those files. */
  readonly bytes: number;
  /** New files, folders and links. */
  readonly created: number;
  /** Entries that rsync did anything about: content, attributes, folders, links. */
  readonly changed: number;
  /** Those of them that are not deleted, a folder with a slash at its end; null when they are too many to remember. */
  readonly names: readonly string[] | null;
  readonly deleted: readonly string[];
  /** Files that were there with other content and have been replaced: how many; and if that was asked for, which, and whatever else may have
   *  taken a version's place. */
  readonly overwritten: number;
  readonly replaced: readonly string[];
  /** Of a comparison by checksum: files of equal size and time whose content differs. */
  readonly rotten: readonly string[];
}

export interface Progress { readonly bytes: number; readonly percent: number; readonly rate: string; readonly left: string }

const ITEM = /^([<>ch.][fdLDS][^ ]{9}|\*deleting {2}) (.*)$/;
const PROGRESS = /^\s*([\d,]+)\s+(\d+)%\s+(\S+)\s+(\S+)/;
const STATISTIC = /^(Number of files|Number of created files|Number of regular files transferred|Total transferred file size): ([\d,]+)/;

/** More names than this are not worth a list: a million of them would be most of the memory. */
const MOST_NAMES = 20_000;
/** A name of 4096 odd bytes as rsync prints it, and what stands before it: what is longer is no line of rsync's. */
const LONGEST_LINE = 32 * 1024;

/** Reads rsync's standard output as it comes, in pieces of any size. */
export class OutputReader {
  #rest = "";
  #statistics = new Map<string, number>();
  #changed = 0;
  #names: string[] | null = [];
  #deleted: string[] = [];
  #replaced: string[] = [];
  #rotten: string[] = [];
  readonly #onProgress: (progress: Progress) => void;
  readonly #onNew: (name: string) => void;
  readonly #countOnly: boolean;
  #overwritten = 0;

  /** `countOnly`: the names of what is replaced are not kept. */
  constructor(onProgress: (progress: Progress) => void = () => undefined, onNew: (name: string) => void = () => undefined, countOnly = false) {
    this.#onProgress = onProgress;
    this.#onNew = onNew;
    this.#countOnly = countOnly;
  }

  read(text: string): void {
    const lines = (this.#rest + text).split(/[\r\n]/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
    this.#rest = this.#rest.slice(0, LONGEST_LINE);
  }

  end(): Counts {
    this.#line(this.#rest);
    this.#rest = "";
    const count = (name: string): number => this.#statistics.get(name) ?? 0;
    return {
      files: count("Number of files"), created: count("Number of created files"), transferred: count("Number of regular files transferred"), bytes: count("Total transferred file size"),
      changed: this.#changed, names: this.#names, deleted: this.#deleted, overwritten: this.#overwritten, replaced: this.#replaced, rotten: this.#rotten,
    };
  }

  #line(whole: string): void {
    const line = whole.slice(0, LONGEST_LINE);
    const item = ITEM.exec(line);
    if (item !== null) return this.#item(item[1] as string, item[2] as string);
    const statistic = STATISTIC.exec(line);
    if (statistic !== null) { this.#statistics.set(statistic[1] as string, Number((statistic[2] as string).replaceAll(",", ""))); return; }
    const progress = PROGRESS.exec(line);
    if (progress !== null) this.#onProgress({ bytes: Number((progress[1] as string).replaceAll(",", "")), percent: Number(progress[2]), rate: progress[3] as string, left: progress[4] as string });
  }

  #item(change: string, name: string): void {
    this.#changed += 1;
    if (change.startsWith("<fc..")) this.#rotten.push(name);
    if (change.startsWith("*deleting")) { this.#deleted.push(name); return; }
    if ((this.#names?.push(name) ?? 0) > MOST_NAMES) this.#names = null;
    const made = change.endsWith("+++++++++");
    if (made) this.#onNew(name);
    if (change.startsWith("<f") && !made) this.#overwritten += 1;
    if (!this.#countOnly && mayReplace(change, made)) this.#replaced.push(name);
  }
}

/** A link, or another name of a file, is told as new also where it has taken a file's place; another target of a link as a change. */
const mayReplace = (change: string, made: boolean): boolean => (change.startsWith("<f") ? !made : /^[ch][fLDS]/.test(change));

/** rsync stopped at --max-delete; everything else has gone over. */
export const DELETIONS_STOPPED = 25;

const MEANINGS: Readonly<Record<number, string>> = {
  1: "rsync did not understand its arguments",
  5: "the peer's forced command ended before rsync could begin",
  10: "the connection failed",
  11: "a file could not be written: a full or read-only disk?",
  12: "the connection broke, or the peer refused",
  14: "the two halves of rsync could not talk",
  20: "ended by a signal",
  23: "some files could not be read or written",
  24: "some files vanished while they were being read",
  25: "the source shrank after the dry run: rsync stopped deleting",
  30: "nothing moved for a minute",
  35: "the peer's rsync did not answer",
  127: "rsync is not installed",
  255: "ssh could not connect",
};

export type Outcome =
  | { readonly kind: "complete" }
  /** `again`: a second pass right away may well succeed. */
  | { readonly kind: "incomplete"; readonly because: string; readonly again: boolean }
  | { readonly kind: "unreachable"; readonly because: string };

/** `lastLines`: the end of rsync's standard error, which names the file. */
export function judgeExit(code: number | null, lastLines: readonly string[]): Outcome {
  if (code === 0) return { kind: "complete" };
  const told = lastLines.filter((line) => !/^rsync error: |^rsync: connection unexpectedly closed/.test(line) && line.trim() !== "").slice(-2).join("; ");
  const because = `rsync ${code === null ? "was ended by a signal" : `exit ${code}: ${MEANINGS[code] ?? "see rsync(1)"}`}${told === "" ? "" : ` (${told})`}`;
  if (code === 255 || code === 10) return { kind: "unreachable", because };
  return { kind: "incomplete", because, again: code === 24 };
}

// How the program speaks of what went wrong: what, to which thing, why, what next.
//
// Three kinds. Expected outcomes are returned as data by whoever tried. Problems (here) are faults of files that a
// person wrote; they are collected, never thrown, and carry the line. Bugs are thrown.

export interface Problem {
  /** Relative to the configuration folder where that is possible: `serv1/www.conf`. */
  readonly file: string;
  /** From 1; null when the fault is of the whole file, or of something missing. */
  readonly line: number | null;
  readonly message: string;
  /** What to do about it, when we know. */
  readonly hint: string | null;
}

/** Quotes what the file holds as it may be shown to a person: see printable(). */
export const problem = (file: string, line: number | null, message: string, hint: string | null = null): Problem =>
  ({ file: printable(file), line, message: printable(message), hint: hint === null ? null : printable(hint) });

const MOST_SHOWN = 600;

/** Text that somebody else wrote, fit for one line of a terminal: characters that move the cursor, colour, end the line or turn
 *  the direction of writing are spelled out, and what nobody would read to its end is cut. */
export function printable(text: string): string {
  const plain = text.slice(0, MOST_SHOWN).replace(/[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return text.length > MOST_SHOWN ? `${plain}…` : plain;
}

/** `cluster.conf:14: [timing] deadtime … ` and the hint, indented, on the next line. */
export function formatProblem({ file, line, message, hint }: Problem): string {
  const where = line === null ? file : `${file}:${line}`;
  return `${where}: ${message}${hint === null ? "" : `\n    ${hint}`}`;
}

/** One sentence from whatever was thrown: system errors as `EACCES: permission denied`, others by their message. */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return (thrown.message.split("\n")[0] ?? "").replace(/, (open|stat|lstat|scandir|mkdir|rename|unlink|read|write) .*$/, "") || thrown.name;
}

const NEXT: Readonly<Record<string, string>> = {
  EACCES: "run it as root", EPERM: "run it as root", EROFS: "that file system is mounted read-only",
  ENOSPC: "the disk is full: make room, and say it again", EDQUOT: "the disk quota is used up: make room, and say it again",
};

/** What the system refused a command, and what to do next; null: this is a bug, and its stack is wanted. */
export function refusedBySystem(thrown: unknown): string | null {
  if (!(thrown instanceof Error)) return null;
  const code = codeOf(thrown) ?? codeOf(thrown.cause);
  if (code === null && thrown.cause === undefined) return null;
  const next = code === null ? undefined : NEXT[code];
  return `${thrown.message.split("\n")[0]}${next === undefined || (next === NEXT["EACCES"] && process.getuid?.() === 0) ? "" : `: ${next}`}`;
}

/** As errno(3) names it. */
function codeOf(thrown: unknown): string | null {
  const code = (thrown as { readonly code?: unknown } | undefined)?.code;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : null;
}

/** The end of a `switch` over a union: the compiler proves that nothing is left over. */
export function assertNever(left: never): never {
  throw new Error(`nobody handles ${JSON.stringify(left)}`);
}

// One line for each thing worth knowing: time, level, a fixed event name, fields, the reason.
//
//   2026-11-21T04:10:34.123Z warn takeover.started identity=serv1 epoch=18 because="nothing heard for 300 ms"
//
// Values are escaped, so that no field can begin a new line or colour a terminal. Where the line goes to the journal,
// the syslog priority stands in front (sd-daemon(3)); with `json` each line is an object.
//
// Logging never holds up the daemon: lines are written one after another off the event loop, and when nobody takes them
// (a journal that hangs) they are dropped, counted and the count reported; a process that ends meanwhile waits for the one
// write under way (libuv), so its supervisor must be ready to kill it. Of winston only the logger is loaded and the
// stream below is ours: its own transports would cost another 6 MB resident.

import { write } from "node:fs";
import { createRequire } from "node:module";
import { Writable } from "node:stream";

export type Level = "debug" | "info" | "warn" | "error" | "alarm";
export type Field = string | number | boolean | null | undefined | readonly string[];
export type Fields = Readonly<Record<string, Field>>;
export type Say = (event: string, fields?: Fields) => void;

export interface Log extends Readonly<Record<Level, Say>> {
  say(level: Level, event: string, fields?: Fields): void;
  /** Ends when everything said so far is written or dropped. */
  flush(): Promise<void>;
}

export interface LogOptions {
  readonly json?: boolean;
  /** The least level that is written; default info. */
  readonly level?: Level;
  /** File descriptor; default standard output. */
  readonly fd?: number;
}

const LEVELS: Readonly<Record<Level, number>> = { alarm: 0, error: 1, warn: 2, info: 3, debug: 4 };
/** syslog(3) */
const PRIORITY: Readonly<Record<Level, number>> = { alarm: 1, error: 3, warn: 4, info: 6, debug: 7 };
const MESSAGE = Symbol.for("message");
const MOST_WAITING = 1000;
const RETRY = 20;

const LOAD_AFTER = 1000;

type CreateLogger = typeof import("winston")["createLogger"];
type Logger = ReturnType<CreateLogger>;
interface Said { readonly level: Level; readonly message: string; readonly event: string; readonly fields: Fields; readonly time: string }

export function createLog({ json = false, level = "info", fd = 1 }: LogOptions = {}): Log {
  const inJournal = process.env["JOURNAL_STREAM"] !== undefined || process.env["NOTIFY_SOCKET"] !== undefined;
  const lines = new Lines(fd);
  const lineOf = ({ level: of, event, fields, time }: Said): string => {
    const line = json ? JSON.stringify({ time, level: of, event, ...fields }) : toLine(time, of, event, fields);
    return inJournal ? `<${PRIORITY[of]}>${line}` : line;
  };
  const transform = (info: Said): object => ({ ...info, [MESSAGE]: lineOf(info) });
  // Loading it takes 30 ms, which would come out of the lease of a daemon that is restarted for an upgrade: until then, lines go the short way.
  let logger: Logger | null = null;
  setTimeout(() => {
    try {
      const createLogger = createRequire(import.meta.url)("winston/lib/winston/create-logger") as CreateLogger;
      logger = createLogger({ levels: { ...LEVELS }, level, transports: [lines.transport() as never], format: { transform } as never });
    } catch { /* no file descriptor is left to load it: lines go on as they do */ }
  }, LOAD_AFTER).unref();
  const say = (of: Level, event: string, fields: Fields = {}): void => {
    // winston leaves the level to its own transports.
    if (LEVELS[of] > LEVELS[level]) return;
    const said: Said = { level: of, message: event, event, fields, time: new Date().toISOString() };
    if (logger === null) lines.add(lineOf(said));
    else logger.log(said);
  };
  const by = (of: Level): Say => (event, fields) => say(of, event, fields);
  return { say, debug: by("debug"), info: by("info"), warn: by("warn"), error: by("error"), alarm: by("alarm"), flush: () => lines.flush() };
}

/** The text form of a record. */
export function toLine(time: string, level: Level, event: string, fields: Fields): string {
  const { because, ...rest } = fields;
  const pairs = Object.entries({ ...rest, because }).filter(([, value]) => value !== undefined);
  return [time, level, event, ...pairs.map(([key, value]) => `${key}=${toText(key, value)}`)].join(" ");
}

function toText(key: string, value: Field): string {
  const text = Array.isArray(value) ? value.join(" ") : String(value);
  return key !== "because" && /^[\w@%+:,./-]+$/.test(text) ? text : escaped(text);
}

/** In quotes, with every control character (C0, DEL, C1) and line separator as an escape. */
const escaped = (text: string): string =>
  JSON.stringify(text).replace(/[\x7f-\x9f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Writes lines to a file descriptor in order, without ever waiting on the event loop. */
class Lines {
  readonly #fd: number;
  #waiting: string[] = [];
  #writing = false;
  #dropped = 0;
  #idle: (() => void)[] = [];

  constructor(fd: number) {
    this.#fd = fd;
  }

  transport(): Writable {
    const stream = new Writable({ objectMode: true, write: (info: { readonly [MESSAGE]: string }, _, done) => { this.add(info[MESSAGE]); done(); } });
    // winston asks a transport for this method and never calls it on a stream.
    return Object.assign(stream, { log: () => {} });
  }

  async flush(): Promise<void> {
    // What winston still has in its own streams arrives here first.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#writing) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  add(line: string): void {
    if (this.#waiting.length >= MOST_WAITING) { this.#dropped += 1; return; }
    this.#waiting.push(line);
    if (!this.#writing) this.#next();
  }

  #next(): void {
    this.#writing = this.#waiting.length > 0;
    if (!this.#writing) { this.#idle.splice(0).forEach((resolve) => resolve()); return; }
    let text = `${this.#waiting.splice(0).join("\n")}\n`;
    if (this.#dropped > 0) text += `${toLine(new Date().toISOString(), "warn", "log.dropped", { lines: this.#dropped, because: "nobody took the lines" })}\n`;
    this.#dropped = 0;
    this.#write(Buffer.from(text));
  }

  #write(bytes: Buffer): void {
    write(this.#fd, bytes, (error, written) => {
      // EAGAIN: somebody else has set this terminal or pipe to non-blocking.
      if (error?.code === "EAGAIN") setTimeout(() => this.#write(bytes), RETRY);
      else if (error === null && written < bytes.length) this.#write(bytes.subarray(written));
      else this.#next();
    });
  }
}

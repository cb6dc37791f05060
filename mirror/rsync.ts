// Runs rsync once and reads what it says. The rim: what it means is in rsync-outcome.ts.
//
// Its remote half is reached by a remote shell of its own (`-e`), or over a session that is already open: then `-e` is a line of sh that
// hands the words and the bytes to two further file descriptors, and this process passes them on.

import { spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import type { Duration } from "../clusterd/base/time.ts";
import { judgeExit, OutputReader } from "./rsync-outcome.ts";
import type { Counts, Outcome, Progress } from "./rsync-outcome.ts";
import type { Session } from "./session.ts";

const REFUSED = "clusterd-mirror: refused: ";
/** Lines of standard error that are kept: the last ones name what failed. */
const KEPT_LINES = 20;
const KILL_AFTER = 2000;

export interface RsyncResult { readonly code: number | null; readonly outcome: Outcome; readonly counts: Counts; /** What the peer's forced command said, if it refused. */ readonly refusal: string | null }

export interface RsyncCall {
  readonly cwd: string;
  readonly timeout: Duration;
  readonly onProgress?: (progress: Progress) => void;
  /** Called with each name that the peer did not have. */
  readonly onNew?: (name: string) => void;
  /** The names of what is replaced are not wanted: a million of them would be most of the memory. */
  readonly countOnly?: true;
  /** For standard input: the paths of --files-from=-. */
  readonly input?: Buffer;
  /** The way to the remote half, when `args` name THROUGH as the remote shell. */
  readonly session?: Session;
}

/** rsync's -e for a run over a session: its words first, as one line, then bytes both ways. The first word, the host, is sh's $0. It ends at once and
 *  leaves the bytes to two children, which end with rsync's own ends: rsync would otherwise wait for it at its end, in steps of 20 ms. How the
 *  remote half has ended is the session's to say. */
export const THROUGH = `sh -c 'printf "%s\\n" "$*" >&4; exec 5<&0; cat <&5 >&4 3<&- 5<&- & cat <&3 4>&- 5<&- &'`;

export async function rsync(args: readonly string[], { cwd, timeout, onProgress, onNew, countOnly, input, session }: RsyncCall): Promise<RsyncResult> {
  const reader = new OutputReader(onProgress, onNew, countOnly);
  let errors: string[] = [];
  const heard = (text: string): void => { errors = (errors.join("\n") + text).split("\n").slice(-KEPT_LINES); };
  const child = spawn("rsync", args, { cwd, stdio: ["pipe", "pipe", "pipe", ...(session === undefined ? [] : ["pipe" as const, "pipe" as const])], env: { ...process.env, LC_ALL: "C" } });
  child.stdin?.on("error", () => { /* it ended early, and says why */ }).end(input);
  child.stdout?.setEncoding("utf8").on("data", (text: string) => reader.read(text));
  child.stderr?.setEncoding("utf8").on("data", heard);
  const remote = session === undefined ? null : pass(session, child.stdio[3] as Duplex, child.stdio[4] as Duplex);
  let timedOut = false;
  const late = setTimeout(() => { timedOut = true; child.kill("SIGTERM"); setTimeout(() => child.kill("SIGKILL"), KILL_AFTER).unref(); }, timeout);
  const code = await new Promise<number | null>((resolve) => {
    child.on("error", (error) => { heard(error.message); resolve(127); });
    // The two halves of the remote shell hold standard error until their own ends are closed.
    child.on("exit", () => { for (const pipe of child.stdio.slice(3)) pipe?.destroy(); });
    child.on("close", (exit) => resolve(exit));
  });
  clearTimeout(late);
  const answer = await remote;
  if (answer !== null && answer.code !== 0) heard(`${answer.stderr}\n`);
  const refusal = errors.find((line) => line.startsWith(REFUSED))?.slice(REFUSED.length) ?? null;
  const both = code === 0 && answer !== null ? answer.code : code;
  const outcome: Outcome = timedOut ? { kind: "incomplete", because: `ended after ${Math.round(timeout / 1000)} s, the run's time limit`, again: false } : judgeExit(both, errors);
  return { code: both, outcome, counts: reader.end(), refusal };
}

/** The request is rsync's own first line; null when it ended before it said one. */
function pass(session: Session, toRsync: Duplex, fromRsync: Duplex): Promise<{ readonly code: number | null; readonly stderr: string } | null> {
  return new Promise((resolve) => {
    let head: Buffer | null = Buffer.alloc(0);
    let send: (bytes: Buffer) => void = () => undefined;
    let over = (): void => undefined;
    toRsync.on("error", () => { /* rsync has ended */ });
    fromRsync.on("error", () => { /* its end follows */ });
    const onward = (bytes: Buffer): void => {
      send(bytes);
      const drained = session.drained;
      if (drained === null) return;
      fromRsync.pause();
      void drained.then(() => fromRsync.resume());
    };
    fromRsync.on("data", (bytes: Buffer) => {
      if (head === null) return onward(bytes);
      head = Buffer.concat([head, bytes]);
      const cut = head.indexOf(0x0a);
      if (cut < 0) return;
      const [line, rest] = [head.toString("latin1", 0, cut), head.subarray(cut + 1)];
      head = null;
      fromRsync.pause(); // until it is this request's turn
      void session.relay(line.split(" "), {
        input: (sends, ends) => { send = sends; over = ends; fromRsync.resume(); if (rest.length > 0) onward(rest); if (fromRsync.destroyed || fromRsync.readableEnded) over(); },
        output: (piece) => { if (!toRsync.destroyed) toRsync.write(piece); },
      }).then((answer) => { toRsync.end(); resolve(answer); });
    });
    for (const end of ["end", "close"] as const) fromRsync.on(end, () => { over(); if (head !== null) resolve(null); });
    toRsync.resume(); // nothing comes from there, but its end should be seen
  });
}

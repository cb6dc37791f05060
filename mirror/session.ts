// The sender's end of a kept connection: one ssh, one receiver at its other end, many requests (frames.ts, receive-live.ts).
//
// Requests queue; each ends with an Answer, never with a throw. When the connection is lost all of them are answered so.

import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { FrameReader, frame, inFrames } from "./frames.ts";
import type { Frame } from "./frames.ts";
import { LIVE } from "./request.ts";
import { controlPath, sshOptions } from "./ssh.ts";
import type { Answer, Peer } from "./ssh.ts";

/** What ssh itself ends with when there is no connection. */
const NO_CONNECTION = 255;

/** A request's input, and where its output goes. */
export interface Exchange {
  input(send: (bytes: Buffer) => void, over: () => void): void;
  output(bytes: Buffer): void;
}

/** `over`: its input has ended; only then may the next request begin. */
interface Waiting { over: boolean; readonly line: string; readonly exchange: Exchange; readonly done: (answer: Answer) => void }

export class Session {
  readonly peer: Peer;
  /** Resolves when the connection is gone, with ssh's last words. */
  readonly ended: Promise<string>;
  readonly #ssh: ChildProcessWithoutNullStreams;
  readonly #queue: Waiting[] = [];
  #now: Waiting | null = null;
  #errors = "";
  #open = true;

  constructor(peer: Peer) {
    mkdirSync(dirname(controlPath(peer)), { recursive: true, mode: 0o700 });
    this.peer = peer;
    this.#ssh = spawn("ssh", [...sshOptions(peer), peer.address, LIVE], { env: { ...process.env, LC_ALL: "C" } });
    let words = "";
    this.#ssh.stderr.setEncoding("utf8").on("data", (text: string) => { words = (words + text).slice(-2000); });
    this.#ssh.stdin.on("error", () => { /* the exit says more */ });
    const reader = new FrameReader();
    this.#ssh.stdout.on("data", (piece: Buffer) => { try { for (const one of reader.read(piece)) this.#take(one); } catch { this.#ssh.kill(); } });
    this.ended = new Promise((resolve) => {
      const end = (code: number | null, text: string): void => {
        this.#open = false;
        const because = text.trim().split("\n").at(-1) || "the connection is gone";
        for (const waiting of [this.#now, ...this.#queue.splice(0)]) waiting?.done({ code: code === 0 ? NO_CONNECTION : code, stdout: "", stderr: because });
        this.#now = null;
        resolve(because);
      };
      this.#ssh.on("error", (error) => end(NO_CONNECTION, error.message));
      // Not `close`: a ControlMaster that this ssh has started keeps standard error open.
      this.#ssh.on("exit", (code) => end(code, words));
    });
    this.#hold();
  }

  /** A program does not go on for a connection that nobody waits for. */
  #hold(): void {
    for (const one of [this.#ssh, this.#ssh.stdin, this.#ssh.stdout, this.#ssh.stderr] as unknown as readonly { ref(): void; unref(): void }[]) if (this.#now === null) one.unref(); else one.ref();
  }

  get open(): boolean {
    return this.#open;
  }

  /** Null, or when ssh has taken what it was given: whoever sends much waits for it, or all of it would be in memory. */
  get drained(): Promise<void> | null {
    return this.#open && this.#ssh.stdin.writableNeedDrain ? new Promise((resolve) => { this.#ssh.stdin.once("drain", resolve).once("close", resolve); }) : null;
  }

  /** One request with all of its input at once; the output is the answer's. */
  async ask(words: readonly string[], timeout: number, input = ""): Promise<Answer> {
    const chunks: Buffer[] = [];
    const late = setTimeout(() => this.#ssh.kill(), timeout);
    const answer = await this.relay(words, { input: (send, over) => { if (input !== "") send(Buffer.from(input)); over(); }, output: (bytes) => chunks.push(bytes) });
    clearTimeout(late);
    return { ...answer, stdout: Buffer.concat(chunks).toString("utf8") };
  }

  relay(words: readonly string[], exchange: Exchange): Promise<Answer> {
    return new Promise((done) => {
      if (!this.#open) { done({ code: NO_CONNECTION, stdout: "", stderr: "the connection is gone" }); return; }
      this.#queue.push({ over: false, line: words.join(" "), exchange, done });
      this.#next();
    });
  }

  close(): void {
    this.#ssh.stdin.end();
    setTimeout(() => this.#ssh.kill(), 1000).unref();
  }

  #next(): void {
    const waiting = this.#now === null ? this.#queue.shift() : undefined;
    if (waiting === undefined) return;
    this.#now = waiting;
    this.#hold();
    this.#errors = "";
    const write = (bytes: Buffer): void => { if (this.#open) this.#ssh.stdin.write(bytes); };
    write(frame("Q", waiting.line));
    waiting.exchange.input((bytes) => { if (!waiting.over) for (const one of inFrames("D", bytes)) write(one); }, () => this.#inputOver(waiting));
  }

  #inputOver(waiting: Waiting): void {
    if (waiting.over) return;
    waiting.over = true;
    if (this.#open) this.#ssh.stdin.write(frame("E"));
  }

  #take({ letter, body }: Frame): void {
    const now = this.#now;
    if (now === null) return;
    if (letter === "D") now.exchange.output(body);
    if (letter === "S") this.#errors = (this.#errors + body.toString("utf8")).slice(-20_000);
    if (letter !== "X") return;
    const { code, because } = JSON.parse(body.toString("utf8")) as { code: number; because: string };
    this.#inputOver(now); // nobody reads it any more
    this.#now = null;
    now.done({ code, stdout: "", stderr: because === "" ? this.#errors : `clusterd-mirror: refused: ${because}` });
    this.#next();
    this.#hold();
  }
}

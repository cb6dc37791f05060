// The daemon's side of the control socket (control.ts): one JSON line in, one JSON line out, then the end; or, for who
// follows, a line again whenever there is something new, until they hang up.
//
// Whatever comes in, an answer goes out and nothing is thrown: text that is no JSON, a request without end, a handler that
// fails. Only root may connect (mode 0600, in a folder of mode 0700). A socket that a dead daemon left behind is replaced; a
// living one is not. Node core only.

import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { dirname } from "node:path";
import { reasonOf } from "../base/errors.ts";
import type { Duration } from "../base/time.ts";
import { readRequest } from "./control.ts";
import type { ControlAnswer, ControlRequest } from "./control.ts";

export interface ControlServer {
  /** There is something new: who follows is answered again. */
  news(): void;
  close(): Promise<void>;
}

const LARGEST = 64 * 1024;
const MOST_CONNECTIONS = 64;
/** Who follows and does not read is sent away rather than waited for. */
const MOST_UNREAD = 1024 * 1024;

/** Rejects only when it cannot listen, for example because another daemon answers there. `idle`: how long a request may take to arrive. */
export async function serveControl(path: string, handler: (request: ControlRequest) => Promise<ControlAnswer>, { idle = 5000 }: { readonly idle?: Duration } = {}): Promise<ControlServer> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (await somebodyAnswers(path)) throw new Error(`another clusterd answers on ${path}: two daemons on one node cannot be`);
  rmSync(path, { force: true });
  const open = new Set<Socket>();
  const followers = new Map<Socket, ControlRequest>();
  // Half open: who has ended their side still gets the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on("close", () => { open.delete(socket); followers.delete(socket); });
    void serve(socket, handler, idle).then((followed) => { if (followed !== null && !socket.destroyed) followers.set(socket, followed); });
  });
  server.maxConnections = MOST_CONNECTIONS;
  await listen(server, path);
  async function tell(socket: Socket, request: ControlRequest): Promise<void> {
    const line = lineOf(await handled(request, handler));
    if (socket.writableLength > MOST_UNREAD) socket.destroy();
    else if (!socket.destroyed) socket.write(line);
  }
  return {
    news: () => { for (const [socket, request] of followers) void tell(socket, request); },
    close: () => new Promise((resolve) => { server.close(() => resolve()); for (const socket of open) socket.destroy(); }),
  };
}

/** Answers; what was asked, if the asker wants to be answered again. */
async function serve(socket: Socket, handler: (request: ControlRequest) => Promise<ControlAnswer>, idle: Duration): Promise<ControlRequest | null> {
  // Who asked may have gone away; that concerns nobody here.
  socket.on("error", () => socket.destroy());
  const line = await readLine(socket, idle);
  const request = "refused" in line ? { wrong: line.refused } : parse(line.text);
  const answer = "wrong" in request ? { ok: false as const, text: request.wrong } : await handled(request, handler);
  if (socket.destroyed) return null;
  if (!("wrong" in request) && request.ask === "status" && request.follow === true) {
    socket.write(lineOf(answer));
    socket.on("end", () => socket.destroy());
    return request;
  }
  socket.setTimeout(idle, () => socket.destroy());
  socket.end(lineOf(answer));
  return null;
}

const lineOf = (answer: ControlAnswer): string => `${JSON.stringify(answer)}\n`;

function parse(text: string): ControlRequest | { readonly wrong: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { wrong: "the request is not JSON" };
  }
  const request = readRequest(value);
  return typeof request === "string" ? { wrong: request } : request;
}

async function handled(request: ControlRequest, handler: (request: ControlRequest) => Promise<ControlAnswer>): Promise<ControlAnswer> {
  try {
    return await handler(request);
  } catch (error) {
    return { ok: false, text: `clusterd failed at this request: ${reasonOf(error)}` };
  }
}

type Line = { readonly text: string } | { readonly refused: string };

function readLine(socket: Socket, idle: Duration): Promise<Line> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = (line: Line): void => { clearTimeout(timer); socket.removeAllListeners("data"); socket.resume(); resolve(line); };
    const timer = setTimeout(() => done({ refused: "the request did not arrive in time" }), idle);
    socket.on("close", () => done({ refused: "the connection was closed" }));
    socket.on("end", () => done({ refused: "the request has no line end" }));
    socket.on("data", (chunk: Buffer) => {
      const end = chunk.indexOf(0x0a);
      chunks.push(end === -1 ? chunk : chunk.subarray(0, end));
      size += chunk.length;
      if (size > LARGEST) done({ refused: `the request is longer than ${LARGEST} bytes` });
      else if (end !== -1) done({ text: Buffer.concat(chunks).toString("utf8") });
    });
  });
}

/** Only a connection tells a living socket from one that was left behind. */
function somebodyAnswers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on("connect", () => { socket.destroy(); resolve(true); });
    socket.on("error", () => resolve(false));
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // The socket must never be open to others, not even between bind and chmod.
    const before = process.umask(0o177);
    server.once("error", reject);
    server.listen(path, () => { chmodSync(path, 0o600); server.removeListener("error", reject); server.on("error", () => {}); resolve(); });
    process.umask(before);
  });
}

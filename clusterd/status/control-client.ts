// Asks the daemon of this node one question over its control socket (control.ts: one JSON object a line, each way).
//
// Never throws: a daemon that is not there, hangs or talks nonsense is an answer too (`ok: false` and why).

import { connect } from "node:net";
import { CONTROL_SOCKET } from "../base/paths.ts";
import type { Duration } from "../base/time.ts";
import type { ControlAnswer, ControlRequest } from "./control.ts";

/** An answer is a few kilobytes; whoever sends more is not our daemon. */
const LARGEST = 4 * 1024 * 1024;

export function askDaemon(request: ControlRequest, { timeout = 3000, socket = CONTROL_SOCKET }: { readonly timeout?: Duration; readonly socket?: string } = {}): Promise<ControlAnswer> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    const chunks: Buffer[] = [];
    let size = 0;
    const done = (answer: ControlAnswer): void => { clearTimeout(timer); connection.destroy(); resolve(answer); };
    const fail = (text: string): void => done({ ok: false, text });
    const timer = setTimeout(() => fail(`clusterd did not answer within ${timeout} ms`), timeout);
    connection.on("connect", () => connection.write(`${JSON.stringify(request)}\n`));
    connection.on("error", (error) => fail(absent(error, socket)));
    connection.on("end", () => fail("clusterd closed the control socket without an answer"));
    connection.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > LARGEST) fail("the answer on the control socket has no end");
      else if (chunk.includes(0x0a)) done(parse(Buffer.concat(chunks).toString("utf8")));
    });
  });
}

function parse(text: string): ControlAnswer {
  try {
    const answer = JSON.parse(text.slice(0, text.indexOf("\n"))) as ControlAnswer;
    return typeof answer.ok === "boolean" ? answer : { ok: false, text: "the answer on the control socket is none of ours" };
  } catch {
    return { ok: false, text: "the answer on the control socket is not JSON" };
  }
}

function absent(error: Error & { code?: string }, socket: string): string {
  return error.code === "ENOENT" || error.code === "ECONNREFUSED" ? `clusterd is not running here (${socket})` : `control socket ${socket}: ${error.message}`;
}

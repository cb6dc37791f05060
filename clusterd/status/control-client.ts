// Asks the daemon of this node one question over its control socket (control.ts: one JSON object a line, each way), or
// follows what it says of itself.
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
    connection.on("error", (error) => done({ ok: false, text: absent(error, socket), ...(isAbsent(error) ? { absent: true } : {}) }));
    connection.on("end", () => fail("clusterd closed the control socket without an answer"));
    connection.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > LARGEST) fail("the answer on the control socket has no end");
      else if (chunk.includes(0x0a)) done(parse(Buffer.concat(chunks).toString("utf8")));
    });
  });
}

/**
 * What the daemon answers to `status`, now and after each decision, at least every few seconds. Ends when the daemon ends, is not
 * there or says nothing for `silence`; never throws. Of answers that came while nobody waited, only the last is given.
 */
export async function* followDaemon({ silence = 30_000, socket = CONTROL_SOCKET, signal }: { readonly silence?: Duration; readonly socket?: string; readonly signal?: AbortSignal } = {}): AsyncGenerator<ControlAnswer> {
  const request: ControlRequest = { ask: "status", follow: true };
  const connection = connect(socket, () => connection.write(`${JSON.stringify(request)}\n`));
  const hangUp = (): void => { connection.destroy(); };
  signal?.addEventListener("abort", hangUp);
  connection.setTimeout(silence, hangUp);
  let newest: ControlAnswer | null = null;
  let wake = (): void => { /* nobody waits yet */ };
  let over = false;
  let rest = "";
  connection.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = (lines.pop() ?? "").slice(0, LARGEST);
    const line = lines.at(-1);
    if (line !== undefined) { newest = parse(`${line}\n`); wake(); }
  });
  connection.on("error", (error) => { newest = { ok: false, text: absent(error, socket) }; });
  connection.on("close", () => { over = true; wake(); });
  try {
    while (true) {
      if (newest === null && !over) await new Promise<void>((resolve) => { wake = resolve; });
      const answer: ControlAnswer | null = newest;
      newest = null;
      if (answer !== null) yield answer;
      else if (over) return;
    }
  } finally {
    signal?.removeEventListener("abort", hangUp);
    hangUp();
  }
}

function parse(text: string): ControlAnswer {
  try {
    const answer = JSON.parse(text.slice(0, text.indexOf("\n"))) as ControlAnswer;
    return typeof answer.ok === "boolean" ? answer : { ok: false, text: "the answer on the control socket is none of ours" };
  } catch {
    return { ok: false, text: "the answer on the control socket is not JSON" };
  }
}

const isAbsent = ({ code }: Error & { code?: string }): boolean => code === "ENOENT" || code === "ECONNREFUSED";

function absent(error: Error & { code?: string }, socket: string): string {
  return isAbsent(error) ? `clusterd is not running here (${socket}): \`systemctl start clusterd\` or /etc/init.d/clusterd starts it` : error.code === "EACCES" ? `only root may ask the daemon (${socket}): run it as root` : `control socket ${socket}: ${error.message}`;
}

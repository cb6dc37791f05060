// An `ip -j -batch -` that waits for lines, so that a takeover needs no new process: 1 ms instead of 10.
//
// It works without -force: like ifup it stops at the first line that the kernel refuses, because an address must not
// follow a MAC that could not be set. Then it has ended, the question fails with what it said, and a new one is
// started.
// Each question ends with `show` lines; their answers, one JSON line each, are both the acknowledgement and the proof.

import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { startHelper } from "../base/helper.ts";
import type { Duration } from "../base/time.ts";

export type IpAnswer = { readonly ok: true; readonly answers: readonly (readonly unknown[])[] } | { readonly ok: false; readonly reason: string };

export interface WaitingIp {
  /** Tells `lines`, then asks `questions`; never rejects. Questions are answered in the order asked. */
  ask(lines: readonly string[], questions: readonly string[]): Promise<IpAnswer>;
  /** A NIC has been re-created: it remembers the old one's index, so a new process answers from now on. */
  renew(): void;
  close(): void;
}

const DEADLINE: Duration = 500;
const RESTART_PAUSE: Duration = 20;

interface Waiting { readonly expected: number; readonly answers: (readonly unknown[])[]; readonly settle: (answer: IpAnswer) => void }
interface Running { readonly child: ChildProcessWithoutNullStreams; readonly queue: Waiting[] }

export function startWaitingIp(): WaitingIp {
  let closed = false;
  let running: Running | null = null;

  function start(): Running {
    const started = startHelper("ip", ["-j", "-batch", "-"]);
    const queue: Waiting[] = [];
    let rest = "";
    let complaint = "";
    started.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line !== "") hear(queue, line);
    });
    started.stderr.setEncoding("utf8").on("data", (text: string) => { complaint = (complaint + text).slice(-1000); });
    started.stdin.on("error", () => { /* it ended; "close" tells */ });
    const ended = (why: string): void => {
      for (const waiting of queue.splice(0)) waiting.settle({ ok: false, reason: why });
      if (running?.child !== started) return;
      running = null;
      if (!closed) setTimeout(() => { if (!closed) running ??= start(); }, RESTART_PAUSE).unref();
    };
    started.on("error", (error) => { ended(`ip cannot be started: ${error.message}`); });
    started.on("close", () => { ended(complaint.trim().replaceAll("\n", "; ") || "ip ended"); });
    return { child: started, queue };
  }

  function hear(queue: Waiting[], line: string): void {
    const waiting = queue[0];
    if (waiting === undefined) return;
    waiting.answers.push(parse(line));
    if (waiting.answers.length < waiting.expected) return;
    queue.shift();
    waiting.settle({ ok: true, answers: waiting.answers });
  }

  running = start();
  return {
    ask: (lines, questions) => new Promise((resolve) => {
      if (closed) return resolve({ ok: false, reason: "the network part is closed" });
      const { child: asked, queue } = running ??= start();
      const timer = setTimeout(() => { asked.kill("SIGKILL"); }, DEADLINE);
      queue.push({ expected: questions.length, answers: [], settle: (answer) => { clearTimeout(timer); resolve(answer); } });
      asked.stdin.write(`${[...lines, ...questions].join("\n")}\n`);
    }),
    renew: () => {
      if (closed) return;
      running?.child.stdin.end();
      running = start();
    },
    close: () => {
      closed = true;
      running?.child.stdin.end();
    },
  };
}

function parse(line: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(line);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

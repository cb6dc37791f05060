// The daemon's side of network-scripts/deadman: keeps one running, tells it the ends of leases, notices its death.
//
// A dead-man that leaves two pings in a row unanswered is as good as dead and is replaced. Leases told before are told
// again to the new one.

import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { startHelper } from "../base/helper.ts";
import { RUN } from "../base/paths.ts";
import type { Duration, Instant } from "../base/time.ts";
import { SCRIPTS } from "./scripts.ts";

export interface DeadMan {
  /** Resolves when it is ready, or with the reason why it is not. */
  start(): Promise<string | null>;
  isThere(): boolean;
  lease(nic: string, until: Instant): void;
  off(nic: string): void;
  /** Worst lateness it has seen in itself since it started, link-down time included, in milliseconds. */
  lateness(): Duration;
  /** Whether it holds the machine's watchdog; null while it has not said so, or none is asked for. */
  watchdog(): boolean | null;
  close(): void;
}

export interface DeadManEvents {
  lost(reason: string): void;
  back(): void;
  fired(nic: string, late: Duration, reason: string): void;
  /** The watchdog is petted; or why it cannot be. */
  watchdog(trouble: string | null): void;
}

const PING_EVERY: Duration = 600;
/** Two pings without an answer. */
const PATIENCE: Duration = 3 * PING_EVERY;
const RESTART_PAUSE: Duration = 100;

const PID_FILE = `${RUN}/deadman.pid`;

/** One left by a daemon that was killed still runs to the end of its lease, and would then set down a NIC that is ours again. */
function endPredecessor(): void {
  try {
    const pid = Number(readFileSync(PID_FILE, "utf8"));
    if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("/deadman\0")) process.kill(pid, "SIGKILL");
  } catch {
    // No file, or no such process: there is none.
  }
}

/** `watchdog`: the device that it is to hold, or null. */
export function createDeadMan(events: DeadManEvents, watchdog: string | null = null): DeadMan {
  const leases = new Map<string, Instant>();
  let child: ChildProcessWithoutNullStreams | null = null;
  let ready = false;
  let everReady = false;
  let closed = false;
  let petted: boolean | null = null;
  let worst: Duration = 0;
  let asked = 0;
  let answered = 0;
  let answeredAt = 0;
  let onReady: (reason: string | null) => void = () => { /* nobody waits */ };

  const tell = (line: string): void => { child?.stdin.write(`${line}\n`); };

  function launch(): void {
    const started = startHelper("perl", [`${SCRIPTS}/deadman`, ...(watchdog === null ? [] : [`--watchdog=${watchdog}`])]);
    child = started;
    rememberPid(started.pid);
    let rest = "";
    started.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) hear(line);
    });
    let complaint = "";
    started.stderr.setEncoding("utf8").on("data", (text: string) => { complaint = (complaint + text).slice(-500); });
    started.stdin.on("error", () => { /* its end is told by "close" */ });
    started.on("error", (error) => { gone(started, `perl cannot be started: ${error.message}`); });
    started.on("close", () => { gone(started, complaint.trim() || "it ended"); });
  }

  function rememberPid(pid: number | undefined): void {
    try {
      mkdirSync(RUN, { recursive: true });
      writeFileSync(PID_FILE, `${pid ?? ""}\n`);
    } catch {
      // Only a restart after a kill -9 would miss it, and that finds its NICs by looking.
    }
  }

  function gone(which: ChildProcessWithoutNullStreams, why: string): void {
    if (child !== which) return;
    child = null;
    onReady(why);
    if (ready && !closed) events.lost(`the dead-man process is gone: ${why}`);
    ready = false;
    if (!closed) setTimeout(() => { if (!closed && child === null) launch(); }, RESTART_PAUSE);
  }

  function hear(line: string): void {
    const [verb, what = "", number = "", ...words] = line.split(" ");
    if (verb === "ready") return becameReady();
    if (verb === "ack") {
      answered = Number(what);
      answeredAt = performance.now();
      worst = Math.max(worst, Number(number));
    }
    if (verb === "watchdog") {
      petted = what === "on";
      events.watchdog(petted ? null : [number, ...words].join(" "));
    }
    if (verb === "fired") {
      leases.delete(what);
      worst = Math.max(worst, Number(number));
      events.fired(what, Number(number), words.join(" "));
    }
  }

  function becameReady(): void {
    ready = true;
    answered = asked;
    for (const [nic, until] of leases) tell(`lease ${nic} ${until.toFixed(3)}`);
    onReady(null);
    if (everReady) events.back();
    everReady = true;
  }

  // Only a question that we had the time to hear the answer of counts: a stall of our own is not its death.
  let lastCheck = performance.now();
  let unanswered = 0;
  const check = (): void => {
    const now = performance.now();
    const stalled = now - lastCheck > 2 * PING_EVERY;
    lastCheck = now;
    unanswered = answered === asked || stalled || now - answeredAt < PING_EVERY ? 0 : unanswered + 1;
    if (ready && child !== null && unanswered * PING_EVERY >= PATIENCE - PING_EVERY) {
      const silent = child;
      silent.kill("SIGKILL");
      gone(silent, "it answers no more");
      unanswered = 0;
      return;
    }
    tell(`ping ${asked += 1}`);
  };
  let timer: NodeJS.Timeout | null = null;

  return {
    start: () => new Promise((resolve) => {
      if (ready) return resolve(null);
      onReady = resolve;
      endPredecessor();
      launch();
      timer ??= setInterval(check, PING_EVERY);
    }),
    isThere: () => ready,
    lease: (nic, until) => {
      leases.set(nic, until);
      tell(`lease ${nic} ${until.toFixed(3)}`);
    },
    off: (nic) => {
      leases.delete(nic);
      tell(`off ${nic}`);
    },
    lateness: () => worst,
    watchdog: () => petted,
    close: () => {
      closed = true;
      if (timer !== null) clearInterval(timer);
      // With a lease still running it is left to its work, and ends after it. SIGTERM, so that it can disarm a watchdog.
      child?.stdin.end();
      if (leases.size === 0) child?.kill("SIGTERM");
    },
  };
}

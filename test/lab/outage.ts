// What a client noticed: the times without an answer, from the asker's log (wire/asker.pl). Pure but for starting it.

import { existsSync, readFileSync, rmSync } from "node:fs";

import type { Lab, Client } from "./lab.ts";
import { isAlive, until } from "./processes.ts";
import type { Process } from "./processes.ts";

export interface Gap {
  /** Arrival of the last answer before the gap (CLOCK_MONOTONIC, ms), and how long until the next one. */
  readonly at_ms: number;
  readonly ms: number;
  /** Of these, how long the client itself was not on time to ask: the machine's fault, not the cluster's. */
  readonly client_late_ms: number;
}

export interface Outage {
  readonly longest_ms: number;
  readonly gaps: readonly Gap[];
  /** false: there has been no answer for more than 6 ms when the report was made; the last gap is still growing. */
  readonly answering: boolean;
}

const GAP = 6;

/** Only gaps that end after `since` count. `patience`: no answer for so long is a gap, also where the log ends. */
export function judgeOutage(log: string, since = 0, patience = GAP): Outage {
  const gaps: Gap[] = [];
  let beat = { last: 0, now: 0 };
  let first: number | null = null;
  for (const line of log.slice(0, log.lastIndexOf("\n") + 1).split("\n")) {
    const [kind, ...words] = line.split(" ");
    const [a = 0, b = 0, c = 0] = words.map(Number);
    if (kind === "B") {
      first ??= b;
      beat = { last: a, now: b };
    } else if (kind === "G" && b >= since) gaps.push({ at_ms: a, ms: round(b - a), client_late_ms: c });
  }
  const silentSince = beat.last === 0 ? first ?? 0 : beat.last;
  const answering = beat.now - silentSince <= patience;
  if (!answering && beat.now >= since) gaps.push({ at_ms: silentSince, ms: round(beat.now - silentSince), client_late_ms: 0 });
  return { longest_ms: Math.max(0, ...gaps.map(({ ms }) => ms)), gaps, answering };
}

/** A client that asks one identity every 2 ms. It runs with real-time priority, so that a busy machine does not look like an outage. */
export class Asker {
  readonly #lab: Lab;
  readonly #log: string;

  constructor(lab: Lab, identity: string, as: Client) {
    this.#lab = lab;
    this.#log = `${lab.folder}/asker-${identity}-${as}.log`;
    this.identity = identity;
    this.as = as;
  }

  readonly identity: string;
  readonly as: Client;

  /** Starts asking, from a clean sheet. Returns once the first answer has come, or after `patience` ms without one. */
  async start(patience = 1000): Promise<Process> {
    const address = this.#lab.nodes().find(({ name }) => name === this.identity)?.addresses[0];
    if (address === undefined) throw new Error(`${this.identity}: no such identity; one of ${this.#lab.nodes().map(({ name }) => name).join(", ")}`);
    this.stop();
    rmSync(this.#log, { force: true });
    const process = this.#lab.startOnClient(this.as, `${this.#lab.folder}/hosts.log`, [
      "chrt", "-f", "30", "perl", `${new URL("wire/asker.pl", import.meta.url).pathname}`, this.#log, address,
    ]);
    this.#lab.remember(`asker-${this.identity}-${this.as}`, process);
    await until("the first answer", patience, () => /^B [1-9]/m.test(this.#read())).catch(() => {});
    return process;
  }

  get isRunning(): boolean {
    const process = this.#lab.recall(`asker-${this.identity}-${this.as}`);
    return process !== null && isAlive(process);
  }

  stop(): void {
    const running = this.#lab.recall(`asker-${this.identity}-${this.as}`);
    if (running !== null && isAlive(running)) process.kill(running.pid, "SIGTERM");
  }

  report(since = 0): Outage {
    return judgeOutage(this.#read(), since);
  }

  #read(): string {
    return existsSync(this.#log) ? readFileSync(this.#log, "utf8") : "";
  }
}

const round = (ms: number): number => Math.round(ms * 1000) / 1000;

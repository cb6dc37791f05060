// Is this node's clock kept right by somebody? Asked of chrony, else of systemd, else of time servers.
//
// Offsets in milliseconds: true time minus our clock, as far as known. Asked once an hour by a crontab line, so that
// `status` can show it; nothing about ownership depends on it.

import { run } from "../base/exec.ts";
import { formatDuration, type Duration, type WallTime } from "../base/time.ts";
import { askSntp } from "./sntp.ts";

export interface ClockVerdict {
  /** With source "none" nobody could be asked, and false only means "not known". */
  readonly disciplined: boolean;
  readonly detail: string;
  readonly source: "chrony" | "sntp" | "timedatectl" | "none";
  readonly offset: number | null;
}

export interface ClockQuestions {
  /** Time servers to ask when no daemon answers, as names or addresses, with an optional `:port` after a name or an IPv4 address. */
  readonly servers?: readonly string[];
}

/** More error than this is not "right", whoever says so. */
const LIMIT: Duration = 1000;
/** A daemon that has measured nothing for so long has lost its sources. */
const STALE: Duration = 24 * 3_600_000;
const PATIENCE: Duration = 5000;

export async function checkClock({ servers = [] }: ClockQuestions = {}): Promise<ClockVerdict> {
  const chrony = await run(["chronyc", "-c", "tracking"], { timeout: PATIENCE });
  const byChrony = chrony.failure === null ? readTracking(chrony.stdout, Date.now()) : null;
  if (byChrony !== null) return byChrony;

  const systemd = await run(["timedatectl", "show", "--property=NTPSynchronized"], { timeout: PATIENCE });
  const bySystemd = systemd.failure === null ? readTimedatectl(systemd.stdout) : null;
  if (bySystemd?.disciplined === true) return bySystemd;

  const byServer = await askServers(servers);
  if (!Array.isArray(byServer)) return byServer;
  const nobody = [`chronyc ${chrony.failure}`, `timedatectl ${systemd.failure}`, ...byServer].join("; ");
  return bySystemd ?? { disciplined: false, source: "none", offset: null, detail: `nobody could say: ${nobody}. Install chrony, or name a time server that answers` };
}

/** The one line of `chronyc -c tracking`, or null if it is none. Its seconds are positive when our clock is slow (chronyc(1)). */
export function readTracking(line: string, now: WallTime): ClockVerdict | null {
  const words = line.trim().split(",");
  const [reference = "", name, stratum, , , , , , , , , , , leap] = words;
  const [measuredAt, correction, rootDelay, rootDispersion] = [3, 4, 10, 11].map((column) => Number(words[column]) * 1000) as [number, number, number, number];
  if (words.length !== 14 || [measuredAt, correction, rootDelay, rootDispersion].some(Number.isNaN)) return null;
  const says = (disciplined: boolean, detail: string): ClockVerdict => ({ disciplined, source: "chrony", offset: disciplined ? correction : null, detail: `chrony ${detail}` });

  if (leap === "Not synchronised" || reference === "00000000") return says(false, "has no source that it trusts");
  // 127.127.1.1 stands for its own clock (directive `local`): chrony then serves time without having any.
  if (reference === "7F7F0101") return says(false, "follows only its own clock (local mode)");
  if (now - measuredAt > STALE) return says(false, `has measured nothing for ${formatDuration(now - measuredAt)}`);
  const error = Math.abs(correction) + rootDelay / 2 + rootDispersion;
  if (error > LIMIT) return says(false, `may be wrong by ${formatDuration(error)}`);
  return says(true, `follows ${name} (stratum ${stratum}), right to ${formatDuration(Math.max(error, 0.01))}`);
}

export function readTimedatectl(text: string): ClockVerdict | null {
  const synchronised = /^NTPSynchronized=(yes|no)$/m.exec(text)?.[1];
  if (synchronised === undefined) return null;
  const disciplined = synchronised === "yes";
  return { disciplined, source: "timedatectl", offset: null, detail: `timedatectl says that the clock is ${disciplined ? "" : "not "}synchronised` };
}

/** The first server that answers decides; without one, why each did not. */
async function askServers(servers: readonly string[]): Promise<ClockVerdict | string[]> {
  const silent: string[] = [];
  for (const server of servers) {
    const [, host = server, port] = /^([^:]+):(\d+)$/.exec(server) ?? [];
    const answer = await askSntp(host, port === undefined ? {} : { port: Number(port) });
    if (!answer.ok) {
      silent.push(answer.reason);
      continue;
    }
    const { offset, delay } = answer.sample;
    const direction = offset >= 0 ? "behind" : "ahead of";
    return {
      disciplined: Math.abs(offset) + delay / 2 <= LIMIT, source: "sntp", offset,
      detail: `this clock is ${formatDuration(Math.abs(offset))} ${direction} ${server} (stratum ${answer.stratum}), measured to ${formatDuration(delay / 2)}`,
    };
  }
  return silent;
}

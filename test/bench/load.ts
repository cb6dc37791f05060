// Do busy nodes make each other believe that they are dead? Eight busy loops and a disk writer, on nodes that share this
// machine's processors with them. A takeover is judged from the wire: a port that begins to speak for an identity.

import type { Lab } from "../lab/lab.ts";
import { Asker } from "../lab/outage.ts";
import { owners, sniffed } from "../lab/owners.ts";
import { keepEvidence, settle, statusOfBoth } from "../lab/home.ts";
import { now } from "../lab/processes.ts";
import { collect } from "./result.ts";
import type { Result } from "./result.ts";

const LOOP = "while :; do :; done";
// To the disk that the journals are on.
const WRITER = "while :; do dd if=/dev/zero of=/var/tmp/written bs=1M count=64 conv=fsync 2>/dev/null; done";
const LOOPS_EACH = 4;

/** For `seconds`, on a settled pair, which is left settled. */
export async function load(lab: Lab, seconds: number, tell: (line: string) => void): Promise<Result> {
  const asker = new Asker(lab, "serv1", "client");
  await asker.start(5000);
  const since = now();
  const before = await statusOfBoth(lab);
  const programs = lab.nodes().flatMap(({ name }) => [...Array<string>(LOOPS_EACH).fill(LOOP), WRITER].map((program) =>
    // A session of its own: the kernel may share the processors out by sessions.
    lab.exec(name, ["setsid", "--wait", "timeout", String(seconds), "sh", "-c", program], { reject: false })));
  await Promise.all(programs);
  const { longest_ms } = asker.report(since);
  asker.stop();
  const seen = await owners(lab, since);
  const after = await statusOfBoth(lab);
  const spans = Object.values(seen.identities);
  const figures = {
    seconds,
    takeovers: spans.reduce((sum, each) => sum + Math.max(0, each.length - 1), 0),
    claims_heard: (await sniffed(lab.snifferLog, since)).heartbeats.filter(({ claims }) => claims !== 0).length,
    two_owners_ms: seen.overlap_ms,
    longest_gap_ms: longest_ms,
    daemon_stalls: after.reduce((sum, status, at) => sum + (status?.core.stalls.count ?? NaN) - (before[at]?.core.stalls.count ?? 0), 0),
    worst_stall_ms: Math.max(...after.map((status) => status?.core.stalls.worst ?? NaN)),
  };
  const broken = figures.takeovers > 0 || figures.two_owners_ms > 0;
  const wrong = !broken ? [] : [{ run: 1, what: `${figures.takeovers} takeovers, two owners ${figures.two_owners_ms} ms`, kept: keepEvidence(lab, "load", { figures, seen }) }];
  tell(`load: ${JSON.stringify(figures)}`);
  await settle(lab);
  return { fault: "load", what: `${2 * LOOPS_EACH} busy loops, ${LOOPS_EACH} a node, and a disk writer on each`, runs: 1, figures: collect([figures], Object.keys(figures)), wrong };
}

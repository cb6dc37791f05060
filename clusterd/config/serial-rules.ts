// Does the serial line fit the pair: has it two ends, and is it fast enough for the times?
//
// A packet takes B on the line. Heartbeats come B apart or a keepalive, whichever is longer. An objection to a claim waits for the
// packet before it (B), travels (B), and so does its answer: 4 B.

import { formatDuration } from "../base/time.ts";
import { problem } from "../base/errors.ts";
import { lineTime } from "../heartbeat/framing.ts";
import { PACKET_SIZE } from "../heartbeat/packet.ts";
import { timingOf } from "./build.ts";
import type { Files, Findings } from "./files.ts";

export function serialRules({ cluster, timing, nodes }: Files, { problems, warnings }: Findings): void {
  const ends = nodes.filter(({ keys }) => typeof keys.values.SERIAL_DEVICE === "string");
  const [end] = ends;
  const { serial_baud: baud, profile } = cluster.values;
  if (end === undefined) return;
  for (const { name, keys } of nodes) if (nodes.length === 2 && keys.values.SERIAL_DEVICE === null)
    problems.push(problem(keys.file, null, `${end.name} has a SERIAL_DEVICE and ${name} has none: a line has two ends`, `SERIAL_DEVICE=/dev/ttyS0 here too, or remove it from ${end.keys.file}.`));
  if (baud === undefined || profile === undefined || Object.values(timing.values).includes(undefined)) return;

  const { deadtime, unheard } = timingOf(profile, timing);
  const each = lineTime(PACKET_SIZE, baud);
  const says = `[cluster] serial_baud = ${baud}: a heartbeat takes ${formatDuration(Math.round(each))}`;
  const place = cluster.given.has("serial_baud") ? cluster.line("serial_baud") : null;
  const faster = "A higher serial_baud, or a slower profile.";
  if (3 * each > deadtime) problems.push(problem("cluster.conf", place, `${says}, and three of them longer than deadtime (${formatDuration(deadtime)}): one lost would look like a death`, faster));
  else if (4 * each > unheard) warnings.push(problem("cluster.conf", place, `${says}: with no other link left, an owner that hears a claim could not be heard within unheard (${formatDuration(unheard)}) and would yield`, faster));
}

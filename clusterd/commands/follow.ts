// What goes on until Ctrl-C: `clusterd status --watch` and `clusterd history --follow`. The daemon tells of each decision; it may go
// and come back in between.

import { setTimeout as sleep } from "node:timers/promises";
import { parseDuration } from "../base/time.ts";
import type { Duration } from "../base/time.ts";
import { decidedSince } from "../history.ts";
import type { ControlAnswer, NodeStatus } from "../status/control.ts";
import { followDaemon } from "../status/control-client.ts";
import { drawPage, untilStopped } from "../status/screen.ts";
import { historyText, statusText } from "../status/text.ts";
import { verdict } from "../status/verdict.ts";
import { colourWanted } from "./colour.ts";
import { outcome } from "./command.ts";
import type { Given, Outcome } from "./command.ts";
import { look } from "./look.ts";
import type { NodeView } from "./look.ts";

export const statusData = (views: readonly NodeView[]): Readonly<Record<string, unknown>> => ({ self: views[0]?.node, verdict: verdict(views), nodes: views.map((view) => ("status" in view ? view.status : view)) });

const PEER_EVERY: Duration = 2000;
const AGAIN: Duration = 1000;

export const FOR = ["--for <time>", "with --watch or --follow: end after this time"] as const;

/** Redrawn with each decision, and every few seconds. The other node is asked on the side, so that a dead one holds nothing up. */
export async function watch(given: Given): Promise<Outcome> {
  const wrong = wrongSpan(given);
  if (wrong !== null) return wrong;
  const first = await look(given.flag("local"));
  let peer = first.peer;
  let askedAt = Date.now();
  for await (const answer of decisions(given)) {
    const own: NodeView = answer.ok && answer.status !== undefined ? { node: answer.status.node, status: answer.status } : { node: first.own.node, unreachable: answer.text };
    draw(peer === null ? [own] : [own, peer], given.flag("json"));
    if (peer === null || Date.now() - askedAt < PEER_EVERY) continue;
    askedAt = Infinity;
    void look(false).then((seen) => { peer = seen.peer; askedAt = Date.now(); });
  }
  return outcome("ok", "");
}

function draw(views: readonly NodeView[], json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify({ version: 1, ...statusData(views) })}\n`);
  else drawPage(statusText(views, { now: Date.now(), colour: colourWanted(), zone: undefined }));
}

/** Each decision as it is made, after the last `wanted` ones: lines for people, one JSON object a line for programs. */
export async function follow(given: Given, wanted: number): Promise<Outcome> {
  const wrong = wrongSpan(given);
  if (wrong !== null) return wrong;
  let before: NodeStatus["history"] | null = null;
  for await (const answer of decisions(given)) {
    if (!answer.ok || answer.status === undefined) { process.stderr.write(`${answer.text}\n`); continue; }
    const { node, history: now } = answer.status;
    const fresh = before === null ? now.slice(now.length - Math.min(wanted, now.length)) : decidedSince(before, now);
    before = now;
    if (given.flag("json")) for (const entry of fresh) process.stdout.write(`${JSON.stringify({ version: 1, node, ...entry })}\n`);
    else if (fresh.length > 0) process.stdout.write(`${historyText(fresh, { colour: colourWanted(), zone: undefined })}\n`);
  }
  return outcome("ok", "");
}

/** Until Ctrl-C, the end of who reads us, or the time of --for. */
async function* decisions(given: Given): AsyncGenerator<ControlAnswer> {
  const signal = untilStopped(parseDuration(given.value("for") ?? ""));
  while (!signal.aborted) {
    for await (const answer of followDaemon({ signal })) if (!signal.aborted) yield answer;
    await sleep(AGAIN, undefined, { signal }).catch(() => undefined);
  }
}

function wrongSpan(given: Given): Outcome | null {
  const text = given.value("for");
  return text === undefined || parseDuration(text) !== null ? null : outcome("usage", `--for takes a time such as 30s or 2h, not ${text}`);
}

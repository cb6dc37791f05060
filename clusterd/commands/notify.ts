// `clusterd notify`: who would be told, and with --test whether each way works.

import { accessSync, constants, existsSync } from "node:fs";
import { STATE } from "../base/paths.ts";
import { describe } from "../base/exec.ts";
import { deliver } from "../notify/notifier.ts";
import type { Notice } from "../notify/notifier.ts";
import { waysOf, wayProblems } from "../notify/ways.ts";
import { settings } from "../../mirror/settings.ts";
import { outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";

const TEST: Notice = { event: "test", about: "-", because: "a person tries whether notices arrive: nothing has happened" };

async function notify(given: Given): Promise<Outcome> {
  const read = await settings();
  if (!read.ok) return outcome("usage", read.text);
  // Where mail goes, and the webhook's address, only root can see.
  if (existsSync(STATE)) accessSync(STATE, constants.X_OK);
  const ways = waysOf(read.config);
  const problems = wayProblems(read.config.cluster);
  if (!given.flag("test")) {
    const text = [...(ways.length === 0 ? ["nobody is told of anything: see notify, notify_mail and notify_webhook in cluster.conf"] : ways.map(({ name }) => name)), ...problems.map((problem) => `problem: ${problem}`)];
    return outcome(problems.length > 0 ? "failed" : "ok", text.join("\n"), { ways: ways.map(({ name }) => name), problems });
  }
  if (ways.length === 0) return outcome("refused", ["nobody is told of anything: see notify, notify_mail and notify_webhook in cluster.conf", ...problems].join("\n"));
  const tried = await Promise.all(ways.map(async (way) => {
    const ran = await deliver(way, TEST);
    return { way: way.name, ok: ran.failure === null, says: ran.failure === null ? "handed over" : describe(ran) };
  }));
  return outcome(tried.every(({ ok }) => ok) ? "ok" : "failed", tried.map(({ way, says }) => `${way}: ${says}`).join("\n"), { tried });
}

export const NOTIFY_COMMANDS: readonly Command[] = [{
  usage: "notify", run: notify, summary: "who is told of takeovers, failed runs and lost redundancy; with --test each is told something",
  options: [["--test", "send a test notice by every way, and say which took it"]],
  examples: [["clusterd notify --test", "on both nodes, after setting it up"]], exits: ["ok", "failed", "usage", "refused"],
}];

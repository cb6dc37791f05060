// `clusterd preflight`: the whole chain on both nodes, before it matters.

import { otherNode } from "../config/config.ts";
import { loadConfig, formatProblem } from "../config/load.ts";
import { preflight } from "../preflight/checks.ts";
import type { Facts } from "../preflight/facts.ts";
import { gatherFacts } from "../preflight/gather.ts";
import { preflightText } from "../preflight/text.ts";
import { outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";
import { colourWanted } from "./colour.ts";
import { lookHere, seen } from "./look.ts";

/** The other node looks at its own disks and pings, too. */
const PATIENCE = 20_000;

async function check(given: Given): Promise<Outcome> {
  const loaded = loadConfig();
  if (!loaded.ok) return outcome("usage", `the configuration has problems, so nothing else can be judged:\n${loaded.problems.map(formatProblem).join("\n")}`);
  const { config } = loaded;
  const { askPeer } = await import("../status/peer.ts");
  // Where the other node's address is held here, this node would answer for it.
  const status = given.flag("local") ? null : seen(await lookHere(config.nodes[config.self].name));
  const [own, said] = await Promise.all([gatherFacts(config), given.flag("local") ? null : askPeer(config, ["facts"], { timeout: PATIENCE, status })]);
  const peer = said?.reached === true && said.answer.ok ? said.answer.facts ?? null : null;
  const name = otherNode(config).name;
  const why = said === null || peer !== null ? [] : [{
    check: "the other node", node: name, state: "fail" as const,
    says: `cannot be asked: ${said.reached ? said.answer.text : said.text}`, remedy: "`clusterd keys import` on both nodes, sshd there; the same clusterd on both",
  }];
  const findings = [...why, ...preflight(config, own, peer)];
  const bad = findings.some(({ state }) => state === "fail" || (given.flag("strict") && state === "warn"));
  return outcome(bad ? "failed" : "ok", preflightText(findings, { quiet: given.flag("quiet"), colour: colourWanted() }), { version: 1, findings });
}

export const PREFLIGHT_COMMANDS: readonly Command[] = [{
  usage: "preflight", run: check, summary: "look at everything that a takeover needs, on both nodes, and say what to do about what is missing",
  options: [["--local", "only this node"], ["--strict", "warnings too make it fail"], ["--quiet", "say only what is wrong, for cron"]],
  examples: [["clusterd preflight", "after setting up, and after every change"], ["clusterd preflight --quiet", "as a crontab line: losing redundancy is worth a mail even while all serves"]],
  exits: ["ok", "failed", "usage"],
}];

/** What `clusterd answer` says to the other node's question. */
export async function factsForPeer(): Promise<{ readonly ok: true; readonly text: string; readonly facts: Facts } | { readonly ok: false; readonly text: string }> {
  const loaded = loadConfig();
  return loaded.ok ? { ok: true, text: "", facts: await gatherFacts(loaded.config) } : { ok: false, text: `its configuration has problems: ${loaded.problems.map(formatProblem).join("; ")}` };
}

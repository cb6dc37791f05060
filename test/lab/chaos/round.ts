// One round: a pair at home, blows that overlap, everything mended, a bounded wait for two homes, then the audit.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { settle } from "../home.ts";
import type { Lab } from "../lab.ts";
import { judgeOwners, sniffed } from "../owners.ts";
import type { Owners } from "../owners.ts";
import { now } from "../processes.ts";
import type { Blow } from "./choose.ts";
import { FAULTS } from "./faults.ts";
import type { Fault, Place } from "./faults.ts";
import { QUICKLY } from "./pair.ts";
import { judge, withGone } from "./versions.ts";
import type { Missing } from "./versions.ts";
import { TREES } from "./witnesses.ts";
import type { Witnesses } from "./witnesses.ts";

/** What a fault did, with the times of the round's own clock, ms. */
export interface Dealt { readonly fault: string; readonly victim: string; readonly injected: number; readonly mended: number; readonly trouble: string | null }

export interface Round {
  readonly blows: readonly Dealt[];
  readonly failures: readonly string[];
  readonly two_owners_ms: number;
  /** A machine stood still in this round: an overlap is then bounded, not forbidden. */
  readonly frozen: boolean;
  /** How often an identity changed its node. */
  readonly moves: number;
  /** Frames in an identity's name from the wrong NIC of the right or wrong node: none may come from a node's main NIC but its own. */
  readonly stray_frames: number;
  readonly versions_written: number;
  readonly versions_lost: number;
  readonly false_claims: number;
  readonly claims_checked: number;
  readonly runs: number;
  readonly runs_interrupted: number;
  readonly reads: number;
  /** Where the time went, ms. */
  readonly took: { readonly faults: number; readonly home: number; readonly audit: number };
}

/** D + S of each profile: how long two owners may overlap when a machine that stood still goes on. */
export const THAW_LIMIT: Readonly<Record<string, number>> = { fast: 230, balanced: 600, safety: 2500 };
const RUN_EVERY = 400;

/** What one lab has seen before this round. */
export interface Memory { readonly promised: Set<string>; versions: number }

export async function play(lab: Lab, witnesses: Witnesses, blows: readonly Blow[], memory: Memory, thawLimit: number): Promise<Round> {
  const since = now();
  const began = performance.now();
  const failures: string[] = [];
  const consoles = lab.nodes().map(({ name }) => readFileSync(consoleOf(lab, name), "utf8").length);
  witnesses.startCustomer();
  const mirroring = keepMirroring(lab);

  const dealt = await Promise.all(blows.map((blow) => deal(lab, blow, began)));
  await makeWhole(lab);
  witnesses.calmCustomer();
  const mended = performance.now();
  await settle(lab, QUICKLY).catch((error: Error) => { failures.push(error.message); });
  const tried = await mirroring.stop();
  await witnesses.stopCustomer();
  // Now: reading both disks takes seconds in which this machine, not the pair, may stand still, and identities rightly move (80/73).
  if (failures.length === 0) failures.push(...await witnesses.misplaced());
  const home = performance.now();

  const { owners: seen, strays } = await whoSpoke(lab, since);
  const ledgers = witnesses.ledgers();
  const { runs, claims } = witnesses.takeRuns();
  const disks = witnesses.disks();
  const later = witnesses.ledgers();
  const { lost, falselyClaimed, claimed } = judge([withGone(ledgers[0], later[0]), withGone(ledgers[1], later[1])], disks, claims, TREES, memory.promised);
  const reads = witnesses.takeReads();
  const versions = ledgers[0].versions.length + ledgers[1].versions.length;
  const frozen = blows.some(({ fault }) => "freezes" in FAULTS[fault]);

  if (seen.overlap_ms > (frozen ? thawLimit : 0)) failures.push(`two owners for ${seen.overlap_ms} ms: ${JSON.stringify(seen.identities)}`);
  failures.push(...sentences("lost", lost), ...sentences("falsely claimed to be mirrored", falselyClaimed));
  if (versions === memory.versions) failures.push("nobody could write anything in the whole round: nothing was audited");
  const known = new Set(witnesses.ledgers().flatMap((ledger) => ledger.versions.map(({ sha }) => sha)));
  const strange = reads.filter(({ sha, path }) => !known.has(sha) && !ledgers.some(({ torn }) => torn.has(path)));
  if (strange.length > 0) failures.push(`a reader was given what nobody had written, ${strange.length} times: ${JSON.stringify(strange[0])}`);
  lab.nodes().forEach(({ name }, at) => failures.push(...thrown(name, readFileSync(consoleOf(lab, name), "utf8").slice(consoles[at]))));

  const result: Round = {
    blows: dealt, failures, two_owners_ms: seen.overlap_ms, frozen,
    moves: Object.values(seen.identities).reduce((sum, spans) => sum + Math.max(0, spans.length - 1), 0),
    stray_frames: strays, versions_written: versions - memory.versions, versions_lost: lost.length, false_claims: falselyClaimed.length, claims_checked: claimed,
    runs: runs + tried.cutOff, runs_interrupted: runs - claims.length + tried.cutOff, reads: reads.length,
    took: { faults: Math.round(mended - began), home: Math.round(home - mended), audit: Math.round(performance.now() - home) },
  };
  memory.versions = versions;
  return result;
}

async function deal(lab: Lab, { fault: name, victim: at, at: when, lasts, dice }: Blow, began: number): Promise<Dealt> {
  const names = lab.nodes().map((node) => node.name);
  const place: Place = { lab, victim: names[at]!, other: names[1 - at]!, dice };
  const fault: Fault = FAULTS[name];
  const troubles: string[] = [];
  const trouble = (error: Error): void => { troubles.push(error.message.split("\n")[0]!); };
  const clock = (): number => Math.round(performance.now() - began);
  await sleep(when);
  const injected = clock();
  // A fault that goes on by itself, or meets a node that stands still, must not hold up its own mending.
  const injection = fault.inject(place).catch(trouble);
  await sleep(lasts);
  if (fault.group === "machine") await injection;
  await fault.mend(place).catch(trouble);
  const mended = clock();
  await injection;
  return { fault: name, victim: place.victim, injected, mended, trouble: troubles.length === 0 ? null : troubles.join("; ") };
}

/** Undoes everything that could still be wrong, as a person with all keys would. */
async function makeWhole(lab: Lab): Promise<void> {
  await lab.mend();
  await Promise.all(lab.nodes().map(async ({ name }) => {
    if (!lab.isOn(name)) return lab.powerOn(name);
    await lab.thaw(name);
    await lab.exec(name, ["sh", "/usr/lib/clusterd/test/lab/chaos/make-whole"], { timeout: 60_000 });
    return undefined;
  }));
}

/** On each node, as a crontab would, only far more often: what faults then cut off are runs in the middle. */
function keepMirroring(lab: Lab): { stop(): Promise<{ readonly cutOff: number }> } {
  let ended = false;
  let cutOff = 0;
  const loops = lab.nodes().map(async ({ name }) => {
    while (!ended) {
      // Ends without its JSON when the node dies under it.
      const said = lab.isOn(name) ? await lab.exec(name, ["mirror", "run", "--all", "--json"], { timeout: 20_000, reject: false }).catch(() => "") : null;
      if (said === "") cutOff += 1;
      await sleep(RUN_EVERY);
    }
  });
  return { stop: async () => { ended = true; await Promise.all(loops); return { cutOff }; } };
}

/** Two faults in a row may move an identity there and back within two seconds (70/29); whoever owned all the time is asked every 40 ms, and heard sooner. */
const SILENCE = 1000;

/** By node, not by port: one node speaking from two of its NICs is no second owner. */
async function whoSpoke(lab: Lab, since: number): Promise<{ readonly owners: Owners; readonly strays: number }> {
  const names = lab.nodes().map(({ name }) => name);
  const { rows } = await sniffed(lab.snifferLog, since);
  const strays = rows.filter(({ identity, port }) => port.endsWith("-eth0") && port !== `${identity}-eth0`).reduce((sum, { frames }) => sum + frames, 0);
  return { owners: judgeOwners(rows.map((row) => ({ ...row, port: row.port.replace(/-eth\d$/, "") })), names, SILENCE), strays };
}

const consoleOf = (lab: Lab, node: string): string => `${lab.disk(node)}/var/log/clusterd/clusterd-console.log`;

/** A stack trace in what the daemon said. */
function thrown(node: string, said: string): string[] {
  const lines = said.split("\n");
  const at = lines.findIndex((line) => /^\s+at .*(file:|node:)/.test(line));
  return at === -1 ? [] : [`the daemon of ${node} threw: ${lines.slice(Math.max(0, at - 6), at + 4).join(" | ")}`];
}

function sentences(what: string, missing: readonly Missing[]): string[] {
  const [first] = missing;
  return first === undefined ? [] : [`${missing.length} versions ${what}, the first: ${JSON.stringify(first)}`];
}

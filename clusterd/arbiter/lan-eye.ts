// The daemon's side of network-scripts/lan-eye: reference hosts, probes, announcements, and the watch for our own MAC.
//
// Questions leave only from a NIC in an allowed state (`voice`): never with the MAC of an identity that is not owned.
// A question that cannot be asked is never taken for silence: a probe without a NIC counts as answered.

import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { startHelper } from "../base/helper.ts";
import { BlockList, isIPv6 } from "node:net";
import { monotonicNow, type Duration, type Instant } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Index } from "../core/model.ts";
import { SCRIPTS } from "../takeover/scripts.ts";
import type { LanEye } from "../takeover/takeover.ts";
import { createRounds, type Round } from "./references.ts";

/** The NIC that may speak on the LAN now, and the address it speaks from (null: as a probe, from 0.0.0.0). */
export interface Voice { readonly nic: string; readonly address: string | null }

export interface EyeProcess extends LanEye {
  start(): void;
  watch(nic: string, mac: string | null): void;
  announce(nic: string, mac: string, addresses: readonly string[]): void;
  hush(nic: string): void;
  close(): void;
}

const RESTART_PAUSE: Duration = 100;
/** So long after a question it is told who has answered since: nobody, or more than are counted for it, where an answer was lost. */
const NOBODY_AFTER: Duration = 400;

interface Probe { readonly target: string; readonly finish: (mac: string | null) => void }
type Answered = (startedAt: Instant, answered: number, of: number, unsure: boolean) => void;

export function createEye(config: Config, voice: () => Voice | null, ownMacHeard: (nic: string, mac: string, at: Instant) => void, warn: (message: string) => void): EyeProcess {
  const { references, timing } = config.cluster;
  const lan = new BlockList();
  const { address, prefix } = config.nodes[config.self].main;
  lan.addSubnet(address, prefix, "ipv4");
  const near = references.filter((each) => !isIPv6(each) && lan.check(each));
  const far = references.filter((each) => !isIPv6(each) && !lan.check(each));

  const rounds = createRounds(Math.max(timing.lease, NOBODY_AFTER));
  const callbacks = new Map<Round, Answered>();
  const probes = new Set<Probe>();
  const watched = new Map<string, string>();
  let child: ChildProcessWithoutNullStreams | null = null;
  let closed = false;

  const tell = (line: string): void => { child?.stdin.write(`${line}\n`); };

  function launch(): void {
    const started = startHelper("perl", [`${SCRIPTS}/lan-eye`]);
    child = started;
    let rest = "";
    let complaint = "";
    started.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) hear(line.split(" "));
    });
    started.stderr.setEncoding("utf8").on("data", (text: string) => { complaint = (complaint + text).slice(-500); });
    started.stdin.on("error", () => { /* "close" tells */ });
    const gone = (why: string): void => {
      if (child !== started) return;
      child = null;
      if (closed) return;
      warn(`the eye on the LAN is gone and is started again: ${why}`);
      setTimeout(() => { if (!closed && child === null) launch(); }, RESTART_PAUSE);
    };
    started.on("error", (error) => { gone(error.message); });
    started.on("close", () => { gone(complaint.trim() || "it ended"); });
    for (const [nic, mac] of watched) tell(`watch ${nic} ${mac}`);
  }

  function hear([verb, first = "", second = "", third = ""]: readonly string[]): void {
    const at = monotonicNow();
    if (verb === "own") ownMacHeard(first, second, at);
    if (verb === "echo") count(rounds.answer(first, at, Number(second)));
    if (verb === "arp") {
      for (const probe of probes) if (probe.target === second) probe.finish(third);
      if (near.includes(second)) count(rounds.answer(second, at, null));
    }
  }

  function count(round: Round | null): void {
    if (round !== null) callbacks.get(round)?.(round.startedAt, round.answered.size, references.length, false);
  }

  return {
    askReferences: (answered) => {
      const round = rounds.begin(monotonicNow());
      callbacks.set(round, answered);
      setTimeout(() => {
        const heard = rounds.heardSince(round.startedAt);
        if (heard === 0 || heard > round.answered.size) answered(round.startedAt, heard, references.length, true);
      }, NOBODY_AFTER).unref();
      setTimeout(() => { callbacks.delete(round); }, Math.max(timing.lease, NOBODY_AFTER) + 1).unref();
      const from = voice();
      if (from === null) return;
      if (near.length > 0) tell(`ask ${from.nic} ${from.address ?? "-"} ${near.join(" ")}`);
      for (const host of far) tell(`ping ${from.nic} ${round.number} ${host}`);
    },
    probeIdentity: (identity: Index, timeout, done) => {
      const startedAt = monotonicNow();
      const { address: target, mac } = config.nodes[identity].main;
      const from = voice();
      // Nobody can be asked, so nobody can be known to be silent: as if the owner had answered.
      if (from === null || child === null) return void setImmediate(() => { done(startedAt, mac.toLowerCase()); });
      const timer = setTimeout(() => { probe.finish(null); }, timeout);
      const probe: Probe = { target, finish: (answeredBy) => {
        clearTimeout(timer);
        if (probes.delete(probe)) done(startedAt, answeredBy);
      } };
      probes.add(probe);
      tell(`ask ${from.nic} - ${target}`);
    },
    start: () => { if (child === null && !closed) launch(); },
    watch: (nic, mac) => {
      if (mac === null) watched.delete(nic);
      else watched.set(nic, mac);
      tell(`watch ${nic} ${mac ?? "-"}`);
    },
    announce: (nic, mac, addresses) => { tell(`announce ${nic} ${mac} ${addresses.map((each) => each.replace(/\/.*/, "")).join(" ")}`); },
    hush: (nic) => { tell(`hush ${nic}`); },
    close: () => {
      closed = true;
      for (const probe of probes) probe.finish(null);
      child?.stdin.end();
    },
  };
}

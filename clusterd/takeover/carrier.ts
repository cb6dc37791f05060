// Which NICs have a cable with somebody at its other end, noticed within a millisecond or two; and what else they have become
// without our doing, as when a person removes an address.
//
// `ip monitor` says that something changed; what it is now is asked of the waiting ip, the one source. A poll every
// two seconds covers a monitor that died. A NIC that we are changing ourselves is not judged until that is done.

import type { ChildProcess } from "node:child_process";
import { startHelper } from "../base/helper.ts";
import { monotonicNow, type Duration, type Instant } from "../base/time.ts";
import { readState, SHOW_ALL, type NicState } from "./nic-state.ts";
import type { WaitingIp } from "./waiting-ip.ts";

export interface CarrierWatch {
  start(): void;
  /** Between these two the NIC is being changed by us. */
  pause(nic: string): void;
  resume(nic: string): void;
  /** Those that the kernel does not know. */
  absent(): readonly string[];
  close(): void;
}

const POLL: Duration = 2000;
/** A line about an address; others are about links. Addresses that come are of our own doing, or somebody else's business. */
const ADDRESS_CAME = /^\d+: \S+\s+inet6? /;
const RESTART_PAUSE: Duration = 200;

export interface CarrierEvents {
  changed(nic: string, up: boolean, at: Instant): void;
  seen(nic: string, state: NicState): void;
  /** It was not there, or another one had its name: nothing that it was told before holds. */
  came(nic: string): void;
}

export function createCarrierWatch(nics: readonly string[], ip: WaitingIp, { changed, seen, came }: CarrierEvents): CarrierWatch {
  const known = new Map<string, boolean>();
  const indexes = new Map<string, number>();
  const absent = new Set<string>();
  const paused = new Map<string, number>();
  let monitor: ChildProcess | null = null;
  let poll: NodeJS.Timeout | null = null;
  let closed = false;

  async function look(): Promise<void> {
    const answer = await ip.ask([], [SHOW_ALL]);
    if (closed || !answer.ok) return;
    for (const nic of nics) {
      const state = readState(answer.answers[0], nic);
      if (state === null) absent.add(nic);
      else {
        const other = indexes.has(nic) && indexes.get(nic) !== state.index;
        indexes.set(nic, state.index);
        if (absent.delete(nic) || other) came(nic);
      }
      judge(nic, state?.carrier ?? false);
      if (state !== null && !paused.has(nic)) seen(nic, state);
    }
  }

  function judge(nic: string, up: boolean): void {
    if (paused.has(nic) || known.get(nic) === up) return;
    known.set(nic, up);
    changed(nic, up, monotonicNow());
  }

  function listen(): void {
    const started = startHelper("ip", ["-o", "monitor", "link", "address"]);
    monitor = started;
    started.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (text.split("\n").some((line) => line !== "" && !ADDRESS_CAME.test(line))) void look();
    });
    const again = (): void => {
      if (closed || monitor !== started) return;
      monitor = null;
      setTimeout(() => { if (!closed) listen(); }, RESTART_PAUSE);
    };
    started.on("error", again).on("close", again);
  }

  return {
    start: () => {
      if (monitor !== null) return;
      listen();
      poll = setInterval(() => { void look(); }, POLL);
      void look();
    },
    pause: (nic) => { paused.set(nic, (paused.get(nic) ?? 0) + 1); },
    resume: (nic) => {
      const left = (paused.get(nic) ?? 1) - 1;
      if (left > 0) return void paused.set(nic, left);
      paused.delete(nic);
      void look();
    },
    absent: () => [...absent],
    close: () => {
      closed = true;
      if (poll !== null) clearInterval(poll);
      monitor?.kill();
    },
  };
}

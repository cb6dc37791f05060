// A power switch for the lab's nodes, which the agent beside it asks through files: it kills a node's pid 1 for real.
//
// What it is to be bad at can be set: refusing, hanging, saying done while the power stays on, and having no power itself.

import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import type { Lab } from "../lab.ts";

export type Manner = "works" | "refuses" | "hangs" | "lies" | "dark";

export class PowerSwitch {
  readonly #lab: Lab;
  readonly #nodes: readonly [string, string];
  #manner: Manner = "works";
  #open = true;
  #watching: Promise<void> = Promise.resolve();
  /** How often it was asked to switch a node off. */
  asked = 0;

  constructor(lab: Lab, nodes: readonly [string, string]) {
    this.#lab = lab;
    this.#nodes = nodes;
  }

  set manner(manner: Manner) {
    this.#manner = manner;
  }

  start(): void {
    this.#watching = this.#watch();
  }

  async stop(): Promise<void> {
    this.#open = false;
    await this.#watching;
  }

  async #watch(): Promise<void> {
    while (this.#open) {
      for (const [at, node] of this.#nodes.entries()) await this.#serve(`${this.#lab.folder}/${node}/run`, this.#nodes[1 - at] as string);
      await sleep(20);
    }
  }

  /** `run`: /run/lab of the node that asks. */
  async #serve(run: string, plug: string): Promise<void> {
    write(`${run}/power-${plug}`, this.#manner === "dark" ? "unknown" : this.#lab.isOn(plug) ? "on" : "off");
    const wanted = `${run}/power-${plug}.wanted`;
    if (!existsSync(wanted) || this.#manner === "hangs") return;
    this.asked += 1;
    if (this.#manner === "works" && this.#lab.isOn(plug)) await this.#lab.powerOff(plug);
    if (this.#manner === "works") write(`${run}/power-${plug}`, "off");
    write(`${run}/power-${plug}.done`, this.#manner === "refuses" || this.#manner === "dark" ? "failed" : "done");
    rmSync(wanted);
  }
}

/** A reader sees the old or the new. */
function write(path: string, text: string): void {
  writeFileSync(`${path}.new`, `${text}\n`);
  renameSync(`${path}.new`, path);
}

// A group of processes that can be stopped and killed as a whole, children included: one a node, one for the lab's own.
//
// Uses cgroup v2, which can freeze without any controller, or the v1 freezer where only that is mounted. Every process of
// a lab is put into its group before it does anything, so `down` finds them all, also after a crash of the lab itself.

import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export class Cgroup {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The group of that name under the machine's root group; made by create(). */
  static named(name: string): Cgroup {
    return new Cgroup(`${mountPoint()}/${name}`);
  }

  child(name: string): Cgroup {
    return new Cgroup(`${this.path}/${name}`);
  }

  create(): void {
    mkdirSync(this.path, { recursive: true });
  }

  /** A process that writes its number here joins. */
  get joinFile(): string {
    return `${this.path}/cgroup.procs`;
  }

  /** Stops every process where it is; returns when all stand still. Throws after 2 s. */
  async freeze(): Promise<void> {
    await this.#become(true);
  }

  async thaw(): Promise<void> {
    await this.#become(false);
  }

  /** Kills everything in the group and below it, and removes it. Does nothing if it is not there. Throws after 5 s. */
  async remove(): Promise<void> {
    if (!existsSync(this.path)) return;
    const deadline = performance.now() + 5000;
    for (;;) {
      const pids = this.#pids();
      for (const pid of pids) kill(pid);
      // A process in the v1 freezer dies only once it is thawed.
      if (pids.length > 0 && !this.#isV2()) for (const group of this.#groups()) group.#write(false);
      if (pids.length === 0 && this.#rmdir()) return;
      if (performance.now() > deadline) throw new Error(`${this.path}: processes ${pids.join(" ")} do not die`);
      await sleep(5);
    }
  }

  async #become(frozen: boolean): Promise<void> {
    this.#write(frozen);
    const deadline = performance.now() + 2000;
    while (this.#isFrozen() !== frozen) {
      if (performance.now() > deadline) throw new Error(`${this.path}: not ${frozen ? "frozen" : "thawed"} after 2 s`);
      await sleep(2);
    }
  }

  #isV2(): boolean {
    return existsSync(`${this.path}/cgroup.freeze`);
  }

  #write(frozen: boolean): void {
    if (this.#isV2()) writeFileSync(`${this.path}/cgroup.freeze`, frozen ? "1" : "0");
    else writeFileSync(`${this.path}/freezer.state`, frozen ? "FROZEN" : "THAWED");
  }

  #isFrozen(): boolean {
    if (this.#isV2()) return /^frozen 1$/m.test(readFileSync(`${this.path}/cgroup.events`, "utf8"));
    return readFileSync(`${this.path}/freezer.state`, "utf8").trim() === "FROZEN";
  }

  /** Children first, as rmdir wants them. */
  #groups(): Cgroup[] {
    if (!existsSync(this.path)) return [];
    const children = readdirSync(this.path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...children.flatMap((entry) => this.child(entry.name).#groups()), this];
  }

  #pids(): number[] {
    return this.#groups().flatMap((group) => readFileSync(group.joinFile, "utf8").split("\n").filter((line) => line !== "").map(Number));
  }

  #rmdir(): boolean {
    try {
      for (const group of this.#groups()) rmdirSync(group.path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EBUSY") return false;
      throw error;
    }
  }
}

function kill(pid: number): void {
  try {
    // 0: a process that this pid namespace cannot see; it dies with its own first process.
    if (pid > 1) process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function mountPoint(): string {
  const mounts = readFileSync("/proc/mounts", "utf8").split("\n").map((line) => line.split(" "));
  const found = mounts.find(([, , type]) => type === "cgroup2")
    ?? mounts.find(([, , type, options]) => type === "cgroup" && (options ?? "").split(",").includes("freezer"));
  if (found?.[1] === undefined) throw new Error("no cgroup with a freezer is mounted: neither cgroup2 nor the v1 freezer");
  return found[1];
}

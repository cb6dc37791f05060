// What the auditor knows, none of it from clusterd: the services' ledgers, the mirror's reports as files on the disks, what
// the client was given, whose port spoke for which identity, and which addresses and MACs the kernels hold.

import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { BACKUPS, STATE } from "../../../clusterd/base/paths.ts";
import type { RunReport } from "../../../mirror/report.ts";
import type { Lab } from "../lab.ts";
import { isAlive } from "../processes.ts";
import type { Process } from "../processes.ts";
import { DiskReader, joinLedgers, readLedger } from "./versions.ts";
import type { Claim, Disk, Ledger } from "./versions.ts";

/** By job: its tree. By identity: the job is at home there. */
export const TREES = { www: "/srv/www/", files: "/srv/files/" } as const;
const LOOK_EVERY = 40;

export class Witnesses {
  readonly #lab: Lab;
  readonly #names: readonly string[];
  readonly #disks: readonly [DiskReader, DiskReader];
  readonly #reports = new Map<string, number>();
  readonly #runs = new Map<string, { readonly node: 0 | 1; readonly job: string; readonly report: RunReport }>();
  readonly #timer: NodeJS.Timeout;
  #customer: Process | null = null;
  #read = 0;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#names = lab.nodes().map(({ name }) => name);
    this.#disks = [new DiskReader(lab.disk(this.#names[0]!)), new DiskReader(lab.disk(this.#names[1]!))];
    this.#timer = setInterval(() => this.lookAtReports(), LOOK_EVERY);
  }

  leave(): void {
    clearInterval(this.#timer);
  }

  startCustomer(): void {
    const addresses = this.#lab.nodes().map(({ addresses: [main] }) => main);
    this.#customer = this.#lab.startOnClient("client", `${this.#lab.folder}/hosts.log`, ["perl", new URL("customer.pl", import.meta.url).pathname, this.#customerLog, ...addresses]);
  }

  /** From now on few changes, so that what must be mirrored comes to an end. */
  calmCustomer(): void {
    if (this.#customer !== null && isAlive(this.#customer)) process.kill(this.#customer.pid, "SIGUSR1");
  }

  /** Returns when no service has written anything for a while. */
  async stopCustomer(): Promise<void> {
    if (this.#customer !== null && isAlive(this.#customer)) process.kill(this.#customer.pid, "SIGTERM");
    for (let before = -1, now = this.#written(); now !== before; now = this.#written()) {
      before = now;
      await sleep(60);
    }
  }

  ledgers(): readonly [Ledger, Ledger] {
    const of = (node: 0 | 1): Ledger => joinLedgers(this.#names.map((identity) => {
      const file = this.#ledgerFile(node, identity);
      return readLedger(existsSync(file) ? readFileSync(file, "utf8") : "", node);
    }));
    return [of(0), of(1)];
  }

  disks(): readonly [Disk, Disk] {
    const read = (reader: DiskReader): Disk => reader.read(Object.values(TREES), BACKUPS);
    return [read(this.#disks[0]), read(this.#disks[1])];
  }

  /** A report is renamed into place and replaced by the next: seen as long as none lasts less than one look. */
  lookAtReports(): void {
    for (const node of [0, 1] as const) for (const job of Object.keys(TREES)) {
      const file = `${this.#lab.disk(this.#names[node]!)}${STATE}/mirror/${job}.json`;
      const { mtimeMs, ino } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: 0, ino: 0 };
      if (mtimeMs === 0 || this.#reports.get(file) === mtimeMs + ino) continue;
      this.#reports.set(file, mtimeMs + ino);
      try {
        const { lastRun } = JSON.parse(readFileSync(file, "utf8")) as { readonly lastRun: RunReport | null };
        if (lastRun !== null) this.#runs.set(lastRun.run, { node, job, report: lastRun });
      } catch { /* replaced between two looks: the next one finds it */ }
    }
  }

  /** Runs that were reported since the last call, and those of them that claim to be good. */
  takeRuns(): { readonly runs: number; readonly claims: readonly Claim[] } {
    this.lookAtReports();
    const runs = [...this.#runs.values()];
    this.#runs.clear();
    const good = runs.filter(({ report }) => report.result === "good");
    return { runs: runs.length, claims: good.map(({ node, job, report: { run, started, ended } }) => ({ job, run, owner: node, started, ended })) };
  }

  /** What readers were given since the last call: path and checksum. And how many changes were acknowledged in all. */
  takeReads(): readonly { readonly path: string; readonly sha: string; readonly node: string }[] {
    const text = existsSync(this.#customerLog) ? readFileSync(this.#customerLog, "utf8") : "";
    const whole = text.slice(this.#read, text.lastIndexOf("\n") + 1);
    this.#read += whole.length;
    return whole.split("\n").flatMap((line) => {
      const [kind, , , node, path, sha] = line.split(" ");
      return kind === "R" && sha !== undefined ? [{ path: path!, sha, node: node! }] : [];
    });
  }

  /** What is wrong with the addresses and MACs in the nodes' kernels, when everything should be at home. */
  async misplaced(): Promise<readonly string[]> {
    const nodes = this.#lab.nodes();
    return (await Promise.all(nodes.map(async ({ name }) => {
      const links = JSON.parse(await this.#lab.exec(name, ["ip", "-j", "address"])) as readonly { ifname: string; address: string; flags: readonly string[]; addr_info: readonly { local: string }[] }[];
      return nodes.flatMap((identity) => {
        const mine = identity.name === name;
        const held = identity.addresses.filter((address) => links.some(({ addr_info }) => addr_info.some(({ local }) => local === address)));
        const speaks = links.some(({ address, flags }) => address === identity.mac && flags.includes("UP"));
        const right = mine ? held.length === identity.addresses.length && speaks : held.length === 0 && !speaks;
        return right ? [] : [`${name} ${mine ? "should hold" : "should not hold"} identity ${identity.name}: addresses ${held.join(" ") || "none"}, its MAC ${speaks ? "speaks" : "is silent"}`];
      });
    }))).flat();
  }

  /** Puts what the auditor knew into a folder: ledgers, the customer's log, the mirror's state, and the names of all that was kept. */
  keep(folder: string): void {
    if (existsSync(this.#customerLog)) cpSync(this.#customerLog, `${folder}/customer.log`);
    for (const name of this.#names) {
      cpSync(`${this.#lab.folder}/${name}/run`, `${folder}/${name}/run`, { recursive: true });
      cpSync(`${this.#lab.disk(name)}${STATE}`, `${folder}/${name}/state`, { recursive: true, filter: (path) => !path.endsWith("/keys") });
      const below = (path: string): string[] => existsSync(path) ? readdirSync(path, { recursive: true, encoding: "utf8" }) : [];
      writeFileSync(`${folder}/${name}/kept.txt`, below(`${this.#lab.disk(name)}${BACKUPS}`).sort().join("\n"));
    }
  }

  get #customerLog(): string {
    return `${this.#lab.folder}/customer.log`;
  }

  #ledgerFile(node: 0 | 1, identity: string): string {
    return `${this.#lab.folder}/${this.#names[node]}/run/ledger-${identity}.log`;
  }

  #written(): number {
    const files = ([0, 1] as const).flatMap((node) => this.#names.map((identity) => this.#ledgerFile(node, identity)));
    return files.reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
  }
}

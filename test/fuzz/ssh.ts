// The receiving side under attack through a real sshd: every entry of attacks.ts, and pushes in the wrong direction with
// a real rsync. What counts: it is refused, and nothing runs for it but the forced command itself.
//
// Proof of the second: the kernel tells of every program executed in sshd's mount namespace (executed.pl). The programs
// of one ordinary refusal are the measure, and a true push at the end shows that rsync would have been seen.

import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Index, JournalRecord, Role } from "../../clusterd/core/model.ts";
import { ROLES } from "../../clusterd/core/model.ts";
import { Journal } from "../../clusterd/journal.ts";
import { RECEIVE_EXIT } from "../../mirror/exit-codes.ts";
import { mayAccept } from "../../mirror/request.ts";
import { senderOptions } from "../../mirror/rsync-args.ts";
import { entryKey } from "../../mirror/settings.ts";
import { Pair } from "../mirror/pair.ts";
import { random } from "../sim/random.ts";
import { attacks, type Attack } from "./attacks.ts";

const EPOCH = 12;
const PATIENCE = 30_000;
const REFUSED: readonly number[] = [RECEIVE_EXIT.forbidden, RECEIVE_EXIT.notOwner, RECEIVE_EXIT.retry, RECEIVE_EXIT.tree];

interface Ended { readonly code: number | "hung"; readonly out: string; readonly err: string }
const run = (words: readonly string[], cwd = "/"): Promise<Ended> => new Promise((resolve) => {
  const [program = "", ...rest] = words;
  const child = execFile(program, rest, { cwd, timeout: PATIENCE, killSignal: "SIGKILL", encoding: "latin1", maxBuffer: 1 << 24 }, (error, out, err) =>
    resolve({ code: error === null ? 0 : error.killed ? "hung" : typeof error.code === "number" ? error.code : -1, out, err }));
  child.stdin?.end();
});

/** A pair whose first run has gone well, and the ways into it. */
class Victim {
  readonly pair: Pair;
  readonly #executed: string[] = [];
  #audit: ChildProcess | null = null;

  private constructor(pair: Pair) {
    this.pair = pair;
  }

  static async make(): Promise<Victim> {
    const pair = await Pair.make((data) => `[mirror]\npath = ${data}/www/\n`);
    const victim = new Victim(pair);
    try {
      mkdirSync(join(pair.data, "www"));
      for (let file = 0; file < 20; file += 1) writeFileSync(join(pair.data, `www/page-${file}`), `${file}\n`);
      const { code, stderr } = await pair.mirror("run", "www");
      assert.equal(code, 0, stderr);
      await victim.#watch();
    } catch (error) {
      await victim.close();
      throw error;
    }
    return victim;
  }

  async #watch(): Promise<void> {
    const audit = spawn("nsenter", ["--mount", "--target", String(this.pair.sshdPid), "perl", join(import.meta.dirname, "executed.pl")], { stdio: ["ignore", "pipe", "inherit"] });
    this.#audit = audit;
    let rest = "";
    await new Promise<void>((resolve, reject) => {
      audit.on("exit", (code) => reject(new Error(`nothing tells what is executed (exit ${code})`)));
      audit.stdout.on("data", (text) => {
        const lines = (rest + String(text)).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line === "ready") resolve(); else this.#executed.push(line);
      });
    });
  }

  /** What has been executed for sshd's visitors since the last question. */
  async executed(): Promise<readonly string[]> {
    await new Promise((resolve) => setTimeout(resolve, 300));
    return this.#executed.splice(0);
  }

  get entry(): string { return entryKey({ kind: "tree", path: `${this.pair.data}/www/` }); }

  ssh(options: readonly string[], kept: boolean): readonly string[] {
    const state = join(this.pair.one.root, "state/keys");
    const control = kept ? ["-o", `ControlPath=${this.pair.home}/c`, "-o", "ControlMaster=auto", "-o", "ControlPersist=60"] : ["-o", "ControlPath=none"];
    return ["-F", "none", ...options, "-p", "2222", "-i", `${state}/mirror_ed25519`, "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=10", "-o", `UserKnownHostsFile=${state}/known_hosts`, "-o", "HostKeyAlias=serv2", "-o", "User=root", ...control];
  }

  attempt({ line, ssh }: Pick<Attack, "line" | "ssh">): Promise<Ended> {
    return run(["nsenter", ...this.pair.inside, "ssh", ...(ssh === undefined ? ["-T"] : []), ...this.ssh(ssh ?? [], ssh === undefined), "10.77.0.2", ...(line === undefined ? [] : ["--", line])]);
  }

  /** A true rsync of this tree's files, through a request of the thief's choice. */
  push(request: string): Promise<Ended> {
    const options = senderOptions({ kind: "tree", special: "keep", dryRun: false, fsync: false, backupDir: "/x", maxDelete: 1000 }, []);
    return run(["nsenter", ...this.pair.inside, "rsync", ...options, "-e", ["ssh", "-T", ...this.ssh([], true)].join(" "), `--rsync-path=${request}`, "./", "10.77.0.2:entry"], join(this.pair.data, "www"));
  }

  async journal(record: JournalRecord): Promise<void> {
    const journal = await Journal.open(join(this.pair.two.root, "state/journal"));
    await journal.write(record);
    await journal.close();
  }

  /** Everything that a run could have changed on serv2. */
  fingerprint(): string {
    const hash = createHash("sha256");
    for (const root of [join(this.pair.dataTwo, "www"), join(this.pair.two.root, "backups")])
      for (const name of readdirSync(root, { recursive: true, encoding: "utf8" }).sort()) hash.update(`${name}\0`);
    for (let file = 0; file < 20; file += 1) { const path = join(this.pair.dataTwo, `www/page-${file}`); hash.update(existsSync(path) ? readFileSync(path) : "gone"); }
    return hash.digest("hex");
  }

  async close(): Promise<void> {
    this.#audit?.removeAllListeners("exit");
    this.#audit?.kill("SIGKILL");
    await this.pair.close();
  }
}

export interface Attacked {
  readonly attempts: number;
  readonly refused: number;
  /** Not refused, with what they got. */
  readonly got: readonly string[];
  /** Programs executed for visitors, and those among them that an ordinary refusal does not need. */
  readonly executed: number;
  readonly started: readonly string[];
}

const wasRefused = ({ bySshd }: Attack, { code, out }: Ended): boolean => {
  if (out !== "" || code === "hung" || code === 0) return false;
  return bySshd === true ? code === 255 || code === 1 : REFUSED.includes(code) || code === 255;
};

/** Makes the attacks, or `most` of them from all over the table, two at a time. */
export async function attackAll({ most = Infinity, onProgress = () => undefined }: { readonly most?: number; onProgress?(text: string): void } = {}): Promise<Attacked> {
  const victim = await Victim.make();
  try {
    const canary = join(victim.pair.home, "canary");
    const all = attacks({ job: "www", entry: victim.entry, epoch: EPOCH, canary });
    const share = Math.ceil(all.length / Math.min(most, all.length));
    const table = all.filter((_, index) => index % share === 0);
    await victim.attempt({ line: "id" });
    await victim.attempt({ line: "id", ssh: [] });
    const ordinary = new Set(await victim.executed());
    assert.ok([...ordinary].some((path) => path.endsWith("/node")), "the forced command itself was not seen");
    const before = victim.fingerprint();
    const got: string[] = [];
    const left = [...table];
    const attacker = async (): Promise<void> => {
      for (let attack = left.shift(); attack !== undefined; attack = left.shift()) {
        const ended = await victim.attempt(attack);
        if (!wasRefused(attack, ended) || existsSync(canary)) got.push(`${attack.group}: ${JSON.stringify([attack.ssh, attack.line?.slice(0, 200)])} got ${ended.code} ${JSON.stringify(ended.out.slice(0, 200))} ${ended.err.slice(-200)}`);
        onProgress(`${table.length - left.length} of ${table.length}`);
      }
    };
    await Promise.all([attacker(), attacker()]);
    const executed = await victim.executed();
    if (victim.fingerprint() !== before) got.push("files on the victim have changed");
    // The audit must be able to see what it says that it has not seen.
    const { code } = await victim.push(`clusterd-mirror v1 push www ${EPOCH} 2026-11-21T04-05-12Z.0a1b2c ${victim.entry} normal`);
    assert.ok((await victim.executed()).includes("/usr/bin/rsync"), `a true push (exit ${code}) was not seen to start rsync`);
    return { attempts: table.length, refused: table.length - got.length, got, executed: executed.length, started: executed.filter((path) => !ordinary.has(path)) };
  } finally {
    await victim.close();
  }
}

// ---- the wrong direction ---------------------------------------------------------------------------------------

const OWN: readonly Role[] = ["claiming", "acquiring", "raising", "owner", "freezing"];
const other = (index: Index): Index => (index === 0 ? 1 : 0);

/** A state of the receiving node `self`, and an epoch that is pushed to it, which it must refuse. */
export interface WrongDirection { readonly record: JournalRecord; readonly role: Role | null; readonly self: Index; readonly home: Index; readonly epoch: number; readonly why: string }

export function wrongDirection(draw: ReturnType<typeof random>): WrongDirection {
  const self = draw.pick([0, 1] as const);
  const home = draw.pick([0, 1] as const);
  const right = 1 + draw.int(draw.pick([4, 1000, 2 ** 40]));
  const make = (owner: Index | null, epoch: number, at: number, role: Role | null, why: string): WrongDirection => {
    const identity = (mine: boolean) => ({ epoch: mine ? at : draw.int(50), owner: mine ? owner : draw.pick([0, 1, null] as const), offered: draw.chance(0.2) ? epoch : 0, stale: draw.chance(0.5), standing: draw.chance(0.2), promised: draw.chance(0.2), locked: draw.chance(0.2), lineage: [{ epoch, owner: other(self) }] });
    return { record: { format: 1, cluster: "pair", node: self, identities: [identity(home === 0), identity(home === 1)] }, role, self, home, epoch, why };
  };
  const idle = draw.pick<Role | null>([null, "standby", "waiting", "releasing", "offering", "failed"]);
  switch (draw.int(5)) {
    case 0: return make(other(self), Math.max(1, right - 1 - draw.int(right)), right + 1, idle, "an epoch that is over");
    case 1: return make(other(self), right + 1 + draw.int(1000), right, idle, "an epoch that was never heard of");
    case 2: return make(self, right, right, draw.pick<Role | null>([null, ...ROLES]), "the receiver owns it");
    case 3: return make(null, right, right, idle, "nobody owns it");
    default: return make(other(self), right, right, draw.pick(OWN), "the receiver is taking or holding it now");
  }
}

/** Random wrong directions, put to the gate itself. */
export function pushAtTheGate(attempts: number, seed: number): { readonly attempts: number; readonly accepted: number; readonly reasons: ReadonlyMap<string, number> } {
  const draw = random(seed);
  const reasons = new Map<string, number>();
  let accepted = 0;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const { record, role, self, home, epoch, why } = wrongDirection(draw);
    if (mayAccept({ journal: { ok: true, record }, role, self, home, epoch }).go) accepted += 1;
    reasons.set(why, (reasons.get(why) ?? 0) + 1);
  }
  return { attempts, accepted, reasons };
}

export interface Pushed { readonly attempts: number; readonly refused: number; readonly got: readonly string[]; readonly started: readonly string[] }

/** The same through sshd, with a true rsync behind each. */
export async function pushWrong({ attempts, seed, onProgress = () => undefined }: { readonly attempts: number; readonly seed: number; onProgress?(text: string): void }): Promise<Pushed> {
  const victim = await Victim.make();
  try {
    const draw = random(seed);
    // The sender's tree has changed since: a push that came through would show.
    for (let file = 0; file < 20; file += 1) writeFileSync(join(victim.pair.data, `www/page-${file}`), `stale ${file}\n`);
    await victim.attempt({ line: "id" });
    await victim.attempt({ line: "id", ssh: [] });
    const ordinary = new Set(await victim.executed());
    const before = victim.fingerprint();
    const got: string[] = [];
    for (let attempt = 0; attempt < attempts;) {
      const { record, role, self, home, epoch, why } = wrongDirection(draw);
      if (self !== 1 || home !== 0) continue; // serv2 receives what is at home on serv1
      attempt += 1;
      await victim.journal(record);
      victim.pair.two.role = [role ?? "standby", "owner"];
      const { code, err } = await victim.push(`clusterd-mirror v1 push www ${epoch} 2026-11-21T04-05-12Z.0a1b2c ${victim.entry} ${draw.pick(["normal", "final", "recovery"])}`);
      if (code === 0 || !err.includes("clusterd-mirror: refused: www")) got.push(`${why} (epoch ${epoch}, ${JSON.stringify(record.identities[0])}): ${code} ${err.slice(-300)}`);
      onProgress(`${attempt} of ${attempts}`);
    }
    const started = (await victim.executed()).filter((path) => !ordinary.has(path));
    if (victim.fingerprint() !== before) got.push("files on the receiver have changed");
    await victim.journal({ format: 1, cluster: "pair", node: 1, identities: [{ epoch: EPOCH, owner: 0, offered: 0, stale: false, standing: false, promised: false, locked: false, lineage: [] }, { epoch: 13, owner: 1, offered: 0, stale: false, standing: false, promised: false, locked: false, lineage: [] }] });
    victim.pair.two.reset();
    const right = await victim.push(`clusterd-mirror v1 push www ${EPOCH} 2026-11-21T04-05-12Z.0a1b2c ${victim.entry} normal`);
    assert.equal(right.code, 0, `the right direction does not work either: ${right.err}`);
    assert.notEqual(victim.fingerprint(), before, "the right push changed nothing: neither would the wrong ones have");
    return { attempts, refused: attempts - got.length, got, started };
  } finally {
    await victim.close();
  }
}

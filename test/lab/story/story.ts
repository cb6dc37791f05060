// The main job from beginning to end, and what was measured on the way. Nothing here asks clusterd how well it did: the
// client, the sniffer and checksums say so. clusterd is only asked whether it is time for the next act.

import { execa } from "execa";
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import type { Lab } from "../lab.ts";
import { Asker, judgeOutage } from "../outage.ts";
import type { Outage } from "../outage.ts";
import { lastClaim, owners, sniffed } from "../owners.ts";
import { childrenOf, isAlive, now, startInGroup, until } from "../processes.ts";
import type { Process } from "../processes.ts";
import type { Figures, Profile } from "./figures.ts";
import { identitiesOf, isHome, isResynchronised } from "./state.ts";
import { checksums, find, lasting, same, written } from "./versions.ts";
import type { Version } from "./versions.ts";

const WWW = "/srv/www";
const NOTES = `${WWW}/notes`;
/** Real trees of several thousand files, as different machines have them; the first that is there is taken. */
const TREES = ["/usr/share/doc", "/usr/include", "/usr/lib/python3", new URL("../../../node_modules", import.meta.url).pathname];
const ENOUGH = 2500;
const PAGE_PATIENCE = 400;

export type Tell = (line: string) => void;

/** Tells the story and returns its figures. Throws where it cannot go on. */
export async function tellStory(lab: Lab, profile: Profile, tell: Tell): Promise<Figures> {
  await bringUp(lab, profile, tell);
  const filesMirrored = await mirrorTree(lab, tell);
  const audience = await Audience.gather(lab);
  const user = new User(lab);

  tell("A client fetches pages and asks every 2 ms; a user on serv1 closes ten files a second.");
  await user.write("serv1");
  await sleep(3000);
  await mirrorAll(lab);
  await sleep(1500);

  const cut = await cutPower(lab, audience, tell);
  const onlyOnServ1 = await unmirrored(lab, user.versions);
  tell(`serv1 alone had ${onlyOnServ1.length} of the ${user.versions.length} versions written so far.`);
  await user.write("serv2");
  await sleep(2000);

  await comeBack(lab, tell);
  await user.rest();
  const failbackGap = await failBack(lab, audience, tell);
  await user.write("serv1", "serv1-again");
  await sleep(1000);
  await user.rest();
  await mirrorAll(lab);

  const proof = await prove(lab, user.versions, onlyOnServ1, tell);
  const { overlap_ms } = await owners(lab);
  audience.leave();
  return { ...cut, two_owners_ms: overlap_ms, files_mirrored: filesMirrored, ...proof, failback_gap_ms: failbackGap };
}

// ---- the acts --------------------------------------------------------------------------------------------------------

async function bringUp(lab: Lab, profile: Profile, tell: Tell): Promise<void> {
  const began = performance.now();
  await lab.up({ profile });
  await until("both identities to be up at home, with their services", 30_000, async () => isHome(await identitiesOf(lab)));
  tell(`serv1 and serv2 are up on the sample configuration, each with its identity, after ${seconds(performance.now() - began)}.`);
}

async function mirrorTree(lab: Lab, tell: Tell): Promise<number> {
  const tree = await realTree();
  const target = `${WWW}/tree`;
  await lab.exec("serv1", ["mkdir", "-p", target]);
  const packed = execa("tar", ["-C", tree, "-cf", "-", "."], { stdin: "ignore", buffer: false });
  await packed.pipe(...lab.onNode("serv1", ["tar", "-C", target, "-xf", "-"]));
  const began = performance.now();
  await mirrorAll(lab);
  const took = performance.now() - began;
  const [here, there] = [await checksums(lab, "serv1", target), await checksums(lab, "serv2", target)];
  const files = same(here, there);
  tell(`${tree}: ${files} of ${here.size} files mirrored to serv2 in ${seconds(took)}, identical by checksum.`);
  if (files < here.size) throw new Error(`${here.size - files} files of ${target} are not identical on serv2`);
  return files;
}

type Cut = Pick<Figures, "outage_ms" | "outage_frozen_arp_ms" | "http_outage_ms" | "after_claim_ms">;

async function cutPower(lab: Lab, audience: Audience, tell: Tell): Promise<Cut> {
  // Live mirroring would leave nothing behind: it hangs for the last second, so that there is something to keep.
  await lab.exec("serv1", ["pkill", "-STOP", "-f", "mirror/cli.ts daemon"]);
  await sleep(1000);
  const { from_ms } = await lab.powerOff("serv1");
  tell("serv1's power is cut.");
  await until("the pages of serv1 to come from serv2", 30_000, () => audience.isServed(from_ms));
  const { ordinary, frozen, pages } = audience.since(from_ms);
  const answered = Math.max(...ordinary.gaps.map((gap) => gap.at_ms + gap.ms));
  const claim = lastClaim(await sniffed(lab.snifferLog, from_ms), answered);
  if (claim === null) throw new Error("serv2 answered for serv1 without having claimed it aloud");
  tell(`serv2 has taken over: answers after ${ordinary.longest_ms.toFixed(0)} ms, pages after ${pages.longest_ms.toFixed(0)} ms.`);
  return { outage_ms: ordinary.longest_ms, outage_frozen_arp_ms: frozen.longest_ms, http_outage_ms: pages.longest_ms, after_claim_ms: Math.round((answered - claim.at) * 1000) / 1000 };
}

async function unmirrored(lab: Lab, versions: readonly Version[]): Promise<readonly Version[]> {
  const there = new Set((await checksums(lab, "serv2", NOTES)).values());
  return lasting(versions).filter(({ sha }) => !there.has(sha));
}

async function comeBack(lab: Lab, tell: Tell): Promise<void> {
  await lab.powerOn("serv1");
  const began = performance.now();
  await until("serv1 to be resynchronised", 60_000, async () => {
    return isResynchronised(await identitiesOf(lab));
  });
  tell(`serv1 is back, has raised nothing, and is resynchronised ${seconds(performance.now() - began)} after its boot.`);
}

async function failBack(lab: Lab, audience: Audience, tell: Tell): Promise<number> {
  const since = now();
  await lab.exec("serv1", ["clusterd", "failback"], { timeout: 60_000 });
  await until("both identities to be at home again", 30_000, async () => isHome(await identitiesOf(lab)));
  await until("the pages to come from serv1 again", 30_000, () => audience.isServed(since));
  await sleep(500);
  const { ordinary, pages } = audience.since(since);
  tell(`Failback: serv1 answers for itself again; the client missed answers for ${ordinary.longest_ms.toFixed(1)} ms, pages for ${pages.longest_ms.toFixed(0)} ms.`);
  return ordinary.longest_ms;
}

async function prove(lab: Lab, versions: readonly Version[], onlyOnServ1: readonly Version[], tell: Tell): Promise<Pick<Figures, "versions_lost" | "conflicts_kept">> {
  const found = await Promise.all(["serv1", "serv2"].map((node) => find(lab, node, NOTES)));
  const anywhere = new Set(found.flatMap(({ live, kept }) => [...live.values(), ...kept.values()]));
  const kept = new Set(found.flatMap((each) => [...each.kept.values()]));
  const mustExist = [...lasting(versions), ...onlyOnServ1];
  const lost = mustExist.filter(({ sha }) => !anywhere.has(sha));
  const conflicts = onlyOnServ1.filter(({ sha }) => kept.has(sha));
  const [live1, live2] = found.map(({ live }) => live) as [ReadonlyMap<string, string>, ReadonlyMap<string, string>];
  const differing = live1.size + live2.size - 2 * same(live1, live2);
  if (differing > 0) throw new Error(`${differing} files of ${NOTES} differ between serv1 and serv2 after the last run`);
  tell(`${versions.length} versions were closed, ${lost.length} are nowhere; of the ${onlyOnServ1.length} that only serv1 had, ${conflicts.length} are among the kept ones.`);
  for (const { path } of lost.slice(0, 5)) tell(`  lost: ${path}`);
  return { versions_lost: lost.length, conflicts_kept: conflicts.length };
}

// ---- who watches, and who writes -----------------------------------------------------------------------------------------

/** The clients: one asks every 2 ms, one does so with frozen ARP entries, one fetches pages. */
class Audience {
  readonly #ordinary: Asker;
  readonly #frozen: Asker;
  readonly #pagesLog: string;

  private constructor(lab: Lab) {
    this.#ordinary = new Asker(lab, "serv1", "client");
    this.#frozen = new Asker(lab, "serv1", "client-frozen");
    this.#pagesLog = `${lab.folder}/pages.log`;
  }

  static async gather(lab: Lab): Promise<Audience> {
    const audience = new Audience(lab);
    await audience.#ordinary.start(5000);
    await audience.#frozen.start(5000);
    const length = await lab.exec("serv1", ["stat", "-c", "%s", `${WWW}/index.html`]);
    const program = new URL("pages.pl", import.meta.url).pathname;
    lab.startOnClient("client", `${lab.folder}/hosts.log`, ["perl", program, audience.#pagesLog, lab.nodes()[0].addresses[0], "/index.html", length.trim()]);
    await until("the first page", 10_000, () => audience.isServed(0));
    return audience;
  }

  /** Both kinds of answers come again, after that moment. */
  isServed(since: number): boolean {
    const { ordinary, frozen, pages } = this.since(since);
    const lastPage = Number(/^B (\S+) \S+\n$/m.exec(this.#pages().match(/B [^\n]*\n$/)?.[0] ?? "")?.[1] ?? 0);
    return ordinary.answering && frozen.answering && pages.answering && lastPage > since && (since === 0 || ordinary.gaps.length > 0 || now() - since > 1500);
  }

  since(moment: number): { readonly ordinary: Outage; readonly frozen: Outage; readonly pages: Outage } {
    return { ordinary: this.#ordinary.report(moment), frozen: this.#frozen.report(moment), pages: judgeOutage(this.#pages(), moment, PAGE_PATIENCE) };
  }

  leave(): void {
    this.#ordinary.stop();
    this.#frozen.stop();
  }

  #pages(): string {
    return readFileSync(this.#pagesLog, { encoding: "utf8", flag: "a+" });
  }
}

/** Somebody who works on a node; what has been closed is known outside. */
class User {
  readonly #lab: Lab;
  readonly #logs: string[] = [];
  #working: Process | null = null;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  async write(node: string, as = node): Promise<void> {
    const log = `${this.#lab.folder}/written-${as}.log`;
    this.#logs.push(log);
    this.#working = startInGroup(this.#lab.group(node), log, this.#lab.onNode(node, ["perl", "/usr/lib/clusterd/test/lab/story/writer.pl", NOTES, as]).flat());
    await until(`the user on ${node} to begin`, 5000, () => written(log).length > 0);
  }

  async rest(): Promise<void> {
    if (this.#working === null) return;
    // nsenter waits for the program outside of the node and passes no signal on.
    for (const pid of childrenOf(this.#working.pid)) process.kill(pid, "SIGTERM");
    const working = this.#working;
    await until("the user to stop", 5000, () => !isAlive(working));
    this.#working = null;
  }

  get versions(): readonly Version[] {
    return this.#logs.flatMap(written);
  }
}

async function realTree(): Promise<string> {
  for (const tree of TREES) {
    const entries = await readdir(tree, { recursive: true }).catch(() => []);
    if (entries.length >= ENOUGH) return tree;
  }
  throw new Error(`no tree of ${ENOUGH} files on this machine: looked at ${TREES.join(", ")}`);
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const mirrorAll = (lab: Lab): Promise<string> => lab.exec("serv1", ["mirror", "run", "--all"], { timeout: 120_000 });

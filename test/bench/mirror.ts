// How good is the mirror? Lag of live changes and the cost of whole passes, side by side with plain rsync and lsyncd on the same tree in one run.
//
// Real sshd and rsync on one machine, in a network of their own; serv1's tree has a disk of its own. In order: ours live, lsyncd live, whole passes by turns.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Pair } from "../mirror/pair.ts";
import { fittingScale, headline } from "./mirroring/headline.ts";
import { counted, TreeJobs } from "./mirroring/jobs.ts";
import type { Taken, TreeJob } from "./mirroring/jobs.ts";
import { Killing } from "./mirroring/kills.ts";
import type { Kills } from "./mirroring/kills.ts";
import { makeTree, runLoads } from "./mirroring/loads.ts";
import type { Measured } from "./mirroring/loads.ts";
import { ownDisk } from "./mirroring/own-disk.ts";
import { Peers } from "./mirroring/peers.ts";
import { countProcessor } from "./mirroring/processor.ts";

export const PARTS = ["live", "passes", "headline"] as const;
export type Part = (typeof PARTS)[number];

export interface MirrorOptions {
  readonly files: number; readonly seconds: number; readonly minutes: number; readonly rounds: number; readonly watch: "auto" | "chokidar" | "fatrace"; readonly peers: boolean;
  readonly part: readonly Part[]; /** Of the two jobs of 1999, at most. */ readonly scale: number; /** Rounds of killing, in place of everything else. */ readonly kills: number;
}
export interface MirrorResult {
  readonly files: number; readonly by: string | null; readonly live_after_s: number; readonly load_average: number;
  readonly systems: Readonly<Record<string, Measured>>;
  readonly jobs: readonly TreeJob[];
  /** `own_mb`: what is no program text, which all Nodes of a machine share. */
  readonly processes: readonly { readonly name: string; readonly rss_mb: number; readonly own_mb: number; readonly idle_cpu_percent: number }[];
  /** All of them, the program text counted once. */
  readonly memory_mb: number;
  /** From when the watcher stands still until the job says that it is deaf, and from when it goes on until it is believed again. */
  readonly deaf: { readonly noticed_ms: number; readonly live_again_ms: number } | null;
  readonly kills: Kills | null;
  /** What was not measured, and why. */
  readonly skipped: readonly string[];
}

const IDLE_S = 30;
/** lsyncd collects for a second, twice. */
const LSYNCD_SETTLE = 4000;

const NO_TIME = "no time left";

export async function mirrorBench(options: MirrorOptions, tell: (line: string) => void): Promise<MirrorResult> {
  const { files, watch, part } = options;
  const deadline = performance.now() + options.minutes * 60_000;
  countProcessor();
  const pair = await Pair.make((data) => `[mirror]\npath[] = ${data}/www/\nmax_delete = 1000000\nmax_delete_percent = 100\nwatch = ${watch}\n`, { oneMount: true });
  let unmount = (): void => undefined;
  const peers = new Peers(pair);
  const skipped: string[] = [];
  const systems: Record<string, Measured> = {};
  const jobs: TreeJob[] = [];
  let ours: Ours | null = null;
  let kills: Kills | null = null;
  const late = (what: string): boolean => performance.now() > deadline && skipped.push(`${what}: ${NO_TIME}`) > 0;
  try {
    unmount = ownDisk(pair);
    if (options.kills > 0) kills = await new Killing(pair, tell).kills(options.kills, deadline);
    else {
      if (part.some((one) => one !== "headline")) { makeTree(`${pair.data}/www`, files); tell(`${files} files made`); }
      if (part.includes("live")) { ours = await ourLoads(pair, options, tell); systems["ours"] = ours.measured; }
      if (options.peers) await peers.start(); else skipped.push("lsyncd and plain rsync: not asked for");
      const tree = new TreeJobs(pair, peers);
      if (options.peers && part.includes("live") && !late("lsyncd")) {
        const lsyncd = await lsyncdLoads(pair, peers, options, tell);
        if (typeof lsyncd === "string") skipped.push(lsyncd); else systems["lsyncd, delay 1 s"] = lsyncd;
      }
      if (options.peers && part.includes("passes")) jobs.push(...await wholePasses(tree, ours?.vouched ?? [], options, late, tell));
      if (options.peers && part.includes("headline") && !late("the jobs of 1999")) jobs.push(...await headline(`${pair.data}/www`, tree, { scale: fittingScale(pair.home, options.scale), rounds: options.rounds }, tell));
    }
    return {
      files, by: ours?.by ?? null, live_after_s: ours?.liveAfter ?? 0, load_average: Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]),
      systems, jobs, processes: ours?.processes ?? [], memory_mb: together(ours?.processes ?? []), deaf: ours?.deaf ?? null, kills, skipped,
    };
  } finally {
    await peers.stop();
    unmount();
    await pair.close();
  }
}

interface Ours { readonly by: string | null; readonly liveAfter: number; readonly measured: Measured; readonly processes: MirrorResult["processes"]; readonly deaf: MirrorResult["deaf"]; readonly vouched: readonly Taken[] }

async function ourLoads(pair: Pair, options: MirrorOptions, tell: (line: string) => void): Promise<Ours> {
  await pair.mirror("daemon", "--warm-up"); // as `clusterd install` does
  const daemon = spawn("nsenter", [...pair.inside, new URL("../../mirror/bin/mirror", import.meta.url).pathname, "daemon"], { env: { ...process.env, ...pair.one.env }, stdio: "ignore" });
  try {
    const began = performance.now();
    const by = await live(pair);
    const liveAfter = (performance.now() - began) / 1000;
    tell(`live by ${by} after ${liveAfter.toFixed(1)} s, the first full run included`);
    const measured = await runLoads(`${pair.data}/www`, `${pair.dataTwo}/www`, { seconds: options.seconds, settle: 500 }, (line) => tell(`ours: ${line}`));
    const processes = await idle(pair);
    // Paired with plain rsync's passes later: while nobody watches, ours are full ones.
    const vouched: Taken[] = [];
    for (let round = 0; round < options.rounds + 2; round += 1) vouched.push(await counted(() => timed(() => pair.mirror("run", "www", "--quiet", "--json").then(({ stdout }) => { if (!stdout.includes("nothing to compare")) throw new Error(`a run was not passed over: ${stdout.slice(0, 300)}`); }))));
    return { by, liveAfter, measured, processes, deaf: by === "fatrace" ? await deaf(pair, daemon.pid ?? 0) : null, vouched };
  } finally {
    daemon.kill("SIGTERM");
    await once(daemon, "exit");
  }
}

/** The watcher's process stands still: nothing is heard any more, and nobody says so. */
async function deaf(pair: Pair, daemon: number): Promise<MirrorResult["deaf"]> {
  const children = execFileSync("pgrep", ["-P", String(daemon), "-x", "fatrace"], { encoding: "utf8" }).trim().split("\n").map(Number);
  const state = `${pair.one.root}/run/mirror/live/www.json`;
  const by = (): string | null => (JSON.parse(readFileSync(state, "utf8")) as { by: string | null }).by;
  const stopped = performance.now();
  for (const pid of children) process.kill(pid, "SIGSTOP");
  while (by() !== null && performance.now() - stopped < 10_000) await sleep(5);
  const noticed = performance.now();
  for (const pid of children) try { process.kill(pid, "SIGCONT"); } catch { /* it has been ended for being deaf */ }
  await live(pair);
  return { noticed_ms: Math.round(noticed - stopped), live_again_ms: Math.round(performance.now() - noticed) };
}

async function lsyncdLoads(pair: Pair, peers: Peers, { seconds }: MirrorOptions, tell: (line: string) => void): Promise<Measured | string> {
  const [here, there] = [`${pair.data}/www`, peers.target("lsyncd")];
  const lsyncd = await peers.lsyncd(here, there);
  if (typeof lsyncd === "string") return lsyncd;
  try {
    return await runLoads(here, there, { seconds, settle: LSYNCD_SETTLE }, (line) => tell(`lsyncd: ${line}`));
  } finally {
    await lsyncd.stop();
  }
}

async function wholePasses(tree: TreeJobs, vouched: readonly Taken[], { rounds }: MirrorOptions, late: (what: string) => boolean, tell: (line: string) => void): Promise<readonly TreeJob[]> {
  const done: TreeJob[] = [];
  const fromEarlier = [...vouched];
  for (const [name, times, prepare, ours] of [
    // An even number: who copies first after both copies are gone needs up to twice as long.
    ["first copy", rounds + rounds % 2, () => tree.forget(), undefined], ["nothing changed", rounds + 2, () => undefined, undefined],
    ["nothing changed, the watcher vouches", vouched.length, () => undefined, () => Promise.resolve(fromEarlier.pop() as Taken)], ["1 % changed", rounds, () => tree.changeSome(), undefined],
  ] as const) {
    if (times === 0 || late(name)) continue;
    done.push(await tree.take(name, times, prepare, ours));
    tell(JSON.stringify(done.at(-1)));
  }
  return done;
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await act();
  return performance.now() - began;
}

async function live(pair: Pair): Promise<string | null> {
  for (const deadline = performance.now() + 600_000; performance.now() < deadline; await sleep(200)) {
    const { jobs } = JSON.parse((await pair.mirror("status", "--json")).stdout) as { jobs: readonly { live: { by: string | null; unlistedSince: number | null } | null }[] };
    const state = jobs[0]?.live;
    if (state != null && state.by !== null && state.unlistedSince === null) return state.by;
  }
  throw new Error("it has not become live within ten minutes");
}

/** The mirror's own processes on both nodes, over ten quiet seconds. */
async function idle(pair: Pair): Promise<MirrorResult["processes"]> {
  const found = execFileSync("ps", ["-eo", "pid=,comm=,args="], { encoding: "utf8" }).split("\n").flatMap((line) => {
    const [, pid, comm] = /^\s*(\d+) (\S+)/.exec(line) ?? [];
    return pid !== undefined && comm !== undefined && /^(node|MainThread|fatrace|ssh)/.test(comm) && owns(pid, pair.home) ? [{ pid, name: line.includes("receive") ? "mirror receive" : line.includes("daemon") ? "mirror daemon" : comm }] : [];
  });
  const ticks = (pid: string): number => { const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? []; return Number(fields[11]) + Number(fields[12]); };
  const before = found.map(({ pid }) => ticks(pid));
  await sleep(IDLE_S * 1000);
  return found.map(({ pid, name }, index) => {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const mb = (field: string): number => Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024);
    return { name, rss_mb: mb("VmRSS"), own_mb: mb("RssAnon"), idle_cpu_percent: (ticks(pid) - (before[index] ?? 0)) / IDLE_S };
  });
}

const together = (processes: MirrorResult["processes"]): number =>
  processes.reduce((sum, { own_mb }) => sum + own_mb, 0) + Math.max(0, ...processes.map(({ rss_mb, own_mb }) => rss_mb - own_mb));

const owns = (pid: string, home: string): boolean => { try { return readFileSync(`/proc/${pid}/environ`, "utf8").includes(`CLUSTERD_RUN=${home}/`); } catch { return false; } };

export const mirrorWrong = ({ systems, jobs, kills }: MirrorResult): readonly string[] => [...systems["ours"]?.wrong ?? [], ...jobs.flatMap(({ wrong }) => wrong), ...kills?.wrong ?? []];

export function mirrorTable(result: MirrorResult): string {
  const { files, by, live_after_s, load_average, systems, jobs, processes, deaf, kills, skipped, memory_mb } = result;
  const seconds = (value: number | null): string => value?.toFixed(2) ?? "–";
  const cpu = processes.reduce((sum, { idle_cpu_percent }) => sum + idle_cpu_percent, 0);
  if (kills !== null) return [
    `${kills.rounds} rounds, load average ${load_average}; killed: ${Object.entries(kills.killed).map(([name, times]) => `${name} ${times}`).join(", ")}`,
    `the same again after ${kills.converged_ms?.median ?? "–"} ms (${kills.converged_ms?.max ?? "–"} at most); ${kills.looks} looks at files that were being replaced`,
    ...kills.wrong.map((line) => `WRONG: ${line}`), ...(kills.wrong.length === 0 ? ["no version lost, no file with half its content"] : []),
  ].join("\n");
  return [
    `${files} files, by ${by ?? "nobody"}, live after ${live_after_s.toFixed(1)} s; load average at the end ${load_average}`, "",
    "| load | by | changes | p50 ms | p95 ms | p99 ms | max ms |", "|---|---|---|---|---|---|---|",
    ...Object.entries(systems).flatMap(([system, { loads }]) => loads.map((one) => `| ${one.load} | ${system} | ${one.changes} | ${one.p50_ms} | ${one.p95_ms} | ${one.p99_ms} | ${one.max_ms} |`)), "",
    "| whole pass | rounds | ours s | plain rsync s | ratio | CPU ours | CPU plain | ratio |", "|---|---|---|---|---|---|---|---|",
    ...jobs.map((one) => `| ${one.job} | ${one.rounds} | ${seconds(one.ours_s)} | ${seconds(one.rsync_s)} | ${one.ratio} | ${seconds(one.ours_cpu_s)} | ${seconds(one.rsync_cpu_s)} | ${one.cpu_ratio ?? "–"} |`), "",
    "| process | MB | its own | idle % of a core |", "|---|---|---|---|", ...processes.map((one) => `| ${one.name} | ${one.rss_mb} | ${one.own_mb} | ${one.idle_cpu_percent.toFixed(1)} |`), `| all, Node's program once | ${memory_mb} | | ${cpu.toFixed(1)} |`,
    ...(deaf === null ? [] : [`\nA watcher that stands still is noticed after ${deaf.noticed_ms} ms, and believed again after ${deaf.live_again_ms} ms.`]),
    ...skipped.map((line) => `\nNot measured: ${line}`),
    ...Object.entries(systems).flatMap(([system, { wrong }]) => wrong.map((line) => `\nWRONG, ${system}: ${line}`)), ...jobs.flatMap(({ wrong }) => wrong.map((line) => `\nWRONG, ${line}`)),
  ].join("\n");
}

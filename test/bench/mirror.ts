// How fresh is the mirror? From a file's close on the owner to identical content on the standby, with a real sshd and rsync on one machine.
//
// The standby's tree is looked at every two milliseconds; that is the resolution. Every load ends with a comparison by checksum.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Pair } from "../mirror/pair.ts";

export interface MirrorOptions { readonly files: number; readonly seconds: number; readonly watch: "auto" | "chokidar" | "fatrace" }
export interface Load { readonly load: string; readonly changes: number; readonly p50_ms: number; readonly p95_ms: number; readonly p99_ms: number; readonly max_ms: number }
export interface MirrorResult { readonly files: number; readonly by: string | null; readonly live_after_s: number; readonly loads: readonly Load[]; readonly processes: readonly { readonly name: string; readonly rss_mb: number; readonly idle_cpu_percent: number }[]; readonly wrong: readonly string[] }

const PER_FOLDER = 20;
const BURST = 1000;
const LOOK_MS = 2;
const PATIENCE_MS = 60_000;
const IDLE_S = 10;

export async function mirrorBench({ files, seconds, watch }: MirrorOptions, tell: (line: string) => void): Promise<MirrorResult> {
  const pair = await Pair.make((data) => `[mirror]\npath[] = ${data}/www/\nmax_delete = 100000\nmax_delete_percent = 100\nwatch = ${watch}\n`, { oneMount: true });
  const [here, there] = [`${pair.data}/www`, `${pair.dataTwo}/www`];
  makeTree(here, files);
  tell(`${files} files made`);
  const daemon = spawn("nsenter", [...pair.inside, new URL("../../mirror/bin/mirror", import.meta.url).pathname, "daemon"], { env: { ...process.env, ...pair.one.env }, stdio: "ignore" });
  try {
    const began = performance.now();
    const by = await live(pair);
    const liveAfter = (performance.now() - began) / 1000;
    tell(`live by ${by} after ${liveAfter.toFixed(1)} s, the first full run included`);
    const wrong: string[] = [];
    const loads: Load[] = [];
    const take = async (name: string, measure: () => Promise<readonly number[]>): Promise<void> => {
      loads.push(summary(name, await measure()));
      tell(`${name}: ${JSON.stringify(loads.at(-1))}`);
      await sleep(500);
      const differs = execFileSync("rsync", ["-naHAXS", "--delete", "--checksum", "--modify-window=-1", "--itemize-changes", `${here}/`, `${there}/`], { encoding: "utf8", maxBuffer: 1 << 28 });
      if (differs !== "") wrong.push(`${name}: ${differs.split("\n").length - 1} differences: ${differs.split("\n")[0] ?? ""}`);
    };
    await take("1 write a second", () => writes(here, there, seconds, 1000));
    await take("20 writes a second", () => writes(here, there, seconds * 20, 50));
    await take("burst of 1000 new files", async () => [await burst(here, there)]);
    await take("rename of a folder of 1000", async () => { renameSync(`${here}/burst`, `${here}/moved`); const at = performance.now(); await until(() => !existsSync(`${there}/burst`), complete(`${there}/moved`)); return [performance.now() - at]; });
    await take("deletion of a folder of 1000", async () => { rmSync(`${here}/moved`, { recursive: true }); const at = performance.now(); await until(() => !existsSync(`${there}/moved`)); return [performance.now() - at]; });
    return { files, by, live_after_s: liveAfter, loads, processes: await idle(pair), wrong };
  } finally {
    daemon.kill("SIGTERM");
    await once(daemon, "exit");
    await pair.close();
  }
}

function makeTree(root: string, files: number): void {
  for (let n = 0; n < files; n += 1) {
    const folder = `${root}/d${Math.floor(n / PER_FOLDER / 100)}/e${Math.floor(n / PER_FOLDER) % 100}`;
    if (n % PER_FOLDER === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/f${n % PER_FOLDER}`, `${n} `.repeat(200 + (n % 7) * 300));
  }
}

async function live(pair: Pair): Promise<string | null> {
  for (const deadline = performance.now() + 600_000; performance.now() < deadline; await sleep(200)) {
    const { jobs } = JSON.parse((await pair.mirror("status", "--json")).stdout) as { jobs: readonly { live: { by: string | null; unlistedSince: number | null } | null }[] };
    const state = jobs[0]?.live;
    if (state != null && state.by !== null && state.unlistedSince === null) return state.by;
  }
  throw new Error("it has not become live within ten minutes");
}

/** So many writes of 8 KiB, each to a file of its own folder, one every `every` ms whether or not the last has arrived. */
async function writes(here: string, there: string, total: number, every: number): Promise<readonly number[]> {
  const folders = readdirSync(here).filter((name) => /^d\d+$/.test(name));
  const waiting: Promise<number>[] = [];
  for (let n = 0; n < total; n += 1) {
    const name = `${folders[n % folders.length] ?? "."}/e0/f${n % PER_FOLDER}`;
    const content = `${n} ${Math.random()} `.padEnd(8192, "x");
    writeFileSync(`${here}/${name}`, content);
    const at = performance.now();
    waiting.push(until(() => same(`${there}/${name}`, content) || !same(`${here}/${name}`, content)).then(() => performance.now() - at)); // overwritten since: the later write counts
    await sleep(every);
  }
  return Promise.all(waiting);
}

async function burst(here: string, there: string): Promise<number> {
  for (let n = 0; n < BURST; n += 1) {
    if (n % PER_FOLDER === 0) mkdirSync(`${here}/burst/${n / PER_FOLDER}`, { recursive: true });
    writeFileSync(`${here}/burst/${Math.floor(n / PER_FOLDER)}/${n}`, "x".repeat(9000));
  }
  const at = performance.now();
  await until(complete(`${there}/burst`));
  return performance.now() - at;
}

/** Are all files of a burst there, whole ones? rsync's temporary names begin with a dot. What was complete is not looked at again: looking costs too. */
function complete(folder: string): () => boolean {
  let at = 0;
  return () => {
    while (at < BURST / PER_FOLDER && names(`${folder}/${at}`).filter((name) => /^\d+$/.test(name)).length === PER_FOLDER) at += 1;
    return at === BURST / PER_FOLDER;
  };
}

const names = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : []);

function same(path: string, content: string): boolean {
  try {
    return readFileSync(path, "utf8") === content;
  } catch {
    return false;
  }
}

async function until(...all: readonly (() => boolean)[]): Promise<void> {
  for (const deadline = performance.now() + PATIENCE_MS; !all.every((so) => so()); await sleep(LOOK_MS)) if (performance.now() > deadline) return;
}

/** The mirror's own processes on both nodes, over ten quiet seconds. */
async function idle(pair: Pair): Promise<MirrorResult["processes"]> {
  const found = execFileSync("ps", ["-eo", "pid=,comm=,args="], { encoding: "utf8" }).split("\n").flatMap((line) => {
    const [, pid, comm] = /^\s*(\d+) (\S+)/.exec(line) ?? [];
    return pid !== undefined && comm !== undefined && /^(node|MainThread|fatrace)/.test(comm) && owns(pid, pair.home) ? [{ pid, name: line.includes("receive") ? "mirror receive" : line.includes("daemon") ? "mirror daemon" : comm }] : [];
  });
  const ticks = (pid: string): number => { const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? []; return Number(fields[11]) + Number(fields[12]); };
  const before = found.map(({ pid }) => ticks(pid));
  await sleep(IDLE_S * 1000);
  return found.map(({ pid, name }, index) => ({
    name, rss_mb: Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024), idle_cpu_percent: (ticks(pid) - (before[index] ?? 0)) / IDLE_S,
  }));
}

const owns = (pid: string, home: string): boolean => { try { return readFileSync(`/proc/${pid}/environ`, "utf8").includes(`CLUSTERD_RUN=${home}/`); } catch { return false; } };

function summary(load: string, lags: readonly number[]): Load {
  const sorted = [...lags].sort((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { load, changes: lags.length, p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99), max_ms: at(1) };
}

export function mirrorTable({ files, by, live_after_s, loads, processes, wrong }: MirrorResult): string {
  return [
    `${files} files, by ${by ?? "nobody"}, live after ${live_after_s.toFixed(1)} s`, "",
    "| load | changes | p50 ms | p95 ms | p99 ms | max ms |", "|---|---|---|---|---|---|",
    ...loads.map((one) => `| ${one.load} | ${one.changes} | ${one.p50_ms} | ${one.p95_ms} | ${one.p99_ms} | ${one.max_ms} |`), "",
    "| process | MB | idle % of a core |", "|---|---|---|", ...processes.map((one) => `| ${one.name} | ${one.rss_mb} | ${one.idle_cpu_percent.toFixed(1)} |`),
    ...wrong.map((line) => `\nWRONG: ${line}`),
  ].join("\n");
}

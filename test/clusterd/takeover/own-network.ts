// A node's network for tests: three NICs in a network namespace of the test's own, and a switch in a second one.
//
// A test file calls ownNetwork() first; the file is then run again inside `unshare --net`, so that nothing of the
// machine's own network can be touched. The switch holds the ports p0 p1 p2, the bridge `lan` (p0, p2) and on it the
// reference hosts 192.168.50.251–253 and a client, 192.168.50.100.

import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { needsRoot } from "../../needs.ts";
import type { Duration, WallTime } from "../../../clusterd/base/time.ts";

/** True inside the namespace; false when the file has been registered as skipped. Does not return outside. */
export function ownNetwork(): boolean {
  if (process.env["CLUSTERD_OWN_NETWORK"] === "1") return true;
  const skip = needsRoot("for network namespaces");
  if (skip !== false) { test("network part", { skip }, () => {}); return false; }
  const folder = mkdtempSync(`${tmpdir()}/clusterd-test-`);
  const env = { ...process.env, CLUSTERD_OWN_NETWORK: "1", CLUSTERD_STATE: `${folder}/state`, CLUSTERD_RUN: `${folder}/run` };
  const words = ["--net", "--pid", "--fork", "--mount-proc", "--kill-child", process.execPath, "--disable-warning=ExperimentalWarning", process.argv[1] ?? ""];
  const { status } = spawnSync("unshare", words, { stdio: "inherit", env, timeout: 90_000, killSignal: "SIGKILL" });
  rmSync(folder, { recursive: true, force: true });
  process.exit(status ?? 1);
}

export interface Switch {
  /** Runs a command in the switch's namespace. */
  run(...words: readonly string[]): string;
  sniff(): Promise<Sniffer>;
  start(...words: readonly string[]): ChildProcess;
  close(): void;
}

export interface Frame {
  readonly at: WallTime;
  readonly port: string;
  readonly mac: string;
  readonly type: "arp" | "ip" | "ip6" | "other";
  readonly sender: string;
  /** An announcement: ARP that asks for its own sender. */
  readonly own: boolean;
}
export interface Sniffer {
  readonly frames: readonly Frame[];
  /** Resolves when nothing new has come for a while: a busy sniffer lags behind the wire. */
  quiet(): Promise<void>;
  close(): void;
}

export const run = (...[program = "", ...args]: readonly string[]): string => execFileSync(program, args, { encoding: "utf8" });
export const wait = (ms: Duration): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });
/** The wall clock with fractions of a millisecond, as the sniffer stamps frames. */
export const wallNow = (): WallTime => performance.timeOrigin + performance.now();

export async function until(what: string, holds: () => boolean, patience: Duration = 3000): Promise<void> {
  for (const end = performance.now() + patience; !holds();) {
    if (performance.now() > end) throw new Error(`waited ${patience} ms for: ${what}`);
    await wait(2);
  }
}

/** NICs eth0–2 here, their cables in a new switch. */
export async function plugIn(): Promise<Switch> {
  const holder = spawn("unshare", ["--net", "sleep", "300"], { stdio: "ignore" });
  const children: ChildProcess[] = [holder];
  const pid = String(holder.pid);
  await until("the switch's namespace", () => run("readlink", `/proc/${pid}/ns/net`) !== run("readlink", "/proc/self/ns/net"));
  const enter = ["nsenter", "--target", pid, "--net"];
  run("ip", "link", "set", "lo", "up");
  const inside = (...words: readonly string[]): string => run(...enter, ...words);
  inside("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; ip link add lan type bridge; ip link set lan up");
  for (const each of ["0", "1", "2"]) run("ip", "link", "add", `eth${each}`, "type", "veth", "peer", "name", `p${each}`, "netns", pid);
  inside("sh", "-c", "ip link set p0 master lan up; ip link set p1 up; ip link set p2 master lan up; for host in 251 252 253 100; do ip addr add 192.168.50.$host/24 dev lan; done");
  const start = (...words: readonly string[]): ChildProcess => {
    const child = spawn(enter[0] ?? "", [...enter.slice(1), ...words], { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    return child;
  };
  return {
    run: inside,
    start,
    sniff: async () => {
      const frames: Frame[] = [];
      const child = start("perl", fileURLToPath(new URL("sniff", import.meta.url)), "p0", "p2");
      let rest = "";
      let ready = false;
      child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line === "ready") ready = true; else frames.push(JSON.parse(line) as Frame);
      });
      await until("the sniffer", () => ready);
      const quiet = async (): Promise<void> => {
        for (let seen = -1, round = 0; seen !== frames.length && round < 50; round += 1) {
          seen = frames.length;
          await wait(150);
        }
      };
      return { frames, quiet, close: () => { child.kill(); } };
    },
    close: () => {
      for (const child of children) child.kill("SIGKILL");
      for (const each of ["eth0", "eth1", "eth2"]) spawnSync("ip", ["link", "del", each], { stdio: "ignore" });
    },
  };
}

// The daemon's parts in a process that runs out of file descriptors: exhausted.test.ts starts it, in a network of its own, and reads what it says.
//
// What is open goes on; what has to be opened fails as data, and works again afterwards. Nothing may throw: that would end the daemon.

import { closeSync, mkdirSync, openSync } from "node:fs";
import { createEye } from "../../clusterd/arbiter/lan-eye.ts";
import { run } from "../../clusterd/base/exec.ts";
import { createLog } from "../../clusterd/base/log.ts";
import { JOURNAL, RUN, STATE } from "../../clusterd/base/paths.ts";
import { monotonicNow } from "../../clusterd/base/time.ts";
import { EMPTY_RECORD } from "../../clusterd/core/state.ts";
import { createHistory } from "../../clusterd/history.ts";
import { deriveKeys } from "../../clusterd/heartbeat/key.ts";
import { decodeHeartbeat, encodeHeartbeat } from "../../clusterd/heartbeat/packet.ts";
import { privateLink } from "../../clusterd/heartbeat/udp-link.ts";
import { Journal } from "../../clusterd/journal.ts";
import { createCarrierWatch } from "../../clusterd/takeover/carrier.ts";
import { createDeadMan } from "../../clusterd/takeover/dead-man.ts";
import { startWaitingIp } from "../../clusterd/takeover/waiting-ip.ts";
import { readReports } from "../../mirror/report.ts";
import { heartbeat } from "./heartbeat/beats.ts";
import { sampleConfig } from "./takeover/sample.ts";

const said: Record<string, unknown> = {};
const until = async (what: () => boolean): Promise<boolean> => {
  for (const began = monotonicNow(); !what() && monotonicNow() - began < 20_000;) await new Promise((resolve) => setTimeout(resolve, 10));
  return what();
};

mkdirSync(RUN, { recursive: true });
const keys = deriveKeys(Buffer.alloc(32), "sample");
let heard = 0;
const events = { received: (bytes: Buffer) => { const { ok } = decodeHeartbeat(bytes, "private", keys, { self: 0 }); if (ok) heard += 1; return ok; }, trouble: () => {} };
const link = (own: string, peer: string): ReturnType<typeof privateLink> => privateLink({ port: 694, keepalive: 50, own, peer, events });
const [mine, theirs] = [link("127.0.9.1", "127.0.9.2"), link("127.0.9.2", "127.0.9.1")];
await Promise.all([mine.start(), theirs.start()]);
const journal = await Journal.open(JOURNAL);
const record = { format: 1, cluster: "sample", node: 0, identities: [EMPTY_RECORD, EMPTY_RECORD] } as const;
const history = createHistory(STATE);
const log = createLog({ json: false, level: "error", fd: 2 });
const guard: string[] = [];
const deadman = createDeadMan({ lost: () => guard.push("lost"), back: () => guard.push("back"), fired: () => {}, watchdog: () => {} });
said["dead-man"] = await deadman.start();
const ip = startWaitingIp();
const carrier = createCarrierWatch(["lo"], ip, { changed: () => {}, seen: () => {}, came: () => {} });
carrier.start();
const eye = createEye(sampleConfig(), () => null, () => {}, () => {});
eye.start();
const children = async (): Promise<readonly number[]> => (await run(["pgrep", "-P", String(process.pid)], { timeout: 10_000 })).stdout.split("\n").filter((line) => line !== "").map(Number);
const helpers = await children();

// ---- nothing is left
const hoard: number[] = [];
const takeAll = (): string | undefined => { try { for (;;) hoard.push(openSync("/dev/null", "r")); } catch (error) { return (error as NodeJS.ErrnoException).code; } };
said["limit"] = takeAll();
const beat = (seq: number): Buffer => encodeHeartbeat(heartbeat({ sender: 1, seq }), "private", keys);
for (let seq = 1; seq <= 50; seq += 1) { theirs.send(beat(seq)); await new Promise((resolve) => setTimeout(resolve, 5)); }
said["heartbeats"] = await until(() => heard === 50);
said["journal"] = await journal.write(record).then(() => "written", (error: Error) => error.message);
said["ip"] = (await ip.ask([], ["link show dev lo"])).ok;
said["program"] = (await run(["true"], { timeout: 5000 })).failure;
said["sleeper"] = (await run(["sh", "-c", "sleep 60"], { timeout: 100, grace: 100 })).failure !== null;
said["reports"] = readReports(["www"]).length;
history.add({ wall: 0, level: "info", event: "x", identity: null, because: "" });
await history.flush();
log.error("still.here", {});
// What a dead helper leaves free is taken at once.
for (const pid of helpers) try { process.kill(pid, "SIGKILL"); } catch { /* it was the one that listed them */ }
said["guard"] = await until(() => { takeAll(); return guard.includes("lost"); }) && !guard.includes("back");
for (let turn = 0; turn < 100; turn += 1) { takeAll(); await new Promise((resolve) => setTimeout(resolve, 2)); }
said["ip without"] = (await ip.ask([], ["link show dev lo"])).ok;
await new Promise((resolve) => setTimeout(resolve, 700));
theirs.send(beat(51));
said["heartbeats without helpers"] = await until(() => heard === 51);

// ---- and is there again
for (const each of hoard) closeSync(each);
said["guard again"] = await until(() => guard.includes("back"));
said["ip again"] = await until(() => true) && (await (async () => { for (let tries = 0; tries < 100; tries += 1) { if ((await ip.ask([], ["link show dev lo"])).ok) return true; await new Promise((resolve) => setTimeout(resolve, 50)); } return false; })());
said["program again"] = (await run(["true"], { timeout: 5000 })).failure;
let now: readonly number[] = [];
for (let tries = 0; tries < 100 && now.length < helpers.length - 1; tries += 1) { await new Promise((resolve) => setTimeout(resolve, 50)); now = (await children()).slice(0, -1); }
said["helpers again"] = now.length >= helpers.length - 1;
process.stdout.write(`${JSON.stringify(said)}\n`);
deadman.close();
process.exit(0);

// The programs that are not TypeScript: ifup and ifdown reading ifcfg files, and the lines that dead-man and LAN eye obey.
//
// The two that touch NICs run in a network of their own, which has nothing but its loopback.

import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Target } from "../target.ts";

const SCRIPTS = join(import.meta.dirname, "../../../network-scripts");
const PATIENCE = 20_000;

let folder: string | null = null;
const CANARY = "/ran";

interface Ended { readonly code: number | string; readonly out: string; readonly err: string }
const script = (name: string, mode: string): Promise<Ended> => new Promise((resolve) => {
  execFile(join(SCRIPTS, name), [mode, "eth2"], { cwd: folder as string, env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", IFCFG_DIR: folder as string }, timeout: PATIENCE, encoding: "latin1" },
    (error, out, err) => resolve({ code: error === null ? 0 : error.killed ? "killed" : error.code ?? "?", out, err }));
});

/** Each word of each line that `ip -batch` is told: fixed ones, or values made of what addresses, numbers and names have. */
const LINE = /^(addr (flush dev eth2|replace \S+ (broadcast \S+ )?dev eth2( nodad)?( noprefixroute)?)|link set dev eth2 (up|down|address [0-9a-f:]{17})|route replace (default via )?\S+ dev eth2( onlink)?( (table|metric) \d+)?( scope link| src [0-9.]+)?|)$/;

const ifcfg: Target = {
  name: "ifcfg", what: "ifcfg files, by ifup and ifdown", largest: 20_000, inUnit: 20,
  words: ["DEVICE=eth2\n", "IPADDR=", "MACADDR=02:00:5e:50:00:01\n", "TABLE=1990\n", "REST_MACADDR=06:00:00:00:00:22\n", "IPADDR1=10.0.0.1\n", "IPV6ADDR=2001:db8::1/64\n", "$(touch ran)", "`touch ran`", ";touch ran;", "\"; touch ran; \"", "${IFS}", "*", "../", "%s%n", "\\n", "-n", "$((1/0))", "NETMASK=255.255.0.0\n", "PREFIX=08\n"],
  async judge(input) {
    folder ??= mkdtempSync(join(tmpdir(), "clusterd-fuzz-ifcfg-"));
    writeFileSync(join(folder, "ifcfg-eth2"), input);
    const ended = await Promise.all([script("ifup", "--print"), script("ifdown", "--print"), script("ifup", "--dry-run")]);
    assert.ok(!existsSync(folder + CANARY), "the file was run");
    for (const { code, out, err } of ended) {
      assert.ok(code === 0 || code === 3, `exit ${code}: ${err.slice(0, 300)}`);
      if (code === 3) assert.match(err, /^(ifup|ifdown): \S+ifcfg-eth2/m, "no word about which file");
      if (code === 3) assert.equal(out, "", "said what to do, and then that the file is wrong");
    }
    for (const { code, out } of ended.slice(0, 2)) if (code === 0) for (const line of out.split("\n")) assert.match(line, LINE);
  },
  close() { if (folder !== null) rmSync(folder, { recursive: true, force: true }); folder = null; },
};

/** A program that obeys lines: after any of them it must still answer `ask(N)` with a line that says `answer(N)`. */
function lines({ name, what, words, program, ask, answer }: Pick<Target, "name" | "what" | "words"> & { readonly program: string; ask(n: number): string; answer(n: number): string }): Target {
  let child: ChildProcessWithoutNullStreams | null = null;
  let said = "";
  let complained = "";
  let wake = (): void => undefined;
  let count = 0;
  const start = (): ChildProcessWithoutNullStreams => {
    const started = spawn("unshare", ["--net", "--kill-child", "sh", "-c", `ip link set lo up && exec perl ${program}`], { stdio: "pipe" });
    for (const stream of [started.stdin, started.stdout, started.stderr]) stream.on("error", () => undefined);
    started.stdout.on("data", (text) => { said = (said + String(text)).slice(-5000); wake(); });
    started.stderr.on("data", (text) => { complained = (complained + String(text)).slice(-500); });
    started.on("exit", () => { if (child === started) child = null; wake(); });
    return started;
  };
  return {
    name, what, words, largest: 20_000, inUnit: 150,
    async judge(input) {
      child ??= start();
      const asked = child;
      count = (count % 60_000) + 1;
      said = "";
      asked.stdin.write(Buffer.concat([input, Buffer.from(`\n${ask(count)}\n`)]));
      const end = Date.now() + PATIENCE;
      while (!said.includes(answer(count))) {
        if (child !== asked) assert.fail(`it ended: ${complained}`);
        if (Date.now() > end) { asked.kill("SIGKILL"); assert.fail("it answers no more"); }
        const heard = await new Promise<boolean>((resolve) => { wake = () => resolve(true); setTimeout(() => resolve(false), 200); });
        // An answer may be lost like any packet, behind the many that the input asked for.
        if (!heard) asked.stdin.write(`${ask(count)}\n`);
      }
    },
    async close() {
      const last = child;
      child = null;
      if (last === null) return;
      const gone = new Promise((resolve) => last.on("exit", resolve));
      last.kill("SIGKILL");
      await gone;
    },
  };
}

const deadman = lines({
  name: "deadman", what: "lines that the dead-man obeys", words: ["lease lo ", "lease eth9 ", "off lo\n", "ping ", "1e308", "nan", "inf", "-1", "9999999999999", " ", "\n"],
  // Without real-time priority: a finding must not take the machine along.
  program: `${SCRIPTS}/deadman --realtime`, ask: (n) => `ping token${n}`, answer: (n) => `ack token${n} `,
});

const lanEye = lines({
  name: "lan-eye", what: "lines that the LAN eye obeys", words: ["ask lo - 127.0.0.1\n", "ask lo 10.0.0.1 ", "ping lo 7 127.0.0.1\n", "watch lo -\n", "watch lo 02:00:5e:50:00:01\n", "announce lo 00:00:00:00:00:00 127.0.0.1 ::1\n", "hush lo\n", "eth9", "::::", "1.2.3.4.5", "zz", "99999999999"],
  program: `${SCRIPTS}/lan-eye`, ask: (n) => `ping lo ${n} 127.0.0.1`, answer: (n) => `echo 127.0.0.1 ${n}\n`,
});

/** They need root, for a network of their own. */
export const NETWORK_TARGETS: readonly Target[] = [deadman, lanEye];
export const SCRIPT_TARGETS: readonly Target[] = [ifcfg, ...NETWORK_TARGETS];

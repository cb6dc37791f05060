// rsync's receiving half: started with arguments of our own, with only the capabilities that it needs, and ended when its owner no longer is one.
//
// Node core only.

import { execFileSync, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { Special } from "../clusterd/config/config.ts";
import { RECEIVE_EXIT } from "./exit-codes.ts";
import { rsyncBuild } from "./rsync-args.ts";
import type { RsyncBuild } from "./rsync-args.ts";

const RSYNC = "/usr/bin/rsync";
const SETPRIV = "/usr/bin/setpriv";
/** What a faithful copy needs (capabilities(7)), and nothing else: no network, no modules, no reboot, no ptrace. */
const CAPABILITIES = ["chown", "dac_override", "dac_read_search", "fowner", "fsetid"];
/** For device nodes and file capabilities. */
const FOR_SPECIAL = ["mknod", "setfcap"];
/** How often a running push looks whether its owner still is one. */
const WATCH_MS = 250;
/** What stands in for standard input, output and error when a request came over a kept connection. */
export interface Wire { readonly input: Readable; readonly output: Writable; readonly errors: Writable }

/** Runs rsync's receiving half on our own standard input and output; ends it when `lost` gives a reason. */
export function runRsync(args: readonly string[], { folder, special }: { readonly folder: number; readonly special: Special }, lost: () => Promise<string | null>, wire: Wire | null): Promise<number> {
  const keep = `-all,${[...CAPABILITIES, ...(special === "keep" ? FOR_SPECIAL : [])].map((name) => `+${name}`).join(",")}`;
  const child = spawn(SETPRIV, ["--no-new-privs", "--inh-caps", "-all", "--bounding-set", keep, "--", RSYNC, ...args],
    { stdio: wire === null ? "inherit" : "pipe", env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C", HOME: "/" }, cwd: `/proc/self/fd/${folder}` });
  const say = (text: string): void => void (wire?.errors ?? process.stderr).write(text);
  if (wire !== null && child.stdin !== null) {
    wire.input.pipe(child.stdin.on("error", () => wire.input.resume())); // it ended early: nobody reads the rest
    child.stdout?.pipe(wire.output, { end: false });
    child.stderr?.pipe(wire.errors, { end: false });
  }
  const watch = setInterval(() => void lost().then((why) => {
    if (why === null) return;
    clearInterval(watch);
    say(`clusterd-mirror: ended: ${why}\n`);
    child.kill("SIGTERM");
  }), WATCH_MS);
  return new Promise((resolve) => {
    const done = (code: number): void => { clearInterval(watch); resolve(code); };
    child.on("error", (error) => { say(`clusterd-mirror: ${SETPRIV} ${RSYNC}: ${error.message}\n`); done(RECEIVE_EXIT.tree); });
    child.on("close", (code) => done(code ?? RECEIVE_EXIT.retry));
  });
}

export function installedRsync(): RsyncBuild | null {
  try {
    return rsyncBuild(execFileSync(RSYNC, ["--version"], { encoding: "utf8", timeout: 5000 }));
  } catch {
    return null;
  }
}

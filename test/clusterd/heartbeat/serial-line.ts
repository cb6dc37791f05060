// A null-modem cable for tests: two ttys and what lies between them, at its real speed and with the damage one asks for.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import type { TestContext } from "node:test";

const LINE = new URL("../../lab/wire/serial-line.pl", import.meta.url).pathname;

export interface Cable {
  /** Its two ends, as paths of ttys. */
  readonly ends: readonly [string, string];
  /** The words of serial-line.pl: "", "cut", "stuck", "noise=0.01 drop=0.01 chatter=40". */
  is(mode: string): void;
  /** The adapter is pulled out: both ttys hang up and are gone. */
  remove(): Promise<void>;
}

export async function layCable(t: TestContext, baud: number, mode = ""): Promise<Cable> {
  const folder = mkdtempSync(`${tmpdir()}/clusterd-serial-`);
  const ends = [`${folder}/one`, `${folder}/two`] as const;
  writeFileSync(`${folder}/mode`, mode);
  const line = spawn("perl", [LINE, String(baud), `${folder}/mode`, ...ends], { stdio: ["ignore", "pipe", "inherit"] });
  const remove = async (): Promise<void> => {
    if (line.exitCode !== null || line.signalCode !== null) return;
    line.kill("SIGKILL");
    await once(line, "exit");
  };
  t.after(async () => {
    await remove();
    rmSync(folder, { recursive: true, force: true });
  });
  await once(line.stdout, "data");
  return { ends, is: (next) => writeFileSync(`${folder}/mode`, next), remove };
}

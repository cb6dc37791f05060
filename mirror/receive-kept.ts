// The receiving side's answer to `fetch`: kept versions, as tar. They are read and never changed, whoever owns.

import { once } from "node:events";
import { BACKUPS } from "../clusterd/base/paths.ts";
import type { JobConfig } from "../clusterd/config/config.ts";
import { backupDir } from "./backup-names.ts";
import { RECEIVE_EXIT } from "./exit-codes.ts";
import { mayRead, packHere } from "./history/fetch.ts";
import { readAll } from "./input.ts";
import type { Outcome } from "./receive.ts";
import type { Reading } from "./request.ts";

/** Bytes of names that one `fetch` may ask for. */
const MOST_NAMES = 16 * 1024 * 1024;

/** Versions kept here, as tar on standard output; the names come on standard input. */
export async function sendKept(job: JobConfig, { run, kind }: Reading & { readonly verb: "fetch" }): Promise<Outcome> {
  const refuse = (because: string): Outcome => ({ code: RECEIVE_EXIT.forbidden, because: `${job.name}: ${because}` });
  const asked = await readAll(process.stdin, MOST_NAMES);
  if (asked === null) return refuse("too many names");
  const names = asked.toString("latin1").split("\n").filter((line) => line !== "").map((line) => Buffer.from(line, "base64url"));
  const folder = backupDir(BACKUPS, job.name, run, kind);
  const problem = names.length === 0 ? "no names" : mayRead(folder, names);
  if (problem !== null) return refuse(problem);
  const packing = packHere(folder, names);
  packing.stdout?.pipe(process.stdout);
  const [code] = await once(packing, "close") as [number | null];
  return code === 0 ? { code, answer: null } : { code: RECEIVE_EXIT.tree, because: `${job.name}: tar ended with ${code}` };
}

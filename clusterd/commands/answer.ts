// `clusterd answer`: the forced command behind the peer's control key. Three questions are understood, nothing else.
//
//   clusterd v1 status
//   clusterd v1 facts             what `clusterd preflight` judges
//   clusterd v1 handover NODE     this node hands the identity of NODE over, in two phases
//
// None can make this node take anything over. The words never meet a shell. The daemon's answer goes to standard
// output as one JSON line; what is not understood ends with exit code 126 and one line on standard error.

import type { ControlAnswer, ControlRequest } from "../status/control.ts";
import { askDaemon } from "../status/control-client.ts";

const REFUSED = 126;
/** A handover waits for services to stop and for a last mirror pass (the core gives up after two minutes). */
const PATIENCE = { status: 2500, command: 150_000 } as const;

/** What a line asks for, or null. */
export function understand(line: string): Extract<ControlRequest, { readonly ask: "status" | "command" }> | null {
  if (line === "clusterd v1 status") return { ask: "status" };
  const node = /^clusterd v1 handover ([A-Za-z0-9][A-Za-z0-9-]{0,62})$/.exec(line)?.[1];
  return node === undefined ? null : { ask: "command", verb: "handover", node };
}

/** Serves one line; resolves to the exit code. */
export async function answer(line: string): Promise<number> {
  if (line === "clusterd v1 facts") {
    const { factsForPeer } = await import("./preflight.ts");
    process.stdout.write(`${JSON.stringify(await factsForPeer())}\n`);
    return 0;
  }
  const request = understand(line);
  if (request === null) {
    process.stderr.write("clusterd: refused: only `clusterd v1 status`, `clusterd v1 facts` and `clusterd v1 handover NODE` are answered here\n");
    return REFUSED;
  }
  const said: ControlAnswer = await askDaemon(request, { timeout: PATIENCE[request.ask] });
  process.stdout.write(`${JSON.stringify(said)}\n`);
  return 0;
}

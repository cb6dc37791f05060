// `clusterd webhook`: posts what stands on standard input, one JSON object, to the address in the keys' folder. A process of its own,
// so that neither HTTP nor TLS is ever in the daemon; it gives up before whoever waits for it does.
//
// Whatever goes wrong is said without the address: a code of the system, or HTTP's.

import { setTimeout as sleep } from "node:timers/promises";
import { readWebhook } from "./ways.ts";

/** A takeover may have moved the LAN's addresses a moment ago: tried again after these pauses. */
const PAUSES = [0, 1500, 6000] as const;
const DEADLINE = 6000;

/** Resolves to the exit code. */
export async function webhook(): Promise<number> {
  const address = readWebhook();
  if (!address.ok) return complain(address.reason);
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  let failure = "";
  for (const pause of PAUSES) {
    await sleep(pause);
    const said = await post(address.url, Buffer.concat(chunks).toString("utf8"));
    if (said === null) return 0;
    failure = said.reason;
    if (said.final) break;
  }
  return complain(`the webhook was not told: ${failure}`);
}

function complain(text: string): number {
  process.stderr.write(`${text}\n`);
  return 1;
}

/** Null when it was taken. A redirection is not followed: it might lead the secret elsewhere. */
export async function post(url: URL, body: string, deadline = DEADLINE): Promise<{ readonly reason: string; readonly final: boolean } | null> {
  try {
    const answer = await fetch(url, {
      method: "POST", body, redirect: "manual", signal: AbortSignal.timeout(deadline),
      headers: { "content-type": "application/json", "user-agent": "clusterd" },
    });
    await answer.body?.cancel();
    if (answer.ok) return null;
    // Its own fault, which another try does not mend; too many requests, or its server's fault, may pass.
    return { reason: `HTTP ${answer.status}`, final: answer.status < 500 && answer.status !== 429 };
  } catch (error) {
    const { name, cause } = error as Error & { readonly cause?: { readonly code?: unknown } };
    const code = cause?.code;
    return { reason: name === "TimeoutError" ? `no answer within ${deadline} ms` : typeof code === "string" ? code : "the connection failed", final: false };
  }
}

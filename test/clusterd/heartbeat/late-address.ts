// Runs in a network namespace of its own (udp-link.test.ts starts it): a private link whose address comes late, goes away
// and comes back. Prints one JSON object.

import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { privateLink } from "../../../clusterd/heartbeat/udp-link.ts";

const ip = (line: string): void => { execFileSync("ip", line.split(" ")); };
const troubles: (string | null)[] = [];
let heard = 0;
const options = { port: 6940, keepalive: 50 };
const sender = privateLink({ ...options, own: "10.9.0.1", peer: "10.9.0.2", events: { received: () => true, trouble: (sentence) => { troubles.push(sentence); } } });
const receiver = privateLink({ ...options, own: "10.9.0.2", peer: "10.9.0.1", events: { received: () => { heard += 1; return true; }, trouble: () => {} } });

/** Sends until `done`, for at most 10 s. */
async function sendUntil(done: () => boolean): Promise<boolean> {
  for (let i = 0; i < 500 && !done(); i += 1) {
    sender.send(Buffer.from("beat"));
    await sleep(20);
  }
  return done();
}

ip("link set lo up");
ip("link add cable0 type veth peer name cable1");
ip("link set cable0 up");
ip("link set cable1 up");
await sender.start();
ip("address add 10.9.0.2/24 dev cable0");
await receiver.start();
sender.send(Buffer.from("beat"));
await sleep(100);
const withoutAddress = { heard, troubles: [...troubles] };

ip("address add 10.9.0.1/24 dev cable0");
const heardWhenItCame = await sendUntil(() => heard > 0) && await sendUntil(() => troubles.at(-1) === null);

// Primary addresses take secondary ones of their subnet with them.
ip("address flush dev cable0");
const before = sender.counters.failed;
const failedWhenGone = await sendUntil(() => sender.counters.failed > before);
const toldWhenGone = troubles.at(-1);
ip("address add 10.9.0.1/24 dev cable0");
ip("address add 10.9.0.2/24 dev cable0");
const heardBefore = heard;
const heardWhenBack = await sendUntil(() => heard > heardBefore) && await sendUntil(() => troubles.at(-1) === null);

await Promise.all([sender.close(), receiver.close()]);
console.log(JSON.stringify({ withoutAddress, heardWhenItCame, failedWhenGone, toldWhenGone, heardWhenBack, troubles }));

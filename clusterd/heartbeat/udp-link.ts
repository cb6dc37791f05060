// Heartbeats over UDP: on the private NIC, and on the LAN.
//
// The private link binds this node's heartbeat address. The LAN link binds no address, because addresses come and go
// there with the identities; it also gets the private packets while the private socket is not there, and those fail
// its key like any stranger's. Both use one port, hence reuseAddr, and with it Linux lets every user bind the same port too
// and receive in our place: choose one below 1024. Two daemons on a node must be prevented elsewhere.
//
// Not here: what a packet means, or whether a link is late; that is the core's judgement from what was heard.

import { createSocket, type Socket } from "node:dgram";
import { monotonicNow, type Duration, type Instant } from "../base/time.ts";
import type { LinkName } from "../core/model.ts";
import { noCounts, type Link, type LinkEvents } from "./link.ts";
import { codeOf, createTroubles } from "./troubles.ts";

export interface UdpLinkOptions {
  readonly port: number;
  readonly keepalive: Duration;
  readonly events: LinkEvents;
}

const RETRY: Duration = 1000;
const CURED_AFTER: Duration = 1000;
// A few dozen packets: after a stall of ours there is no use in reading minutes of old heartbeats.
const BUFFER = 32 * 1024;
// A heartbeat that has to wait is stale: better to lose it.
const QUEUE_LIMIT = 8;

/** From our heartbeat address to the peer's. */
export const privateLink = (options: UdpLinkOptions & { readonly own: string; readonly peer: string }): Link =>
  udpLink({ ...options, name: "private", bind: options.own, addresses: () => [options.peer] });

/** Over the LAN. `peerAddresses`: where the peer may be just now, without addresses that this node holds itself. */
export const lanLink = (options: UdpLinkOptions & { readonly peerAddresses: () => readonly string[]; readonly bind?: string }): Link =>
  udpLink({ ...options, name: "lan", bind: options.bind ?? "0.0.0.0", addresses: options.peerAddresses });

function udpLink(options: UdpLinkOptions & { readonly name: LinkName; readonly bind: string; readonly addresses: () => readonly string[] }): Link {
  const { name, bind, port, keepalive, events } = options;
  const counters = noCounts();
  const troubles = createTroubles(Math.max(CURED_AFTER, 3 * keepalive), events.trouble);
  let socket: Socket | null = null;
  let retry: NodeJS.Timeout | null = null;
  let closed = false;
  let spokeFrom: { readonly address: string; readonly at: Instant } | null = null;

  async function open(): Promise<void> {
    if (closed) return;
    const result = await bindSocket(bind, port);
    if (result instanceof Error) return tryAgain(result);
    if (closed) return void result.close();
    socket = result;
    socket.on("message", (bytes, { address }) => { receive(bytes, address); });
    socket.on("error", (error) => { drop(); tryAgain(error); });
  }

  function tryAgain(error: Error): void {
    if (closed) return;
    troubles.failed(bind, `${name} link: cannot listen on ${bind} port ${port} (${codeOf(error)}); trying again each second`);
    retry = setTimeout(() => { void open(); }, RETRY);
  }

  function drop(): void {
    socket?.removeAllListeners("message");
    socket?.close();
    socket = null;
  }

  function receive(bytes: Buffer, from: string): void {
    const authentic = events.received(bytes, from);
    counters[authentic ? "heard" : "refused"] += 1;
    if (authentic) spokeFrom = { address: from, at: monotonicNow() };
  }

  // Asking for absent addresses costs ARP broadcasts, so while the peer speaks from one of them, only that is used.
  // A foreign source address is never followed: a replayed packet is authentic too.
  function targets(): readonly string[] {
    const all = options.addresses();
    const current = spokeFrom !== null && monotonicNow() - spokeFrom.at < 3 * keepalive ? spokeFrom.address : null;
    return current !== null && all.includes(current) ? [current] : all;
  }

  function sendTo(address: string, bytes: Buffer): void {
    const done = (error: Error | null): void => {
      counters[error === null ? "sent" : "failed"] += 1;
      if (closed) return;
      if (error === null) troubles.succeeded();
      else troubles.failed(address, `${name} link: cannot send to ${address} (${codeOf(error)})`);
    };
    if (socket === null || socket.getSendQueueCount() >= QUEUE_LIMIT) {
      counters.failed += 1;
      return;
    }
    try {
      socket.send(bytes, port, address, done);
    } catch (error) {
      setImmediate(done, error as Error);
    }
  }

  return {
    name,
    counters,
    start: open,
    send: (bytes) => { for (const address of targets()) sendTo(address, bytes); },
    close: async () => {
      closed = true;
      if (retry !== null) clearTimeout(retry);
      drop();
    },
  };
}

/** The bound socket, or why there is none. */
function bindSocket(address: string, port: number): Promise<Socket | Error> {
  const family = address.includes(":") ? 6 : 4;
  const socket = createSocket({
    type: `udp${family}`,
    reuseAddr: true,
    recvBufferSize: BUFFER,
    sendBufferSize: BUFFER,
    // Addresses are literals; the resolver's detour over the next tick would only delay them.
    lookup: (literal, _options, callback) => { callback(null, literal, family); },
  });
  return new Promise((resolve) => {
    socket.once("error", (error) => {
      socket.close();
      resolve(error);
    });
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
  });
}

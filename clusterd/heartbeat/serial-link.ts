// Heartbeats over a serial line: a null-modem cable from one tty to the peer's.
//
// It needs no switch, no address and no network driver, so it fails for other reasons than the NICs do. It is slow: a
// packet takes 14 ms at 115200 baud, 85 ms at 19200. The kernel would queue seconds of old heartbeats, so nothing is written
// before the last packet has left, by the clock; of what comes meanwhile only the newest waits. Nobody blocks: the device is opened
// without waiting for a carrier, reading is the event loop's, and a peer that does not read costs us the packet.
//
// Not here: framing (framing.ts), what a packet means. How slow a line may be: config/serial-rules.ts.

import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { ReadStream } from "node:tty";
import { run } from "../base/exec.ts";
import { monotonicNow, type Duration, type Instant } from "../base/time.ts";
import { createDeframer, frame, lineTime } from "./framing.ts";
import { noCounts, type Link, type LinkEvents } from "./link.ts";
import { codeOf, createTroubles } from "./troubles.ts";

export interface SerialLinkOptions {
  /** Such as /dev/ttyS0. */
  readonly device: string;
  readonly baud: number;
  readonly events: LinkEvents;
}

const RETRY: Duration = 1000;
const CURED_AFTER: Duration = 1000;
const STTY_LIMIT: Duration = 5000;
/** Bytes as they are, no echo, no flow control that could hang, no need of a modem's carrier. */
const SETTINGS = ["raw", "-echo", "-iexten", "cs8", "-parenb", "-cstopb", "clocal", "cread", "-crtscts", "-hupcl"];

export function serialLink({ device, baud, events }: SerialLinkOptions): Link {
  const counters = noCounts();
  const troubles = createTroubles(CURED_AFTER, events.trouble);
  let line: Line | null = null;
  let retry: NodeJS.Timeout | null = null;
  let closed = false;
  let freeAt: Instant = 0;
  let waiting: { readonly timer: NodeJS.Timeout; bytes: Buffer } | null = null;

  const deframe = createDeframer((packet) => {
    const authentic = packet !== null && events.received(packet, device);
    counters[authentic ? "heard" : "refused"] += 1;
  });

  async function open(): Promise<void> {
    if (closed) return;
    const opened = await openLine(device, baud, deframe, lost);
    if (typeof opened === "string") return tryAgain(opened);
    if (closed) opened.close();
    else line = opened;
  }

  function tryAgain(why: string): void {
    if (closed) return;
    troubles.failed(device, `serial link: ${device} ${why}; trying again each second`);
    retry = setTimeout(() => { void open(); }, RETRY);
  }

  function lost(why: string): void {
    if (line === null) return;
    drop();
    tryAgain(why);
  }

  function drop(): void {
    line?.close();
    line = null;
    if (waiting !== null) clearTimeout(waiting.timer);
    waiting = null;
  }

  function write(bytes: Buffer): void {
    const framed = frame(bytes);
    const outcome = line?.write(framed) ?? "is not open";
    counters[outcome === "ok" ? "sent" : "failed"] += 1;
    if (outcome === "ok") freeAt = Math.max(freeAt, monotonicNow()) + lineTime(bytes.length, baud);
    if (outcome === "ok") setImmediate(() => { if (!closed) troubles.succeeded(); });
    else if (outcome === "full") setImmediate(() => { if (!closed) troubles.failed(device, `serial link: ${device} does not take more: nobody reads at the other end, or the line is cut`); });
    else if (line !== null) setImmediate(lost, outcome);
  }

  function writeWaiting(): void {
    const next = waiting;
    waiting = null;
    if (next !== null) write(next.bytes);
  }

  return {
    name: "serial",
    counters,
    start: open,
    send(bytes) {
      const now = monotonicNow();
      // What waits is replaced also when its timer is late: the newer one must not go out before it.
      if (waiting !== null) waiting.bytes = bytes;
      else if (line === null || now >= freeAt) write(bytes);
      else waiting = { bytes, timer: setTimeout(writeWaiting, Math.ceil(freeAt - now)) };
    },
    close: async () => {
      closed = true;
      if (retry !== null) clearTimeout(retry);
      drop();
    },
  };
}

// ---- the tty -----------------------------------------------------------------------------------------------------

interface Line {
  /** "ok": all of it is with the kernel. "full": it would have had to wait. Else what is wrong with the line. */
  write(bytes: Buffer): string;
  close(): void;
}

/** The open line, or why there is none. `lost` comes at most once, and not after close(). */
async function openLine(device: string, baud: number, received: (bytes: Buffer) => void, lost: (why: string) => void): Promise<Line | string> {
  let file: number;
  try {
    file = openSync(device, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    return OPEN_PROBLEMS[codeOf(error as Error)] ?? `cannot be opened (${codeOf(error as Error)})`;
  }
  // Set while it is open, because a tty may forget with its last closing. Without clocal the stream's own opening could wait for a carrier.
  const { failure } = await run(["stty", "-F", device, String(baud), ...SETTINGS], { timeout: STTY_LIMIT });
  try {
    if (failure !== null) throw new Error(`is no serial line: stty ${failure}`);
    return listen(file, new ReadStream(file), received, lost);
  } catch (error) {
    closeSync(file);
    return (error as Error).message;
  }
}

function listen(file: number, stream: ReadStream, received: (bytes: Buffer) => void, lost: (why: string) => void): Line {
  const { rdev } = fstatSync(file);
  let open = true;
  const line: Line = {
    write(bytes) {
      try {
        // Half a frame spoils itself only: the next one begins with a zero byte.
        return writeSync(file, bytes) === bytes.length ? "ok" : "full";
      } catch (error) {
        return codeOf(error as Error) === "EAGAIN" ? "full" : `cannot be written to (${codeOf(error as Error)})`;
      }
    },
    close() {
      if (!open) return;
      open = false;
      stream.destroy();
      closeIfStill(file, rdev);
    },
  };
  const hungUp = (why: string): void => { if (open) lost(why); };
  stream.on("data", (bytes: Buffer) => { if (open) received(bytes); });
  stream.on("error", (error) => hungUp(`has hung up (${codeOf(error)})`));
  stream.on("end", () => hungUp("has hung up"));
  return line;
}

/** libuv opens a terminal anew for itself where it can, and takes the given file where it cannot: what is left is ours to close. */
function closeIfStill(file: number, rdev: number): void {
  try {
    if (fstatSync(file).rdev === rdev) closeSync(file);
  } catch {
    // EBADF: it went with the stream.
  }
}

const OPEN_PROBLEMS: Record<string, string> = {
  ENOENT: "is not there",
  EACCES: "may not be opened by this user",
  ENXIO: "has no device behind it",
  ENODEV: "has no device behind it",
  EIO: "has no port behind it",
};

// The witness as a program: one UDP port, one key, one file of two slots. What it decides is in witness-rules.ts.
//
// No answer leaves before everything that it follows from is on disk. A witness that cannot write ends: one that forgets
// would be worse than none.

import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { monotonicNow } from "../base/time.ts";
import type { Index } from "../core/model.ts";
import { Journal, readJournal } from "../journal.ts";
import { decodeQuestion, encodeAnswer, type WireAnswer, type WireQuestion, type WitnessKeys } from "./witness-packet.ts";
import { hasNews, isWitnessRecord, judge, witnessAtStart, type WitnessRecord, type WitnessState } from "./witness-rules.ts";
import { Sessions } from "./witness-sessions.ts";

export interface WitnessOptions {
  readonly cluster: string;
  readonly address: string;
  readonly port: number;
  readonly keys: WitnessKeys;
  /** The file. */
  readonly state: string;
  /** Something that people should know: a change of the record, a packet that nobody of ours has made. */
  readonly tell: (event: string, what: Readonly<Record<string, string | number>>) => void;
  /** The file cannot be written: the end. */
  readonly failed: (error: Error) => void;
}

const TELL_AGAIN = 10_000;

export interface Witness {
  readonly port: number;
  close(): Promise<void>;
}

/** Rejects, in words, when the file belongs to another cluster or the port cannot be had. */
export async function serveWitness(options: WitnessOptions): Promise<Witness> {
  const { cluster, keys, tell } = options;
  const before = readJournal<WitnessRecord>(options.state, isWitnessRecord);
  if (before.ok && before.record.cluster !== cluster) throw new Error(`${options.state} belongs to the cluster ${before.record.cluster}, not to ${cluster}`);
  if (!before.ok && before.later === true) throw new Error(`${options.state}: ${before.reason}. Install that clusterd again, or move the file away: nothing is granted then until both nodes were met`);
  if (!before.ok && !before.missing) tell("witness.forgot", { because: `${before.reason}: nothing is granted until both nodes were met` });
  const journal = await Journal.open<WitnessRecord>(options.state, isWitnessRecord);
  const sessions = new Sessions(() => randomBytes(16).toString("hex"));
  let state: WitnessState = witnessAtStart(cluster, before.ok ? before.record : null, monotonicNow());
  let written: Promise<void> = Promise.resolve();
  let refused = 0;
  let toldAt = Number.NEGATIVE_INFINITY;
  const socket = await listen(options);

  function remember(next: WitnessState): void {
    const news = hasNews(state.record, next.record);
    state = next;
    if (!news) return;
    written = Promise.all([written, journal.write(state.record)]).then(() => undefined);
    written.catch(options.failed);
    tell("witness.remembers", { epochs: state.record.identities.map(({ epoch }) => epoch).join(" "), met: state.record.met.every(Boolean) ? "both" : "one" });
  }

  function answerTo(from: Index, question: WireQuestion): WireAnswer | null {
    const fresh = sessions.judge(from, question);
    if (fresh.is === "old") return null;
    const reply = { boot: question.boot, seq: question.seq, nonce: fresh.nonce };
    if (fresh.is === "unknown") return { ...reply, votes: null };
    const judged = judge(state, from, question, monotonicNow());
    remember(judged.state);
    return { ...reply, votes: judged.votes };
  }

  socket.on("message", (bytes, { address, port }) => {
    const asked = decodeQuestion(bytes, keys);
    if (asked === null) {
      // Not more often, however many come: a flood must not fill the log.
      refused += 1;
      if (monotonicNow() - toldAt < TELL_AGAIN) return;
      toldAt = monotonicNow();
      tell("witness.refused", { from: address, packets: refused, because: "not made with this key, for this cluster" });
      return;
    }
    const answer = answerTo(asked.from, asked.question);
    if (answer !== null) void written.then(() => socket.send(encodeAnswer(answer, asked.from, keys), port, address), () => undefined);
  });

  return {
    port: socket.address().port,
    close: async () => {
      socket.close();
      await journal.close();
    },
  };
}

function listen({ address, port }: WitnessOptions): Promise<Socket> {
  const socket = createSocket({ type: address.includes(":") ? "udp6" : "udp4" });
  return new Promise((resolve, reject) => {
    socket.once("error", (error) => reject(new Error(`cannot listen on ${address} port ${port}: ${error.message}`)));
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners("error");
      // Asynchronous ICMP errors of a node that is gone concern nobody.
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}

// Hostile heartbeats, many of them: forged without the key, and made with it by somebody who lies.
//
// Without the key nothing may ever be accepted, whatever was recorded, cut, spliced, reflected or moved to another link.
// With the key a body may say anything: what is no heartbeat is refused, what is one goes into the core, whose node must
// live on sane. That node is driven like the daemon's: every effect is carried out or fails, and every beat is written.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { beatOf } from "../../clusterd/core/beat.ts";
import { ROLES, type CoreEvent, type Effect, type Heartbeat, type Index, type JournalRecord, type LinkName, type Verb } from "../../clusterd/core/model.ts";
import { begin, step, type Decision } from "../../clusterd/core/step.ts";
import type { State } from "../../clusterd/core/state.ts";
import { summaryOf } from "../../clusterd/core/summary.ts";
import { nextWake } from "../../clusterd/core/wake.ts";
import { deriveKeys } from "../../clusterd/heartbeat/key.ts";
import { createDecoder, decodeHeartbeat, encodeForLinks, encodeHeartbeat, PACKET_SIZE, type Unreadable } from "../../clusterd/heartbeat/packet.ts";
import { decodeJournal, encodeSlot } from "../../clusterd/journal.ts";
import { heartbeats } from "../clusterd/heartbeat/beats.ts";
import { random, type Random } from "../sim/random.ts";
import { coreConfig } from "../sim/setting.ts";

const TAG = 32;
const SELF: Index = 1;
const LIAR: Index = 0;
const LINKS: readonly LinkName[] = ["private", "lan", "serial"];
const keys = deriveKeys(Buffer.alloc(32, 3), "fuzz");
const otherCluster = deriveKeys(Buffer.alloc(32, 3), "another");
const otherSecret = deriveKeys(Buffer.alloc(32, 4), "fuzz");

// ---- without the key -------------------------------------------------------------------------------------------

interface Recorded { readonly bytes: Buffer; readonly link: LinkName }

/** What somebody on the wire may have: heartbeats of the peer on every link. */
const recording = (seed: number): readonly Recorded[] =>
  fc.sample(heartbeats, { numRuns: 96, seed }).flatMap((beat) => LINKS.map((link) => ({ bytes: encodeHeartbeat({ ...beat, sender: LIAR }, link, keys), link })));

/** Also what is no damage at all, only out of place. */
function foreign(seed: number): readonly Recorded[] {
  const beats = fc.sample(heartbeats, { numRuns: 96, seed: seed + 1 });
  return beats.flatMap((beat) => [
    { bytes: encodeHeartbeat({ ...beat, sender: SELF }, "lan", keys), link: "lan" }, // reflected
    { bytes: encodeHeartbeat({ ...beat, sender: LIAR }, "private", keys), link: "lan" }, // moved to another link
    { bytes: encodeHeartbeat({ ...beat, sender: LIAR }, "lan", keys), link: "serial" },
    { bytes: encodeHeartbeat({ ...beat, sender: LIAR }, "lan", otherCluster), link: "lan" },
    { bytes: encodeHeartbeat({ ...beat, sender: LIAR }, "private", otherSecret), link: "private" },
  ] satisfies readonly Recorded[]);
}

/** Each changes `bytes`, which hold a true packet, and answers how long the forgery is. */
const FORGERIES: readonly ((bytes: Buffer, draw: Random, others: readonly Recorded[]) => number)[] = [
  function bit(bytes, draw) { bytes[draw.int(PACKET_SIZE)]! ^= 1 << draw.int(8); return PACKET_SIZE; },
  function someBytes(bytes, draw) {
    const first = draw.int(PACKET_SIZE);
    bytes[first]! ^= 1 + draw.int(255);
    for (let more = draw.int(12); more > 0; more -= 1) bytes[draw.int(PACKET_SIZE)] = draw.int(256);
    return PACKET_SIZE;
  },
  function anotherBody(bytes, draw, others) {
    // This body, that seal.
    const from = draw.pick(others).bytes;
    from.copy(bytes, PACKET_SIZE - TAG, from.length - TAG);
    return PACKET_SIZE;
  },
  function noSeal(bytes, draw) { bytes.fill(draw.pick([0, 255]), PACKET_SIZE - TAG, PACKET_SIZE); return PACKET_SIZE; },
  function halfASeal(bytes, draw) { bytes.fill(0, PACKET_SIZE - 1 - draw.int(TAG - 1), PACKET_SIZE); return PACKET_SIZE; },
  function anotherVersion(bytes, draw) { bytes[0] = 0xc0 | (2 + draw.int(14)); return draw.chance(0.5) ? PACKET_SIZE : draw.int(600); },
  function anotherLength(bytes, draw) { const length = draw.int(600); return length === PACKET_SIZE ? length - 1 : length; },
  function noise(bytes, draw) {
    for (let at = 1; at < PACKET_SIZE; at += 4) bytes.writeInt32LE(draw.int(2 ** 32) | 0, Math.min(at, PACKET_SIZE - 4));
    return PACKET_SIZE;
  },
];

export interface Forged { readonly packets: number; readonly accepted: number; readonly fates: Readonly<Record<string, number>> }

export function forge(count: number, seed: number, onProgress: (done: number) => void = () => undefined): Forged {
  const draw = random(seed);
  const [known, strange] = [recording(seed), foreign(seed)];
  const bytes = Buffer.alloc(600);
  const decode = createDecoder(keys, { self: SELF });
  const fates: Record<Unreadable | "accepted", number> = { accepted: 0, size: 0, magic: 0, authentication: 0, version: 0, sender: 0, malformed: 0 };
  for (let done = 0; done < count; done += 1) {
    const misplaced = draw.chance(0.05);
    const { bytes: source, link } = draw.pick(misplaced ? strange : known);
    source.copy(bytes);
    const forgery = bytes.subarray(0, misplaced ? PACKET_SIZE : draw.pick(FORGERIES)(bytes, draw, known));
    // Chance may undo a change; the untouched packet is no forgery.
    if (!misplaced && forgery.equals(source)) forgery[draw.int(PACKET_SIZE)]! ^= 1 << draw.int(8);
    const decoded = decode(forgery, link);
    fates[decoded.ok ? "accepted" : decoded.reason] += 1;
    if (done % 100_000 === 0) onProgress(done);
  }
  return { packets: count, accepted: fates.accepted + fates.version + fates.sender + fates.malformed, fates };
}

// ---- with the key ----------------------------------------------------------------------------------------------

const VERBS: readonly Verb[] = ["switchover", "failback", "clear", "force-own", "leave", "confirm-dead", "handover"];
/** Numbers at which arithmetic ends or begins. */
const EDGES = [0, 1, 2, 3, 2 ** 31, 2 ** 32, 2 ** 47 - 2, 2 ** 47 - 1, 2 ** 47, 2 ** 48 - 2, 2 ** 48 - 1];

/** An epoch beyond which no heartbeat is understood any more: the liar has had his fun, a person starts anew. */
const SPOILT = 2 ** 47 - 1000;

/** A node that hears a liar. */
class Victim {
  readonly #draw: Random;
  #state!: State;
  #journal: JournalRecord | null = null;
  #waiting: CoreEvent[] = [];
  #now = 1000;
  #liarBoot = "";
  #liarSeq = 1;
  readonly roles = new Map<string, number>();
  steps = 0;

  constructor(draw: Random) {
    this.#draw = draw;
    this.start();
  }

  get state(): State { return this.#state; }

  start(): void {
    const draw = this.#draw;
    const boot = hex(draw, 16);
    const config = coreConfig(SELF, { policy: draw.pick(["availability", "balanced", "safety"]), soloBoot: draw.pick(["ask", "allow"]), soloWait: 1000, references: draw.pick([0, 1, 3]), hasServices: [draw.chance(0.5), draw.chance(0.5)], mirrored: [draw.chance(0.5) ? ["data"] : [], draw.chance(0.5) ? ["data"] : []] });
    this.#waiting = [];
    if (this.#journal !== null && this.#journal.identities.some(({ epoch }) => epoch > SPOILT)) this.#journal = null;
    this.#liarBoot = hex(draw, 16);
    this.#liarSeq = 1;
    this.#take(begin(config, { kind: "start", at: this.#now, wall: this.#now, boot, journal: this.#journal, fresh: this.#journal === null }));
    this.#happens({ kind: "guard", at: this.#now, present: draw.chance(0.95), reason: "" });
  }

  /** What the liar would say now, as if it had heard us: believed, or it would do no harm. */
  lie(): Heartbeat {
    const draw = this.#draw;
    if (draw.chance(0.001)) { this.#liarBoot = hex(draw, 16); this.#liarSeq = 1; }
    this.#liarSeq += draw.chance(0.9999) ? 1 : draw.int(1000);
    const echo = draw.chance(0.9) ? { boot: this.#state.boot, seq: Math.max(0, this.#state.seq - draw.int(3)), heardWall: this.#now } : null;
    const said = this.#state.holdings.map(({ record }) => record.epoch);
    const identity = (index: Index) => ({
      role: draw.pick(ROLES), epoch: this.#epoch(said[index] ?? 0), owner: draw.pick([0, 1, null] as const), offer: draw.chance(0.7) ? 0 : this.#epoch(said[index] ?? 0),
      offers: draw.chance(0.3), claimed: draw.int(256), stale: draw.chance(0.2), locked: draw.chance(0.1), promised: draw.chance(0.2), standing: draw.chance(0.2), inSync: draw.chance(0.5), held: draw.chance(0.1), moved: draw.chance(0.2),
    });
    return {
      sender: LIAR, boot: this.#liarBoot, seq: this.#liarSeq, sentWall: draw.chance(0.99) ? this.#now : draw.pick([0, 0.5, Number.MAX_SAFE_INTEGER]), echo,
      hello: draw.chance(0.02) ? { boot: this.#state.boot, seq: this.#state.seq } : null, digest: draw.chance(0.97) ? this.#state.config.digest : hex(draw, 8),
      references: draw.pick([0, 1, 3, 255]), leaving: draw.chance(0.02), maintenance: draw.chance(0.02), mainCarrier: draw.chance(0.95), redundantCarrier: draw.chance(0.95), identities: [identity(0), identity(1)],
    };
  }

  /** Mostly near what is known; at times the largest that the wire can carry, which is refused, or nearly so. */
  #epoch(known: number): number {
    const draw = this.#draw;
    return draw.chance(0.9999) ? Math.min(2 ** 48 - 1, Math.max(0, known + draw.int(5) - 2)) : draw.pick(EDGES);
  }

  hear(beat: Heartbeat, link: LinkName): void {
    this.#happens({ kind: "heard", at: this.#now, wall: this.#now, link, beat });
  }

  /** Some time goes by: outcomes arrive, the timer fires, and now and then a person, a cable or the machine does something. */
  goOn(): void {
    const draw = this.#draw;
    this.#now += draw.chance(0.95) ? draw.next() * 20 : draw.next() * (draw.chance(0.1) ? 20_000 : 400);
    for (let left = this.#waiting.length; left > 0; left -= 1) {
      const outcome = this.#waiting.shift() as CoreEvent;
      if (draw.chance(0.7)) this.#happens({ ...outcome, at: this.#now });
      else if (draw.chance(0.98)) this.#waiting.push(outcome);
    }
    if (draw.chance(0.5)) this.#happens({ kind: "tick", at: this.#now, wall: this.#now });
    if (draw.chance(0.01)) this.#happens({ kind: "command", at: this.#now, id: this.steps, verb: draw.pick(VERBS), identity: draw.pick([0, 1] as const) });
    if (draw.chance(0.005)) this.#happens({ kind: "carrier", at: this.#now, nic: draw.pick(["main", "heartbeat", "redundant"] as const), up: draw.chance(0.8) });
    if (draw.chance(0.01)) this.#happens({ kind: "in-sync", at: this.#now, identity: draw.pick([0, 1] as const), epoch: this.#state.holdings[0].record.epoch });
    if (draw.chance(0.002)) this.#happens({ kind: "guard", at: this.#now, present: draw.chance(0.9), reason: "" });
    const spoilt = this.#state.holdings.some(({ record }) => record.epoch > SPOILT);
    if (draw.chance(spoilt ? 0.01 : 0.0005) || this.#state.failed !== null) this.start();
  }

  #happens(event: CoreEvent): void {
    this.#take(step(this.#state, event));
  }

  #take({ state, effects }: Decision): void {
    const before = this.#state as State | undefined;
    this.#state = state;
    this.steps += 1;
    for (const index of [0, 1] as const) {
      const { role, record } = state.holdings[index];
      assert.ok(ROLES.includes(role) && Number.isSafeInteger(record.epoch));
      assert.ok(before === undefined || before.boot !== state.boot || record.epoch >= before.holdings[index].record.epoch, "an epoch went back");
      this.roles.set(role, (this.roles.get(role) ?? 0) + 1);
    }
    assert.ok(Number.isFinite(nextWake(state)), "the timer would never fire again");
    if (this.steps % 64 === 0) assert.ok(JSON.stringify(summaryOf(state)).length > 100);
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    const [draw, at] = [this.#draw, this.#now];
    const ok = draw.chance(0.9);
    const later = (event: CoreEvent): void => { if (this.#waiting.length < 100) this.#waiting.push(event); };
    switch (effect.kind) {
      case "send": encodeForLinks(beatOf(this.#state, effect.seq, at), ["private"], keys); break;
      case "persist": {
        if (effect.write % 32 === 1) assert.ok(decodeJournal(Buffer.concat([Buffer.alloc(8192), encodeSlot(effect.record, 1)])).ok, "the next daemon could not read this journal");
        this.#journal = effect.record;
        later(draw.chance(0.9995) ? { kind: "persisted", at, write: effect.write } : { kind: "persist-failed", at, write: effect.write, reason: "EIO" });
        break;
      }
      case "ask-references": later({ kind: "references", at, startedAt: at, answered: draw.int(this.#state.config.references + 1), of: this.#state.config.references }); break;
      case "probe-identity": later({ kind: "probed", at, identity: effect.identity, startedAt: at, mac: ok ? null : "02:00:5e:50:00:01" }); break;
      case "raise": later(ok ? { kind: "raised", at, identity: effect.identity } : { kind: "raise-failed", at, identity: effect.identity, reason: "no" }); break;
      case "release": later(ok ? { kind: "released", at, identity: effect.identity } : { kind: "release-failed", at, identity: effect.identity, reason: "no" }); break;
      case "start-services": later({ kind: "services-started", at, identity: effect.identity, ok, detail: "" }); break;
      case "stop-services": later({ kind: "services-stopped", at, identity: effect.identity, ok, detail: "" }); break;
      case "final-pass": later({ kind: "passed", at, identity: effect.identity, ok, detail: "" }); break;
      case "lease": assert.ok(Number.isFinite(effect.until), "a lease without an end"); break;
      case "tell": assert.notEqual(effect.because, ""); break;
      case "announce": case "answer": break;
    }
  }
}

const hex = (draw: Random, bytes: number): string => Array.from({ length: bytes }, () => draw.int(256).toString(16).padStart(2, "0")).join("");

export interface Signed { readonly signed: number; readonly believed: number; readonly steps: number; readonly roles: Readonly<Record<string, number>>; readonly crash: string | null }

export function lie(count: number, seed: number, onProgress: (done: number) => void = () => undefined): Signed {
  const draw = random(seed);
  const victim = new Victim(draw);
  let believed = 0;
  let done = 0;
  try {
    for (; done < count; done += 1) {
      const link = draw.pick(LINKS);
      const bytes = damaged(encodeHeartbeat(victim.lie(), link, keys), draw, link);
      const decoded = decodeHeartbeat(bytes, link, keys, { self: SELF });
      if (decoded.ok) {
        believed += 1;
        if (done % 16 === 0) assert.deepEqual(encodeHeartbeat(decoded.beat, link, keys), bytes, "two encodings of one heartbeat");
        victim.hear(decoded.beat, link);
      }
      // Now and then the liar is silent for as long as a claim takes.
      for (let turns = draw.chance(0.002) ? 120 : 1; turns > 0; turns -= 1) victim.goOn();
      if (done % 10_000 === 0) onProgress(done);
    }
  } catch (error) {
    return { signed: done, believed, steps: victim.steps, roles: Object.fromEntries(victim.roles), crash: `packet ${done} of seed ${seed}: ${(error as Error).stack ?? String(error)}` };
  }
  return { signed: count, believed, steps: victim.steps, roles: Object.fromEntries(victim.roles), crash: null };
}

/** Half of the bodies are changed at up to six places, and sealed by somebody who has the key. */
function damaged(bytes: Buffer, draw: Random, link: LinkName): Buffer {
  if (draw.chance(0.5)) return bytes;
  for (let edits = 1 + draw.int(6); edits > 0; edits -= 1) {
    const at = 1 + draw.int(PACKET_SIZE - TAG - 1);
    if (draw.chance(0.5)) bytes[at]! ^= 1 << draw.int(8);
    else bytes[at] = draw.pick([0, 1, 2, 127, 128, 255, draw.int(256)]);
  }
  const body = bytes.subarray(0, PACKET_SIZE - TAG);
  bytes.set(createHmac("sha256", keys[link][LIAR]).update(body).digest(), PACKET_SIZE - TAG);
  return bytes;
}

// ---- the command -----------------------------------------------------------------------------------------------

export function fuzzHeartbeats({ packets, signed, seed, onProgress }: { readonly packets: number; readonly signed: number; readonly seed: number; onProgress(text: string): void }) {
  const began = performance.now();
  const forged = forge(packets, seed, (done) => onProgress(`${done} of ${packets} without the key`));
  const between = performance.now();
  const lies = lie(signed, seed, (done) => onProgress(`${done} of ${signed} with a sound seal`));
  const ended = performance.now();
  return {
    ok: forged.accepted === 0 && lies.crash === null, seed, packets: forged.packets, accepted: forged.accepted, fates: forged.fates, packets_per_s: Math.round(packets / (between - began) * 1000),
    signed: lies.signed, believed: lies.believed, steps: lies.steps, roles: lies.roles, crashes: lies.crash === null ? 0 : 1, crash: lies.crash, signed_per_s: Math.round(signed / (ended - between) * 1000), took_s: Math.round((ended - began) / 1000),
  };
}

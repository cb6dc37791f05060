// What of the pair makes it a different pair: every fact that a decision may rest on, times relative to now.
//
// Left out is what is told to people (because, told, wall clocks, links, stalls, lineage) and what counts up without end
// (sequence and write numbers keep only their order). What is read back is what is explored on: nothing hides.

import type { CoreConfig, Heartbeat, IdentityBeat, IdentityRecord, Index, Role } from "../../../clusterd/core/model.ts";
import { ROLES } from "../../../clusterd/core/model.ts";
import { hasLease, holds } from "../../../clusterd/core/lease.ts";
import { NEVER, otherOf, SENT_REMEMBERED, type Claim, type Handover, type Holding, type Peer, type State } from "../../../clusterd/core/state.ts";
import type { Pair, Side } from "./pair.ts";
import { CONFIGS, OTHER_DIGEST, TICK } from "./setting.ts";
import { both, flag, gone, list, mark, moment, nullable, oneOf, small, struct, UNWRITTEN, type Field, type Mark, type Tape } from "./tape.ts";

// Horizons, in ticks: longer than anything the core compares that moment with. ----------------------------------------

/** Q + C = 12, and the core's own limits (SHORT_LIMIT, OFFER_LIMIT, HANDSHAKE_LIMIT ≤ 7). */
const lately = moment(14 * TICK);
/** aloneAfter = 24, and its 3 %. */
const alone = moment(26 * TICK);
/** A lease that tripped is never forgotten here (120 ticks in the core), and counts up to three: a hold-down of 4 ticks. */
const trips: Field<Holding["trips"]> = {
  write: (tape, { count, at }) => { tape.put(Math.min(count, 3)); tape.put(at === NEVER ? 0 : 1); },
  read: (tape) => ({ count: tape.get(), at: tape.get() === 0 ? NEVER : tape.now - TICK }),
};

const role = oneOf<Role>(ROLES);
const index = oneOf<Index | null>([null, 0, 1]);

const bits = (...flags: readonly boolean[]): number => flags.reduce((sum, each, at) => sum + (each ? 2 ** at : 0), 0);
const bit = (byte: number, at: number): boolean => (byte & (1 << at)) !== 0;

// ---- records and heartbeats ----------------------------------------------------------------------------------------

export const record: Field<IdentityRecord> = {
  write: (tape, { epoch, owner, offered, stale, standing, promised, locked }) => {
    small.write(tape, epoch);
    small.write(tape, offered);
    index.write(tape, owner);
    tape.put(bits(stale, standing, promised, locked));
  },
  read: (tape) => {
    const epoch = small.read(tape);
    const offered = small.read(tape);
    const owner = index.read(tape);
    const said = tape.get();
    return { epoch, owner, offered, stale: bit(said, 0), standing: bit(said, 1), promised: bit(said, 2), locked: bit(said, 3), lineage: [] };
  },
};

const identityBeat: Field<IdentityBeat> = {
  write: (tape, { role: of, epoch, owner, offer, claimed, stale, locked, promised, standing, inSync, held, offers }) => {
    role.write(tape, of);
    tape.put(claimed);
    small.write(tape, epoch);
    small.write(tape, offer);
    index.write(tape, owner);
    tape.put(bits(stale, locked, promised, standing, inSync, held, offers));
  },
  read: (tape) => {
    const of = role.read(tape);
    const claimed = tape.get();
    const epoch = small.read(tape);
    const offer = small.read(tape);
    const owner = index.read(tape);
    const said = tape.get();
    return { role: of, epoch, owner, offer, claimed, stale: bit(said, 0), locked: bit(said, 1), promised: bit(said, 2), standing: bit(said, 3), inSync: bit(said, 4), held: bit(said, 5), offers: bit(said, 6), moved: false };
  },
};

function heartbeat(sender: Index): Field<Heartbeat> {
  const own = mark(sender);
  const other = nullable(mark(otherOf(sender)));
  const identities = both(identityBeat);
  return {
    write: (tape, beat) => {
      own.write(tape, beat);
      other.write(tape, beat.echo);
      other.write(tape, beat.hello);
      tape.put(bits(beat.leaving, beat.mainCarrier, beat.redundantCarrier, beat.digest === OTHER_DIGEST));
      tape.put(beat.references);
      identities.write(tape, beat.identities as [IdentityBeat, IdentityBeat]);
    },
    read: (tape) => {
      const { boot, seq } = own.read(tape);
      const echo = other.read(tape);
      const hello = other.read(tape);
      const said = tape.get();
      return {
        sender, boot, seq, sentWall: 0, echo: echo === null ? null : { ...echo, heardWall: 0 }, hello, digest: bit(said, 3) ? OTHER_DIGEST : CONFIGS[sender].digest,
        leaving: bit(said, 0), maintenance: false, mainCarrier: bit(said, 1), redundantCarrier: bit(said, 2), references: tape.get(), identities: identities.read(tape),
      };
    },
  };
}

const HEARTBEATS = [heartbeat(0), heartbeat(1)] as const;

// ---- the core's state ----------------------------------------------------------------------------------------------

const pending: Field<Exclude<Holding["pending"], null>> = {
  write: (tape, { write, record: to, standing }) => { small.write(tape, tape.write - write); record.write(tape, to); flag.write(tape, standing); },
  read: (tape) => ({ write: tape.write - small.read(tape), record: record.read(tape), standing: flag.read(tape) }),
};

const claim = struct<Claim>({
  startedAt: lately, epoch: small, agreedAt: lately, rounds: list(lately), unanswered: small, answeredBy: gone<string | null>(null), probeAt: lately,
});
const handover = struct<Handover>({ startedAt: gone(0), planned: flag, command: gone<number | null>(null), automatic: gone(false), offer: small, letGoAt: lately });
const claimHeard = struct<Exclude<Holding["claimHeard"], null>>({ askedAt: nullable(lately), yieldAt: lately, complete: flag });

const holding = struct<Holding>({
  role, since: lately, sinceWall: gone(0), because: gone(""), told: gone(""), record, pending: nullable(pending), confirmed: gone(0),
  ackedAt: lately, leaseUntil: lately, leaseTold: lately, claim: nullable(claim), handover: nullable(handover), claimHeard: nullable(claimHeard),
  uncertain: flag, heldUntil: lately, trips, tied: flag, inSync: gone<Holding["inSync"]>(null), gained: gone(false),
  services: oneOf(["stopped", "starting", "started", "stopping", "failed"] as const) as Field<Holding["services"]>,
  // Without a witness and with `failback = manual` nothing asks for these.
  witness: gone<Holding["witness"]>({ verdict: "idle", epoch: 0, grantedAt: NEVER }),
  steadySince: gone<number | null>(null), failbacks: gone({ count: 0, at: NEVER }), moved: gone(false),
});

/** Moments that nothing asks for any more. */
const settled = (of: Holding, now: number): Holding => ({
  ...of,
  since: of.handover === null ? now : of.since,
  leaseUntil: hasLease(of) ? of.leaseUntil : NEVER,
  leaseTold: holds(of) ? of.leaseTold : NEVER,
  heldUntil: of.heldUntil <= now ? NEVER : of.heldUntil,
});

function peer(self: Index): Field<Peer> {
  const from = otherOf(self);
  const heard = nullable(mark(from));
  const rest = struct<Peer>({
    boot: gone<string | null>(null), seq: gone(0), heardAt: moment(52 * TICK), aliveSince: lately, heardWall: gone(0), beat: nullable(HEARTBEATS[from]), hello: nullable(mark(from)), linkSeq: { write: UNWRITTEN, read: () => ({ private: 0, lan: 0, serial: 0 }) },
    foreignAt: gone(NEVER), echoedAt: moment(27 * TICK), left: flag,
    links: { write: UNWRITTEN, read: () => ({ private: NEVER, lan: NEVER, serial: NEVER }) },
  });
  return {
    write: (tape, of) => {
      heard.write(tape, of.boot === null ? null : { boot: of.boot, seq: of.seq });
      rest.write(tape, of);
    },
    read: (tape) => {
      const known = heard.read(tape);
      return { ...rest.read(tape), boot: known?.boot ?? null, seq: known?.seq ?? 0 };
    },
  };
}

/** wasSurelyAlone asks how much later than the last word the arbiter agreed: that difference is kept, also where both are long ago. */
function lastWordOf({ peer: { heardAt }, references: { agreedAt } }: State, now: number): number {
  const horizon = 26 * TICK;
  if (heardAt === NEVER || heardAt >= now - horizon) return heardAt;
  return Math.max(agreedAt, now - horizon) - Math.min(horizon, Math.max(0, agreedAt - heardAt));
}

const config = (self: Index): Field<CoreConfig> => {
  const configs = [CONFIGS[self], { ...CONFIGS[self], digest: OTHER_DIGEST }] as const;
  return { write: (tape, { digest }) => tape.put(digest === OTHER_DIGEST ? 1 : 0), read: (tape) => configs[tape.get() as Index] };
};

/** Of its heartbeats that somebody may still echo, those of the newest boot. */
const ofThisBoot = ({ marks }: Tape, self: Index): readonly Mark[] => marks[self].filter(({ boot }) => boot === marks[self].at(-1)?.boot);

/** When it was sent; never, when it is too old to be remembered, or its echo would be neither news nor vote. */
function sentAt({ sentAt: moments, seq: newest, peer: { echoedAt } }: State, seq: number, now: number): number {
  const sent = seq > newest - SENT_REMEMBERED ? moments[seq % SENT_REMEMBERED] ?? NEVER : NEVER;
  return sent <= echoedAt && sent < now - 26 * TICK ? NEVER : sent;
}

function stateField(self: Index): Field<State> {
  const newest = (tape: Tape): Mark => tape.marks[self].at(-1) as Mark;
  const rest = struct<State>({
    config: config(self), awaited: gone<CoreConfig | null>(null), boot: { write: UNWRITTEN, read: (tape) => newest(tape).boot }, now: alone, wall: gone(0), startedAt: lately, wokeAt: lately,
    stalls: gone<State["stalls"]>([]), seq: { write: UNWRITTEN, read: (tape) => newest(tape).seq }, nextBeatAt: lately,
    sentAt: { write: UNWRITTEN, read: () => new Array<number>(SENT_REMEMBERED).fill(NEVER) }, write: { write: UNWRITTEN, read: (tape) => tape.write }, peer: peer(self),
    references: struct({ askedAt: lately, agreedAt: alone, startedAt: lately, answered: small }),
    fence: gone({ askedAt: NEVER, endedAt: NEVER, failedAt: NEVER, offAt: NEVER, said: "" }),
    witness: gone<State["witness"]>({ askedAt: NEVER, answeredAt: NEVER, said: null }),
    carrier: struct({ main: oneOf([null, true, false]), heartbeat: gone<boolean | null>(null), redundant: oneOf([null, true, false]) }), carrierLostAt: alone,
    guard: struct({ present: flag, reason: gone("") }), leaving: nullable(struct({ command: gone(0), promised: flag })) as Field<State["leaving"]>,
    // Nobody works on the nodes here.
    maintenance: gone(false), failed: nullable(gone("EIO")), told: gone<State["told"]>([]), newsAt: gone(Number.POSITIVE_INFINITY), holdings: both(holding),
  });
  return {
    write: (tape, of) => {
      tape.write = of.write;
      rest.write(tape, {
        ...of, peer: { ...of.peer, heardAt: lastWordOf(of, tape.now) },
        holdings: [settled(of.holdings[0], tape.now), settled(of.holdings[1], tape.now)],
      });
      for (const { seq } of ofThisBoot(tape, self)) alone.write(tape, sentAt(of, seq, tape.now));
    },
    read: (tape) => {
      tape.write = 100;
      const state = rest.read(tape);
      for (const { seq } of ofThisBoot(tape, self)) state.sentAt[seq % SENT_REMEMBERED] = alone.read(tape);
      return state;
    },
  };
}

const STATES = [stateField(0), stateField(1)] as const;
const records = both(record);
const services = oneOf<Side["services"]>([null, "start", "stop"]);

// ---- the pair ------------------------------------------------------------------------------------------------------

/** Every heartbeat of `node` that its own state, its peer or a packet under way still names. */
function gather({ sides, flying }: Pair, node: Index): Mark[] {
  const own = sides[node];
  const other = sides[otherOf(node)];
  const found: Mark[] = [{ boot: bootOf(node, own.life), seq: own.state?.seq ?? 0 }];
  const note = (said: Mark | null | undefined): void => {
    if (said != null && !found.some(({ boot, seq }) => boot === said.boot && seq === said.seq)) found.push({ boot: said.boot, seq: said.seq });
  };
  const beats = [other.state?.peer.beat, own.state?.peer.beat, ...flying, ...own.backlog, ...other.backlog];
  for (const beat of beats) {
    if (beat == null) continue;
    if (beat.sender === node) note(beat);
    else { note(beat.echo); note(beat.hello); }
  }
  const known = other.state?.peer;
  if (known !== undefined && known.boot !== null) note({ boot: known.boot, seq: known.seq });
  note(known?.hello);
  return found.sort((a, b) => lifeOf(a.boot) - lifeOf(b.boot) || a.seq - b.seq);
}

export const bootOf = (node: Index, life: number): string => `${node}:${life}`;
const lifeOf = (boot: string): number => Number(boot.slice(2));

/** Numbers by order: lives 1, 2 … and heartbeats 1, 2 … over all of them. */
function writeMarks(tape: Tape, node: Index): void {
  const known = tape.marks[node];
  tape.put(known.length);
  let life = 0;
  known.forEach(({ boot }, at) => {
    if (boot !== known[at - 1]?.boot) life += 1;
    tape.put(life);
  });
}

const readMarks = (tape: Tape, node: Index): Mark[] =>
  Array.from({ length: tape.get() }, (_, at) => ({ boot: bootOf(node, tape.get()), seq: at + 1 }));

const side = (node: Index): Field<Side> => ({
  write: (tape, of) => {
    nullable(STATES[node]).write(tape, of.state);
    records.write(tape, of.disk as [IdentityRecord, IdentityRecord]);
    tape.put(bits(of.frozen, of.slowDisk, of.slowIfup, of.raising[0], of.raising[1], of.releasing[0], of.releasing[1]));
    services.write(tape, of.services);
    lately.write(tape, of.thawedAt);
    lately.write(tape, of.wordAt);
    for (const identity of [0, 1] as const) {
      lately.write(tape, of.up[identity] ?? NEVER);
      small.write(tape, of.raisedEpoch[identity]);
    }
    tape.put(of.writes.length);
    for (const { write, records: written } of of.writes) { small.write(tape, tape.write - write); records.write(tape, written as [IdentityRecord, IdentityRecord]); }
    list(HEARTBEATS[otherOf(node)]).write(tape, of.backlog);
  },
  read: (tape) => {
    const state = nullable(STATES[node]).read(tape);
    const disk = records.read(tape);
    const said = tape.get();
    const serves = services.read(tape);
    const thawedAt = lately.read(tape);
    const wordAt = lately.read(tape);
    const up: [number | null, number | null] = [null, null];
    const raisedEpoch: [number, number] = [0, 0];
    for (const identity of [0, 1] as const) {
      const until = lately.read(tape);
      up[identity] = until > tape.now ? until : null;
      raisedEpoch[identity] = small.read(tape);
    }
    const writes = Array.from({ length: tape.get() }, () => ({ write: tape.write - small.read(tape), records: records.read(tape) }));
    const backlog = [...list(HEARTBEATS[otherOf(node)]).read(tape)];
    return {
      node, life: lifeOf(tape.marks[node].at(-1)?.boot ?? ""), state, disk, writes, backlog, up, raisedEpoch, services: serves, thawedAt, wordAt, frozen: bit(said, 0),
      slowDisk: bit(said, 1), slowIfup: bit(said, 2), raising: [bit(said, 3), bit(said, 4)], releasing: [bit(said, 5), bit(said, 6)],
    };
  },
});

const SIDES = [side(0), side(1)] as const;

export function writePair(tape: Tape, pair: Pair): void {
  tape.at = 0;
  tape.now = pair.now;
  tape.marks = [gather(pair, 0), gather(pair, 1)];
  writeMarks(tape, 0);
  writeMarks(tape, 1);
  SIDES[0].write(tape, pair.sides[0]);
  SIDES[1].write(tape, pair.sides[1]);
  tape.put(pair.flying.length);
  for (const beat of pair.flying) { tape.put(beat.sender); HEARTBEATS[beat.sender].write(tape, beat); }
  tape.put(pair.cut + 4 * pair.reach);
  tape.put(pair.habit);
  tape.put(pair.unowned);
}

/** A moment to read states at: far from zero, so that no age is negative. */
const READ_AT = 1_000_000;

export function readPair(tape: Tape, make: (parts: Omit<Pair, "broken">) => Pair): Pair {
  tape.at = 0;
  tape.now = READ_AT;
  tape.marks = [readMarks(tape, 0), readMarks(tape, 1)];
  const sides = [SIDES[0].read(tape), SIDES[1].read(tape)] as const;
  const flying = Array.from({ length: tape.get() }, () => HEARTBEATS[tape.get() as Index].read(tape));
  const links = tape.get();
  return make({ now: READ_AT, sides, flying, cut: links & 3, reach: links >> 2, habit: tape.get(), unowned: tape.get() });
}

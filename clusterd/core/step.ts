// Everything the daemon decides is decided here: one event in, the next state, effects and reasons out.
//
// Pure: the same state and event give the same decision; step() does not change the given state, advance() changes nothing
// else. Never throws for anything the network or the peer may do: an unknown situation is a row of the table, not an exception.

import { ACTIONS, type Scene } from "./actions.ts";
import { hasJobs } from "./configure.ts";
import { duties } from "./duties.ts";
import { GUARDS, type Guard } from "./guards.ts";
import { ROLES, type CoreConfig, type CoreEvent, type Effect, type IdentityRecord, type Index, type Role } from "./model.ts";
import { observe, passTime } from "./observe.ts";
import { CONDITIONS, outcomesOf, TESTS, type Condition, type Signal } from "./signals.ts";
import { copyState, EMPTY_RECORD, initialState, otherOf, type State } from "./state.ts";
import { TABLE, type Cell, type Row } from "./table.ts";

export interface Decision {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** The first decision of a daemon's life: what the journal allows it to believe. */
export function begin(config: CoreConfig, event: CoreEvent & { kind: "start" }): Decision {
  const state = initialState(config, event.boot, event.at, event.wall, recordsAtStart(config, event));
  const effects: Effect[] = [];
  if (event.journal === null && !event.fresh)
    effects.push({ kind: "tell", level: "alarm", event: "journal.unreadable", identity: null,
      because: "both slots of the journal are damaged: this node may only be resynchronised until the peer or a person tells it an epoch" });
  return { state, effects };
}

/** Stale: what was owned by the peer went on without us; a journal that cannot be read proves nothing; and on a new node the files
 *  of the other's services have yet to arrive, so that a power cut before the first copy is over does not move a service to an empty tree. */
function recordsAtStart(config: CoreConfig, event: CoreEvent & { kind: "start" }): [IdentityRecord, IdentityRecord] {
  const read = (identity: Index): IdentityRecord => {
    const record = event.journal?.identities[identity] ?? EMPTY_RECORD;
    const unknown = event.journal === null && !event.fresh;
    const empty = event.fresh && identity !== config.self && hasJobs(config, identity);
    return { ...record, stale: record.stale || unknown || empty || record.owner === otherOf(config.self) };
  };
  return [read(0), read(1)];
}

export function step(before: State, event: CoreEvent): Decision {
  const state = copyState(before);
  return { state, effects: advance(state, event) };
}

/** step() without the copy, for who keeps no state but the newest: the driver's every event would make 1 kB of garbage. */
export function advance(state: State, event: CoreEvent): readonly Effect[] {
  const effects: Effect[] = [];
  const wasWell = state.failed === null;
  passTime(state, event);
  if (wasWell && state.failed !== null) effects.push({ kind: "tell", level: "alarm", event: "clock.broken", identity: null, because: `${state.failed}. This node lets go, and owns nothing before its daemon is started again` });
  // Before anything the event may say: what arrives after the lease's end cannot revive it.
  for (const identity of BOTH) if (TESTS["lease-over"](state, state.holdings[identity], identity)) follow(state, effects, event, identity, "lease-over");
  // The copy of a heartbeat that came over another link first changes nothing but that link's mark.
  if (!observe(state, event)) return effects;
  for (const { identity, signal } of outcomesOf(event, state)) follow(state, effects, event, identity, signal);
  for (const identity of BOTH) watch(state, effects, event, identity);
  duties({ state, effects, event, heard: event.kind === "heard" });
  return effects;
}

const BOTH = [0, 1] as const;

interface Watch {
  readonly condition: Condition;
  readonly place: number;
  readonly holds: (typeof TESTS)[Condition];
  readonly rows: readonly { readonly row: Row; readonly applies: Guard }[];
}

const watchesOf = (role: Role): readonly Watch[] => CONDITIONS.flatMap((condition, place) => {
  const cell: Cell = TABLE[role][condition];
  return "ignored" in cell ? [] : [{ condition, place, holds: TESTS[condition], rows: cell.map((row) => ({ row, applies: GUARDS[row.when] })) }];
});

/** By role, the conditions that its part of the table does not ignore: the others need not be looked at. */
const WATCHED = Object.fromEntries(ROLES.map((role) => [role, watchesOf(role)])) as Readonly<Record<Role, readonly Watch[]>>;

/** Follows each condition that holds, in the order of CONDITIONS, as the role that the identity has by then. */
function watch(state: State, effects: Effect[], event: CoreEvent, identity: Index): void {
  const holding = state.holdings[identity];
  let watched = WATCHED[holding.role];
  for (let next = 0; next < watched.length; next += 1) {
    const { condition, place, holds, rows } = watched[next] as Watch;
    if (!holds(state, holding, identity)) continue;
    const { role } = holding;
    for (const { row, applies } of rows) {
      if (!applies(state, holding, identity)) continue;
      take(state, effects, event, identity, condition, row);
      break;
    }
    if (holding.role === role) continue;
    watched = WATCHED[holding.role];
    next = upTo(watched, place) - 1;
  }
}

/** How many of them come no later than this place. Apart from the loop above, where a closure would cost an allocation a turn. */
const upTo = (watched: readonly Watch[], place: number): number => watched.filter((each) => each.place <= place).length;

/** Looks the signal up for the identity's role and takes the first row whose guard holds. */
function follow(state: State, effects: Effect[], event: CoreEvent, identity: Index, signal: Signal): void {
  const row = rowFor(state, identity, signal);
  if (row !== null) take(state, effects, event, identity, signal, row);
}

function take(state: State, effects: Effect[], event: CoreEvent, identity: Index, signal: Signal, row: Row): void {
  const holding = state.holdings[identity];
  if (row.to === holding.role && row.do.length === 0) return;
  const from: Role = holding.role;
  const scene: Scene = { state, holding, identity, event, effects };
  if (row.to !== from) {
    holding.role = row.to;
    holding.since = state.now;
    holding.sinceWall = state.wall;
    holding.because = row.because;
  }
  for (const action of row.do) ACTIONS[action](scene);
  tellOnce(scene, row.to === from ? `identity.${signal}` : `identity.${row.to}`, row);
}

/** A row that is taken again and again (a claim that keeps breaking) is told once, until something else happens. */
function tellOnce({ holding, effects, identity, event }: Scene, told: string, row: Row): void {
  if (holding.told === told) return;
  holding.told = told;
  const detail = "reason" in event ? event.reason ?? "" : "detail" in event ? event.detail : "";
  const because = detail === "" ? row.because : `${row.because} (${detail})`;
  effects.push({ kind: "tell", level: row.level ?? "info", event: told, identity, because });
}

/** The row that the table has for this situation; null when the signal is ignored. Also what `clusterd explain` asks. */
export function rowFor(state: State, identity: Index, signal: Signal): Row | null {
  const cell: Cell = TABLE[state.holdings[identity].role][signal];
  return "ignored" in cell ? null : cell.find((row) => GUARDS[row.when](state, state.holdings[identity], identity)) ?? null;
}


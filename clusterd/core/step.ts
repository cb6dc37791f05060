// Everything the daemon decides is decided here: one event in, the next state, effects and reasons out.
//
// Pure: the same state and event give the same decision; the given state is not changed. Never throws for anything the
// network or the peer may do: an unknown situation is a row of the table, not an exception.

import { ACTIONS, type Scene } from "./actions.ts";
import { duties } from "./duties.ts";
import { GUARDS } from "./guards.ts";
import type { CoreConfig, CoreEvent, Effect, IdentityRecord, Index, Role } from "./model.ts";
import { observe, passTime } from "./observe.ts";
import { conditionHolds, CONDITIONS, outcomesOf, type Signal } from "./signals.ts";
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

/** What was owned by the peer went on without us: stale. A journal that cannot be read proves nothing: stale. */
function recordsAtStart(config: CoreConfig, event: CoreEvent & { kind: "start" }): [IdentityRecord, IdentityRecord] {
  const read = (identity: Index): IdentityRecord => {
    const record = event.journal?.identities[identity] ?? EMPTY_RECORD;
    const unknown = event.journal === null && !event.fresh;
    return { ...record, stale: record.stale || unknown || record.owner === otherOf(config.self) };
  };
  return [read(0), read(1)];
}

export function step(before: State, event: CoreEvent): Decision {
  const state = copyState(before);
  const effects: Effect[] = [];
  passTime(state, event);
  // Before anything the event may say: what arrives after the lease's end cannot revive it.
  for (const identity of BOTH) if (conditionHolds("lease-over", state, identity)) follow(state, effects, event, identity, "lease-over");
  // The copy of a heartbeat that came over another link first changes nothing but that link's mark.
  if (!observe(state, event)) return { state, effects };
  for (const [identity, signal] of outcomesOf(event, state)) follow(state, effects, event, identity, signal);
  for (const condition of CONDITIONS)
    for (const identity of BOTH) if (conditionHolds(condition, state, identity)) follow(state, effects, event, identity, condition);
  duties({ state, effects, event });
  return { state, effects };
}

const BOTH = [0, 1] as const;

/** Looks the signal up for the identity's role and takes the first row whose guard holds. */
function follow(state: State, effects: Effect[], event: CoreEvent, identity: Index, signal: Signal): void {
  const holding = state.holdings[identity];
  const row = rowFor(state, identity, signal);
  if (row === null || (row.to === holding.role && row.do.length === 0)) return;
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
function tellOnce({ state, effects, identity, event }: Scene, told: string, row: Row): void {
  const topic = `row.${identity}`;
  if (state.told[topic] === told) return;
  state.told = { ...state.told, [topic]: told };
  const detail = "reason" in event ? event.reason : "detail" in event ? event.detail : "";
  const because = detail === "" ? row.because : `${row.because} (${detail})`;
  effects.push({ kind: "tell", level: row.level ?? "info", event: told, identity, because });
}

/** The row that the table has for this situation; null when the signal is ignored. Also what `clusterd explain` asks. */
export function rowFor(state: State, identity: Index, signal: Signal): Row | null {
  const holding = state.holdings[identity];
  const cell: Cell = TABLE[holding.role][signal];
  if ("ignored" in cell) return null;
  return cell.find((row) => GUARDS[row.when](state, holding, identity)) ?? null;
}


// Everything that service checks decide is decided here: one observation in, the next state and at most one deed out. Pure.
//
// A service that fails is started anew here, so often within a time; then its identity is to go to the other node; if that cannot be,
// it is tried again here after growing pauses. What came from the other node is not handed back for check_hold, and never for a
// service that has not been well here since: so nothing goes to and fro, and what fails on both nodes stays where it is.

import { formatDuration, type Duration } from "../base/time.ts";
import { checkText } from "../config/check-text.ts";
import { newService, unasked, type Checked, type CheckState, type Decision, type Held, type Observation, type Plan, type ServiceState, type Signal, type State } from "./model.ts";
import { GUARDS, recent, TABLE, type Cell, type Row, type Scene } from "./table.ts";

export interface Decided {
  readonly state: State;
  readonly decisions: readonly Decision[];
}

/** The first pause is so many intervals; each further one is twice as long. */
const FIRST_PAUSE = 6;
const LONGEST_PAUSE: Duration = 3_600_000;

export function step(state: State, event: Observation): Decided {
  switch (event.kind) {
    case "planned": return { state: replanned(state, event.plan), decisions: [] };
    case "held": return { state: nowHeld(state, event), decisions: [] };
    case "answer": return answered(state, event);
    case "restarted": return follow(state, event, event.service, "restarted");
    case "refused": return follow(state, event, event.service, "refused");
  }
}

/** What has not changed keeps its past. */
function replanned(state: State, plan: Plan): State {
  const same = (service: Checked): boolean => JSON.stringify(state.plan.services.find(({ name }) => name === service.name)) === JSON.stringify(service);
  const kept = plan.services.flatMap((service) => (state.held[service.home] === null ? [] : [[service.name, same(service) ? state.services[service.name] ?? newService(service) : newService(service)] as const]));
  const services = Object.fromEntries(kept);
  return { ...state, plan, services, busy: state.busy !== null && services[state.busy] !== undefined ? state.busy : null };
}

function nowHeld(state: State, { at, identity, held }: Observation & { kind: "held" }): State {
  const before = state.held[identity];
  const same = held !== null && held.epoch === before?.epoch;
  const now: Held | null = held === null ? null : { ...held, since: same ? before.since : at };
  const here = state.plan.services.filter(({ home }) => home === identity);
  // What is started or stopped as a whole begins to be counted anew.
  const anew = (service: Checked): ServiceState => (same && state.services[service.name] !== undefined ? { ...state.services[service.name] as ServiceState, checks: unasked(service) } : newService(service));
  const others = Object.entries(state.services).filter(([name]) => !here.some((service) => service.name === name));
  const services = Object.fromEntries([...others, ...(now === null ? [] : here.map((service) => [service.name, anew(service)] as const))]);
  return {
    ...state, services, held: identity === 0 ? [now, state.held[1]] : [state.held[0], now],
    busy: !same && here.some(({ name }) => name === state.busy) ? null : state.busy,
  };
}

function answered(state: State, event: Observation & { kind: "answer" }): Decided {
  const service = state.plan.services.find(({ name }) => name === event.service);
  const own = state.services[event.service];
  const before = own?.checks[event.check];
  if (service === undefined || own === undefined || before === undefined || state.held[service.home]?.active !== true || own.phase === "restarting" || own.phase === "leaving") return { state, decisions: [] };
  const checks = own.checks.with(event.check, counted(before, event, service));
  const next = withService(state, service.name, { ...own, checks });
  if (checks.some(({ failed }) => failed === true)) return follow(next, event, service.name, "failing");
  return checks.every(({ failed }) => failed === false) ? follow(next, event, service.name, "passing") : { state: next, decisions: [] };
}

function counted(before: CheckState, { ok, said }: { readonly ok: boolean; readonly said: string }, { checking: { rise, fall } }: Checked): CheckState {
  const row = before.ok === ok ? Math.min(before.row + 1, 1000) : 1;
  return { ok, said, row, failed: row >= (ok ? rise : fall) ? !ok : before.failed };
}

const withService = (state: State, name: string, own: ServiceState): State => ({ ...state, services: { ...state.services, [name]: own } });

/** Takes the first row of the table whose guard holds. */
function follow(state: State, event: Observation, name: string, signal: Signal): Decided {
  const service = state.plan.services.find((each) => each.name === name);
  const own = state.services[name];
  const held = service === undefined ? null : state.held[service.home];
  if (service === undefined || own === undefined || held === null) return { state, decisions: [] };
  const cell: Cell = TABLE[own.phase][signal];
  const scene: Scene = { state, service, own, held, event };
  const row = "ignored" in cell ? undefined : cell.find(({ when }) => GUARDS[when](scene));
  return row === undefined ? { state, decisions: [] } : take(scene, row);
}

function take(scene: Scene, row: Row): Decided {
  const { state, service, own, event } = scene;
  const { name, home: identity } = service;
  const tells = row.level !== null && !(row.once && own.told.includes(row.because));
  const because = `${failureOf(service, own, event)}: ${row.because}${row.when === "restarts-left" ? countOf(scene) : ""}`;
  const decisions: readonly Decision[] = [
    ...(tells && row.level !== null ? [{ kind: "tell" as const, level: row.level, event: `service.${row.to}`, identity, because: row.do.includes("recover") ? `${name}: ${row.because}` : because }] : []),
    ...(row.do.includes("restart") ? [{ kind: "restart" as const, service: name, identity }] : []),
    ...(row.do.includes("hand-over") ? [{ kind: "hand-over" as const, service: name, identity, because: failureOf(service, own, event) }] : []),
  ];
  const told = tells ? [...own.told, row.because] : own.told;
  const next = row.do.reduce<ServiceState>((changed, action) => DEEDS[action](changed, service, event.at), { ...own, told, phase: row.to });
  const ends = state.busy === name && (row.to === "well" || row.to === "stuck");
  return { state: { ...withService(state, name, next), busy: row.to === "restarting" || row.to === "leaving" ? name : ends ? null : state.busy }, decisions };
}

const DEEDS: Readonly<Record<Row["do"][number], (own: ServiceState, service: Checked, now: number) => ServiceState>> = {
  restart: (own, { checking: { restarts } }, now) => ({ ...own, restarts: [...own.restarts.filter((at) => now - at < restarts.within), now] }),
  "hand-over": (own) => own,
  pause: (own, { checking: { interval } }, now) => {
    const pause = own.pause === 0 ? FIRST_PAUSE * interval : Math.min(2 * own.pause, Math.max(LONGEST_PAUSE, own.pause));
    return { ...own, pause, retryAt: now + pause };
  },
  recover: (own, { checking: { restarts } }, now) => ({ ...own, hasBeenWell: true, pause: 0, retryAt: 0, told: [], restarts: own.restarts.filter((at) => now - at < restarts.within) }),
  "count-anew": (own, service) => ({ ...own, checks: unasked(service) }),
};

/** "service check of www failed 3 times: http …: nobody listens there" */
function failureOf({ name, checking }: Checked, { checks }: ServiceState, event: Observation): string {
  const at = checks.findIndex(({ failed }) => failed === true);
  const check = checking.checks[at];
  if (event.kind === "restarted" || check === undefined) return `${name}${event.kind === "restarted" ? ` (${event.said})` : ""}`;
  const { row, said } = checks[at] as CheckState;
  const failure = `service check of ${name} failed ${row === 1 ? "once" : `${row} times`}: ${checkText(check)}: ${said}`;
  return event.kind === "refused" ? `${failure} (${event.said})` : failure;
}

const countOf = (scene: Scene): string => ` (${recent(scene) + 1} of ${scene.service.checking.restarts.most} within ${formatDuration(scene.service.checking.restarts.within)})`;

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { initialState, PHASES, SIGNALS, type Checked, type Decision, type Observation, type Plan, type State } from "../../../clusterd/checks/model.ts";
import { step } from "../../../clusterd/checks/policy.ts";
import { TABLE, type Cell } from "../../../clusterd/checks/table.ts";
import { UNCHECKED } from "../takeover/sample.ts";

const MINUTE = 60_000;
const checked = (change: Partial<Checked> = {}): Checked => ({
  name: "www", home: 0, startable: true,
  checking: { ...UNCHECKED, checks: [{ kind: "http", address: "192.168.50.101", port: 80, path: "/", status: 200, expect: null }], restarts: { most: 2, within: 10 * MINUTE } }, ...change,
});
const plan = (...services: readonly Checked[]): Plan => ({ hold: 15 * MINUTE, services: services.length === 0 ? [checked()] : services });

/** One node: time goes by in intervals of the checks, and what was decided is kept. */
class Node {
  state: State;
  at = 0;
  readonly told: string[] = [];
  constructor(which = plan(), { cameOver = false } = {}) {
    this.state = initialState(which);
    this.tell({ kind: "held", at: 0, identity: 0, held: { epoch: 3, cameOver, active: true } });
  }
  tell(event: Observation): readonly string[] {
    const { state, decisions } = step(this.state, event);
    this.state = state;
    for (const each of decisions) if (each.kind === "tell") this.told.push(`${each.level} ${each.event}: ${each.because}`);
    return decisions.filter(({ kind }) => kind !== "tell").map(({ kind }) => kind);
  }
  /** So many answers, one an interval; what was done about them. */
  says(ok: boolean, times: number, service = "www"): readonly string[] {
    return Array.from({ length: times }, () => this.tell({ kind: "answer", at: this.at += 10_000, service, check: 0, ok, said: ok ? "200" : "nobody listens there" })).flat();
  }
  restarted(ok = true): void { this.tell({ kind: "restarted", at: this.at += 1000, service: "www", ok, said: "init:www start" }); }
  refused(): void { this.tell({ kind: "refused", at: this.at += 1000, service: "www", said: "no handover: the peer is not heard" }); }
  get phase(): string | undefined { return this.state.services["www"]?.phase; }
}

test("the third bad answer in a row fails a service, and it is started anew here, so often as `restarts` says; then its identity is to go", () => {
  const node = new Node();
  assert.deepEqual(node.says(false, 2), []);
  assert.deepEqual(node.says(true, 1), []);
  assert.deepEqual(node.says(false, 3), ["restart"]);
  assert.deepEqual(node.says(false, 5), [], "nothing while it is being started");
  node.restarted();
  assert.deepEqual(node.says(false, 3), ["restart"]);
  node.restarted();
  assert.deepEqual(node.says(false, 3), ["hand-over"]);
  assert.deepEqual(node.told, [
    "warn service.restarting: service check of www failed 3 times: http 192.168.50.101:80/ status 200: nobody listens there: it is started anew here (1 of 2 within 10 min)",
    "warn service.restarting: service check of www failed 3 times: http 192.168.50.101:80/ status 200: nobody listens there: it is started anew here (2 of 2 within 10 min)",
    "alarm service.leaving: service check of www failed 3 times: http 192.168.50.101:80/ status 200: nobody listens there: its restarts are used up: its identity is to go to the other node",
  ]);
});

test("restarts are counted within their time: a service that fails once an hour is started anew each time", () => {
  const node = new Node();
  for (let hour = 0; hour < 5; hour += 1) {
    assert.deepEqual(node.says(false, 3), ["restart"]);
    node.restarted();
    assert.deepEqual(node.says(true, 360), []);
  }
  assert.equal(node.told.filter((line) => line === "info service.well: www: it is well again").length, 5);
});

test("the other node cannot take it: it is tried again here after growing pauses, and people are told once", () => {
  const node = new Node(plan(checked({ checking: { ...checked().checking, restarts: { most: 0, within: MINUTE } } })));
  assert.deepEqual(node.says(false, 3), ["hand-over"]);
  node.refused();
  const at = node.at;
  const tries: number[] = [];
  for (let many = 0; many < 600; many += 1) {
    const done = node.says(false, 1);
    if (done[0] === "restart") { tries.push(node.at - at); node.restarted(); }
    if (done[0] === "hand-over") node.refused();
  }
  const pauses = tries.map((each, index) => each - (tries[index - 1] ?? 0));
  assert.ok(pauses.length >= 4 && pauses.every((each, index) => index === 0 || each > (pauses[index - 1] as number)), pauses.join(" "));
  assert.equal(node.told.length, 3, node.told.join("\n"));
  assert.match(node.told[1] ?? "", /^alarm service\.stuck: .*\(no handover: the peer is not heard\): the other node cannot take its identity/);
  assert.deepEqual(node.says(true, 2), []);
  assert.equal(node.phase, "well");
});

test("what came from the other node and is not well here stays, for ever; told once", () => {
  const node = new Node(plan(), { cameOver: true });
  for (let many = 0; many < 2000; many += 1) {
    const done = node.says(false, 1);
    assert.ok(!done.includes("hand-over"));
    if (done.length > 0) node.restarted();
  }
  assert.equal(node.told.filter((line) => line.startsWith("alarm")).length, 1);
  assert.match(node.told.find((line) => line.startsWith("alarm")) ?? "", /it has not been well here since its identity came from the other node: it stays here/);
});

test("what came from the other node and has been well here is not handed back before check_hold is over, and then may be", () => {
  const fail = (node: Node): readonly string[] => {
    const done: string[] = [];
    for (let now = node.says(false, 3); now.length > 0; now = node.says(false, 3)) { done.push(...now); node.restarted(); }
    return done;
  };
  const early = new Node(plan(), { cameOver: true });
  early.says(true, 2);
  assert.ok(!fail(early).includes("hand-over"));
  assert.match(early.told.at(-1) ?? "", /less than check_hold ago: it stays here/);
  const late = new Node(plan(), { cameOver: true });
  late.says(true, 100);
  assert.deepEqual(fail(late), ["restart", "restart", "hand-over"]);
});

test("one thing at a time: a second service that fails waits until the first one's restart is over", () => {
  const node = new Node(plan(checked(), checked({ name: "mail" })));
  assert.deepEqual(node.says(false, 3), ["restart"]);
  assert.deepEqual(node.says(false, 5, "mail"), []);
  node.restarted();
  assert.deepEqual(node.says(false, 1, "mail"), ["restart"]);
});

test("answers count only while the identity's services run here; a new owner begins anew", () => {
  const node = new Node();
  node.says(false, 2);
  node.tell({ kind: "held", at: node.at, identity: 0, held: { epoch: 3, cameOver: false, active: false } });
  assert.deepEqual(node.says(false, 9), []);
  node.tell({ kind: "held", at: node.at, identity: 0, held: null });
  assert.deepEqual(node.says(false, 9), []);
  assert.deepEqual(node.state.services, {});
});

test("a change of the configuration keeps what it does not touch", () => {
  const node = new Node(plan(checked(), checked({ name: "mail" })));
  node.says(false, 3);
  node.tell({ kind: "planned", at: node.at, plan: plan(checked({ name: "mail" }), checked({ name: "new" })) });
  assert.deepEqual(Object.keys(node.state.services), ["mail", "new"]);
  assert.equal(node.state.busy, null);
  assert.deepEqual(node.says(false, 3, "new"), ["restart"]);
});

test("the table: each cell ends with `otherwise`, nothing hides behind it, every phase is reached and left", () => {
  const reached = new Set<string>(["well"]);
  for (const phase of PHASES) for (const signal of SIGNALS) {
    const cell: Cell = TABLE[phase][signal];
    if ("ignored" in cell) continue;
    assert.equal(cell.findIndex(({ when }) => when === "otherwise"), cell.length - 1, `${phase} ${signal}`);
    for (const { to } of cell) if (to !== phase) reached.add(to);
    assert.ok(cell.every(({ because }) => because.length > 10));
  }
  assert.deepEqual([...reached].sort(), [...PHASES].sort());
});

// ---- two nodes, services that come and go as they like, and a person who never looks ----------------------------

interface Deed { readonly kind: "restart" | "hand-over"; readonly refused: boolean; readonly at: number; readonly node: 0 | 1; readonly pause: number }

/** What both nodes do about one identity with two services that answer as `weather` has it; a handover takes a moment, and may be refused. */
function live(weather: readonly { readonly bad: readonly [readonly boolean[], readonly boolean[]]; readonly refuses: boolean; readonly lasts: number }[], most: number): readonly Deed[] {
  const services = ["www", "mail"].map((name) => checked({ name, checking: { ...checked().checking, restarts: { most, within: 10 * MINUTE } } }));
  const nodes: [State, State] = [initialState(plan(...services)), initialState(plan(...services))];
  const deeds: Deed[] = [];
  let owner: 0 | 1 = 0;
  let [epoch, at] = [1, 0];
  const tell = (node: 0 | 1, event: Observation): readonly Exclude<Decision, { kind: "tell" }>[] => {
    const { state, decisions } = step(nodes[node], event);
    nodes[node] = state;
    return decisions.filter((each) => each.kind !== "tell");
  };
  const hold = (cameOver: boolean): void => { tell(owner, { kind: "held", at, identity: 0, held: { epoch, cameOver, active: true } }); };
  hold(false);
  for (const { bad, refuses, lasts } of weather) for (let turn = 0; turn < lasts; turn += 1) {
    at += 10_000;
    for (const [index, { name }] of services.entries()) {
      const here: 0 | 1 = owner;
      const done = tell(here, { kind: "answer", at, service: name, check: 0, ok: bad[here][index] !== true, said: "as the weather is" });
      assert.ok(done.length <= 1, "one deed at a time");
      const [deed] = done;
      if (deed === undefined) continue;
      assert.equal(nodes[here].busy, name);
      deeds.push({ kind: deed.kind, refused: refuses, at, node: here, pause: nodes[here].services[name]?.pause ?? 0 });
      at += 500;
      if (deed.kind === "restart") tell(here, { kind: "restarted", at, service: name, ok: bad[here][index] !== true, said: "" });
      else if (refuses) tell(here, { kind: "refused", at, service: name, said: "the peer is not heard" });
      else {
        tell(here, { kind: "held", at, identity: 0, held: null });
        owner = here === 0 ? 1 : 0;
        epoch += 1;
        hold(true);
      }
    }
  }
  return deeds;
}

test("whatever fails where and when: no identity comes back within check_hold, restarts are bounded, one thing at a time", () => {
  const spell = fc.record({ bad: fc.tuple(fc.tuple(fc.boolean(), fc.boolean()), fc.tuple(fc.boolean(), fc.boolean())), refuses: fc.boolean(), lasts: fc.integer({ min: 1, max: 120 }) });
  fc.assert(fc.property(fc.array(spell, { maxLength: 25 }), fc.integer({ min: 0, max: 3 }), (weather, most) => {
    const deeds = live(weather, most);
    const moves = deeds.filter(({ kind, refused }) => kind === "hand-over" && !refused);
    for (const [index, { at }] of moves.entries()) assert.ok(index === 0 || at - (moves[index - 1] as Deed).at >= 15 * MINUTE, "it came back within check_hold");
    for (const { at, node } of deeds.filter(({ kind, pause }) => kind === "restart" && pause === 0)) {
      const within = deeds.filter((each) => each.kind === "restart" && each.pause === 0 && each.node === node && each.at <= at && at - each.at < 10 * MINUTE);
      assert.ok(within.length <= 2 * most, `${within.length} restarts of two services, ${most} allowed for each`);
    }
  }), { numRuns: 300 });
});

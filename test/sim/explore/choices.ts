// What may happen at a tick beside the passing of time: faults, which are counted, and their ends, which are free.
//
// Assumed throughout (CP, DESIGN §4): while nothing passes between the nodes the reference hosts are reached from one side
// at most. A person says `force-own` and `confirm-dead` only of a peer whose power is off.

import type { CoreEvent, Index, Verb } from "../../../clusterd/core/model.ts";
import { otherOf } from "../../../clusterd/core/state.ts";
import { CONFIGS, OTHER_DIGEST } from "./setting.ts";
import { NOTHING, type Moment, type Pair, type Side, type Tick } from "./pair.ts";

export interface Choice {
  readonly name: string;
  /** Counts against the number of faults. */
  readonly fault: boolean;
  readonly when: (pair: Pair) => boolean;
  readonly do: (tick: Tick) => void;
  readonly moment: Moment;
}

const NODES = [0, 1] as const;

function choice(name: string, fault: boolean, when: Choice["when"], act: Choice["do"] = () => {}, moment: Partial<Moment> = {}): Choice {
  return { name, fault, when, do: act, moment: { ...NOTHING, ...moment } };
}

const sideOf = ({ sides }: Pair, node: Index): Side => sides[node];
const runs = ({ state, frozen }: Side): boolean => state !== null && !frozen;
const isOff = ({ sides }: Pair, node: Index): boolean => sides[node].state === null && sides[node].up.every((until) => until === null);

/** Links: which directions carry nothing, and who then keeps the reference hosts. */
const LINKS: readonly Choice[] = [
  ...NODES.map((node) => choice(`${node} is mute`, true, ({ cut }) => cut !== 1 << node, ({ pair }) => { pair.cut = 1 << node; })),
  ...[1, 2, 0].map((reach) => choice(`all links cut, references with ${reach === 0 ? "nobody" : reach - 1}`, true, (pair) => pair.cut !== 3,
    ({ pair }) => { pair.cut = 3; pair.reach &= reach; })),
  choice("links mended", false, ({ cut }) => cut !== 0, ({ pair }) => { pair.cut = 0; }),
];

const REFERENCES: readonly Choice[] = [
  ...NODES.map((node) => choice(`${node} loses the references`, true, ({ reach }) => (reach & (1 << node)) !== 0, ({ pair }) => { pair.reach &= ~(1 << node); })),
  choice("references gone", true, ({ reach }) => reach === 3, ({ pair }) => { pair.reach = 0; }),
  ...NODES.map((node) => choice(`references move to ${node}`, true, ({ cut, reach }) => cut === 3 && reach !== 1 << node, ({ pair }) => { pair.reach = 1 << node; })),
  choice("references back", false, ({ cut, reach }) => cut !== 3 && reach !== 3, ({ pair }) => { pair.reach = 3; }),
];

const carrier = (nic: "main" | "redundant", up: boolean) => (at: number): CoreEvent => ({ kind: "carrier", at, nic, up });
const guard = (present: boolean) => (at: number): CoreEvent => ({ kind: "guard", at, present, reason: present ? "" : "gone" });

function machine(node: Index): readonly Choice[] {
  const own = 1 << node;
  const alive = (pair: Pair): boolean => runs(sideOf(pair, node));
  const says = (event: (at: number) => CoreEvent) => (tick: Tick): void => tick.happens(tick.pair.sides[node], event(tick.pair.now));
  const on = (pair: Pair): boolean => sideOf(pair, node).state !== null;
  const writing = (pair: Pair): boolean => sideOf(pair, node).writes.length > 0;
  const state = (pair: Pair) => sideOf(pair, node).state;
  return [
    choice(`${node} starts`, false, (pair) => !on(pair), (tick) => tick.boot(tick.pair.sides[node])),
    choice(`power off ${node}`, true, (pair) => on(pair), (tick) => tick.powerOff(tick.pair.sides[node], false)),
    choice(`power off ${node}, just written`, true, (pair) => on(pair) && writing(pair), (tick) => tick.powerOff(tick.pair.sides[node], true)),
    choice(`daemon of ${node} killed`, true, alive, (tick) => tick.kill(tick.pair.sides[node], true)),
    choice(`${node} freezes`, true, alive, ({ pair }) => { pair.sides[node].frozen = true; }),
    choice(`${node} thaws`, false, (pair) => on(pair) && !alive(pair), (tick) => tick.thaw(tick.pair.sides[node])),
    choice(`a heartbeat of ${node} is lost`, true, alive, undefined, { lost: own }),
    choice(`a heartbeat of ${node} is late`, true, alive, undefined, { late: own }),
    choice(`fsync of ${node} hangs`, true, (pair) => alive(pair) && !sideOf(pair, node).slowDisk, undefined, { hangsWrite: own }),
    choice(`fsync of ${node} goes on`, false, (pair) => sideOf(pair, node).slowDisk, ({ pair }) => { pair.sides[node].slowDisk = false; }),
    choice(`disk of ${node} fails now`, true, alive, undefined, { failsWrite: own }),
    choice(`ifup of ${node} hangs`, true, (pair) => alive(pair) && !sideOf(pair, node).slowIfup, undefined, { hangsIfup: own }),
    choice(`ifup of ${node} goes on`, false, (pair) => sideOf(pair, node).slowIfup, ({ pair }) => { pair.sides[node].slowIfup = false; }),
    choice(`ifup of ${node} fails now`, true, alive, undefined, { failsIfup: own }),
    ...(["main", "redundant"] as const).flatMap((nic) => [
      choice(`${node} loses carrier on ${nic}`, true, (pair) => alive(pair) && state(pair)?.carrier[nic] !== false, says(carrier(nic, false))),
      choice(`${node} has carrier on ${nic} again`, false, (pair) => alive(pair) && state(pair)?.carrier[nic] === false, says(carrier(nic, true))),
    ]),
    choice(`dead-man of ${node} gone`, true, (pair) => alive(pair) && state(pair)?.guard.present === true, says(guard(false))),
    choice(`dead-man of ${node} back`, false, (pair) => alive(pair) && state(pair)?.guard.present === false, says(guard(true))),
    choice(`${node} gets another configuration`, true, (pair) => alive(pair) && state(pair)?.config.digest !== OTHER_DIGEST, (tick) => tick.reconfigure(tick.pair.sides[node], OTHER_DIGEST)),
    choice(`${node} gets the right configuration`, false, (pair) => state(pair)?.config.digest === OTHER_DIGEST, (tick) => tick.reconfigure(tick.pair.sides[node], CONFIGS[node].digest)),
    ...PERSON.map(([verb, when]) => choice(`${verb} on ${node}`, true, (pair) => alive(pair) && when(pair, node), (tick) => tick.command(tick.pair.sides[node], verb))),
    choice(`${node} ends: it has left, or failed`, false, (pair) => alive(pair) && (state(pair)?.leaving?.promised === true || state(pair)?.failed !== null),
      (tick) => tick.kill(tick.pair.sides[node], true)),
  ];
}

const always = (): boolean => true;
const peerIsOff = (pair: Pair, node: Index): boolean => isOff(pair, otherOf(node));
const PERSON: readonly (readonly [Verb, (pair: Pair, node: Index) => boolean])[] = [
  ["switchover", always], ["leave", always], ["clear", always], ["confirm-dead", peerIsOff], ["force-own", peerIsOff],
];

/** The first is that nothing happens. */
export const CHOICES: readonly Choice[] = [
  choice("nothing", false, always), ...LINKS, ...REFERENCES, ...machine(0), ...machine(1),
];

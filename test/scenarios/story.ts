// Plays a story on the real core in virtual time, and writes down what the nodes told.
//
// A story is a text: lines of verbs, `----`, then what the nodes say, each line with virtual milliseconds, node, event,
// identity and reason. Verbs are below. The result ends with who speaks for which identity.

import type { Index, LinkName, Verb } from "../../clusterd/core/model.ts";
import type { World } from "../sim/world.ts";
import { world as newWorld } from "../sim/setting.ts";

const NODES = ["serv1", "serv2"] as const;
const nodeOf = (word: string | undefined): Index => {
  const index = NODES.indexOf(word as (typeof NODES)[number]);
  if (index === -1) throw new Error(`a story names its nodes serv1 and serv2, not ${word}`);
  return index as Index;
};

const msOf = (word: string | undefined): number => {
  const match = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(word ?? "");
  if (match === null) throw new Error(`${word} is no duration: 20ms or 3s`);
  return Number(match[1]) * (match[2] === "s" ? 1000 : 1);
};

const VERBS: Record<string, (world: World, words: readonly string[]) => void> = {
  boot: (world, nodes) => { for (const node of nodes) world.boot(nodeOf(node)); },
  run: (world, [duration]) => world.run(msOf(duration)),
  "power-off": (world, [node]) => world.powerOff(nodeOf(node)),
  "kill-daemon": (world, [node]) => world.killDaemon(nodeOf(node)),
  freeze: (world, [node, duration]) => world.freeze(nodeOf(node), msOf(duration)),
  /** cut LINK [FROM]: both ways, or only what FROM sends. */
  cut: (world, [link, from]) => setLoss(world, link, from, 1),
  mend: (world, [link, from]) => setLoss(world, link, from, 0),
  firewall: (world, [how]) => { world.net.filtered = how === "drops"; },
  /** references NODE COUNT: how many this node reaches. */
  references: (world, [node, count]) => { world.net.references[nodeOf(node)] = Number(count); },
  /** fence NODE works|fails: the one with which NODE switches the other off. */
  fence: (world, [node, how]) => { world.hosts[nodeOf(node)].fence.works = how === "works"; },
  /** witness start|stop|forget; witness NODE cut|mend. */
  witness: (world, [what = "", how]) => {
    if (what === "start") world.witness.start(world.now);
    else if (what === "stop") world.witness.stop();
    else if (what === "forget") world.witness.forget();
    else world.net.witness[nodeOf(what)] = how === "cut" ? 1 : 0;
  },
  carrier: (world, [node, nic, state]) =>
    world.event(nodeOf(node), { kind: "carrier", at: world.local(world.hosts[nodeOf(node)]), nic: nic as "main", up: state === "up" }),
  guard: (world, [node, how]) =>
    world.event(nodeOf(node), { kind: "guard", at: world.local(world.hosts[nodeOf(node)]), present: how === "back", reason: how === "back" ? "" : "it ended" }),
  disk: (world, [node, how]) => { world.hosts[nodeOf(node)].fsync.fails = how === "fails"; },
  ifup: (world, [node, how]) => { world.hosts[nodeOf(node)].raiseFails = how === "fails"; },
  ifdown: (world, [node, how]) => { world.hosts[nodeOf(node)].releaseFails = how === "fails"; },
  /** version NODE NUMBER: of the heartbeat protocol. */
  version: (world, [node, number]) => { world.hosts[nodeOf(node)].version = Number(number); },
  /** clock-back NODE DURATION: its monotonic clock. */
  "clock-back": (world, [node, duration]) => { world.hosts[nodeOf(node)].missed += msOf(duration); },
  /** mirrored NODE www+mail,-: by identity what is mirrored, reloaded there. */
  mirrored: (world, [node, what = ""]) => world.configure(nodeOf(node), { mirrored: mirroredOf(what), digest: Buffer.from(what.padEnd(8).slice(0, 8)).toString("hex") }, true),
  mirror: (world, [node, how]) => { world.hosts[nodeOf(node)].syncs = how !== "stops"; },
  maintenance: (world, [node, how]) => world.event(nodeOf(node), { kind: "maintenance", at: world.local(world.hosts[nodeOf(node)]), on: how === "on" }),
  forget: (world, [node]) => { world.hosts[nodeOf(node)].journal = null; },
};

function setLoss(world: World, link: string | undefined, from: string | undefined, loss: number): void {
  const links = link === "all" ? (["private", "lan"] as const) : [link as LinkName];
  for (const each of links) for (const index of from === undefined ? ([0, 1] as const) : [nodeOf(from)]) world.net.loss[each][index] = loss;
}

const COMMANDS = new Set(["switchover", "failback", "clear", "force-own", "leave", "confirm-dead"]);

export function playStory(text: string): string {
  const world = newWorld(settings(text));
  const both: string[] = [];
  world.onEvent = () => {
    for (const identity of [0, 1] as const)
      if (world.speakers(identity).length > 1) both.push(`${world.now.toFixed(0)} BOTH NODES SPEAK FOR ${NODES[identity]}`);
  };
  const script = text.split("\n----")[0] ?? "";
  const asked: number[] = [];
  for (const line of script.split("\n")) {
    const [verb = "", ...words] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (verb === "" || verb === "set") continue;
    if (COMMANDS.has(verb)) asked.push(world.command(nodeOf(words[0]), verb as Verb, words[1] === undefined ? null : nodeOf(words[1])));
    else if (VERBS[verb] === undefined) throw new Error(`a story cannot ${verb}`);
    else VERBS[verb]?.(world, words);
  }
  const told = world.told.map(({ at, node, event, identity, because }) =>
    `${at.toFixed(0).padStart(6)}  ${NODES[node]}  ${event}${identity === null ? "" : ` ${NODES[identity]}`}: ${because}`);
  const answers = asked.map((id) => `answer  ${world.answers.get(id)?.text ?? "none yet"}`);
  const owners = NODES.map((name, identity) => `${name} is spoken for by ${world.speakers(identity as Index).map((index) => NODES[index]).join(" AND ") || "nobody"}`);
  return [...told, ...answers, ...owners, ...both.slice(0, 1), ...sameEpochs(world)].join("\n");
}

/** `set references 0`, `set policy safety`, `set mirrored www+mail,-` (by identity): the pair's configuration, in the story's own head. */
function settings(text: string): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [, key, value] of text.matchAll(/^set (\w+) (\S+)$/gm)) found[key as string] = key === "mirrored" ? mirroredOf(value!) : value!.includes(",") ? value!.split(",").map(valueOf) : valueOf(value!);
  return found;
}

const mirroredOf = (text: string): [string[], string[]] => text.split(",").map((each) => (each === "-" ? [] : each.split("+"))) as [string[], string[]];

const valueOf = (word: string): string | number | boolean => /^\d+$/.test(word) ? Number(word) : word === "yes" ? true : word === "no" ? false : word;

/** Two reigns of one identity under one epoch: whoever compares epochs afterwards could not tell them apart. */
function sameEpochs(world: World): readonly string[] {
  return NODES.flatMap((name, identity) => {
    const [one, other] = world.hosts.map(({ state }) => state?.holdings[identity as Index].record);
    return one !== undefined && other !== undefined && one.epoch === other.epoch && one.owner !== other.owner ? [`BOTH NODES REIGNED OVER ${name} IN EPOCH ${one.epoch}`] : [];
  });
}

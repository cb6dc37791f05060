// What the faults that are active now do together to wires and reference hosts.
//
// Clean-partition assumption (CP): while no word passes between the nodes in time, in either direction on any link, each
// reference host is reached from one side only. The weather keeps to it, however the faults overlap, unless `split` is said.

import type { Index, LinkName } from "../../clusterd/core/model.ts";
import { NO_TROUBLE, passes, type Trouble } from "./net.ts";
import type { World } from "./world.ts";

/** What one fault does while it lasts; what is left out it leaves alone. */
export interface Gust {
  readonly links?: readonly LinkName[];
  readonly from?: readonly Index[];
  readonly loss?: number;
  readonly trouble?: Partial<Trouble>;
  /** Reference hosts that are down, by place; or that only one node reaches. */
  readonly hostsDown?: readonly number[];
  readonly hostsOnly?: { readonly hosts: readonly number[]; readonly node: Index };
  readonly slowAnswers?: number;
  /** Nodes that do not reach the witness, or lose that share of its packets. */
  readonly witness?: { readonly nodes: readonly Index[]; readonly loss: number };
}

const HOSTS = [0, 1, 2] as const;
const BOTH = [0, 1] as const;

export class Weather {
  readonly #world: World;
  readonly #gusts = new Set<Gust>();
  /** By reference host: the node that keeps it while nothing passes. */
  readonly sides: [Index, Index, Index] = [0, 0, 0];
  /** Both nodes keep all reference hosts although nothing passes: outside the model. */
  split = false;

  constructor(world: World) {
    this.#world = world;
  }

  blow(gust: Gust): void {
    this.#gusts.add(gust);
    this.apply();
  }

  abate(gust: Gust): void {
    this.#gusts.delete(gust);
    this.apply();
  }

  apply(): void {
    const { net, now, hosts } = this.#world;
    for (const link of ["private", "lan"] as const)
      for (const from of BOTH) {
        const felt = [...this.#gusts].filter((gust) => (gust.links ?? [link]).includes(link) && (gust.from ?? [from]).includes(from));
        net.loss[link][from] = felt.reduce((most, { loss = 0 }) => Math.max(most, loss), 0);
        net.trouble[link][from] = felt.reduce((sum, { trouble }) => (trouble === undefined ? sum : worse(sum, trouble)), NO_TROUBLE);
      }
    const patience = 2 * Math.min(...hosts.map((host) => host.config.timing.keepalive));
    const parted = !this.split && !passes(net, 0, now, patience) && !passes(net, 1, now, patience);
    const gusts = [...this.#gusts];
    for (const node of BOTH) {
      net.references[node] = HOSTS.filter((host) => (!parted || this.sides[host] === node) &&
        !gusts.some(({ hostsDown = [], hostsOnly }) => hostsDown.includes(host) || (hostsOnly !== undefined && hostsOnly.node !== node && hostsOnly.hosts.includes(host)))).length;
      net.witness[node] = gusts.reduce((most, { witness }) => (witness?.nodes.includes(node) === true ? Math.max(most, witness.loss) : most), 0);
      net.slowAnswers[node] = gusts.reduce((most, { slowAnswers = 0 }) => Math.max(most, slowAnswers), 0);
    }
  }
}

const worse = (one: Trouble, other: Partial<Trouble>): Trouble => ({
  delay: Math.max(one.delay, other.delay ?? 0), jitter: Math.max(one.jitter, other.jitter ?? 0),
  duplicate: Math.max(one.duplicate, other.duplicate ?? 0), clogUntil: Math.max(one.clogUntil, other.clogUntil ?? 0),
});

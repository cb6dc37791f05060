// What the brain needs of the configuration: the rest of it concerns only the rim.

import { otherNode } from "./config/config.ts";
import type { Config, NodeConfig } from "./config/config.ts";
import type { CoreConfig, Index } from "./core/model.ts";
import { PACKET_SIZE } from "./heartbeat/packet.ts";
import { lineTime } from "./heartbeat/framing.ts";

/** The agent ends, or is ended, some seconds after its time. */
const FENCE_GRACE = 5000;
const fenceTime = ({ fence }: NodeConfig): number | null => (fence === null ? null : fence.timeout + FENCE_GRACE);

export function coreConfigOf(config: Config): CoreConfig {
  const { cluster } = config;
  const has = (some: (home: 0 | 1) => boolean): readonly [boolean, boolean] => [some(0), some(1)];
  return {
    self: config.self, cluster: cluster.name, digest: config.digest, timing: cluster.timing, references: cluster.references.length, witness: cluster.witness !== null,
    fence: fenceTime(otherNode(config)),
    policy: cluster.policy, divergence: cluster.divergence, soloBoot: cluster.soloBoot, soloWait: cluster.soloWait, failback: cluster.failback, failbackDelay: cluster.failbackDelay,
    serial: config.nodes[config.self].serial === null ? null : lineTime(PACKET_SIZE, cluster.serialBaud),
    hasServices: has((home) => config.services.some((service) => service.home === home && service.action !== null)),
    mirrored: [mirroredOf(config, 0), mirroredOf(config, 1)],
  };
}

/** What the jobs of one home mirror, each path by itself. One that excludes something else mirrors something else. */
const mirroredOf = (config: Config, home: Index): readonly string[] => config.jobs.filter((job) => job.home === home)
  .flatMap(({ name, entries, exclude }) => entries.map(({ path }) => [`${name}:${path}`, ...exclude].join(" without ")));

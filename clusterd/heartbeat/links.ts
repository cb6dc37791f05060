// All links of this node together: one heartbeat goes out on each, what comes in is decoded, dated and handed up.
//
// Also where the peer's clock offset is measured: every heartbeat carries a four-timestamp exchange (RFC 5905 §8).
// Not here: what a heartbeat means (core/).

import type { Log } from "../base/log.ts";
import { monotonicNow, type WallTime } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Heartbeat, Index, LinkName, Role } from "../core/model.ts";
import type { HeartbeatKeys } from "./key.ts";
import type { Link, LinkEvents } from "./link.ts";
import { createDecoder, encodeForLinks } from "./packet.ts";
import { serialLink } from "./serial-link.ts";
import { createStrangers } from "./strangers.ts";
import { lanLink, privateLink } from "./udp-link.ts";
import { addSample, createOffsetFilter, offsetOf } from "../timesync/offset.ts";

export interface Links {
  start(): Promise<void>;
  send(beat: Heartbeat): void;
  /** Milliseconds the peer's wall clock is ahead of ours; null = not known yet. */
  offset(): number | null;
  /** Why the two nodes cannot understand each other on a link, and what helps. */
  problems(): readonly string[];
  counters(): readonly { readonly link: LinkName; readonly counters: Link["counters"] }[];
  close(): Promise<void>;
}

/** Roles in which this node may have the identity's addresses: a heartbeat sent there would come back to ourselves. */
const MAY_BE_UP: ReadonlySet<Role> = new Set(["raising", "owner", "freezing", "releasing"]);
const REMEMBERED = 64;

export interface LinksEvents {
  heard(link: LinkName, beat: Heartbeat, wall: WallTime): void;
  /** The peer lives, and speaks another version. */
  foreign(): void;
  roleOf(identity: Index): Role;
}

export function createLinks(config: Config, keys: HeartbeatKeys, log: Log,
  { heard, foreign, roleOf }: LinksEvents): Links {
  const { self, cluster } = config;
  const other: Index = self === 0 ? 1 : 0;
  const [own, peer] = [config.nodes[self], config.nodes[other]];
  const sent: { readonly seq: number; readonly wall: WallTime }[] = [];
  let boot = "";
  let filter = createOffsetFilter();

  function measure({ echo, sentWall }: Heartbeat, wall: WallTime): void {
    if (echo === null || echo.boot !== boot) return;
    const question = sent[echo.seq % REMEMBERED];
    // An echo of something older than we remember has another's place.
    if (question?.seq === echo.seq) filter = addSample(filter, { t1: question.wall, t2: echo.heardWall, t3: sentWall, t4: wall });
  }

  const decode = createDecoder(keys, { self });
  const addresses = [peer.heartbeat.address, peer.main.address, ...(peer.redundant.admin === null ? [] : [peer.redundant.admin.address])];
  const strangers = createStrangers({ self, keys, peer: { name: peer.name, addresses } });
  const events = (name: LinkName): LinkEvents => ({
    received(bytes, from) {
      const decoded = decode(bytes, name);
      if (!decoded.ok) {
        strangers.refused(name, decoded.reason, bytes, from, monotonicNow());
        if (decoded.reason === "version") foreign();
        return false;
      }
      strangers.accepted(name);
      const wall = Date.now();
      measure(decoded.beat, wall);
      heard(name, decoded.beat, wall);
      return true;
    },
    trouble: (sentence) => (sentence === null ? log.info("link.works", { link: name, because: "it works again" }) : log.warn("link.trouble", { link: name, because: sentence })),
  });
  const common = (name: LinkName) => ({ port: cluster.port, keepalive: cluster.timing.keepalive, events: events(name) });
  const lanAddresses = (): readonly string[] => {
    const addresses = MAY_BE_UP.has(roleOf(other)) ? [] : [peer.main.address];
    return peer.redundant.admin === null ? addresses : [...addresses, peer.redundant.admin.address];
  };
  const links: readonly Link[] = [
    privateLink({ ...common("private"), own: own.heartbeat.address, peer: peer.heartbeat.address }),
    lanLink({ ...common("lan"), peerAddresses: lanAddresses }),
    ...(own.serial === null ? [] : [serialLink({ device: own.serial, baud: cluster.serialBaud, events: events("serial") })]),
  ];

  const names = links.map(({ name }) => name);

  return {
    start: async () => void (await Promise.all(links.map((link) => link.start()))),
    send(beat) {
      boot = beat.boot;
      sent[beat.seq % REMEMBERED] = { seq: beat.seq, wall: beat.sentWall };
      encodeForLinks(beat, names, keys).forEach((bytes, index) => { links[index]?.send(bytes); });
    },
    offset: () => offsetOf(filter),
    problems: () => strangers.problems(monotonicNow()),
    counters: () => links.map((link) => ({ link: link.name, counters: link.counters })),
    close: async () => void (await Promise.all(links.map((link) => link.close()))),
  };
}

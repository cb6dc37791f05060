// Is the peer alive, and which links carry? A judgement from silence alone, in monotonic time.
//
// Silent for warntime: late, worth a warning. Silent for deadtime: silent. The peer is silent only when every link is.
// Silence counts from the end of our own last stall: what we slept through, nobody failed to say.
//
// Not here: what silence leads to (signals.ts), whether we ourselves are cut off (the arbiter's rounds, lease.ts).

import type { Duration, Instant } from "../base/time.ts";
import { LINKS, type LinkName, type Summary } from "./model.ts";
import { NEVER, type State } from "./state.ts";

/** How long nothing was heard, as far as we were awake to hear it. */
export function silence(state: State): Duration {
  return state.now - Math.max(state.peer.heardAt, state.wokeAt);
}

export const isSilent = (state: State): boolean => silence(state) >= state.config.timing.deadtime;

/** Heard lately in a protocol version that is not ours: alive, though silent to us. */
export const isForeign = ({ peer, now, config: { timing } }: State): boolean => peer.foreignAt > peer.heardAt && now - peer.foreignAt < timing.deadtime + timing.claim;

/** Both directions work: the peer is heard, and what it says echoes something we said within a lease's time. */
export function inContact(state: State): boolean {
  const { peer, now, config } = state;
  return peer.boot !== null && !isSilent(state) && now - peer.echoedAt < Math.max(config.timing.deadtime, config.timing.lease);
}

export function peerState(state: State): Summary["peer"]["state"] {
  if (state.peer.left) return "left";
  if (state.peer.boot === null) return "unknown";
  const quiet = silence(state);
  return quiet >= state.config.timing.deadtime ? "silent" : quiet >= state.config.timing.warntime ? "late" : "alive";
}

/** The links of this pair. */
export const linksOf = ({ config }: State): readonly LinkName[] => (config.serial === null ? LINKS.filter((link) => link !== "serial") : LINKS);

/** A serial line that was never heard is silent once the peer is heard elsewhere; the LAN may have no address yet. */
export function linkState(state: State, link: LinkName): "unknown" | "on-time" | "late" | "silent" {
  const { peer, config: { timing, serial } } = state;
  const heardAt = peer.links[link];
  if (heardAt === NEVER && (link !== "serial" || peer.boot === null)) return "unknown";
  const quiet = state.now - Math.max(heardAt, state.wokeAt, peer.aliveSince);
  // A slow line brings fewer heartbeats: as many of its own must be missing as of the others.
  const slower = link === "serial" && serial !== null ? Math.max(1, serial / timing.keepalive) : 1;
  return quiet >= timing.deadtime * slower ? "silent" : quiet >= timing.warntime * slower ? "late" : "on-time";
}

/** Booted, never heard the peer, and allowed by now to go on without it. */
export const mayGoAlone = ({ config, peer, now, startedAt }: State): boolean =>
  config.soloBoot === "allow" && peer.boot === null && now - startedAt >= config.soloWait;

/** After a daemon's start, silence means nothing for initdead. */
export const patienceIsOver = (state: State): boolean => state.now - state.startedAt >= state.config.timing.initdead;

export const sameConfiguration = (state: State): boolean | null =>
  state.peer.beat === null ? null : state.peer.beat.digest === state.config.digest;

/** Did we sleep? More than two keepalives between two events means that our timer was late by more than one. */
export function stallBetween(before: Instant, now: Instant, keepalive: Duration): Duration | null {
  const gap = now - before;
  return gap > 2 * keepalive ? gap : null;
}

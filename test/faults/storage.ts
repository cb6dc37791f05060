import { JOURNAL, MIRROR, named, row, sim, story, tableRow, unit, VOTES } from "./refs.ts";

export const STORAGE = [
  row("S1", "Power fails in the middle of a write of the journal: the other slot is sound, no epoch goes back", [unit(JOURNAL, "a write torn at any byte leaves the slot before it, and is noticed"), sim("rot")]),
  row("S2", "The disk says done and has not written: the other slot or the peer knows better", [sim("lostWrite")]),
  row("S3", "A bit flips in one slot, or in both: the other slot, or a node that knows that it does not know", [unit(JOURNAL, "any flipped bit of the newer slot makes the older one count, never a third content"), unit(JOURNAL, "both slots damaged is not fresh: the node knows that it does not know"), sim("rot"), unit(JOURNAL, "a damaged slot is written anew when the journal is opened: there are two again, and nothing has changed")]),
  row("S4", "Both slots have one counter and differ: not trusted", [unit(JOURNAL, "equal counters with different content contradict each other")]),
  row("S5", "The journal is of another cluster, another node or a later format: refused, with what to do", [unit(JOURNAL, "a journal of another cluster, of the other node or of a later clusterd is refused, with what to do")]),
  row("S6", "The journal is gone, cut short, a folder, a link or another user's: never silently a new node", [story("journal-lost"), unit(JOURNAL, "a folder, a link, a pipe or a file that others can change in its place is refused by what it is, and is never a new node's")]),
  row("S7", "A disk is full, of the journal, logs, trees or kept versions: the journal has its room already, no run counts", [tableRow("mirror/guards.test.ts", "", "no room there"), sim("diskFails"), story("taker-disk-fails")]),
  row("S8", "The owner's disk fails or becomes read-only: it lets go", [story("disk-fails"), sim("diskFails"), unit(VOTES, "a node whose journal failed can still leave")]),
  row("S9", "A slow disk: renewals need none, a takeover waits", [sim("disk"), unit(VOTES, "a takeover whose votes ran out while its epoch was being written is not revived by later ones")], "in the lab"),
  row("S10", "The receiver has no inodes left: the run does not count", [unit("mirror/pure.test.ts", "only exit 0 is complete; 24 is worth another pass; 255 is an unreachable peer")]),
  row("S11", "The source's file system is not mounted: refused, nothing deleted", [unit(MIRROR, "a source whose disk is not mounted deletes nothing, says why and exits non-zero"), unit("mirror/pure.test.ts", "marked once, now bare")]),
  row("S12", "The destination's file system is not mounted: refused there, nothing written", [unit(MIRROR, "the wrong disk on the other node is refused there")]),
  row("S13", "A node comes back from an old snapshot: the peer or the witness knows the newer epoch", [sim("lostWrite"), story("witness-moving-partition")], "in the lab"),
  row("S14", "A cloned disk: both nodes say that they are the same one", [unit("clusterd/heartbeat/packet.test.ts", "refuses a packet that is reflected to its sender"), unit("clusterd/install/keys.test.ts", "a node's own bundle, and that of a stranger, are refused"), named("a copy of this node's disk")]),
];

import { chaos, MIRROR, MIRROR_PURE, row, sim, story, tableRow, unit } from "./refs.ts";

const LOST = unit("lab/chaos/versions.test.ts", "a version that is nowhere is lost; in a tree or a dated directory of either node it is not");

export const MIRROR_CASES = [
  row("M1", "A stale node pushes to the newer one: refused before rsync starts", [unit(MIRROR, "not a stale owner: the peer has journalled a newer epoch"), unit(MIRROR_PURE, "only the recorded owner at exactly the recorded epoch, whatever the numbers")]),
  row("M2", "Both claim one epoch: refused", [unit(MIRROR, "not while the peer itself owns the identity at that epoch")]),
  row("M3", "Both nodes wrote: every version of both exists afterwards", [unit(MIRROR, "a recovery run lists what only the returning node had, and the peer counts as in sync"), chaos("partition"), chaos("frozen")]),
  row("M4", "The source is empty: nothing is deleted", [unit(MIRROR, "refuses an empty source that was never mirrored"), unit(MIRROR, "a tree emptied on purpose waits for approval however small it is")]),
  row("M5", "rsync is killed at any moment: each file is old or new, whole, and the old one is kept", [LOST]),
  row("M6", "ssh dies, or a node reboots, in the middle: the run does not count, the next one goes on", [LOST, unit(MIRROR, "without sshd on the other side the run says that the peer cannot be reached")]),
  row("M7", "Files change, vanish or grow while they are mirrored: tried again, and what each try replaced is kept", [unit(MIRROR, "a second push within one run keeps what the first one kept"), unit(MIRROR_PURE, "only exit 0 is complete; 24 is worth another pass; 255 is an unreachable peer"), chaos("power-cut"), unit(MIRROR, "a file that grows without end holds up no run: what it was is there, whole as far as it goes, and the rest too")]),
  row("M8", "The owner changes during a run: it is ended, and does not count", [unit(MIRROR, "a change of owner during the run: the rsync is ended, and nothing counts as mirrored"), chaos("switchover")]),
  row("M9", "A great many files, long names, links, holes, ACLs, owners, devices: mirrored as they are", [unit(MIRROR, "a tree of a thousand files with hard links, ACLs, attributes, odd names and a hole arrives identical"), unit(MIRROR, "names of 255 bytes and paths of 3900 arrive, and so do their replaced and deleted versions in the dated directory")], "a million files"),
  row("M10", "A file system that folds case or changes names: found out by trying, and refused", [tableRow("mirror/guards.test.ts", "", "case folded there"), tableRow("mirror/guards.test.ts", "", "spelling changed there"), unit("mirror/guards.test.ts", "is found out by trying, and leaves nothing behind, not even another time of the folder")], "a real file system that does so"),
  row("M11", "No room for kept versions; one name twice in a run: no version is lost", [unit(MIRROR, "a second push within one run keeps what the first one kept"), unit("mirror/guards.test.ts", "room: refused before anything is written"), unit("mirror/guards.test.ts", "inodes: refused before anything is written"), chaos("receiver-full")]),
  row("M12", "A mass renaming, as by a ransom program: stops and asks", [unit(MIRROR, "more deletions than allowed delete nothing until exactly these are approved, once")]),
  row("M13", "The owner writes hard while the other is brought up to date: it comes to an end, or nothing moves", [story("failback-auto-stops"), chaos("power-cut")]),
  row("M14", "The last pass of a handover fails: services start again where they were", [unit("clusterd/core/failback.test.ts", "a last mirror pass that fails is a try: after two the services are left alone, and it is said"), sim("services")]),
  row("M15", "Size and time equal, content different", [unit(MIRROR, "two writes of equal length within one second both arrive"), unit("mirror/scrub.test.ts", "what no run finds is found and reported, and nothing is changed; people are told"), unit("mirror/scrub.test.ts", "--repair sends this node's copy, and what it replaces is kept")]),
  row("M16", "Pruning beside a run: never the newest, never an open one", [unit("mirror/history.test.ts", "what may go: by age, number and size, oldest first; never the newest, never an unconfirmed recovery's")]),
  row("M17", "A handover is cut at any step, by any blow: one owner, no version lost", [sim("cutHandover"), story("offered-and-crashed"), story("offer-to-former-life")]),
  row("M18", "The owner dies while the returned node is brought up to date: that one stays stale and asks", [story("alone-at-boot"), sim("crash"), chaos("power-cut")]),
  row("M19", "A client has a file open during a handover: its last version is mirrored", [unit("lab/systemd/install.test.ts", "`systemctl stop` hands over first; `start` raises nothing that the other holds"), unit(MIRROR, "a final pass carries what a client has written so far to a file that it still holds open")]),
];

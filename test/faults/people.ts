import { named, NETWORK, PACKET, row, sim, story, SYSTEMD, unit, VOTES } from "./refs.ts";

const RULES = "clusterd/arbiter/witness-rules.test.ts";

export const PEOPLE = [
  row("O1", "Somebody removes the identity's address or takes the NIC down: put right, or handed over", [unit(NETWORK, "an address or MAC that somebody takes off a raised identity comes back; of a resting NIC it does not")]),
  row("O2", "Somebody raises the identity on the standby: heard, and told", [unit(NETWORK, "hears somebody else speak with our MAC, but not itself"), unit("lab/lab.test.ts", "two owners are seen, however short")]),
  row("O3", "The owner is stopped in good order: handed over first", [sim("leave"), unit(SYSTEMD, "`systemctl stop` hands over first; `start` raises nothing that the other holds"), unit("lab/systemd/init-script.test.ts", "stop hands over first, and leaves nothing behind")]),
  row("O4", "The owner is rebooted or switched off: handed over before the network goes", [unit(SYSTEMD, "hands over before the network goes down")]),
  row("O5", "Both were off and start in the wrong order: the newest owns, or a person is asked", [story("both-power-away"), story("alone-at-boot"), sim("blackout")]),
  row("O6", "One node gets the other's files: refused", [unit("clusterd/install/keys.test.ts", "a node's own bundle, and that of a stranger, are refused"), unit("clusterd/journal.test.ts", "a journal of another cluster, of the other node or of a later clusterd is refused, with what to do")]),
  row("O7", "Files are edited on the standby: told, and kept when the next run undoes it", [unit("mirror/daemon.test.ts", "an edit on the standby is reported once; what the owner's run writes there is not")]),
  row("O8", "Both nodes are told to own: the second is refused, or a fork is known", [sim("forceOwn"), unit(VOTES, "a node told to own while its peer is heard counts no vote of that peer"), unit("clusterd/cli/cli.test.ts", "force-own without a terminal wants the node's name, and takes no other")], "in the lab"),
  row("O9", "Maintenance that is never ended", [unit("clusterd/maintenance.test.ts", "it is over at its time, and people are reminded every hour until then"), unit("clusterd/maintenance.test.ts", "the daemon's keeper: takes up what is on disk, reminds once an hour, ends it in time and says so"), unit("lab/moves.test.ts", "maintenance ends by itself at its time, with a notice, and the next plan knows how long a move takes")]),
  row("O10", "A reference host is retired: told, and the majority is of those configured", [unit("clusterd/arbiter/references.test.ts", "a host that answers twice counts once"), sim("gateway"), { ...unit("clusterd/status/nagios.test.ts", "what makes it a warning, and what is critical"), holds: "a reference host that is away" }]),
  row("O11", "LAN and private cables are swapped: each link knows its own packets", [unit(PACKET, "refuses a packet of another link"), named("cables exchanged")]),
  row("O12", "A copy of the pair on the same LAN: neither hears the other", [unit(PACKET, "refuses a packet of another cluster with the same secret"), named("another pair on the same network")]),
  row("F1", "One node dies while the other boots: it waits for a person or the witness", [story("alone-at-boot"), story("witness-solo"), sim("blackout"), sim("crash")]),
  row("F2", "The other node comes back in the middle of a takeover: one owner, one epoch", [sim("cutTakeover"), unit(VOTES, "a peer that is heard while the takeover is being written has taken its vote back")]),
  row("F3", "The fence says off and the machine lives: no takeover", [unit("clusterd/takeover/fence.test.ts", "an agent that says off while the power is on is not believed"), story("fence-fails"), story("fence-unconfirmed-partition"), unit("lab/fence.test.ts", "a power switch that says done while the power is on is not believed: nothing is taken over from a frozen owner")]),
  row("F4", "The witness restarts, has forgotten, or is of an older state: it waits, and grants by both nodes' word", [unit(RULES, "after its own start it serves for a whole lease nobody but the owner that its file names"), unit(RULES, "a witness that has forgotten everything grants nothing before it has met both nodes, and then knows the newer epoch"), story("witness-restarts"), story("witness-forgets"), sim("witnessOff")]),
  row("F5", "Witness and one node hang on one mains", [story("witness-on-one-mains")]),
  row("F6", "Both identities change hands at once, crosswise: no deadlock", [sim("operator"), unit("clusterd/core/long.test.ts", "both identities change hands at once, crosswise, with services and files: each ends at the other node, and comes back the same way")]),
  row("F7", "The reference hosts go while the standby is down: as it left, so the owner stays or lets go", [story("gateway-reboots-after-leave"), story("gateway-reboots-after-crash"), story("witness-gone-then-standby"), sim("gateway")]),
  row("F8", "Three faults of different kinds at once: the rules hold", [unit("sim/sim.test.ts", "episodes of about eight overlapping faults break no rule"), unit("lab/chaos/choose.test.ts", "one to three faults, each of another group, all within a second")]),
];

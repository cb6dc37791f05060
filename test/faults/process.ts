import { lab, NETWORK, PACKET, row, SERVICES, sim, story, SYSTEMD, unit, VOTES } from "./refs.ts";

export const PROCESS = [
  row("P1", "The owner's daemon is killed: the dead-man lowers the identity within D + S, the other node takes over only by a whole claim", [sim("daemon"), lab("daemon killed"), unit(SYSTEMD, "kill -9 of the daemon: silent within the lease")]),
  row("P2", "The owner's daemon stands still: shorter than the lease, nothing; longer, the identity goes and is not kept on waking", [sim("stalls"), story("short-stall"), story("tripped-lease"), lab("daemon stopped with SIGSTOP, then continued"), unit(SYSTEMD, "a daemon that hangs is ended by systemd's watchdog, and started again")]),
  row("P3", "Only the dead-man stands still: the daemon misses its answer and lets go by itself", [unit(NETWORK, "a dead-man that hangs is as good as dead"), sim("deadMan")]),
  row("P4", "Daemon and dead-man both stand still: nobody else takes over while the kernel still speaks", [lab("whole node frozen, then thawed"), story("frozen")], "the watchdog's reset, on a machine that has one"),
  row("P5", "The dead-man is killed: started again, and nothing is owned without one", [sim("deadMan"), unit(NETWORK, "says when the dead-man dies, replaces it, and the new one knows the lease"), story("dead-man-gone")]),
  row("P6", "The daemon dies after the epoch is on disk and before ifup: nothing is raised by the next start", [sim("cutTakeover"), sim("cutHandover"), unit("clusterd/core/table.test.ts", "nothing is raised but by a persisted epoch, and whoever lets go says so")]),
  row("P7", "The daemon dies between ifup and the services: the next start finds the identity raised and takes it down", [sim("cutTakeover"), unit(NETWORK, "prepare brings every NIC to rest and says what it found raised")]),
  row("P8", "The event loop stalls for seconds: no lease is renewed, and a claim does not go on", [sim("stall"), sim("stalls"), story("short-stall")]),
  row("P9", "The kernel kills for memory: the helpers come last", [unit(SYSTEMD, "a service does not inherit the daemon's priority, its memory privilege or its umask")], "a real kill for memory"),
  row("P10", "A service hangs at its start: ended with all its children, and told", [unit(SERVICES, "a hanging start is ended with its whole process group, also one that ignores SIGTERM"), sim("services")]),
  row("P11", "A service fails to start again and again: no ping-pong", [unit(SERVICES, "a failing start is reported with its last words, and the others still have their turn"), sim("services"), unit("clusterd/checks/policy.test.ts", "whatever fails where and when: no identity comes back within check_hold, restarts are bounded, one thing at a time"), unit("lab/checks.test.ts", "what fails on both nodes stays where it is, told once, and is well again once it is repaired")]),
  row("P12", "A service hangs at its stop: the identity is down already, the stop is ended after its time", [unit(SERVICES, "a hanging stop is ended after its time and reported as failed"), sim("services")]),
  row("P13", "A service has forked away from its group: noticed at the release", []),
  row("P14", "ifup fails or hangs: everything is taken back, the other node may take over", [story("ifup-fails"), sim("ifup"), unit(NETWORK, "falls back to ifup when the waiting ip fails, and still comes up"), unit(VOTES, "a node that cannot raise its identity is granted it no second time at once: the other node takes it")]),
  row("P15", "Two daemons on one node: the second one ends and touches nothing", [unit("clusterd/status/socket-server.test.ts", "a socket that a dead daemon left behind is replaced; a living one is not")]),
  row("P16", "The daemon is upgraded while it owns: it keeps the identity only within its lease", [sim("restart"), unit(SYSTEMD, "an upgrade moves nothing: a new daemon in the same process, and the client sees no gap")]),
  row("P17", "The other node speaks an older or newer protocol: said, and not acted upon", [unit(PACKET, "says that an authentic packet is of another version, whatever its size")]),
  row("P18", "rsync outlives its daemon, or becomes a zombie: the lock names a process, and a dead one's is taken over", [unit("mirror/pure.test.ts", "a lock is held by one, freed by its holder only, and taken over from the dead")]),
  row("P19", "No file descriptors or processes are left: heartbeats go on", []),
];

import { row, sim, story, unit } from "./refs.ts";

export const CLOCK = [
  row("C1", "The wall clock steps, by a second or by years, again and again: no decision changes", [sim("wallClock"), unit("clusterd/timesync/offset.test.ts", "an exchange in whose middle our clock was set back says nothing, and what was known is void")], "in the lab, whose nodes share one wall clock"),
  row("C2", "The clocks' rates differ by up to ρ: the rules hold", [unit("sim/sim.test.ts", "episodes of about eight overlapping faults break no rule"), unit("clusterd/arbiter/witness-rules.test.ts", "a claimer gets the vote only when the owner's lease, with drift, has run out here")]),
  row("C3", "The rates differ by more than ρ: outside the promise, counted and reported as such", [unit("sim/sim.test.ts", "outside the promised assumptions rules do break, and are marked so: the checkers can see")], "noticing it in the daemon"),
  row("C4", "The machine is suspended: the lease is over", [], "the dead-man compares boot time and monotonic time; needs a machine that can be suspended"),
  row("C5", "A machine freezes around any step of a takeover: any overlap ends within the lease after the thaw", [sim("machine"), story("frozen")]),
  row("C6", "Counters and times reach 2^31, 2^32 or 2^53: nothing happens", []),
  row("C7", "Weeks and months without a restart", []),
  row("C8", "Leap second, summer time, another time zone: only what the log says", [unit("mirror/history.test.ts", "a moment as a person writes it")], "the daemon's log"),
  row("C9", "The monotonic clock goes back, as on a broken virtual machine", []),
];

// How a case names the tests that prove it. Each kind of test is found in its own way, so each has a word of its own here.

/** A test: `holds` must stand in `file`, so that a test that is renamed is missed; its results are those of `runner` whose name
 *  has `named` in it. */
export interface Ref {
  readonly file: string;
  readonly holds: string;
  readonly runner: string;
  readonly named: string;
}

export interface Case {
  readonly id: string;
  /** What goes wrong, and what must come of it. */
  readonly title: string;
  readonly tests: readonly Ref[];
  /** What the tests named do not show yet; null = nothing. A case without tests is open as a whole. */
  readonly missing: string | null;
}

/** A row of the tables: number, title, tests, and what is missing. */
export const row = (id: string, title: string, tests: readonly Ref[], missing: string | null = null): Case => ({ id, title, tests, missing });

/** A test with this title in test/FILE. */
export const unit = (file: string, title: string): Ref => ({ file: `test/${file}`, holds: title, runner: `test/${file}`, named: title });
/** One row of a test that runs over a table: `holds` is the row, and the name has it at its end. */
export const tableRow = (file: string, before: string, holds: string): Ref => ({ file: `test/${file}`, holds, runner: `test/${file}`, named: `${before}${holds}` });
/** A story on the real core, both nodes in virtual time. */
export const story = (name: string): Ref => ({ file: `test/scenarios/${name}.txt`, holds: "\n----\n", runner: "test/scenarios/scenarios.test.ts", named: `story ${name}:` });
/** A folder that the loader must refuse. */
export const refused = (name: string): Ref => ({ file: `test/config/invalid/${name}.case`, holds: "", runner: "test/clusterd/config/load.test.ts", named: `refused ${name}:` });
/** A fault of the simulator: its result is that of the simulated episodes, which deal it out among others. */
export const sim = (fault: string): Ref => ({ file: "test/sim/faults.ts", holds: `\n  ${fault}: {`, runner: "test/sim/sim.test.ts", named: "episodes of about eight overlapping faults break no rule" });
/** One of the faults that are dealt out one at a time to real nodes. */
export const lab = (what: string): Ref => ({ file: "test/lab/faults.ts", holds: `what: "${what}"`, runner: "test/lab/faults.test.ts", named: `${what}: never two owners` });
/** A fault of the chaos lab. Those that name a case there need not be named here. */
export const chaos = (fault: string): Ref => ({ file: "test/lab/chaos/faults.ts", holds: `"${fault}": {`, runner: "npm run chaos", named: fault });

/** What is told when a link brings nothing but packets that are no heartbeats of the peer. */
export const named = (what: string): Ref => ({ file: "test/clusterd/heartbeat/strangers.test.ts", holds: `["${what}"`, runner: "test/clusterd/heartbeat/strangers.test.ts", named: `${what}: ` });

export const LONG = "clusterd/core/long.test.ts";
export const MIRROR = "mirror/pair.test.ts";
export const MIRROR_PURE = "mirror/pure.test.ts";
export const NETWORK = "clusterd/takeover/network.test.ts";
export const PACKET = "clusterd/heartbeat/packet.test.ts";
export const UDP = "clusterd/heartbeat/udp-link.test.ts";
export const JOURNAL = "clusterd/journal.test.ts";
export const SERVICES = "clusterd/services/services.test.ts";
export const VOTES = "clusterd/core/votes.test.ts";
export const SYSTEMD = "lab/systemd/install.test.ts";
export const CONFIG = "clusterd/config/load.test.ts";
/** What the forced command refuses, through a real sshd. */
export const thief = (what: string): Ref => tableRow(MIRROR, "does not get ", what);

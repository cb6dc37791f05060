// What comes once the files are in place: the system is told of them, and a person of what to do next.

import { join } from "node:path";
import { reasonOf } from "../base/errors.ts";
import { run } from "../base/exec.ts";
import { WITNESS_KEY } from "../base/paths.ts";
import type { Step } from "./keys.ts";
import { PROGRAMS } from "./wanted.ts";
import type { Init } from "./wanted.ts";

export const CACHE = "/var/cache/clusterd";
const PATIENCE = 60_000;

/** Null: all done. Else which step failed, why, and what a person does about it. */
export async function inTurn(steps: readonly Step[]): Promise<string | null> {
  for (const [index, { what, act }] of steps.entries()) try {
    await act();
  } catch (error) {
    const left = steps.slice(index + 1).map((step) => step.what);
    return [`failed: ${what}: ${error instanceof Error ? error.message : reasonOf(error)}`, ...(left.length === 0 ? [] : [`not done: ${left.join("; ")}`]), "The files are in place."].join("\n");
  }
  return null;
}

/** So that the daemons' first start, perhaps an upgrade within the lease, is as quick and as small as every later one. */
export async function warmCache(programs = PROGRAMS, cache = CACHE): Promise<void> {
  for (const program of ["clusterd/bin/clusterd", "mirror/bin/mirror"].map((path) => join(programs, path))) {
    const { failure, stderr } = await run([program, "daemon", "--warm-up"], { timeout: PATIENCE, env: { NODE_COMPILE_CACHE: cache } });
    // Node's last line is its version.
    const why = stderr.split("\n").find((line) => /^\w*Error\b/.test(line)) ?? failure;
    if (failure !== null) throw new Error(`${program} cannot be loaded: ${why}.\n  \`${program} daemon --warm-up\` shows all of it. A daemon that runs goes on as it is: do not restart it before that command succeeds`);
  }
}

export async function daemonReload(): Promise<void> {
  const { failure } = await run(["systemctl", "daemon-reload"], { timeout: PATIENCE });
  if (failure !== null) throw new Error(`systemctl daemon-reload ${failure}: until it succeeds systemd goes by the units that it knew before`);
}

export interface Situation {
  readonly init: Init;
  readonly root: string;
  /** Of the configuration, or null. */
  readonly problem: string | null;
  /** Of the two nodes: known to each other by now; here, but ours not there yet; or none exchanged. */
  readonly keys: "known" | "theirs" | "none";
}

const KEYS: Readonly<Record<Situation["keys"], readonly string[]>> = {
  known: [],
  theirs: [
    "  clusterd keys export FILE      here, too; carry FILE to the other node by scp: it does not know this one yet",
    "  clusterd keys import FILE      there; then `clusterd keys certify` on both, and delete both files",
  ],
  none: [
    "  clusterd keys export FILE      here; carry FILE to the other node by scp",
    "  clusterd keys import FILE      there; and the same the other way round; then `clusterd keys certify` on both",
  ],
};

export function nextSteps({ init, root, problem, keys }: Situation): readonly string[] {
  const start = init === "systemd" ? "systemctl start clusterd clusterd-mirror" : init === "sysv" ? "/etc/init.d/clusterd start" : "clusterd daemon & mirror daemon &";
  const upgrade = init === "sysv" ? "/etc/init.d/clusterd upgrade" : init === "systemd" ? "clusterd restart && systemctl restart clusterd-mirror" : "clusterd restart";
  return [
    "",
    "Next:",
    ...(problem === null ? [] : [`  write ${join(root, "/etc/cluster.d")} (a sample is in /usr/lib/clusterd/cluster.d), until \`clusterd check\` is content`]),
    ...KEYS[keys],
    `  ${start}      (a running daemon: ${upgrade})`,
    "  clusterd status",
  ];
}

export const nextOnWitness = (init: Init, cluster: string): readonly string[] => [
  "",
  "Next:",
  `  scp ${WITNESS_KEY} to the same place on both nodes: it is a secret of the three`,
  `  ${init === "systemd" ? `systemctl start clusterd-witness@${cluster}` : `clusterd witness ${cluster} &      (and at each boot)`}`,
  "  witness = ADDRESS of this machine, in cluster.conf on both nodes; then restart clusterd there",
];

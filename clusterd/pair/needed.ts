// What the configuration names and a machine has not: its NICs, what starts a service, and at home the trees. Looked for
// before anything is changed, and by `clusterd check`: a typo there is an owner that serves nothing.

import type { Action, Config } from "../config/config.ts";
import type { Index } from "../core/model.ts";
import { INIT_FOLDERS } from "../services/commands.ts";
import type { Host } from "./host.ts";
import { localHost, runJob } from "./host.ts";
import type { Side } from "./step.ts";
import { quote } from "./step.ts";

export interface Need {
  readonly at: Side;
  /** At home nothing can be served without it; on the other machine nothing but a takeover lacks it. */
  readonly atHome: boolean;
  /** Ends with 0 when it is there. */
  readonly test: string;
  readonly missing: string;
}

/** Of the node `self` of this configuration, which is machine `at`. */
export function needsOf(config: Config, self: Index, at: Side): readonly Need[] {
  const { name: node } = config.nodes[self];
  return [...nicsOf(config, self).map((nic) => nicNeed(node, nic, at)), ...needsOfServices(config, node, self, at)];
}

/** What does not depend on the node files. */
export function needsOfServices(config: Pick<Config, "services" | "jobs">, node: string, self: Index, at: Side): readonly Need[] {
  const services = config.services.flatMap(({ name, action, home }): readonly Need[] => {
    const needed = action === null ? null : startedBy(action);
    return needed === null ? [] : [{ at, atHome: home === self, test: needed.test, missing: `${node} has no ${needed.what}, which is to start ${name}: install it there, or correct ${needed.key} in /etc/cluster.d` }];
  });
  const trees = config.jobs.filter(({ home }) => home === self).flatMap(({ name, entries }) => entries.filter(({ kind }) => kind === "tree")
    .map(({ path }): Need => ({ at, atHome: true, test: `[ -d ${quote(path)} ]`, missing: `${node} has no ${path}, which ${name} is to mirror: make it, or correct \`path\` in /etc/cluster.d` })));
  return [...services, ...trees];
}

const nicsOf = ({ nodes }: Config, self: Index): readonly string[] => [nodes[self].main, nodes[self].heartbeat, nodes[self].redundant].map((nic) => nic.interface);
const nicNeed = (node: string, nic: string, at: Side): Need =>
  ({ at, atHome: true, test: `ip link show dev ${quote(nic)} >/dev/null 2>&1`, missing: `${node} has no NIC ${nic}: \`ip link\` lists them; correct ${node}.conf in /etc/cluster.d` });

/** NICs that `next` names for this node and `before` did not, and that are not there. One that broke while it was in use is in the way of nothing. */
export async function nicsMistaken(before: Config, next: Config): Promise<readonly string[]> {
  const added = nicsOf(next, next.self).filter((nic) => !nicsOf(before, before.self).includes(nic));
  return (await lacking([localHost, localHost], added.map((nic) => nicNeed(next.nodes[next.self].name, nic, 0)))).map(({ missing }) => missing);
}

function startedBy(action: Action): { readonly test: string; readonly what: string; readonly key: string } | null {
  if (action.kind === "systemd") return { test: `systemctl cat ${quote(action.unit)} >/dev/null 2>&1`, what: `unit ${action.unit}`, key: "`start`" };
  if (action.kind === "command") return action.start[0] === undefined ? null : { test: `[ -x ${quote(action.start[0])} ]`, what: `program ${action.start[0]}`, key: "`start_command`" };
  const name = action.script.replace(/^.*\//, "");
  return { test: [action.script, ...INIT_FOLDERS.map((folder) => `${folder}/${name}`)].map((path) => `[ -x ${quote(path)} ]`).join(" || "), what: `init script ${name}`, key: "`start`" };
}

/** Those that are not met. */
export async function lacking(hosts: readonly [Host, Host], needs: readonly Need[]): Promise<readonly Need[]> {
  const each = await Promise.all(([0, 1] as const).map(async (at) => {
    const here = needs.filter((need) => need.at === at);
    if (here.length === 0) return [];
    const { out } = await runJob(hosts, { at, script: here.map(({ test }, index) => `{ ${test}; } || echo ${index}`).join("\n") });
    return out.split("\n").flatMap((line) => here[line === "" ? -1 : Number(line)] ?? []);
  }));
  return each.flat();
}

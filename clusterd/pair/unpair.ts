// `clusterd unpair`: two servers again. The rim; the steps are in unpair-steps.ts.

import { ETC } from "../base/paths.ts";
import { outcome } from "../commands/command.ts";
import type { Outcome } from "../commands/command.ts";
import { confirm } from "../commands/person.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { carryOut } from "./carry-out.ts";
import { localHost, remoteHost } from "./host.ts";
import { Login, readTarget } from "./login.ts";
import type { Target } from "./login.ts";
import { isItself, lookAt, preferPrivate, say, stampNow } from "./pair.ts";
import { unpairSteps } from "./unpair-steps.ts";

export interface UnpairOptions {
  /** Null: root at the other node's private address. */
  readonly target: Target | null;
  readonly identity: string | null;
  readonly hereOnly: boolean;
  readonly dryRun: boolean;
  readonly checked: string | undefined;
}

export async function unpair({ target, identity, hereOnly, dryRun, checked }: UnpairOptions): Promise<Outcome> {
  const here = await lookAt([localHost, localHost], 0);
  const loaded = loadConfig({ etc: ETC, self: here.name });
  const config = loaded.ok ? loaded.config : null;
  const peer = config?.nodes.find(({ name }) => name !== here.name) ?? null;
  const known = target ?? (peer === null ? null : readTarget(`root@${peer.heartbeat.address}`));
  if (known === null && !hereOnly) return outcome("refused", `${ETC} names no pair, so nobody knows the other node: clusterd unpair [USER@]HOST, or --here-only`);
  const own = target === null ? null : isItself(here, target.host);
  if (own !== null) return outcome("usage", own);
  const login = known === null ? null : new Login({ target: known, identity, names: peer === null ? [] : [peer.name], hostKey: null });
  const remote = login === null || hereOnly ? localHost : remoteHost(() => login.connect(), (client) => login.become(client));
  try {
    const there = hereOnly ? null : await lookAt([localHost, remote], 1);
    if (there !== null && peer !== null && there.name !== peer.name) return outcome("refused", `${known?.host} is ${there.name}, and the other node of this pair is ${peer.name}. Nothing was done.`);
    const steps = unpairSteps({ machines: [here, there], config, stamp: stampNow() });
    const run = (dry: boolean): ReturnType<typeof carryOut> => carryOut(steps, { hosts: [localHost, remote], names: [here.name, there?.name ?? ""], dryRun: dry, say: dry && dryRun ? (line) => say(`would: ${line}`) : dry ? () => undefined : say });
    if (login !== null && config !== null && there !== null && !dryRun) await preferPrivate(login, remote, config, there.name);
    const { changes } = await run(true);
    if (changes.length === 0) return outcome("ok", "Nothing to do: this is no pair any more.", { changes });
    if (dryRun) return outcome("ok", `${changes.length} steps. Nothing was done.`, { changes, dry_run: true });
    const obstacle = config === null ? null : await mayLose(config, there?.name ?? peer?.name ?? here.name, checked);
    if (obstacle !== null) return outcome("refused", obstacle, { changes });
    const { failure, changes: done } = await run(false);
    if (failure !== null) return outcome("failed", `${failure}\nMend that and say it again: what is done stays done.`, { changes: done, failure });
    return outcome("ok", `Done: ${done.length} steps. Keys, reports and kept file versions are still in /var/lib/clusterd and /var/backups/clusterd.`, { changes: done });
  } finally {
    remote.close();
  }
}

/** Why not; null when nobody loses a service, or a person says that it is meant so. */
async function mayLose({ services }: Config, node: string, checked: string | undefined): Promise<string | null> {
  const lost = services.filter(({ action, addresses }) => action !== null || addresses.length > 0);
  if (lost.length === 0) return null;
  const warning = [
    `Clients lose ${lost.map(({ name }) => name).join(", ")}: clusterd stops them and takes their addresses away.`,
    "What the boot process started before `clusterd pair` is started again; addresses of services are not.",
  ];
  const obstacle = await confirm(node, warning, checked);
  return obstacle === null ? null : [...warning, obstacle].join("\n");
}

// The configuration as it is meant, for people: every value in force, defaults and derived ones included.

import { formatDuration } from "../base/time.ts";
import { checkText, words } from "./check-text.ts";
import type { Action, Checking, ClusterConfig, Config, JobConfig, NodeConfig, ServiceConfig } from "./config.ts";

export { referencePage, sampleText } from "./samples.ts";

/** What `clusterd check --show` prints: one fact a line, aligned, without colours. */
export function showConfig({ cluster, nodes, self, services, jobs, digest }: Config): string {
  const blocks = [
    block(`cluster ${cluster.name}`, [["nodes", nodes.map(({ name }) => name).join(" ")], ["seen from", nodes[self].name], ["digest", `${digest}  (equal on both nodes, or there is no takeover)`], ...clusterFacts(cluster)]),
    block(`times, profile ${cluster.profile}`, [...Object.entries(cluster.timing).map(([key, ms]): Fact => [key === "holdDown" ? "hold_down" : key, formatDuration(ms)]),
      ["takeover after", `${formatDuration(cluster.timing.deadtime + cluster.timing.claim)}  (deadtime + claim)`]]),
    ...nodes.map((node) => block(`node ${node.name}`, nodeFacts(node))),
    ...services.map((service) => block(`service ${service.name}, at home on ${nodes[service.home].name}`, serviceFacts(service))),
    ...jobs.map((job) => block(`mirror job ${job.name}, from ${nodes[job.home].name} to ${nodes[1 - job.home as 0 | 1].name}`, jobFacts(job))),
  ];
  return `${blocks.join("\n\n")}\n`;
}

type Fact = readonly [name: string, value: string];

function block(title: string, facts: readonly Fact[]): string {
  return [title, ...facts.map(([name, value]) => `  ${name.padEnd(16)}${value}`)].join("\n");
}

function clusterFacts(c: ClusterConfig): readonly Fact[] {
  const majority = Math.floor(c.references.length / 2) + 1;
  return [
    ["policy", c.policy],
    ...(c.witness === null ? [] : [["witness", `${c.witness.address} port ${c.witness.port}/udp  (the third voter)`] as const]),
    ["references", c.references.length === 0 ? `none${c.witness === null ? ": unexplained silence never causes a takeover" : ""}` : `${c.references.join(" ")}  (${majority} of ${c.references.length} must answer)`],
    ["main_failure", c.mainFailure], ["check_hold", formatDuration(c.checkHold)],
    ["failback", c.failback === "manual" ? "manual" : `auto, after ${formatDuration(c.failbackDelay)}`],
    ["divergence", c.divergence],
    ["solo_boot", c.soloBoot === "ask" ? "ask" : `allow, after ${formatDuration(c.soloWait)}`],
    ["scheduler", c.scheduler], ["notify", words(c.notify)], ["notify_mail", c.notifyMail === null ? "root, where there is a sendmail" : c.notifyMail.join(" ")],
    ["notify_webhook", c.notifyWebhook], ["notify_remind", formatDuration(c.notifyRemind)], ["notify_lag", formatDuration(c.notifyLag)], ["port", `${c.port}/udp`], ["serial_baud", `${c.serialBaud}`], ["ssh_port", `${c.sshPort}/tcp`], ["parallel", `${c.parallel}`], ["zone", c.zone ?? "none"],
    ["offset_limit", formatDuration(c.offsetLimit)], ["kernel_lease", c.kernelLease], ["watchdog", c.watchdog], ["watch", c.watch],
  ];
}

function nodeFacts({ main, heartbeat, redundant, fence, serial }: NodeConfig): readonly Fact[] {
  const { admin } = redundant;
  return [
    ["main", `${main.interface}  ${main.address}/${main.prefix}  ${main.mac}${main.gateway === null ? "" : `  gateway ${main.gateway}`}${main.address6 === null ? "" : `  ${main.address6.address}/${main.address6.prefix}`}`],
    ["heartbeat", `${heartbeat.interface}  ${heartbeat.address}/${heartbeat.prefix}`],
    ["redundant", `${redundant.interface}  ${admin === null ? "no admin address" : `admin address ${admin.address}/${admin.prefix}`}`],
    ["stand-in MACs", `${main.interface} ${main.standInMac}, ${redundant.interface} ${redundant.standInMac}`],
    ...(fence === null ? [] : [["fence", `${fence.agent}, within ${formatDuration(fence.timeout)}`] as const]),
    ...(serial === null ? [] : [["serial", serial] as const]),
  ];
}

function serviceFacts({ order, action, startTimeout, stopTimeout, addresses, alias, checking }: ServiceConfig): readonly Fact[] {
  return [
    ["order", String(order)], ...actionFacts(action), ["timeouts", `start ${formatDuration(startTimeout)}, stop ${formatDuration(stopTimeout)}`],
    ...addresses.map(({ address, prefix, broadcast }): Fact => ["address", `${address}/${prefix}${broadcast === null ? "" : ` broadcast ${broadcast}`}`]),
    ...(alias === null ? [] : [["alias", alias] as const]), ...checkingFacts(checking),
  ];
}

function checkingFacts({ checks, interval, timeout, rise, fall, restarts }: Checking): readonly Fact[] {
  if (checks.length === 0) return [];
  return [
    ...checks.map((check): Fact => ["check", checkText(check)]), ["checked", `every ${formatDuration(interval)}, within ${formatDuration(timeout)}; failed after ${fall} bad answers, well after ${rise} good ones`],
    ["restarts", `${restarts.most} within ${formatDuration(restarts.within)}, then its identity moves`],
  ];
}

function actionFacts(action: Action | null): readonly Fact[] {
  if (action === null) return [["start", "nothing to start"]];
  if (action.kind === "systemd") return [["start", `systemd unit ${action.unit}`]];
  if (action.kind === "init") return [["start", `${words([action.script, ...action.args])} start`]];
  return [["start_command", words(action.start)], ["stop_command", words(action.stop)], ["check_command", words(action.check)]];
}

function jobFacts({ entries, exclude, maxDelete, maxDeletePercent, special, consistent, wholeFile, bwlimit, timeout, keepFor, keepRuns, keepSize, before, after }: JobConfig): readonly Fact[] {
  return [
    ...entries.map(({ path, kind }): Fact => [kind, path]),
    ...(exclude.length === 0 ? [] : [["exclude", words(exclude)] as const]),
    ["deletions", `more than ${maxDelete}, or than ${maxDeletePercent} % of the files, ask for approval`], ...(special === "keep" ? [] : [["special", "set-user-id bits, file capabilities and device nodes are dropped"] as const]), ...(consistent ? [["consistent", "its files count only together"] as const] : []), ["whole_file", wholeFile], ...(bwlimit === null ? [] : [["bwlimit", `${bwlimit} bytes a second`] as const]), ["timeout", formatDuration(timeout)],
    ...(before.length === 0 ? [] : [["before", words(before)] as const]), ...(after.length === 0 ? [] : [["after", words(after)] as const]),
    ["keeps", [`${formatDuration(keepFor)}`, ...(keepRuns === null ? [] : [`${keepRuns} runs`]), ...(keepSize === null ? [] : [`${keepSize} bytes`])].join(", ")],
  ];
}

// What is wrong with a configuration as a whole: the relations between keys and between files.
//
// Each check sees what could be read (a key that is missing or misspelt is undefined and already reported) and adds all
// it finds. Checks of addresses are in network-rules.ts, of the serial line in serial-rules.ts, of mirrored paths in mirror-rules.ts.

import { problem } from "../base/errors.ts";
import type { Problem } from "../base/errors.ts";
import { timingOf } from "./build.ts";
import type { Files, Findings, ServiceFile } from "./files.ts";
import { mirrorRules } from "./mirror-rules.ts";
import { networkRules } from "./network-rules.ts";
import type { TIMING } from "./options.ts";
import { serialRules } from "./serial-rules.ts";
import { timingProblems } from "./timing.ts";
import type { Timing } from "./config.ts";

export function validate(files: Files, self: string, findings: Findings): void {
  nodeNames(files, self, findings.problems);
  safety(files, findings.problems);
  timing(files, findings.problems);
  failback(files, findings.warnings);
  networkRules(files, findings);
  serialRules(files, findings);
  for (const service of files.services) actions(service, findings);
  for (const { service } of files.services) checking(service, findings);
  uniqueServices(files.services, findings.problems);
  mirrorRules(files, findings);
}

function nodeNames({ cluster }: Files, self: string, problems: Problem[]): void {
  const names = cluster.values.nodes;
  if (names === undefined) return;
  const line = cluster.line("nodes");
  const say = (message: string, hint: string): number => problems.push(problem("cluster.conf", line, message, hint));
  if (names.length !== 2) say(`[cluster] nodes names ${names.length}: a cluster has exactly two nodes`, "nodes = serv1 serv2");
  else if (names[0] === names[1]) say(`[cluster] nodes names ${names[0]} twice`, "nodes = serv1 serv2");
  else if (!names.includes(self)) say(`[cluster] this machine is called ${self}, which is neither ${names[0]} nor ${names[1]}`, `Give it its name (hostnamectl set-hostname ${names[0]}), or change nodes; clusterd check --node ${names[0]} looks with the eyes of ${names[0]}.`);
  if (names.includes("cluster")) say("[cluster] a node cannot be called cluster: its file would be cluster.conf", "Rename the machine.");
}

/** Whoever asks for safety is not to get less: with reference hosts alone two owners remain possible. */
function safety({ cluster, nodes }: Files, problems: Problem[]): void {
  const fences = nodes.map(({ keys }) => keys.values.FENCE_AGENT);
  for (const { keys, name } of nodes) if (keys.values.FENCE_AGENT === null && fences.some((agent) => typeof agent === "string"))
    problems.push(problem(keys.file, null, `no FENCE_AGENT for ${name}, and one for the other node: only one of the two could ever be taken over from`, "Both or none."));
  if (cluster.values.witness !== null || fences.every((agent) => agent !== null)) return;
  for (const key of ["profile", "policy"] as const)
    if (cluster.values[key] === "safety") problems.push(problem("cluster.conf", cluster.line(key), `[cluster] ${key} = safety needs a witness or a fence: reference hosts alone cannot rule two owners out`, `witness = the address of a third machine that runs \`clusterd witness\`, or FENCE_AGENT in both node files; or ${key} = balanced.`));
}

/** What its home must show before an identity goes there by itself, it shows on the LAN, without its identity. */
function failback({ cluster, nodes }: Files, warnings: Problem[]): void {
  if (cluster.values.failback !== "auto") return;
  for (const { name, keys } of nodes) if (keys.values.ADMIN_IPADDR === null)
    warnings.push(problem("cluster.conf", cluster.line("failback"), `[cluster] failback = auto, and ${name} has no ADMIN_IPADDR: without its identity it is not heard on the LAN, so its identity does not go home by itself`, `ADMIN_IPADDR in ${keys.file}.`));
}

const KEY_OF: Readonly<Record<keyof Timing, keyof typeof TIMING>> = {
  keepalive: "keepalive", warntime: "warntime", deadtime: "deadtime", initdead: "initdead", lease: "lease", release: "release", unheard: "unheard", claim: "claim", holdDown: "hold_down",
};

function timing(files: Files, problems: Problem[]): void {
  const section = files.timing;
  if (Object.values(section.values).includes(undefined) || files.cluster.values.profile === undefined) return;
  for (const { keys, message } of timingProblems(timingOf(files.cluster.values.profile, section))) {
    const given = keys.map((key) => KEY_OF[key]).filter((key) => section.given.has(key));
    const last = given.map((key) => section.line(key) ?? 0).sort((a, b) => b - a)[0] ?? null;
    problems.push(problem("cluster.conf", last, `[timing] ${message}`, `Set here: ${given.join(", ")}; the others come from the profile ${files.cluster.values.profile}.`));
  }
}

function actions({ service, mirror, name }: ServiceFile, { problems, warnings }: Findings): void {
  const { given, file } = service;
  const say = (key: "start" | "start_command" | "stop_command" | "check_command", message: string, hint: string): number => problems.push(problem(file, service.line(key), `[service] ${message}`, hint));
  if (given.has("start")) {
    for (const key of ["start_command", "stop_command", "check_command"] as const) {
      if (given.has(key)) say(key, `${key} beside start: which of the two?`, "start = systemd:… or init:… knows how to stop and check by itself.");
    }
  } else if (given.has("start_command") && !given.has("stop_command")) say("start_command", "start_command without stop_command: the service could never leave this node", "stop_command = /path/to/program stop");
  else if (!given.has("start_command") && given.has("stop_command")) say("stop_command", "stop_command without start_command", "start_command = /path/to/program start");
  else if (!given.has("start_command") && given.has("check_command")) say("check_command", "check_command without start_command", "start_command = /path/to/program start");
  const idle = !given.has("start") && !given.has("start_command") && !given.has("address") && !mirror.present;
  if (idle) warnings.push(problem(file, null, `the service ${name} starts nothing, has no address and mirrors nothing`, null));
}

function checking({ values, given, file, line, lines }: ServiceFile["service"], { problems, warnings }: Findings): void {
  const { check = [], check_interval: interval } = values;
  const asked = (["check_interval", "check_timeout", "check_rise", "check_fall", "restarts"] as const).filter((key) => given.has(key));
  if (asked[0] !== undefined && !given.has("check")) warnings.push(problem(file, line(asked[0]), `[service] ${asked[0]} without check: nothing is checked while the service runs`, "check = running"));
  if (interval !== undefined && interval < 1000) problems.push(problem(file, line("check_interval"), "[service] check_interval is shorter than a second", "check_interval = 1s or more"));
  for (const [index, { kind }] of check.entries())
    if (kind === "running" && !given.has("start") && !given.has("check_command")) problems.push(problem(file, lines("check")[index] ?? line("check"), "[service] check = running, and nothing here can say whether it runs", "start = …, or check_command = … beside start_command"));
}

function uniqueServices(services: readonly ServiceFile[], problems: Problem[]): void {
  for (const [index, { name, service }] of services.entries()) {
    const first = services.slice(0, index).find((other) => other.name === name);
    if (first !== undefined) problems.push(problem(service.file, null, `there is a service ${name} already, in ${first.service.file}`, "A service has one home; rename one of the two."));
  }
}

// From sound files to the Config that the program works with.
//
// toConfig() is called only when there are no problems; the small functions beside it also serve the rules, which see
// files that are not sound yet.

import { digestOf } from "./digest.ts";
import type { Action, ClusterConfig, Config, JobConfig, NodeConfig, NodeIndex, ServiceConfig, Timing } from "./config.ts";
import type { DescriptionFile, Files, NodeFile, ServiceFile } from "./files.ts";
import { MIRROR } from "./options.ts";
import type { NODE, Options, TIMING, Values } from "./options.ts";
import type { Section } from "./read.ts";
import { standInMac } from "./stand-in.ts";
import { PROFILES } from "./timing.ts";

/** As in 1999, when nobody wrote a prefix. */
const CLASSIC_PREFIX = 24;

export function prefixOf({ values }: Section<typeof NODE>, role: "MAIN" | "HEARTBEAT" | "ADMIN"): number {
  if (role === "ADMIN") return values.ADMIN_PREFIX ?? prefixOf({ values } as Section<typeof NODE>, "MAIN");
  return values[`${role}_PREFIX`] ?? values[`${role}_NETMASK`] ?? CLASSIC_PREFIX;
}

/** The configured reference hosts, or the gateways. */
export function referencesOf({ cluster, nodes }: Files): readonly string[] {
  if (cluster.values.references) return cluster.values.references;
  return [...new Set(nodes.flatMap(({ keys }) => keys.values.MAIN_GATEWAY ?? []))];
}

export function timingOf(profile: ClusterConfig["profile"], { values }: Section<typeof TIMING>): Timing {
  const usual = PROFILES[profile];
  const { hold_down: holdDown, ...same } = values;
  const given = Object.entries({ ...same, holdDown }).filter(([, value]) => typeof value === "number");
  return { ...usual, ...Object.fromEntries(given) };
}

export function toConfig(files: Files, self: string): Config {
  const cluster = complete(files.cluster);
  const [first, second] = files.nodes;
  if (first === undefined || second === undefined) throw new Error("a sound configuration has two nodes");
  const config = {
    cluster: {
      name: cluster.name, profile: cluster.profile, timing: timingOf(cluster.profile, files.timing), policy: cluster.policy,
      references: referencesOf(files), witness: cluster.witness, failback: cluster.failback, failbackDelay: cluster.failback_delay, checkHold: cluster.check_hold, mainFailure: cluster.main_failure, divergence: cluster.divergence ?? (cluster.policy === "availability" ? "newest" : "ask"), soloBoot: cluster.solo_boot, soloWait: cluster.solo_wait,
      scheduler: cluster.scheduler, notify: cluster.notify, notifyMail: cluster.notify_mail, notifyWebhook: cluster.notify_webhook, notifyRemind: cluster.notify_remind, notifyLag: cluster.notify_lag, port: cluster.port, serialBaud: cluster.serial_baud, sshPort: cluster.ssh_port, parallel: cluster.parallel, zone: cluster.zone,
      offsetLimit: cluster.offset_limit, kernelLease: cluster.kernel_lease, watchdog: cluster.watchdog, watch: cluster.watch,
    },
    nodes: toNodes(first, second),
    ...toServices(files),
  };
  return { ...config, self: cluster.nodes.indexOf(self) as NodeIndex, digest: digestOf(config) };
}

/** Their files must be sound; those of the nodes need not even be there. */
export const toServices = (files: Files): Pick<Config, "services" | "jobs"> => ({
  services: files.services.map((service) => toService(service, files.nodes)).sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1)),
  jobs: toJobs(files),
});

/** A section without problems has a value for each of its keys. */
const complete = <O extends Options>({ values }: Section<O>): Values<O> => values as Values<O>;

function toNodes(first: NodeFile, second: NodeFile): readonly [NodeConfig, NodeConfig] {
  const taken = [first, second].map(({ keys }) => complete(keys).MAIN_MACADDR);
  return [toNode(first, taken), toNode(second, taken)];
}

/** `taken` grows by the stand-in MACs given out here. */
function toNode({ name, keys }: NodeFile, taken: string[]): NodeConfig {
  const values = complete(keys);
  const standIn = (role: "main" | "redundant"): string => {
    const mac = standInMac(values.MAIN_MACADDR, role, taken);
    taken.push(mac);
    return mac;
  };
  return {
    name,
    main: {
      interface: values.MAIN_INTERFACE, mac: values.MAIN_MACADDR, address: values.MAIN_IPADDR, prefix: prefixOf(keys, "MAIN"),
      gateway: values.MAIN_GATEWAY, address6: values.MAIN_IPADDR6, standInMac: standIn("main"),
    },
    heartbeat: { interface: values.HEARTBEAT_INTERFACE, address: values.HEARTBEAT_IPADDR, prefix: prefixOf(keys, "HEARTBEAT") },
    redundant: {
      interface: values.REDUNDANT_INTERFACE,
      admin: values.ADMIN_IPADDR === null ? null : { address: values.ADMIN_IPADDR, prefix: prefixOf(keys, "ADMIN") },
      standInMac: standIn("redundant"),
    },
    fence: values.FENCE_AGENT === null ? null : { agent: values.FENCE_AGENT, timeout: values.FENCE_TIMEOUT },
    serial: values.SERIAL_DEVICE,
  };
}

function toService({ name, home, service }: ServiceFile, nodes: readonly NodeFile[]): ServiceConfig {
  const values = complete(service);
  const action: Action | null = values.start ?? (values.start_command === null ? null
    : { kind: "command", start: values.start_command, stop: values.stop_command ?? [], check: values.check_command ?? [] });
  return { name, home, order: values.order, action, startTimeout: values.start_timeout, stopTimeout: values.stop_timeout, addresses: values.address, alias: values.alias,
    checking: {
      checks: values.check.map((check) => ("address" in check ? { ...check, address: check.address ?? ownAddress(values.address, nodes[home]) } : check)),
      interval: values.check_interval, timeout: values.check_timeout, rise: values.check_rise, fall: values.check_fall, restarts: action === null ? { ...values.restarts, most: 0 } : values.restarts,
    } };
}

const ownAddress = ([first]: ServiceConfig["addresses"], home: NodeFile | undefined): string => first?.address ?? home?.keys.values.MAIN_IPADDR ?? "";

function toJobs({ services, descriptions, nodes }: Files): readonly JobConfig[] {
  const ofServices = services.filter(({ mirror }) => mirror.present).map(({ name, home, mirror }) => {
    const values = complete(mirror);
    return { name, service: name, home, entries: values.path.map(toEntry), exclude: values.exclude, maxDelete: values.max_delete, maxDeletePercent: values.max_delete_percent, special: values.special, consistent: values.consistent === "yes", wholeFile: values.whole_file, bwlimit: values.bwlimit, watch: values.watch, timeout: values.timeout, fullPass: values.full_pass, keepFor: values.keep_for, keepRuns: values.keep_runs, keepSize: values.keep_size,
      before: values.before, after: values.after, hookTimeout: values.hook_timeout };
  });
  const ofDescriptions = descriptions.map((description) => ({
    name: jobName(description, descriptions, nodes), service: null, home: description.home, entries: description.entries.map(({ path }) => toEntry(path)),
    exclude: MIRROR.exclude.fallback ?? [], maxDelete: MIRROR.max_delete.fallback ?? 0, maxDeletePercent: MIRROR.max_delete_percent.fallback ?? 0, special: MIRROR.special.fallback ?? "keep", consistent: false, wholeFile: MIRROR.whole_file.fallback ?? "auto", bwlimit: null, watch: null, timeout: MIRROR.timeout.fallback ?? 0,
    fullPass: MIRROR.full_pass.fallback ?? 0, keepFor: MIRROR.keep_for.fallback ?? 0, keepRuns: null, keepSize: null, before: [], after: [], hookTimeout: 0,
  }));
  return [...ofServices, ...ofDescriptions].sort((a, b) => a.home - b.home || (a.name < b.name ? -1 : 1));
}

const toEntry = (path: string): JobConfig["entries"][number] => ({ path, kind: path.endsWith("/") ? "tree" : "file" });

/** Fname; node-Fname where both nodes have one of that name, as many did in 1999. */
function jobName({ name, home }: DescriptionFile, all: readonly DescriptionFile[], nodes: readonly NodeFile[]): string {
  return all.some((other) => other.name === name && other.home !== home) ? `${nodes[home]?.name}-${name}` : name;
}

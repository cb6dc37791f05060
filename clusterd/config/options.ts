// Every key of the configuration, once: its kind, its default, what it means and how to choose.
//
// Parsing, messages, the annotated samples in cluster.d/ and the reference page all come from these tables.
// Not here: how values must fit together (validate.ts, timing.ts).

import * as checkKind from "./check-kinds.ts";
import * as kind from "./kinds.ts";
import type { Kind } from "./kinds.ts";
import { PROFILES } from "./timing.ts";
import type { Timing } from "./config.ts";

export interface Option<T> {
  readonly kind: Kind<T>;
  /** What holds when the key is not there; undefined: the key is required. */
  readonly fallback: T | undefined;
  /** How the default is written down, where that needs words. */
  readonly fallbackSays?: string;
  /** One sentence: what it means. */
  readonly meaning: string;
  /** One sentence: how to choose, and what it has to do with other keys. */
  readonly choose?: string;
  /** A value for the samples and the reference page. */
  readonly example: string;
}

export type Options = Readonly<Record<string, Option<unknown>>>;
/** The values of a table's keys. */
export type Values<O extends Options> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never };

const required = <T>(of: Kind<T>, example: string, meaning: string, choose?: string): Option<T> =>
  ({ kind: of, fallback: undefined, meaning, example, ...(choose === undefined ? {} : { choose }) });
const optional = <T, F extends T | null>(of: Kind<T>, fallback: F, fallbackSays: string, example: string, meaning: string, choose?: string): Option<T | F> =>
  ({ kind: of as Kind<T | F>, fallback: fallback as T | F, fallbackSays, meaning, example, ...(choose === undefined ? {} : { choose }) });

// ---- cluster.conf ----------------------------------------------------------------------------------------------

export const CLUSTER = {
  name: required(kind.name("a name for the pair"), "sample", "What this pair is called.", "Two pairs on one LAN need two names."),
  nodes: required(kind.nodeNames, "serv1 serv2", "The two nodes, by the names that `hostname -s` prints.", "Each has a file NAME.conf and a folder NAME/ here."),
  profile: optional(kind.choice("fast", "balanced", "safety"), "balanced", "balanced", "balanced", "Which set of times: fast (takeover after 0.33 s), balanced (0.95 s) or safety (3.7 s).", "Times are bought from the machine's worst pause: virtual machines that stall want safety. safety needs a witness or a fence."),
  policy: optional(kind.choice("availability", "balanced", "safety"), "balanced", "balanced", "balanced", "What an owner does when it has lost every vote, and how often a person is asked.", "availability: it stays if its votes went one after the other, the peer first, at the price of two owners should the reference hosts have moved to the peer's side; balanced: it lets go, and claims again when the arbiter is back; safety: it lets go and asks, and needs a witness or a fence."),
  references: optional(kind.references, null, "the MAIN_GATEWAY of both nodes", "192.168.50.251 192.168.50.252 192.168.50.253", "Reference hosts: addresses on the LAN that both nodes can normally reach. A strict majority of them is the third voter.", "Three or more that do not share one switch or power strip; none switches takeover after unexplained silence off."),
  witness: optional(kind.witness, null, "none", "192.168.50.253:694", "A third machine that runs `clusterd witness`: it is the third voter instead of the reference hosts, and remembers who owned last.", "Its key is /var/lib/clusterd/keys/witness.key on all three machines. The reference hosts then only tell whether a node's LAN works."),
  failback: optional(kind.choice("manual", "auto"), "manual", "manual", "manual", "Whether an identity goes home by itself once its node is back and in sync.", "manual: a person says `clusterd failback`. auto: after failback_delay, by the same handover; what a person moved stays, and after two failbacks within an hour that did not last a person is asked."),
  failback_delay: optional(kind.duration, 60_000, "1m", "1m", "With failback = auto: for so long its home must have been in sync, on every link and with its LAN, without a break.", "Long enough that a machine which is still restarting things is not taken for well."),
  divergence: optional(kind.choice("ask", "newest"), null, "newest with policy = availability, else ask", "ask", "What follows when a node lost an identity while it was awake, so that both may have written: ask sets the standby lock, and it takes nothing before `clusterd clear`; newest trusts the files of the newest owner and goes on.", "With either, what only the loser has is kept aside and listed when it is resynchronised."),
  main_failure: optional(kind.choice("handover", "redundant"), "handover", "handover", "handover", "What an owner does when its main NIC has no carrier any more: handover gives the identity to the other node at once; redundant first tries this node's own redundant NIC, if that is free and has carrier.", "redundant: services and connections go on; the pair then has one NIC less, and you are told so."),
  check_hold: optional(kind.duration, 900_000, "15m", "15m", "An identity that came from the other node is not handed back for a failed check for so long, and never for a service that has not been well here since.", "So nothing goes to and fro: what fails on both nodes stays where it is, and you are told."),
  solo_boot: optional(kind.choice("ask", "allow"), "ask", "ask", "ask", "What a node does that boots and never hears the other: ask waits for `clusterd force-own`, allow goes on after solo_wait.", "allow can start old data when the other node was the last owner. It claims as at a takeover, so the arbiter must agree; a node that left in good order keeps its promise."),
  solo_wait: optional(kind.duration, 120_000, "2m", "2m", "With solo_boot = allow: how long to wait for the other node first.", "Longer than the slower of the two takes to boot."),
  scheduler: optional(kind.choice("cron", "builtin"), "cron", "cron", "cron", "Who starts the lines of the crontab file: the system's cron, or the mirror process itself.", "builtin where there is no cron; never both."),
  notify: optional(kind.command, [] as readonly string[], "nobody is told", "/usr/local/sbin/tell-admin clusterd", "A program that is told of takeovers, lost links and failed runs.", "The event, what it is about and its reason follow as further words."),
  notify_mail: optional(kind.mails, null, "root, where there is a sendmail", "root admin@example.net", "Who gets a mail of takeovers, failed runs and lost redundancy, through the machine's own sendmail.", "A mail waits in the machine's queue while the LAN is away: best together with one of the others."),
  notify_webhook: optional(kind.choice("no", "yes"), "no", "no", "yes", "Whether the same is posted as JSON to a web address.", "The address is a secret: it stands alone in /var/lib/clusterd/keys/webhook.url, mode 600, on both nodes."),
  notify_remind: optional(kind.duration, 14_400_000, "4h", "4h", "How often people are reminded of what is still wrong.", "A repair that takes days wants 1d."),
  notify_lag: optional(kind.duration, 3_600_000, "1h", "1h", "A job whose last good run is older counts as lost redundancy.", "Several times the longest pause between the crontab's runs."),
  port: optional(kind.integer(1, 1023), 694, "694", "694", "UDP port of the heartbeats.", "The same on both nodes, open between them on the private link and on the LAN. Below 1024, so that no ordinary user can listen there in our place."),
  serial_baud: optional(kind.baud, 115_200, "115200", "115200", "Speed of the serial line, where the node files name a SERIAL_DEVICE.", "As fast as cable and ports allow: a heartbeat takes 14 ms at 115200 and 86 ms at 19200, and its answer as long."),
  parallel: optional(kind.integer(1, 4), 2, "2", "2", "So many mirror jobs run at the same time, when several are due.", "1 on a single disk that is slow to seek."),
  ssh_port: optional(kind.integer(1, 65535), 22, "22", "22", "TCP port of the other node's sshd, for mirroring and for questions between the nodes."),
  zone: optional(kind.zone, null, "none", "example.net", "The DNS zone that the nodes' names and the aliases are in, if they are in one.", "`clusterd aliases` writes it behind the names, and the certificates of the host keys are good for both forms."),
  offset_limit: optional(kind.duration, 1000, "1s", "1s", "How far the two clocks may be apart before there is an alarm and mirror runs are refused."),
  watch: optional(kind.choice("auto", "chokidar", "fatrace", "no"), "auto", "auto", "auto", "Who tells the owner of changes, so that they reach the other node at once: chokidar for small trees, fatrace (to be installed) for large ones, or nobody.", "auto: whichever fits; no: changes travel with the next run of the crontab. A job's own `watch` counts before this one."),
  kernel_lease: optional(kind.choice("auto", "yes", "no"), "auto", "auto", "auto", "Whether the kernel too keeps an identity silent whose lease is over (nftables egress, Linux 5.16 or newer).", "auto: where it can; yes: do not start without."),
  watchdog: optional(kind.watchdog, "no", "no", "auto", "The hardware or software watchdog that the dead-man process pets: if it hangs too, or a link cannot be set down at the end of its lease, the machine reboots within ten seconds.", "auto: /dev/watchdog where there is one. Nothing else may use it, neither systemd (RuntimeWatchdogSec) nor a watchdog daemon."),
} satisfies Options;

const short = (ms: number): string => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`);
const times = (key: keyof Timing): string => `${short(PROFILES.fast[key])}, ${short(PROFILES.balanced[key])} or ${short(PROFILES.safety[key])}, by profile`;
const time = (key: keyof Timing, meaning: string, choose?: string): Option<number | null> =>
  optional(kind.interval, null, times(key), short(PROFILES.balanced[key]), meaning, choose);

/** Each overrides the profile; the inequalities between them are checked (timing.ts). */
export const TIMING = {
  keepalive: time("keepalive", "A heartbeat leaves so often."),
  warntime: time("warntime", "A link silent for so long is late: a warning, nothing else."),
  deadtime: time("deadtime", "A peer silent on every link for so long is claimed from.", "Several times the machine's worst pause, at least 4 keepalive."),
  initdead: time("initdead", "After the start of the daemon silence means nothing for so long.", "At least deadtime + claim."),
  lease: time("lease", "How long an owner may go on after its last acknowledged question.", "At least 6 keepalive."),
  release: time("release", "Within so long after the end of its lease an identity is silent.", "At least three times the lateness of the dead-man and the time to set the link down."),
  unheard: time("unheard", "An owner that hears a claim and has not been echoed for so long yields.", "At least 3 keepalive."),
  claim: time("claim", "A claim is said aloud for so long before the takeover.", "At least (lease + release) * 1.01 / 0.99, and unheard + release + 2 keepalive."),
  hold_down: time("holdDown", "After a lease that ended because we ourselves stalled: no claim for so long, doubling with each."),
} satisfies Options;

// ---- <node>.conf: the keys of 1999, and newer ones beside them -------------------------------------------------

export const NODE = {
  MAIN_INTERFACE: required(kind.nic, "eth0", "The main NIC: where clients come in."),
  MAIN_IPADDR: required(kind.address, "192.168.50.1", "The address that clients know this node by. It moves with the identity."),
  MAIN_MACADDR: required(kind.mac, "02:00:5e:50:00:01", "The MAC address that moves with the identity: the main NIC's own."),
  MAIN_PREFIX: optional(kind.prefix, null, "24, as in 1999", "24", "Prefix length of MAIN_IPADDR."),
  MAIN_NETMASK: optional(kind.netmask, null, "see MAIN_PREFIX", "255.255.255.0", "The same as a netmask; one of the two."),
  MAIN_GATEWAY: optional(kind.address, null, "none", "192.168.50.251", "Default gateway. It moves with the identity."),
  MAIN_IPADDR6: optional(kind.address6, null, "none", "2001:db8:50::1/64", "An IPv6 address that moves with the identity."),
  HEARTBEAT_INTERFACE: required(kind.nic, "eth1", "The heartbeat NIC: the private cable to the other node."),
  HEARTBEAT_IPADDR: required(kind.address, "10.50.0.1", "The address on the private cable. It never moves."),
  HEARTBEAT_PREFIX: optional(kind.prefix, null, "24, as in 1999", "24", "Prefix length of HEARTBEAT_IPADDR."),
  HEARTBEAT_NETMASK: optional(kind.netmask, null, "see HEARTBEAT_PREFIX", "255.255.255.0", "The same as a netmask; one of the two."),
  REDUNDANT_INTERFACE: required(kind.nic, "eth2", "The redundant NIC: the spare on the LAN, without identity until the other node's comes here."),
  ADMIN_IPADDR: optional(kind.address, null, "none, so no LAN link while idle", "192.168.50.11", "The address of the redundant NIC while it is idle: LAN heartbeats, probes and logins. It never moves."),
  ADMIN_PREFIX: optional(kind.prefix, null, "that of MAIN_IPADDR", "24", "Prefix length of ADMIN_IPADDR."),
  FENCE_AGENT: optional(kind.program, null, "none", "/usr/sbin/fence_ipmilan", "The program with which the other node switches this one's power off before it takes over: any of the package `fence-agents`, or one that speaks as they do.", "Its options are key=value lines in /var/lib/clusterd/keys/fence-NODE.conf on the other node, mode 0600. Set for both nodes or for none: without a confirmed off nothing is taken over."),
  FENCE_TIMEOUT: optional(kind.duration, 40_000, "40s", "40s", "Within this time the power must be read back as off; else the fence has failed, and is tried again."),
  SERIAL_DEVICE: optional(kind.device, null, "none", "/dev/ttyS0", "A serial line to the other node, as a further link for heartbeats.", "A null-modem cable between the two; both nodes name their own end. Nothing else, no getty and no modem manager, may use it."),
} satisfies Options;

// ---- <node>/<service>.conf -------------------------------------------------------------------------------------

export const SERVICE = {
  order: optional(kind.integer(0, 9999), 50, "50", "50", "Services start in this order and stop in the reverse; equal ones by name."),
  start: optional(kind.startAction, null, "nothing to start", "init:lighttpd", "What starts, stops and checks the service: systemd:UNIT, init:SCRIPT, or init:SCRIPT::ARGUMENT.", "The boot process must not start it: `systemctl disable` it on both nodes."),
  start_command: optional(kind.command, null, "none", "/usr/local/sbin/shop start --port 80", "Instead of start: the program and its words that start the service.", "It ends once the service runs."),
  stop_command: optional(kind.command, null, "none", "/usr/local/sbin/shop stop", "With start_command: what stops it."),
  check_command: optional(kind.command, null, "none", "/usr/local/sbin/shop status", "With start_command: exit code 0 means that it runs."),
  start_timeout: optional(kind.duration, 30_000, "30s", "30s", "A start that takes longer is killed and reported."),
  stop_timeout: optional(kind.duration, 20_000, "20s", "20s", "A stop that takes longer is killed; the identity goes down before that."),
  alias: optional(kind.name("a host name"), null, "none", "www", "The name clients use for it in the DNS, for people to see."),
  check: optional(checkKind.checks, [] as readonly checkKind.CheckWords[], "nothing is checked while it runs", "http 80/ status 200 expect welcome", "What the owner asks the running service, again and again: tcp [ADDRESS:]PORT [send TEXT] [expect REGEX], http [ADDRESS:]PORT[/PATH] [status NUMBER] [expect REGEX], command PROGRAM WORDS…, output REGEX PROGRAM WORDS…, unit UNIT, or running (what `start` says).", "Without an ADDRESS the service's first own, else its home's. Of a command the exit code 0 is well, of an output what REGEX finds in it. In TEXT \\r and \\n are line ends; put it in single quotes."),
  check_interval: optional(kind.duration, 10_000, "10s", "10s", "Each check is made so often.", "A second or more."),
  check_timeout: optional(kind.duration, 5000, "5s", "5s", "A check that takes longer has failed."),
  check_rise: optional(kind.integer(1, 100), 2, "2", "2", "After so many good answers in a row a service that had failed is well again."),
  check_fall: optional(kind.integer(1, 100), 3, "3", "3", "After so many bad answers in a row the service has failed: it is started anew here, then its identity moves.", "check_fall times check_interval is also what it has to come up in."),
  restarts: optional(checkKind.restarts, { most: 3, within: 600_000 }, "3 within 10m", "3 within 10m", "A failed service is started anew here so often; when that is used up, its identity is handed to the other node, if that node can take it, else it is tried here with growing pauses.", "0 within 10m: the identity moves at once. See check_hold in cluster.conf."),
  address: optional(kind.serviceAddress, [] as readonly kind.ServiceAddress[], "none", "192.168.50.101/24", "A further address that moves with the identity, under the same lease."),
} satisfies Options;

export const MIRROR = {
  path: required(kind.entries, "/srv/www/", "What is mirrored to the other node: a tree with / at its end, or a single file."),
  exclude: optional(kind.patterns, [] as readonly string[], "nothing", "*.tmp", "What is left out: an rsync pattern, from the tree's top."),
  max_delete: optional(kind.integer(0, 999_999_999), 100, "100", "100", "More deletions than this in one run stop it until a person says `mirror approve`."),
  max_delete_percent: optional(kind.integer(0, 100), 10, "10", "10", "The same as a share of all files, in percent; both limits count."),
  watch: optional(kind.choice("auto", "chokidar", "fatrace", "no"), null, "that of cluster.conf", "auto", "Who tells of changes in this job's trees."),
  special: optional(kind.choice("keep", "drop"), "keep", "keep", "keep", "What becomes of set-user-id and set-group-id bits of files, file capabilities and device nodes: keep carries them over, with drop the other node takes none of them.", "drop is for trees that others may write in. After a takeover and a return the bits and capabilities are gone at home, too; capabilities and device nodes that the copy has already stay until the file changes."),
  whole_file: optional(kind.choice("auto", "yes", "no"), "auto", "auto", "auto", "Whether a changed file is sent whole (yes) or as what differs from the old copy (no); auto takes what earlier runs of the job have shown to be faster over the same link.", "yes where the link is faster than the disks; a file that was half received is then begun anew."),
  bwlimit: optional(kind.size, null, "as fast as it goes", "20M", "Runs send at most so many bytes a second, so that the link has room for others.", "Heartbeats are not counted and need none of it; live changes are small and go unlimited."),
  consistent: optional(kind.choice("no", "yes"), "no", "no", "no", "With yes the files of a tree count only together: the other node goes on with the set it has until a run is complete, then exchanges the two.", "For dumps, and what a `before` program prepares. Only trees, not themselves file systems, without exclude and watch; changes travel with runs."),
  full_pass: optional(kind.duration, 900_000, "15m", "15m", "A scheduled run (`--quiet`) compares everything at least so often; in between it passes over a tree whose watcher has missed nothing and whose changes have all arrived.", "1s: every run compares everything."),
  timeout: optional(kind.duration, 3_600_000, "1h", "1h", "A run that takes longer is ended and reported."),
  before: optional(kind.command, [] as readonly string[], "nothing", "/usr/local/sbin/dump-database", "A program that runs before each pass, on the owner: a dump, a snapshot, a freeze.", "If it fails, the pass is not made. It finds CLUSTERD_JOB, CLUSTERD_KIND and CLUSTERD_RUN_ID in its environment."),
  after: optional(kind.command, [] as readonly string[], "nothing", "/usr/local/sbin/thaw", "A program that runs after each pass for which `before` was begun, whatever came of it.", "CLUSTERD_RESULT says what; let it do no harm when it runs twice."),
  hook_timeout: optional(kind.duration, 60_000, "1m", "1m", "`before` and `after` are killed after so long."),
  keep_for: optional(kind.duration, 30 * 86_400_000, "30d", "30d", "Replaced and deleted versions are kept so long; `mirror prune` removes older ones.", "The newest run's are always kept, and a recovery's until somebody says `mirror confirm`."),
  keep_runs: optional(kind.integer(1, 1_000_000), null, "any number", "1000", "At most so many dated directories are kept."),
  keep_size: optional(kind.size, null, "any size", "20G", "Together they are at most so large."),
} satisfies Options;

/** Which sections a kind of file has; "" is a file without sections. */
export const FILES = {
  cluster: { cluster: CLUSTER, timing: TIMING },
  node: { "": NODE },
  service: { service: SERVICE, mirror: MIRROR },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Options>>>>;

// From what the two machines have to what a pair has, in order. Pure: every step says how to see that it is done, so a run that
// broke is repeated, a second run does nothing, and --dry-run is the same list without the acts.
//
// The second machine gets the program tree from the first; each installs itself by `clusterd install`, and the keys
// travel as `clusterd keys` has them, from one machine's output into the other's input, never through a file that stays.

import type { Action, Config } from "../config/config.ts";
import { PROGRAMS } from "../install/wanted.ts";
import { ifacesOf, withoutNics } from "./boot-files.ts";
import type { Write } from "./files.ts";
import type { Machine } from "./machine.ts";
import { quote } from "./step.ts";
import type { Job, Side, Source, Step } from "./step.ts";

export interface Setting {
  readonly machines: readonly [Machine, Machine];
  readonly config: Config;
  readonly writes: readonly Write[];
  /** The tree that this program runs from. */
  readonly source: string;
  /** Its files as they will be installed: path below /usr/lib/clusterd and SHA-256. */
  readonly release: readonly { readonly path: string; readonly sha: string }[];
  /** Debian packages that each lacks; null: they are not to be installed. */
  readonly packages: readonly [readonly string[], readonly string[]] | null;
  /** Differing files and keys are replaced. */
  readonly replace: boolean;
  /** For dated copies. */
  readonly stamp: string;
}

/** What pair has done that uninstall does not know of, so that unpair finds it. */
export const RECORD = "/var/lib/clusterd/pair";
/** What is replaced or removed, as it was. */
export const keptIn = (stamp: string): string => `/var/backups/clusterd/pair-${stamp}`;
/** Where only root can put something: it is run from there. */
const UNPACKED = `${RECORD}/release`;
const SIDES: readonly Side[] = [0, 1];

/** A private file with the other node's bundle; gone when the script ends. */
const WITH_BUNDLE = 'umask 077; d=$(mktemp -d) || exit; trap \'rm -rf "$d"\' EXIT; cat >"$d/keys"; [ -s "$d/keys" ] || exit 1; ';
const INSTALLED = "[ -e /var/lib/clusterd/installed.json ]";
const NOTHING = "grep -q '\"changes\":\\[\\]'";

/** ifupdown reads it where /etc/network/interfaces sources the folder, as Debian's does. */
export const CABLE_FILE = "/etc/network/interfaces.d/clusterd-private";

/** Before all else: what follows goes by the private cable. Where ifupdown is not in charge, preflight says what is missing. */
export function cableSteps({ machines, config }: Setting): readonly Step[] {
  return SIDES.flatMap((at): readonly Step[] => {
    const { interface: nic, address, prefix } = config.nodes[homeOf(machines[at], config)].heartbeat;
    const bare = machines[at].nics.some(({ name, addresses }) => name === nic && addresses.length === 0);
    const { boot, managed } = machines[at];
    // An address that was given by hand, or that unpair has left up, is gone with the next boot.
    const lasts = managed || [...boot.values()].some((text) => ifacesOf(text).includes(nic));
    if (!boot.has("/etc/network/interfaces") || (!bare && lasts)) return [];
    return [{ at, what: `give ${nic} its address ${address}/${prefix}, in ${CABLE_FILE}`, done: null, act: job(at, `umask 022; mkdir -p "$(dirname ${CABLE_FILE})" && cat >${CABLE_FILE}${bare ? ` && ifup --force ${nic}` : ""}`, `auto ${nic}\niface ${nic} inet static\n    address ${address}/${prefix}\n`) }];
  });
}

export function pairSteps(setting: Setting): readonly Step[] {
  return [
    ...SIDES.flatMap((at) => packageSteps(setting, at)),
    ...setting.writes.map((write) => writeStep(setting, write)),
    ...programSteps(setting),
    ...SIDES.map(certifyStep),
    ...SIDES.flatMap((at) => bootSteps(setting, at)),
    ...SIDES.flatMap((at) => serviceSteps(setting, at)),
    ...SIDES.flatMap((at) => treeSteps(setting, at)),
    ...SIDES.flatMap((at) => startSteps(setting, at)),
    ...SIDES.flatMap((at) => reloadSteps(setting, at)),
    ...mirrorSteps(setting),
  ];
}

const job = (at: Side, script: string, input?: string | Source): Job => ({ at, script, ...(input !== undefined && { input }) });

function packageSteps({ packages }: Setting, at: Side): readonly Step[] {
  const missing = packages?.[at] ?? [];
  if (missing.length === 0) return [];
  const install = `DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends ${missing.join(" ")}`;
  return [{ at, what: `apt-get install ${missing.join(" ")}`, done: null, act: job(at, `${install} || { apt-get update -q && ${install}; }`) }];
}

/** Standard input as a new file; half of one, on a full disk, does not stay. */
const instead = (file: string): string => `cat >${file} || { rm -f ${file}; exit 1; }`;

function writeStep({ stamp }: Setting, { at, path, text, replaces }: Write): Step {
  const [file, copy] = [quote(`/etc/cluster.d/${path}`), quote(`${keptIn(stamp)}/cluster.d/${path}`)];
  const keep = replaces ? `(umask 077; mkdir -p "$(dirname ${copy})"); cp -p ${file} ${copy}; ` : "";
  const note = `(umask 077; mkdir -p ${RECORD}); grep -qxF ${quote(path)} ${RECORD}/wrote 2>/dev/null || echo ${quote(path)} >>${RECORD}/wrote`;
  return {
    at, what: `${replaces ? "replace" : "write"} /etc/cluster.d/${path}${replaces ? ` (the old one is kept in ${keptIn(stamp)})` : ""}`, done: null,
    act: job(at, `set -e; umask 022; mkdir -p "$(dirname ${file})"; ${keep}${instead(`${file}.new-$$`)}; mv ${file}.new-$$ ${file}; ${note}`, text),
  };
}

// ---- programs and keys ---------------------------------------------------------------------------------------------

function programSteps({ source, release, replace }: Setting): readonly Step[] {
  const here = quote(`${source}/clusterd/bin/clusterd`);
  const sums = release.map(({ path, sha }) => `${sha}  ${PROGRAMS}/${path}\n`).join("");
  const same = "sha256sum --check --status -";
  const bundleOf = (at: Side, clusterd: string): Source => ({ at, script: `umask 077; d=$(mktemp -d) || exit; trap 'rm -rf "$d"' EXIT; ${clusterd} keys export "$d/keys" >&2 && cat "$d/keys"` });
  const there = `p=/usr/sbin/clusterd; [ ! -x ${UNPACKED}/clusterd/bin/clusterd ] || p=${UNPACKED}/clusterd/bin/clusterd; `;
  // The second node's heartbeat key is the first one's, so it never makes one of its own.
  const take = `"$p" install --peer-keys "$d/keys"`;
  const insist = replace ? ` || { "$p" install && "$p" keys import "$d/keys" --replace-heartbeat-key; }` : "";
  return [
    { at: 0, what: "clusterd install", done: job(0, `${INSTALLED} && ${here} install --dry-run --json | ${NOTHING}`), act: job(0, `${here} install`) },
    {
      at: 1, what: `copy the program (${release.length} files) to ${UNPACKED}`, done: job(1, same, sums),
      act: job(1, `set -e; umask 077; rm -rf ${UNPACKED}; mkdir -p ${UNPACKED}; tar -xpf - -C ${UNPACKED} --no-same-owner || { rm -rf ${UNPACKED}; exit 1; }`, { at: 0, script: `tar -cf - -C ${quote(source)} --owner=0 --group=0 -T -`, input: release.map(({ path }) => `${path}\n`).join("") }),
    },
    {
      at: 1, what: "clusterd install, with the keys of the first node",
      done: job(1, `${WITH_BUNDLE}[ ! -e ${UNPACKED} ] && ${INSTALLED} && clusterd install --peer-keys "$d/keys" --dry-run --json | ${NOTHING}`, bundleOf(0, here)),
      act: job(1, `${WITH_BUNDLE}${there}{ ${take}${insist}; } && rm -rf ${UNPACKED}`, bundleOf(0, here)),
    },
    {
      at: 0, what: "clusterd keys import, of the second node's keys",
      done: job(0, `${WITH_BUNDLE}${here} keys import "$d/keys" --dry-run --json | ${NOTHING}`, bundleOf(1, "clusterd")),
      act: job(0, `${WITH_BUNDLE}${here} keys import "$d/keys"`, bundleOf(1, "clusterd")),
    },
  ];
}

/** Nothing that a takeover needs: an sshd with other ideas is left to preflight. */
const certifyStep = (at: Side): Step =>
  ({ at, what: "clusterd keys certify: ssh host certificates for the pair's names", done: job(at, `clusterd keys certify --dry-run --json | ${NOTHING}`), act: job(at, "clusterd keys certify"), mayFail: true });

/** A daemon that runs goes on with the programs it began with. With a short lease its restart moves something, so a person says when. */
export function leftToDo(machines: Setting["machines"], changes: readonly string[]): readonly string[] {
  const upgraded = machines.filter(({ name, runs }) => runs && changes.some((change) => change.startsWith(`${name}: clusterd install`)));
  const [first] = upgraded;
  const how = first?.init === "systemd" ? "clusterd restart && systemctl restart clusterd-mirror" : first?.init === "sysv" ? "/etc/init.d/clusterd upgrade" : "clusterd restart";
  return first === undefined ? [] : [`clusterd on ${upgraded.map(({ name }) => name).join(" and ")} still runs the programs from before: there, one after the other, \`${how}\``];
}

// ---- what the boot process did until now ---------------------------------------------------------------------------

/** cluster.conf may name the other node first. */
export const homeOf = ({ name }: Machine, { nodes: [first] }: Config): 0 | 1 => (first.name === name ? 0 : 1);

/** The identity's NICs are raised by clusterd only. What is up stays up until clusterd starts. */
function bootSteps({ machines, config }: Setting, at: Side): readonly Step[] {
  const { main, redundant } = config.nodes[homeOf(machines[at], config)];
  return [...machines[at].boot].flatMap(([file, text]): readonly Step[] => {
    const without = withoutNics(text, [main.interface, redundant.interface]);
    return without === text ? [] : [{
      at, what: `take ${main.interface} and ${redundant.interface} out of ${file}, as comments: clusterd raises them itself`, done: null,
      act: job(at, rewriting(file), without),
    }];
  });
}

/** The mode stays, a link is followed. */
export const rewriting = (file: string): string => `set -e; f=$(readlink -f ${quote(file)}); cp -p "$f" "$f.new-$$"; ${instead('"$f.new-$$"')}; mv "$f.new-$$" "$f"`;

const unitOf = (action: Action | null): string | null => (action?.kind === "systemd" ? action.unit : action?.kind === "init" ? action.script.replace(/^.*\//, "") : null);

/** Clusterd starts the services of an identity, on its owner. Where they are at home they run on until then. */
function serviceSteps({ machines, config }: Setting, at: Side): readonly Step[] {
  const systemd = machines[at].init === "systemd";
  return config.services.flatMap(({ action, home }): readonly Step[] => {
    const unit = unitOf(action);
    if (unit === null) return [];
    const away = home !== homeOf(machines[at], config);
    const [enabled, disable] = systemd ? [`systemctl is-enabled --quiet ${quote(unit)}`, `systemctl disable ${away ? "--now " : ""}${quote(unit)}`]
      : [`ls /etc/rc[2345].d/S[0-9][0-9]${quote(unit)} >/dev/null`, `update-rc.d ${quote(unit)} disable${away ? ` && /etc/init.d/${quote(unit)} stop` : ""}`];
    return [{
      at, what: `${disable}: clusterd starts it on the owner`, done: job(at, `! ${enabled} 2>/dev/null`),
      act: job(at, `set -e; (umask 077; mkdir -p ${RECORD}); echo ${quote(unit)} >>${RECORD}/disabled; ${disable}`),
    }];
  });
}

/** A tree that will be mirrored to a node must be there, if only as an empty folder. */
function treeSteps({ machines, config }: Setting, at: Side): readonly Step[] {
  const trees = config.jobs.filter(({ home }) => home !== homeOf(machines[at], config)).flatMap(({ entries }) => entries).filter(({ kind }) => kind === "tree");
  return [...new Set(trees.map(({ path }) => path))].map((path): Step => ({ at, what: `make ${path}, to be mirrored to`, done: job(at, `[ -d ${quote(path)} ]`), act: job(at, `umask 022; mkdir -p ${quote(path)}`) }));
}

// ---- start, and the first mirror -----------------------------------------------------------------------------------

const START = {
  systemd: { what: "systemctl start clusterd clusterd-mirror", done: "systemctl is-active --quiet clusterd && systemctl is-active --quiet clusterd-mirror", act: "systemctl start clusterd clusterd-mirror" },
  sysv: { what: "/etc/init.d/clusterd start", done: "clusterd status >/dev/null 2>&1", act: "/etc/init.d/clusterd start" },
} as const;

function startSteps({ machines }: Setting, at: Side): readonly Step[] {
  const { init } = machines[at];
  if (init === "none") return [];
  const { what, done, act } = START[init];
  return [{ at, what, done: job(at, done), act: job(at, act) }];
}

/** Of a pair that runs already and got a further service. */
const reloadSteps = ({ machines, config }: Setting, at: Side): readonly Step[] => (machines[at].runs ? [{
  at, what: "clusterd reload", done: job(at, `[ "$(clusterd status --json | grep -o '"digest":"${config.digest}"' | wc -l)" -ge 2 ]`), act: job(at, "clusterd reload"),
}] : []);

/** `status --nagios`: 0 all is well, 1 served but something is left to do, 2 not served. */
const state = (most: 0 | 1): string => `clusterd status --nagios >/dev/null 2>&1; [ $? -le ${most} ]`;
/** By the clock: asking takes its time on a busy machine. A service that failed to start will not start by waiting. */
const waitFor = (most: 0 | 1, seconds: number): string =>
  `end=$(($(date +%s) + ${seconds})); until s=$(clusterd status --nagios 2>&1); [ $? -le ${most} ]; do case $s in *"failed to start"*) end=0 ;; esac; [ $(date +%s) -lt $end ] || { printf '%s\\n' "$s" >&2; exit 1; }; sleep 0.5; done`;

function mirrorSteps({ machines, config }: Setting): readonly Step[] {
  if (machines.some(({ init }) => init === "none")) return [];
  const mirrored = `s=$(clusterd status --nagios 2>/dev/null); [ $? -le 1 ] && case $s in *"never mirrored"*) false ;; esac`;
  return [
    { at: 0, what: "wait until both identities are held", done: job(0, state(1)), act: job(0, waitFor(1, 60)), waits: true, mayFail: true },
    ...(config.jobs.length === 0 ? [] : SIDES.map((at): Step => ({ at, what: "mirror run --all: the first copy", done: job(at, mirrored), act: job(at, "mirror run --all"), shown: true, mayFail: true }))),
    { at: 0, what: "wait until each could stand in for the other", done: job(0, state(0)), act: job(0, waitFor(0, 30)), waits: true, mayFail: true },
  ];
}

// What a server needs of clusterd: programs, links, the init system's files, the cron file, folders with their modes.

import { readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClusterConfig } from "../config/config.ts";
import { hashFile, hashText } from "./disk.ts";
import type { Wanted } from "./plan.ts";

export type Init = "systemd" | "sysv" | "none";

/** The tree that this program runs from: an unpacked release, or what is installed. */
export const SOURCE = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const PROGRAMS = "/usr/lib/clusterd";

const PARTS = ["clusterd", "mirror", "network-scripts", "cluster.d", "crontab", "package.json", "package-lock.json", "README.md", "LICENSE"];
/** Node itself needs neither its headers nor its manual to run. */
const LEFT_OUT = /^node_modules\/node-linux-[^/]+\/(include|share|CHANGELOG\.md|README\.md)(\/|$)/;

const FOLDERS: readonly (readonly [string, number])[] = [
  ["/etc/cluster.d", 0o755],
  ["/var/lib/clusterd", 0o700],
  ["/var/lib/clusterd/keys", 0o700],
  ["/var/backups/clusterd", 0o700],
  ["/var/cache/clusterd", 0o700],
];

const UNITS = ["clusterd.service", "clusterd-mirror.service"];
/** Started late, stopped early: the network and sshd must be there before, and still be there after (LSB run levels). */
const RUN_LEVELS: readonly (readonly [level: string, prefix: string])[] = [...["2", "3", "4", "5"].map((level) => [level, "S99"] as const), ...["0", "1", "6"].map((level) => [level, "K01"] as const)];

export interface What {
  readonly source: string;
  readonly init: Init;
  readonly scheduler: ClusterConfig["scheduler"];
  /** Man pages and completions, written from the command tree. */
  readonly manual: readonly { readonly path: string; readonly text: string }[];
}

const witnessUnit = (cluster: string): string => `clusterd-witness@${cluster}.service`;

/** On the third machine: the same programs, and one unit for the pair named `cluster`. */
export function wantedOnWitness({ source, init }: Pick<What, "source" | "init">, cluster: string): readonly Wanted[] {
  const template = "/etc/systemd/system/clusterd-witness@.service";
  const from = join(source, "clusterd/install/clusterd-witness@.service");
  return [
    ...FOLDERS.filter(([path]) => path.startsWith("/var/lib/") || path.startsWith("/var/cache/")).map(([path, mode]): Wanted => ({ kind: "folder", path, mode })),
    ...programs(source), ...links(source),
    ...(init !== "systemd" ? [] : [
      { kind: "file", path: template, mode: 0o644, from, sha: hashFile(from) } as const,
      { kind: "link", path: `/etc/systemd/system/multi-user.target.wants/${witnessUnit(cluster)}`, target: template } as const,
    ]),
  ];
}

/** In the order in which it is made: folders before what is in them. */
export function wantedThings({ source, init, scheduler, manual }: What): readonly Wanted[] {
  const file = (from: string, path: string, mode: number, yours = false): Wanted => ({ kind: "file", path, mode, from, sha: hashFile(from), ...(yours && { yours }) });
  return [
    ...FOLDERS.map(([path, mode]): Wanted => ({ kind: "folder", path, mode })),
    ...programs(source),
    ...links(source),
    ...(init !== "systemd" ? [] : UNITS.flatMap((unit): Wanted[] => [
      file(join(source, "clusterd/install", unit), `/etc/systemd/system/${unit}`, 0o644),
      { kind: "link", path: `/etc/systemd/system/multi-user.target.wants/${unit}`, target: `/etc/systemd/system/${unit}` },
    ])),
    ...(init !== "sysv" ? [] : [
      file(join(source, "clusterd/install/clusterd.init"), "/etc/init.d/clusterd", 0o755),
      ...RUN_LEVELS.map(([level, prefix]): Wanted => ({ kind: "link", path: `/etc/rc${level}.d/${prefix}clusterd`, target: "../init.d/clusterd" })),
    ]),
    ...manual.map(({ path, text }): Wanted => ({ kind: "file", path, mode: 0o644, from: { text }, sha: hashText(text) })),
    ...(scheduler === "cron" ? [file(join(source, "crontab"), "/etc/cron.d/clusterd", 0o644, true)] : []),
  ];
}

const links = (source: string): readonly Wanted[] =>
  Object.entries(commands(source)).map(([name, at]) => ({ kind: "link", path: `/usr/sbin/${name}`, target: `${PROGRAMS}/${at}` }));

/** The commands of package.json: name and place in the tree. */
const commands = (source: string): Readonly<Record<string, string>> =>
  (JSON.parse(readFileSync(join(source, "package.json"), "utf8")) as { readonly bin: Record<string, string> }).bin;

function programs(source: string): readonly Wanted[] {
  const tops = [...PARTS, ...runtimePackages(source)].filter((part) => statSync(join(source, part), { throwIfNoEntry: false }) !== undefined);
  const found = new Map<string, Wanted>();
  const add = (wanted: Wanted): void => { if (!found.has(wanted.path)) found.set(wanted.path, wanted); };
  const folder = (path: string): void => {
    if (path !== PROGRAMS) folder(dirname(path));
    add({ kind: "folder", path, mode: 0o755 });
  };
  for (const from of tops.flatMap((top) => filesOf(join(source, top)))) {
    const inTree = relative(source, from);
    if (LEFT_OUT.test(inTree)) continue;
    folder(dirname(join(PROGRAMS, inTree)));
    add({ kind: "file", path: join(PROGRAMS, inTree), mode: (statSync(from).mode & 0o111) === 0 ? 0o644 : 0o755, from, sha: hashFile(from) });
  }
  return [...found.values()];
}

/** The packages that run on a server, as the lock file pins them: no compiler, no tests. */
function runtimePackages(source: string): readonly string[] {
  const { packages } = JSON.parse(readFileSync(join(source, "package-lock.json"), "utf8")) as { readonly packages: Readonly<Record<string, { readonly dev?: boolean }>> };
  return Object.entries(packages).filter(([path, { dev }]) => path !== "" && dev !== true && !path.includes("/@types/")).map(([path]) => path);
}

/** Ordinary files below a path, except packages inside of packages: those have lines of their own in the lock file. */
function filesOf(path: string): readonly string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { withFileTypes: true }).filter(({ name }) => name !== "node_modules" && !name.endsWith("~"))
    .sort((a, b) => (a.name < b.name ? -1 : 1)).flatMap((entry) => (entry.isDirectory() ? filesOf(join(path, entry.name)) : entry.isFile() ? [join(path, entry.name)] : []));
}

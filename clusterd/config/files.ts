// Which files a configuration folder has, read but not yet judged together: the parts that validate.ts compares and
// build.ts turns into a Config.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { distrustFolder, readTrusted } from "../base/files.ts";
import { problem, reasonOf } from "../base/errors.ts";
import type { Problem } from "../base/errors.ts";
import { isDescriptionName, parseDescription } from "./mirror-description.ts";
import type { Entry } from "./mirror-description.ts";
import { FILES } from "./options.ts";
import type { CLUSTER, MIRROR, NODE, SERVICE, TIMING } from "./options.ts";
import { readSections } from "./read.ts";
import type { Section } from "./read.ts";
import { suggest } from "./suggest.ts";
import type { NodeIndex } from "./config.ts";

export interface NodeFile { readonly name: string; readonly index: NodeIndex; readonly keys: Section<typeof NODE> }
export interface ServiceFile { readonly name: string; readonly home: NodeIndex; readonly service: Section<typeof SERVICE>; readonly mirror: Section<typeof MIRROR> }
export interface DescriptionFile { readonly name: string; readonly home: NodeIndex; readonly file: string; readonly entries: readonly Entry[] }

export interface Files {
  readonly cluster: Section<typeof CLUSTER>;
  readonly timing: Section<typeof TIMING>;
  /** The node files that are there; fewer than two when something is wrong. */
  readonly nodes: readonly NodeFile[];
  readonly services: readonly ServiceFile[];
  readonly descriptions: readonly DescriptionFile[];
}

export interface Findings { readonly problems: Problem[]; readonly warnings: Problem[] }

const HOW_TO_BEGIN = "`clusterd pair HOST` writes it on both nodes; by hand, begin with a copy of the samples (cluster.d/ of the release, or /usr/lib/clusterd/cluster.d).";

/** Null when there is no cluster.conf to begin with; the findings say why. */
export function readFiles(etc: string, { problems, warnings }: Findings): Files | null {
  const doubt = distrustFolder(etc);
  if (doubt !== null) problems.push(problem(etc, null, doubt.message, doubt.hint ?? (doubt.message === "is not a folder" ? "Name the folder that holds cluster.conf." : HOW_TO_BEGIN)));
  const text = doubt !== null && doubt.hint === null ? null : readOne(etc, "cluster.conf", `It names the pair and its two nodes, and belongs into ${etc}: ${HOW_TO_BEGIN}`, problems);
  if (text === null) return null;
  const { cluster, timing } = readSections(text, "cluster.conf", FILES.cluster, ["timing"], problems);
  const names = [...new Set(cluster.values.nodes)].slice(0, 2);
  const nodes: NodeFile[] = [];
  const services: ServiceFile[] = [];
  const descriptions: DescriptionFile[] = [];
  for (const [place, name] of names.entries()) {
    const index = place as NodeIndex;
    const node = readOne(etc, `${name}.conf`, `cluster.conf names the node ${name}; this file says which NIC of it has which role.`, problems);
    if (node !== null) nodes.push({ name, index, keys: readSections(node, `${name}.conf`, FILES.node, [], problems)[""] });
    for (const entry of folder(etc, name, { problems, warnings })) {
      const file = `${name}/${entry}`;
      const text = readOne(etc, file, null, problems);
      if (text === null) continue;
      if (isDescriptionName(entry)) descriptions.push({ name: entry, home: index, file, entries: parseDescription(text, file, problems) });
      else services.push({ name: entry.slice(0, -".conf".length), home: index, ...readSections(text, file, FILES.service, ["mirror"], problems) });
    }
  }
  warnings.push(...strangers(etc, names));
  return { cluster, timing, nodes, services, descriptions };
}

function readOne(etc: string, file: string, missingHint: string | null, problems: Problem[]): string | null {
  const read = readTrusted(join(etc, file));
  if (read.ok) return read.text;
  problems.push(problem(file, null, read.message, read.missing ? missingHint : read.hint));
  return null;
}

const IGNORED = /^\.|~$|^#.*#$|\.(bak|orig|old|off|swp|rej|dpkg-[a-z]+|rpm[a-z]+|new-\d+)$|^README/i;

/** The files of a node's folder that count, in the order of their names. */
function folder(etc: string, node: string, { problems, warnings }: Findings): readonly string[] {
  const path = join(etc, node);
  const listed = list(path);
  if ("reason" in listed) {
    if (listed.reason !== null) problems.push(problem(`${node}/`, null, `cannot be read: ${listed.reason}`));
    return [];
  }
  const doubt = distrustFolder(path);
  if (doubt !== null) problems.push(problem(`${node}/`, null, doubt.message, doubt.hint));
  const names = listed.names.filter((name) => !IGNORED.test(name));
  const counts = (name: string): boolean => isDescriptionName(name) || name.endsWith(".conf");
  for (const name of names.filter((one) => !counts(one))) {
    const near = /\.[a-z]{1,6}$/i.test(name) && suggest(name.slice(name.lastIndexOf(".")), [".conf"]) !== null;
    warnings.push(problem(`${node}/${shown(name)}`, null, "is neither a service (NAME.conf) nor a mirror description (Fname), and is ignored", near ? `Did you mean ${name.slice(0, name.lastIndexOf("."))}.conf?` : null));
  }
  return names.filter(counts).filter((name) => {
    if (isDescriptionName(name) || /^[a-z0-9][a-z0-9_-]{0,31}\.conf$/.test(name)) return true;
    problems.push(problem(`${node}/${shown(name)}`, null, "is no name for a service", "At most 32 small letters, digits, _ and -, then .conf."));
    return false;
  });
}

function list(path: string): { readonly names: readonly string[] } | { readonly reason: string | null } {
  try {
    return { names: readdirSync(path).sort() };
  } catch (error) {
    // A node without services needs no folder.
    return { reason: (error as NodeJS.ErrnoException).code === "ENOENT" ? null : reasonOf(error) };
  }
}

/** What else lies in the configuration folder and looks as if it meant something. */
function strangers(etc: string, names: readonly string[]): readonly Problem[] {
  const listed = list(etc);
  if ("reason" in listed || names.length === 0) return [];
  const known = ["cluster.conf", ...names.map((name) => `${name}.conf`), ...names, "crontab"];
  return listed.names.filter((name) => !known.includes(name) && !IGNORED.test(name))
    .map((name) => problem(shown(name), null, "belongs to none of the two nodes and is ignored", suggest(name, known) === null ? null : `Did you mean ${suggest(name, known)}?`));
}

const shown = (name: string): string => name.replace(/[\p{Cc}]/gu, "?");

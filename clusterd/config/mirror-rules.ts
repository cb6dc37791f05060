// Which paths may be mirrored: none twice, none in another, and none that clusterd or the kernel lives in.

import { problem } from "../base/errors.ts";
import { BACKUPS, RUN, STATE } from "../base/paths.ts";
import type { Files, Findings } from "./files.ts";

interface Place { readonly path: string; readonly job: string; readonly file: string; readonly line: number | null }

/** Generated state, keys and run-time files are each node's own: mirrored, they would make one node act as the other. */
const OWN = ["/var/lib/clusterd", "/var/backups/clusterd", "/run", "/var/run", "/proc", "/sys", "/dev", STATE, BACKUPS, RUN].map((path) => `${path}/`);

export function mirrorRules(files: Files, { problems, warnings }: Findings): void {
  const places = placesOf(files);
  for (const [index, { path, file, line, job }] of places.entries()) {
    const say = (message: string, hint: string): number => problems.push(problem(file, line, message, hint));
    const own = OWN.find((one) => path.startsWith(one) || `${path}/` === one || (path.endsWith("/") && one.startsWith(path)));
    if (path === "/") { say("/ cannot be mirrored: the other node would become this one", "Name the trees that the services need."); continue; }
    if (own !== undefined) say(`${path} ${path.startsWith(own) || `${path}/` === own ? "lies in" : "contains"} ${own}, which is each node's own`, "Name the trees beside it one by one.");
    const other = places.slice(0, index).find((before) => touches(before.path, path));
    if (other !== undefined) say(`${path} ${relation(path, other.path)} (${other.job}, ${other.file}${other.line === null ? "" : `:${other.line}`}): two jobs would undo each other's work`, "One path belongs to one job; move one of them, or leave it out.");
    if (path === "/etc/") warnings.push(problem(file, line, `${job} mirrors all of /etc: host name, ssh host keys and network set-up of the two nodes would become the same`, "Name single files: /etc/hosts, /etc/passwd …"));
  }
}

function placesOf({ services, descriptions }: Files): readonly Place[] {
  return [
    ...services.flatMap(({ name, mirror }) => (mirror.values.path ?? []).map((path, index) => ({ path, job: name, file: mirror.file, line: mirror.lines("path")[index] ?? null }))),
    ...descriptions.flatMap(({ name, file, entries }) => entries.map(({ path, line }) => ({ path, job: name, file, line }))),
  ];
}

const holds = (tree: string, path: string): boolean => tree.endsWith("/") && `${path}/`.startsWith(tree);
const touches = (one: string, two: string): boolean => one === two || `${one}/` === two || one === `${two}/` || holds(one, two) || holds(two, one);

function relation(path: string, other: string): string {
  if (path.replace(/\/$/, "") === other.replace(/\/$/, "")) return "is mirrored already";
  return holds(other, path) ? `lies in ${other}, which is mirrored already` : `contains ${other}, which is mirrored already`;
}

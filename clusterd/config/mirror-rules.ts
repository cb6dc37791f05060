// Which paths may be mirrored: none twice, none in another, and none that clusterd or the kernel lives in.

import { problem } from "../base/errors.ts";
import { BACKUPS, RUN, STATE } from "../base/paths.ts";
import type { Problem } from "../base/errors.ts";
import type { Files, Findings, ServiceFile } from "./files.ts";

interface Place { readonly path: string; readonly job: string; readonly file: string; readonly line: number | null }

/** Generated state, keys and run-time files are each node's own: mirrored, they would make one node act as the other. */
const OWN = [...new Set(["/var/lib/clusterd", "/var/backups/clusterd", "/run", "/var/run", "/proc", "/sys", "/dev", STATE, BACKUPS, RUN])];

export function mirrorRules(files: Files, { problems, warnings }: Findings): void {
  for (const service of files.services) consistentRules(service, problems);
  const firsts = new Map<string, Place>();
  const allowed = placesOf(files).filter((place) => {
    const { path, file, line, job } = place;
    const why = whyOwn(path);
    if (why !== null) problems.push(problem(file, line, why, "Name the trees beside it one by one."));
    else if (path === "/etc/") warnings.push(problem(file, line, `${job} mirrors all of /etc: host name, ssh host keys and network set-up of the two nodes would become the same`, "Name single files: /etc/hosts, /etc/passwd …"));
    if (why === null && !firsts.has(bare(path))) firsts.set(bare(path), place);
    return why === null;
  });
  for (const place of allowed) {
    const first = firsts.get(bare(place.path));
    const around = foldersAbove(place.path).map((folder) => firsts.get(folder)).find((other) => other?.path.endsWith("/"));
    const other = first === place ? around : first;
    if (other !== undefined) problems.push(problem(place.file, place.line, `${place.path} ${other === around ? `lies in ${around.path}, which is mirrored` : "is mirrored"} already (${other.job}, ${at(other)}): two jobs would undo each other's work`, "One path belongs to one job: leave it out in one of the two."));
  }
}

/** A set is received beside the old one and put in its place as a whole. */
function consistentRules({ mirror }: ServiceFile, problems: Problem[]): void {
  const { consistent, path, exclude, watch } = mirror.values;
  if (consistent !== "yes") return;
  const say = (key: "path" | "exclude" | "watch", message: string, hint: string): number => problems.push(problem(mirror.file, mirror.line(key), `[mirror] consistent = yes, and ${message}`, hint));
  const file = path?.find((one) => !one.endsWith("/"));
  if (file !== undefined) say("path", `${file} is a single file`, "Such a file is exchanged at once in any case: leave consistent out, or name its folder.");
  if ((exclude ?? []).length > 0) say("exclude", "something is left out: it would be gone from the other node's set", "Mirror a folder that holds nothing else, such as that of the dumps.");
  if (watch != null && watch !== "no") say("watch", "changes are to travel one by one", "Leave watch out: the set travels with runs.");
}

function placesOf({ services, descriptions }: Files): readonly Place[] {
  return [
    ...services.flatMap(({ name, mirror }) => (mirror.values.path ?? []).map((path, index) => ({ path, job: name, file: mirror.file, line: mirror.lines("path")[index] ?? null }))),
    ...descriptions.flatMap(({ name, file, entries }) => entries.map(({ path, line }) => ({ path, job: name, file, line }))),
  ];
}

function whyOwn(path: string): string | null {
  if (path === "/") return "/ cannot be mirrored: the other node would become this one";
  const own = OWN.find((one) => bare(path) === one || path.startsWith(`${one}/`) || (path.endsWith("/") && one.startsWith(path)));
  if (own === undefined) return null;
  return `${path} ${bare(path) === own ? "is" : `${path.startsWith(own) ? "lies in" : "contains"} ${own}/, which is`} each node's own`;
}

const bare = (path: string): string => path.replace(/\/$/, "");
const at = ({ file, line }: Place): string => (line === null ? file : `${file}:${line}`);

/** "/srv/www/index" → "/srv", "/srv/www". */
function foldersAbove(path: string): readonly string[] {
  const parts = bare(path).split("/").slice(1, -1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`);
}

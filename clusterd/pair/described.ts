// The services that files on the two machines describe already: what is wrong with those, and what they need, depends on no
// answer, and is said before anything is asked.

import type { Problem } from "../base/errors.ts";
import { toServices } from "../config/build.ts";
import { readFiles } from "../config/files.ts";
import { inFolder } from "../import/import.ts";
import type { Machine } from "./machine.ts";
import { needsOfServices } from "./needed.ts";
import type { Need } from "./needed.ts";

export interface Described {
  readonly problems: readonly Problem[];
  /** None while there are problems. */
  readonly needs: readonly Need[];
}

export function described([here, there]: readonly [Machine, Machine]): Described {
  const [names, ofService] = [[here.name, there.name], (path: string): boolean => [here.name, there.name].some((name) => path.startsWith(`${name}/`))];
  // As planFiles(): the first machine's counts.
  const texts = [...new Map([...there.config, ...here.config])].filter(([path]) => ofService(path)).map(([path, text]) => ({ path, text }));
  if (texts.length === 0 || here.name === there.name) return { problems: [], needs: [] };
  return inFolder([{ path: "cluster.conf", text: `[cluster]\nname = pair\nnodes = ${names.join(" ")}\n` }, ...texts], (folder) => {
    const findings = { problems: [], warnings: [] };
    const files = readFiles(folder, findings);
    const problems = (findings.problems as Problem[]).filter(({ file }) => ofService(file));
    if (files === null || problems.length > 0) return { problems, needs: [] };
    const services = toServices(files);
    return { problems, needs: ([0, 1] as const).flatMap((at) => needsOfServices(services, names[at] ?? "", at, at)) };
  });
}

// What must be done so that a server has what it should have: wanted things compared with what is there. Pure.
//
// Only what clusterd itself has put there, and nobody has edited since, is ever replaced or removed: the manifest holds a
// hash of each file as it was written. A foreign or edited file is a refusal, and with one refusal nothing at all is done.
// Files marked `yours` (the cron file) are for the administrator to edit: an edited one is kept and mentioned.

export type Wanted =
  | { readonly kind: "folder"; readonly path: string; readonly mode: number }
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly from: string | { readonly text: string }; readonly sha: string; readonly yours?: boolean }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

export type Found =
  | { readonly kind: "absent" | "other" }
  | { readonly kind: "folder"; readonly mode: number }
  | { readonly kind: "file"; readonly mode: number; readonly sha: string }
  | { readonly kind: "link"; readonly target: string };

/** What was put there, by path. `sha` of a file, `target` of a link. */
export type Manifest = Readonly<Record<string, { readonly kind: Wanted["kind"]; readonly is: string }>>;

export type Change =
  | { readonly do: "make" | "replace"; readonly wanted: Wanted }
  | { readonly do: "chmod"; readonly path: string; readonly mode: number }
  | { readonly do: "remove"; readonly path: string; readonly kind: Wanted["kind"] };

export interface Plan {
  readonly changes: readonly Change[];
  /** Why nothing may be done. */
  readonly refusals: readonly string[];
  readonly notes: readonly string[];
  /** What the manifest will say afterwards. */
  readonly manifest: Manifest;
}

/** What is `is` of a wanted thing in the manifest. */
const mark = (wanted: Wanted): string => (wanted.kind === "file" ? wanted.sha : wanted.kind === "link" ? wanted.target : "");
const markOf = (found: Found): string => (found.kind === "file" ? found.sha : found.kind === "link" ? found.target : "");

export function planInstall(wanted: readonly Wanted[], found: (path: string) => Found, before: Manifest): Plan {
  const changes: Change[] = [];
  const refusals: string[] = [];
  const notes: string[] = [];
  const manifest: Record<string, Manifest[string]> = {};
  for (const want of wanted) {
    const there = found(want.path);
    const ours = before[want.path];
    if (there.kind === "absent") changes.push({ do: "make", wanted: want });
    else if (there.kind !== want.kind) refusals.push(`${want.path} is there already and is not a ${want.kind}`);
    else if (markOf(there) === mark(want)) {
      if ("mode" in want && "mode" in there && there.mode !== want.mode) changes.push({ do: "chmod", path: want.path, mode: want.mode });
    } else if (ours !== undefined && ours.is === markOf(there)) changes.push({ do: "replace", wanted: want });
    else if (want.kind === "file" && want.yours === true) {
      notes.push(`${want.path} is not as clusterd would write it, and is kept as it is`);
      if (ours !== undefined) manifest[want.path] = ours;
      continue;
    } else refusals.push(`${want.path} ${ours === undefined ? "is there already and is not clusterd's" : "was edited since it was installed"}: move it away first`);
    // A folder that was there before us is not ours to remove.
    if (want.kind !== "folder" || there.kind === "absent" || ours !== undefined) manifest[want.path] = { kind: want.kind, is: mark(want) };
  }
  const kept = new Set(wanted.map(({ path }) => path));
  const leftover = planRemoval(Object.fromEntries(Object.entries(before).filter(([path]) => !kept.has(path))), found);
  return { changes: [...changes, ...leftover.changes], refusals, notes: [...notes, ...leftover.notes], manifest };
}

/** Everything of the manifest that nobody has edited, deepest first. Folders go only when they are empty by then. */
export function planRemoval(manifest: Manifest, found: (path: string) => Found): Pick<Plan, "changes" | "notes"> {
  const changes: Change[] = [];
  const notes: string[] = [];
  for (const [path, { kind, is }] of Object.entries(manifest).sort(([a], [b]) => (a < b ? 1 : -1))) {
    const there = found(path);
    if (there.kind === "absent") continue;
    if (there.kind === kind && (kind === "folder" || markOf(there) === is)) changes.push({ do: "remove", path, kind });
    else notes.push(`${path} was edited since it was installed, and is kept`);
  }
  return { changes, notes };
}

const octal = (mode: number): string => `0${mode.toString(8)}`;

export function describeChange(change: Change): string {
  switch (change.do) {
    case "chmod": return `chmod   ${change.path} to ${octal(change.mode)}`;
    case "remove": return `remove  ${change.path}${change.kind === "folder" ? "/ (if empty)" : ""}`;
    default: {
      const { wanted } = change;
      const what = wanted.kind === "link" ? `${wanted.path} → ${wanted.target}` : `${wanted.path}${wanted.kind === "folder" ? "/" : ""} (${octal(wanted.mode)})`;
      return `${change.do.padEnd(7)} ${what}`;
    }
  }
}

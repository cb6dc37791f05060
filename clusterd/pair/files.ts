// Which files of /etc/cluster.d the pair will have, and what must be written where. Pure.
//
// A file that is there stays as it is and is carried to the node that lacks it, services too; proposed is only what neither has.
// Where the two nodes differ, or a file says otherwise than the answers, that is shown, and nothing is replaced unasked.

import type { NewFile } from "../import/write.ts";
import { hasBlanks } from "./answers.ts";
import type { Said } from "./answers.ts";
import type { Machine } from "./machine.ts";

export interface Write extends NewFile { readonly at: 0 | 1; readonly replaces: boolean }

export interface FilePlan {
  /** All of the pair, for the loader. */
  readonly files: readonly NewFile[];
  readonly writes: readonly Write[];
  /** What would be replaced, as lines. */
  readonly differences: readonly string[];
}

interface Given {
  readonly machines: readonly [Machine, Machine];
  /** cluster.conf and the node files, as newFiles() makes them of the proposal. */
  readonly proposed: readonly NewFile[];
  readonly answers: Said;
  /** As the files that are there say it. */
  readonly written: Said;
}

export function planFiles({ machines, proposed, answers, written }: Given): FilePlan {
  const [here, there] = machines;
  const contradicted = new Map(proposed.map(({ path }) => [path, contradictions(path, answers, written)] as const));
  const paths = [...new Set([...proposed.map(({ path }) => path), ...here.config.keys(), ...there.config.keys()])];
  const files = paths.map((path): NewFile => {
    const made = proposed.find((one) => one.path === path)?.text;
    const is = (contradicted.get(path) ?? []).length > 0 ? undefined : [here, there].map(({ config }) => config.get(path)).find((text) => text !== undefined && (made === undefined || !hasBlanks(text)));
    return { path, text: is ?? made ?? "" };
  });
  const writes = files.flatMap(({ path, text }) => machines.flatMap((machine, at): readonly Write[] =>
    (machine.config.get(path) === text ? [] : [{ path, text, at: at as 0 | 1, replaces: machine.config.has(path) }])));
  const differences = writes.filter(({ replaces, path, at }) => replaces && !hasBlanks(machines[at].config.get(path))).flatMap(({ path, text, at }) => {
    const machine = machines[at];
    const why = contradicted.get(path) ?? [];
    return [`/etc/cluster.d/${path} of ${machine.name}${why.length === 0 ? ` is not that of ${here.name}` : ""}:`, ...(why.length > 0 ? why : [...difference(machine.config.get(path) ?? "", text), ...newer(path, machines)])];
  });
  return { files, writes, differences };
}

function contradictions(path: string, answers: Said, written: Said): readonly string[] {
  const section = path.replace(/\.conf$/, "");
  return [...answers.get(section) ?? []].flatMap(([key, value]) => {
    const is = written.get(section)?.get(key);
    return is === value || (written.get(section)?.size ?? 0) === 0 ? [] : [...(is === undefined ? [] : [`  - ${key} = ${is}`]), `  + ${key} = ${value}`];
  });
}

/** Most often one was corrected and not carried over: which of the two, by the times of the files. */
function newer(path: string, [here, there]: Given["machines"]): readonly string[] {
  const [ours, theirs] = [here.changed.get(path), there.changed.get(path)];
  if (ours === undefined || theirs === undefined || ours === theirs) return [];
  const when = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  return ours > theirs ? [`  ${here.name} has the newer one (${when(ours)}; ${there.name}: ${when(theirs)}): --replace carries it to ${there.name}`]
    : [`  ${there.name} has the newer one (${when(theirs)}; ${here.name}: ${when(ours)}), and --replace would put the older in its place. To keep it: scp ${there.name}:/etc/cluster.d/${path} /etc/cluster.d/${path}`];
}

/** The lines that only one of the two has; comments and empty ones only when nothing else differs. */
function difference(is: string, will: string): readonly string[] {
  const lines = (text: string): readonly string[] => text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const linesOnlyIn = (one: string, other: string, mark: string): readonly string[] => { const known = new Set(lines(other)); return lines(one).filter((line) => !known.has(line)).map((line) => `  ${mark} ${line}`); };
  const all = [...linesOnlyIn(is, will, "-"), ...linesOnlyIn(will, is, "+")];
  const telling = all.filter((line) => !/^ {2}. [#;]/.test(line));
  return telling.length > 0 ? telling : all.length > 0 ? all : ["  only in spaces, empty lines or the order of lines"];
}

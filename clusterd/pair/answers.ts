// What a person has said already: in the answer file, and in the configuration that is there. Pure.
//
//   [pair]      host_key = SHA256:…     the other machine's, as `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints it there
//   [cluster]   any key of cluster.conf
//   [serv1]     any key of that node's file

import { parseIni } from "../base/ini.ts";
import type { IniFile } from "../base/ini.ts";
import { problem } from "../base/errors.ts";
import type { Problem } from "../base/errors.ts";
import { CLUSTER, NODE } from "../config/options.ts";
import { didYouMean } from "../config/suggest.ts";
import type { Machine } from "./machine.ts";

export type Keys = ReadonlyMap<string, string>;
/** Sections by name: `cluster`, `pair`, and each node's. */
export type Said = ReadonlyMap<string, Keys>;

const PAIR = ["host_key"];
const valueOf = ({ values }: IniFile["keys"][number]): string => values.map(({ text, words }) => text ?? words.join(" ")).join(" ");

export function readAnswers(text: string, file: string): { readonly said: Said; readonly problems: readonly Problem[] } {
  const parsed = parseIni(text, file, "sections");
  const known = (section: string): readonly string[] => (section === "pair" ? PAIR : section === "cluster" ? Object.keys(CLUSTER) : Object.keys(NODE));
  // Whether another section is a node's, only the machines can say.
  const strangers = parsed.keys.filter(({ section, key }) => !known(section).includes(key))
    .map(({ section, key, line }) => problem(file, line, section === "" ? `${key} stands in no section` : `[${section}] knows no ${key}`, section === "" ? "[pair], [cluster], or a node's name in brackets goes before it." : didYouMean(key, known(section))));
  return { said: new Map(parsed.sections.map(({ name }) => [name, keysOf(parsed, name)])), problems: [...parsed.problems, ...strangers] };
}

const keysOf = ({ keys }: IniFile, section: string): Keys => new Map(keys.filter((one) => one.section === section).map((one) => [one.key, valueOf(one)]));

/** The file that says all this. */
export const answersText = (said: Said): string => [...said].map(([section, keys]) => `[${section}]\n${[...keys].map(([key, value]) => `${key} = ${value}\n`).join("")}`).join("");

/** A node file with blanks, as `clusterd import` leaves them (`MAIN_IPADDR=`): what it says counts, and pair fills in the rest. */
export const hasBlanks = (text: string | undefined): boolean => text !== undefined && /^\s*[A-Z][A-Z0-9_]*=[ \t]*$/m.test(text);

/** Of a configuration that is there on the first machine, or else on the second, without blanks. Its faults are the loader's to find. */
export function saidByFiles([here, there]: readonly [Machine, Machine]): Said {
  const text = (path: string): string => here.config.get(path) ?? there.config.get(path) ?? "";
  const nodes = [here, there].map(({ name }) => [name, new Map([...keysOf(parseIni(text(`${name}.conf`), `${name}.conf`, "flat"), "")].filter(([, value]) => value !== ""))] as const);
  return new Map([["cluster", keysOf(parseIni(text("cluster.conf"), "cluster.conf", "sections"), "cluster")], ...nodes]);
}

/** Key by key; what the first says counts. */
export const together = (first: Said, second: Said): Said =>
  new Map([...new Set([...first.keys(), ...second.keys()])].map((section) => [section, new Map([...second.get(section) ?? [], ...first.get(section) ?? []])]));

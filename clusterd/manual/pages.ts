// Man pages: clusterd(8) and mirror(8) from the command tree, cluster.conf(5) from the tables of options. Text in, roff out (man(7)).

import { FILES } from "../config/options.ts";
import type { Option, Options } from "../config/options.ts";
import { everyNode, usageOf } from "./tree.ts";
import type { TreeNode } from "./tree.ts";

export interface ManPage { readonly name: string; readonly section: 5 | 8; readonly text: string }

interface Story { readonly about: string; readonly files: readonly (readonly [path: string, what: string])[]; readonly see: readonly string[] }

const STORIES: Readonly<Record<string, Story>> = {
  clusterd: {
    about: "Two servers stand in for each other. When one dies, the other brings up its redundant NIC with the dead one's MAC and IP address and runs its services. An identity has one owner, by a lease that the peer or a majority of reference hosts renews. The daemon is started by the init system; the commands below look at it, move identities, and set a node up.",
    files: [
      ["/etc/cluster.d/", "the configuration, the same on both nodes: cluster.conf(5)"], ["/var/lib/clusterd/", "what survives a reboot: journal, keys, reports, history.jsonl"],
      ["/run/clusterd/clusterd.sock", "the control socket, for root"], ["/usr/lib/clusterd/", "the programs"], ["/etc/cron.d/clusterd", "what runs by the clock"],
    ],
    see: ["mirror(8)", "cluster.conf(5)"],
  },
  mirror: {
    about: "The owner of an identity pushes the directories of its services to the other node with rsync over ssh. A node that is not the owner pushes nothing. File versions that a run replaces or deletes are kept in a dated directory; a mass deletion stops and asks.",
    files: [["/etc/cluster.d/NODE/SERVICE.conf", "what is mirrored: [mirror] of cluster.conf(5)"], ["/var/backups/clusterd/", "kept versions, by job, date and run"], ["/etc/cron.d/clusterd", "when runs begin"]],
    see: ["clusterd(8)", "cluster.conf(5)", "rsync(1)"],
  },
};

export function manPages(programs: readonly TreeNode[], version: string): readonly ManPage[] {
  return [...programs.map((program): ManPage => ({ name: program.path[0] ?? "", section: 8, text: programPage(program, version) })), { name: "cluster.conf", section: 5, text: configurationPage(version) }];
}

function programPage(program: TreeNode, version: string): string {
  const name = program.path[0] ?? "";
  const { about, files, see } = STORIES[name] as Story;
  const leaves = everyNode(program).filter(({ commands }) => commands.length === 0);
  return [
    head(name, 8, version), ".SH NAME", `${esc(name)} \\- ${esc(program.summary.replace(/\.$/, ""))}`,
    ".SH SYNOPSIS", `.B ${esc(name)}`, ".I COMMAND", "[options]", ".SH DESCRIPTION", text(about),
    ".SH COMMANDS", ...leaves.flatMap(commandPart),
    ".SH EXIT STATUS", ...program.exits.flatMap(([code, meaning]) => item(String(code), meaning)),
    ".SH FILES", ...files.flatMap(([path, what]) => item(path, what)),
    ".SH SEE ALSO", text(see.join(", ")), "",
  ].join("\n");
}

function commandPart(node: TreeNode): readonly string[] {
  return [
    `.SS ${esc(usageOf(node))}`, text(`${node.summary.charAt(0).toUpperCase()}${node.summary.slice(1)}.`),
    ...node.options.filter(({ long }) => long !== "--help").flatMap(({ flags, meaning }) => item(flags, meaning)),
    ...(node.examples.length === 0 ? [] : [".PP", "Examples:", ...node.examples.flatMap(([line, meaning]) => [".PP", ".RS 4", ".nf", text(line), ".fi", ".RS 4", text(meaning), ".RE", ".RE"])]),
    ...(node.exits.length === 0 ? [] : [".PP", text(`Exit codes: ${node.exits.map(([code]) => code).join(", ")}.`)]),
  ];
}

const TITLES: Readonly<Record<keyof typeof FILES, string>> = { cluster: "cluster.conf", node: "NODE.conf", service: "NODE/SERVICE.conf" };

function configurationPage(version: string): string {
  const parts = (Object.keys(FILES) as (keyof typeof FILES)[]).flatMap((file) => Object.entries(FILES[file] as Readonly<Record<string, Options>>).flatMap(([section, options]) => [
    `.SH ${esc(`${TITLES[file]}${section === "" ? "" : ` [${section}]`}`)}`, ...Object.entries(options).flatMap(([key, option]) => optionPart(key, option)),
  ]));
  return [
    head("cluster.conf", 5, version), ".SH NAME", "cluster.conf \\- the configuration of clusterd: the pair, its nodes, their services",
    ".SH SYNOPSIS", ".nf", ...["cluster.conf", "NODE.conf", "NODE/SERVICE.conf", "NODE/Fname"].map((file) => text(`/etc/cluster.d/${file}`)), ".fi",
    ".SH DESCRIPTION", text("The same files on both nodes. cluster.conf and the service files have [sections] with key = value; the node files are the flat KEY=value of 1999. A value with # or ;, or with spaces at its ends, stands in quotes. Keys that may be repeated are written key[] = value, one a line. Unknown and duplicate keys are errors. `clusterd check` names every problem at once, with file and line; `clusterd check --show` prints what it all comes to."),
    ".PP", text("NODE/Fname is a mirror description of 1999: a capital F, a name without extension; in it one directory/ or file a line."),
    ...parts, ".SH SEE ALSO", "clusterd(8), mirror(8)", "",
  ].join("\n");
}

function optionPart(key: string, { kind, fallback, fallbackSays, meaning, choose, example }: Option<unknown>): readonly string[] {
  const when = fallback === undefined ? "Required." : `Default: ${fallbackSays}.`;
  return item(`${key}${kind.repeatable ? "[]" : ""}`, `${meaning}${choose === undefined ? "" : ` ${choose}`} Takes ${kind.says}. ${when} Example: ${example}`);
}

// ---- roff --------------------------------------------------------------------------------------------------------

const head = (name: string, section: number, version: string): string => `.\\" Written by \`clusterd man\` from the program itself.\n.TH ${esc(name.toUpperCase())} ${section} "" "clusterd ${version}" "clusterd"`;

const item = (tag: string, what: string): readonly string[] => [".TP", `.B ${esc(tag)}`, text(what)];

/** A line of its own: nothing at its beginning may be taken for a request. */
const text = (words: string): string => { const line = esc(words); return /^[.']/.test(line) ? `\\&${line}` : line; };

/** What a person would copy must stay what it is: hyphens, quotes, tilde, caret. What is not ASCII by its code point. */
const COPIED: Readonly<Record<string, string>> = { "\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti" };
const esc = (words: string): string => words.replace(/[\\'`^~-]/g, (c) => COPIED[c] ?? c).replace(/[^\x00-\x7f]/gu, (c) => `\\[u${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`).replaceAll("\n", " ");

// Completion for bash, zsh and fish, written from the command tree. The scripts start no program: names of nodes and services are
// read from the configuration folder, so that a Tab is answered at once.

import { everyNode } from "./tree.ts";
import type { TreeNode, TreeOption } from "./tree.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export const completion = (shell: Shell, programs: readonly TreeNode[]): string => WRITERS[shell](programs);

/** What a word is, by what the usage line calls it. */
type Kind = "node" | "service" | "file" | "shell" | "none";
const KINDS: Readonly<Record<string, Kind>> = { node: "node", name: "node", identity: "node", job: "service", service: "service", file: "file", folder: "file", shell: "shell" };
const kindOf = (name: string | null | undefined): Kind => KINDS[(name ?? "").toLowerCase().replace(/[^a-z].*$/, "")] ?? "none";

/** The names that the configuration has: nodes, and NAME of each NODE/NAME.conf or NODE/Fname. POSIX sh. */
const NODES = "sed -n 's/^[[:space:]]*nodes[[:space:]]*=//p' /etc/cluster.d/cluster.conf 2>/dev/null";
const SERVICES = "for f in /etc/cluster.d/*/*.conf /etc/cluster.d/*/F*; do [ -f \"$f\" ] && basename \"$f\" .conf; done";

const WRITERS: Readonly<Record<Shell, (programs: readonly TreeNode[]) => string>> = { bash, zsh, fish };

// ---- bash ------------------------------------------------------------------------------------------------------

function bash(programs: readonly TreeNode[]): string {
  return `# bash completion for ${programs.map(({ path }) => path[0]).join(" and ")}, written by \`clusterd completion bash\`.\n${programs.map(bashProgram).join("\n")}`;
}

function bashProgram(program: TreeNode): string {
  const [name] = program.path;
  const nodes = everyNode(program);
  const key = ({ path }: TreeNode): string => `"${path.slice(1).join(" ")}"`;
  const steps = nodes.filter(({ path }) => path.length > 1).map(key).join("|");
  const cases = nodes.map((node) => `    ${key(node)}) words="${[...node.commands.map(({ path }) => path.at(-1)), ...longOf(node)].join(" ")}"; kind=${kindOf(node.words[0]?.name)} ;;`);
  const valued = nodes.flatMap((node) => node.options.flatMap(({ long, value }) => (long !== null && value !== null ? [[long, kindOf(value)] as const] : [])));
  const values = [...new Map(valued)].map(([long, kind]) => `    ${long}) words=; kind=${kind} ;;`);
  return `_${name}() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" path= words= kind=none i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${path:+$path }\${COMP_WORDS[i]}" in ${steps}) path="\${path:+$path }\${COMP_WORDS[i]}" ;; esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  case "$prev" in
${values.join("\n")}
  esac
  case "$kind:$cur" in
    *:-*) ;;
    node:*) words="$words $(${NODES})" ;;
    service:*) words="$words $(${SERVICES})" ;;
    shell:*) words="$words ${SHELLS.join(" ")}" ;;
    file:*) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
  esac
  while IFS= read -r i; do COMPREPLY+=("$i"); done < <(compgen -W "$words" -- "$cur")
}
complete -F _${name} ${name}
`;
}

const longOf = ({ options }: TreeNode): readonly string[] => options.flatMap(({ long }) => (long === null ? [] : [long]));

// ---- zsh -------------------------------------------------------------------------------------------------------

function zsh(programs: readonly TreeNode[]): string {
  const names = programs.map(({ path }) => path[0]).join(" ");
  return `#compdef ${names}
# zsh completion for ${names}, written by \`clusterd completion zsh\`.
${programs.flatMap(everyNode).map(zshFunction).join("\n")}
_clusterd_nodes() { local -a names; names=(\${=:-"$(${NODES})"}); compadd -a names }
_clusterd_services() { local -a names; names=(\${(f)"$(${SERVICES})"}); compadd -a names }
case "$service" in
${programs.map(({ path: [name] }) => `  ${name}) _clusterd_of_${name} "$@" ;;`).join("\n")}
esac
`;
}

const zshName = (node: TreeNode): string => `_clusterd_of_${node.path.join("_").replaceAll("-", "_")}`;
const ZSH_KINDS: Readonly<Record<Kind, string>> = { node: "_clusterd_nodes", service: "_clusterd_services", file: "_files", shell: `(${SHELLS.join(" ")})`, none: " " };

function zshFunction(node: TreeNode): string {
  const options = node.options.filter(({ long }) => long !== null).map(zshOption);
  if (node.commands.length > 0) {
    const listed = node.commands.map((one) => `    ${single(`${(one.path.at(-1) ?? "").replaceAll(":", "\\:")}:${one.summary}`)}`).join("\n");
    return `${zshName(node)}() {
  local line state
  _arguments -C ${options.join(" ")} '1: :->command' '*::word:->words'
  case $state in
    command) local -a commands; commands=(
${listed}
      ); _describe command commands ;;
    words) case $line[1] in
${node.commands.map((one) => `      ${one.path.at(-1)}) ${zshName(one)} ;;`).join("\n")}
      esac ;;
  esac
}`;
  }
  const words = node.words.map(({ name, required, many }) => single(`${many ? "*" : ""}:${required ? "" : ":"}${name}:${ZSH_KINDS[kindOf(name)]}`));
  return `${zshName(node)}() { _arguments ${[...options, ...words].join(" ")} }`;
}

function zshOption({ long, meaning, value }: TreeOption): string {
  const text = meaning.replace(/([[\]:])/g, "\\$1");
  return single(`${long}[${text}]${value === null ? "" : `:${value.replaceAll(":", "\\:")}:${ZSH_KINDS[kindOf(value)]}`}`);
}

const single = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

// ---- fish ------------------------------------------------------------------------------------------------------

function fish(programs: readonly TreeNode[]): string {
  const names = programs.map(({ path }) => path[0]).join(" and ");
  const paths = programs.flatMap(everyNode).map(({ path }) => fishQuoted(path.join(" "))).join(" ");
  return `# fish completion for ${names}, written by \`clusterd completion fish\`.
function __clusterd_nodes; ${NODES} | string split -n ' '; end
function __clusterd_services; path basename /etc/cluster.d/*/*.conf /etc/cluster.d/*/F* 2>/dev/null | string replace -r '\\.conf$' ''; end
# Is the command that stands on the line this one?
function __clusterd_at
    set -l words (commandline -opc)
    set -l at (path basename $words[1])
    for word in $words[2..]
        contains -- "$at $word" ${paths}; and set at "$at $word"
    end
    test "$at" = "$argv[1]"
end
${programs.flatMap((program) => [`complete -c ${program.path[0]} -f`, ...everyNode(program).flatMap(fishLines)]).join("\n")}
`;
}

const FISH_KINDS: Readonly<Record<Kind, string>> = { node: "-a '(__clusterd_nodes)'", service: "-a '(__clusterd_services)'", file: "-F", shell: `-a '${SHELLS.join(" ")}'`, none: "" };

function fishLines(node: TreeNode): readonly string[] {
  const begin = `complete -c ${node.path[0]} -n ${fishQuoted(`__clusterd_at ${fishQuoted(node.path.join(" "))}`)}`;
  const about = (text: string): string => `-d ${fishQuoted(text)}`;
  const kind = kindOf(node.words[0]?.name);
  return [
    ...node.commands.map((one) => `${begin} -a ${one.path.at(-1)} ${about(one.summary)}`),
    ...node.options.flatMap(({ long, short, meaning, value }) => (long === null ? [] : [[begin, `-l ${long.slice(2)}`, ...(short === null ? [] : [`-s ${short.slice(1)}`]), ...(value === null ? [] : ["-r", FISH_KINDS[kindOf(value)]]), about(meaning)].filter((part) => part !== "").join(" ")])),
    ...(kind === "none" ? [] : [`${begin} ${FISH_KINDS[kind]}`]),
  ];
}

/** fish knows \\ and \' within single quotes. */
const fishQuoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

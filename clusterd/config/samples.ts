// The annotated sample pair in cluster.d/, and the reference page beside it, written from the tables of options.
//
// A test compares the files with what stands here, so that they never tell of keys that are gone or miss new ones.

import { CLUSTER, FILES, MIRROR, NODE, SERVICE, TIMING } from "./options.ts";
import type { Option, Options } from "./options.ts";

export interface Sample { readonly path: string; readonly text: string }

type Set = Readonly<Record<string, string | readonly string[]>>;
interface Outline {
  readonly path: string;
  readonly head: readonly string[];
  /** With the meaning of every key, also of those that are not set. */
  readonly annotated: boolean;
  readonly style: "flat" | "sections";
  readonly sections: readonly { readonly name: string; readonly table: Options; readonly set: Set }[];
}

const nodeKeys = (n: 1 | 2): Set => ({
  MAIN_INTERFACE: "eth0", MAIN_IPADDR: `192.168.50.${n}`, MAIN_PREFIX: "24", MAIN_MACADDR: `02:00:5e:50:00:0${n}`, MAIN_GATEWAY: "192.168.50.251",
  HEARTBEAT_INTERFACE: "eth1", HEARTBEAT_IPADDR: `10.50.0.${n}`, HEARTBEAT_PREFIX: "24",
  REDUNDANT_INTERFACE: "eth2", ADMIN_IPADDR: `192.168.50.1${n}`,
});

const OUTLINES: readonly Outline[] = [
  {
    path: "cluster.conf", annotated: true, style: "sections",
    head: ["The pair as a whole. The same file on both nodes; `clusterd check` judges it, `clusterd check --show` prints what it comes to.",
      "A value with # or ; or with spaces at its ends stands in quotes. Comments have lines of their own."],
    sections: [
      { name: "cluster", table: CLUSTER, set: { name: "sample", nodes: "serv1 serv2", profile: "balanced", references: "192.168.50.251 192.168.50.252 192.168.50.253" } },
      { name: "timing", table: TIMING, set: {} },
    ],
  },
  {
    path: "serv1.conf", annotated: true, style: "flat",
    head: ["Which NIC of serv1 has which role. The keys of 1999, and newer ones beside them; KEY=value as in a shell."],
    sections: [{ name: "", table: NODE, set: nodeKeys(1) }],
  },
  {
    path: "serv2.conf", annotated: false, style: "flat",
    head: ["Which NIC of serv2 has which role. serv1.conf tells what each key means."],
    sections: [{ name: "", table: NODE, set: nodeKeys(2) }],
  },
  {
    path: "serv1/www.conf", annotated: true, style: "sections",
    head: ["A web server at home on serv1: its pages are mirrored to serv2, where it starts when serv1 is dead."],
    sections: [
      { name: "service", table: SERVICE, set: { order: "10", start: "init:lighttpd", alias: "www", address: "192.168.50.101/24" } },
      { name: "mirror", table: MIRROR, set: { path: "/srv/www/", exclude: "*.tmp" } },
    ],
  },
  {
    path: "serv1/admin.conf", annotated: false, style: "sections",
    head: ["Files of the administration, written on serv1 and mirrored to serv2, so that the pair is run from one node.",
      "Others by the same means: /etc/passwd /etc/shadow /etc/group /etc/gshadow, and /etc/cluster.d/ itself."],
    sections: [{ name: "mirror", table: MIRROR, set: { path: ["/etc/hosts"] } }],
  },
  {
    path: "serv2/files.conf", annotated: false, style: "sections",
    head: ["Files at home on serv2: both nodes are of use, and each stands in for the other."],
    sections: [
      { name: "service", table: SERVICE, set: { order: "20" } },
      { name: "mirror", table: MIRROR, set: { path: "/srv/files/" } },
    ],
  },
];

const DESCRIPTION: Sample = {
  path: "serv1/Flpd",
  text: `# A mirror description as in 1999: one directory/ (with the slash) or file a line.
# A print server would have here: /etc/printcap and /var/spool/lpd/
/etc/services
/etc/protocols
`,
};

/** Every sample file, by its path in cluster.d/. */
export function sampleText(): readonly Sample[] {
  return [...OUTLINES.map((outline) => ({ path: outline.path, text: write(outline) })), DESCRIPTION];
}

function write({ head, sections, annotated, style }: Outline): string {
  const bodies = sections.map(({ name, table, set }) => {
    const keys = Object.entries(table).filter(([key]) => annotated || key in set);
    const lines = keys.map(([key, option]) => `${annotated ? note(option) : ""}${assign(key, option, set[key], style)}`);
    const gap = annotated ? "\n" : "";
    return `${name === "" ? "" : `[${name}]\n${gap}`}${lines.join(gap)}`;
  });
  return `${comment(head.join(" "))}\n${bodies.join("\n")}`;
}

const note = ({ meaning, choose, kind, fallback, fallbackSays }: Option<unknown>): string =>
  comment(`${meaning}${choose === undefined ? "" : ` ${choose}`}`) + comment(`Takes ${kind.says}. ${fallback === undefined ? "Required" : `Default: ${fallbackSays}`}.`, "#   ");

function assign(key: string, option: Option<unknown>, set: string | readonly string[] | undefined, style: Outline["style"]): string {
  const one = (name: string, value: string): string => (style === "flat" ? `${name}=${value}\n` : `${name} = ${value}\n`);
  if (set === undefined) return `# ${one(key, option.example)}`;
  return typeof set === "string" ? one(key, set) : set.map((value) => one(`${key}[]`, value)).join("");
}

/** Wrapped at about 100 columns. */
function comment(text: string, mark = "# "): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length > 97) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return `${lines.map((line) => `${mark}${line}`).join("\n")}\n`;
}

/** The reference page: every key of every file, in Markdown. */
export function referencePage(): string {
  const titles: Readonly<Record<keyof typeof FILES, string>> = { cluster: "`cluster.conf`", node: "`<node>.conf`", service: "`<node>/<service>.conf`" };
  const tables = (Object.keys(FILES) as (keyof typeof FILES)[]).flatMap((file) => Object.entries(FILES[file] as Readonly<Record<string, Options>>).map(([section, options]) =>
    `## ${titles[file]}${section === "" ? "" : ` [${section}]`}\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n${Object.entries(options).map(row).join("\n")}\n`));
  return `${PAGE_HEAD}\n${tables.join("\n")}`;
}

const row = ([key, { kind, fallback, fallbackSays, meaning, choose }]: [string, Option<unknown>]): string =>
  `| ${[`\`${key}\`${kind.repeatable ? ", `[]`" : ""}`, kind.says, fallback === undefined ? "**required**" : fallbackSays ?? "", `${meaning}${choose === undefined ? "" : ` ${choose}`}`].map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;

const PAGE_HEAD = `# The configuration: \`/etc/cluster.d\`, the same on both nodes

The files here are a complete sample pair, and the lab's own. Copy them, change names and addresses, and let
\`clusterd check\` judge the result; \`clusterd check --show\` prints what it comes to, defaults included.

- \`cluster.conf\` and the service files have \`[sections]\` with \`key = value\`; the node files are the flat \`KEY=value\` of 1999.
- A value with \`#\` or \`;\`, or with spaces at its ends, stands in quotes: \`'…'\` takes everything as it stands, \`"…"\` knows
  \`\\"\` and \`\\\\\`. What could be read in two ways is refused, never cut. Comments have lines of their own (in the node files they may also
  follow a value and a space).
- Keys marked \`[]\` may be repeated, one value a line: \`path[] = /srv/www/\`.
- Unknown keys, duplicate keys and duplicate sections are errors. All problems are reported at once, with file and line.
- \`<node>/Fname\` is a mirror description of 1999: a capital F, a name without extension; in it one \`directory/\` or file a line.
- Only root may be able to change these files. Keys and secrets are not here but in \`/var/lib/clusterd/keys\`.
- Files that end in \`~\`, \`.bak\`, \`.off\` and the like, hidden ones and READMEs are ignored.
`;

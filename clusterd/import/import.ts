// `clusterd import`: old files in, a folder of ours out, with a report and the verdict of `clusterd check`.
//
// The order of reading does not matter to a person: formats that name the nodes come first.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { reasonOf } from "../base/errors.ts";
import { checkCommand } from "../config/check-command.ts";
import { NODE } from "../config/options.ts";
import { didYouMean } from "../config/suggest.ts";
import { isClassicFolder, readClassic } from "./classic.ts";
import { newDraft, nodeAt, nodeNamed, note } from "./draft.ts";
import type { Draft, NodeKey, Source } from "./draft.ts";
import { readAuthkeys, readHaCf } from "./ha-cf.ts";
import { readHaresources } from "./haresources.ts";
import { readKeepalivedConf } from "./keepalived-conf.ts";
import { readLsyncdConf } from "./lsyncd-conf.ts";
import { readLvsCf } from "./lvs-cf.ts";
import { reportText } from "./report.ts";
import { nameSamba, readSmbConf } from "./samba.ts";
import { fitTimes } from "./times.ts";
import { newFiles } from "./write.ts";
import type { NewFile } from "./write.ts";

interface Format { readonly name: string; readonly file: RegExp; readonly read: (source: Source, draft: Draft) => void }

/** In the order of reading. */
export const FORMATS: readonly Format[] = [
  { name: "ha.cf", file: /^ha\.cf/, read: readHaCf },
  { name: "haresources", file: /^haresources/, read: readHaresources },
  { name: "authkeys", file: /^authkeys/, read: readAuthkeys },
  { name: "lvs.cf", file: /^lvs\.cf/, read: readLvsCf },
  { name: "keepalived.conf", file: /^keepalived.*\.conf|^keepalived\.conf/, read: readKeepalivedConf },
  { name: "lsyncd.conf", file: /^lsyncd.*\.(conf|lua)|^lsyncd\.conf/, read: readLsyncdConf },
  { name: "smb.conf", file: /^smb\.conf/, read: readSmbConf },
];

export interface ImportOptions {
  /** Files and folders, each perhaps with the node whose it is: NODE:FILE. */
  readonly from: readonly string[];
  /** NAME or NAME:KEY=VALUE,…: the first is the node that comes first. */
  readonly nodes: readonly string[];
  readonly name: string;
}

export interface Imported {
  readonly files: readonly NewFile[];
  readonly draft: Draft;
  readonly report: string;
  readonly check: { readonly ok: boolean; readonly text: string; readonly problems: readonly unknown[]; readonly warnings: readonly unknown[] };
}

export function importFiles({ from, nodes, name }: ImportOptions): Imported | { readonly obstacles: readonly string[] } {
  const draft = newDraft();
  for (const option of nodes) takeNode(draft, option);
  const found = from.flatMap((path) => sourcesOf(path, draft));
  for (const { read } of FORMATS) for (const { format, source } of found) if (format.read === read) read(source, draft);
  if (draft.obstacles.length === 0 && found.length === 0 && draft.nodes.length === 0) draft.obstacles.push(`nothing to import in ${from.join(" ")}. Known: ${FORMATS.map((format) => format.name).join(", ")}, and folders of 1999`);
  if (draft.obstacles.length > 0) return { obstacles: draft.obstacles };
  nameTheRest(draft);
  nameSamba(draft);
  const { times, changes } = fitTimes(draft.times);
  const files = newFiles(draft, { name, times, heading: `Made by \`clusterd import\` from ${[...new Set(draft.notes.map(({ file }) => basename(file)))].join(", ")}.` });
  const report = reportText({ notes: draft.notes.map((one) => ({ ...one, text: one.text.replace(/^\?\//, "") })) }, changes);
  return { files, draft, report, check: judge(files, nodeAt(draft, 0).name ?? "") };
}

/** serv1 or serv1:MAIN_INTERFACE=eth0,MAIN_MACADDR=… */
function takeNode(draft: Draft, option: string): void {
  const [, name = "", , settings = ""] = /^([A-Za-z0-9][A-Za-z0-9-]*)(:(.*))?$/.exec(option) ?? [];
  const node = name === "" ? null : nodeNamed(draft, name);
  if (node === null) { draft.obstacles.push(`--node ${option}: ${name === "" ? "it takes NAME or NAME:KEY=VALUE,KEY=VALUE" : `a third node beside ${draft.nodes.map((one) => one.name).join(" and ")}`}`); return; }
  for (const setting of settings === "" ? [] : settings.split(",")) {
    const [, key = "", value = ""] = /^([A-Za-z0-9_]+)=(.*)$/.exec(setting.trim()) ?? [];
    if (Object.hasOwn(NODE, key.toUpperCase())) node.keys.set(key.toUpperCase() as NodeKey, { value, from: null });
    else draft.obstacles.push(`--node ${name}: "${setting}" is no KEY=VALUE of a node file. ${didYouMean(key.toUpperCase(), Object.keys(NODE))}`);
  }
}

interface Found { readonly format: Format; readonly source: Source }

function sourcesOf(given: string, draft: Draft): readonly Found[] {
  const [, owner, rest] = existsSync(given) ? [] : /^([A-Za-z0-9][A-Za-z0-9.-]*):(.+)$/.exec(given) ?? [];
  const path = rest ?? given;
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || !(stats.isFile() || stats.isDirectory())) { draft.obstacles.push(`${path}: ${stats === undefined ? "is not there" : "is neither a file nor a folder"}`); return []; }
  const files = stats.isDirectory() ? readdirSync(path).sort().map((file) => join(path, file)).filter((file) => formatOf(file) !== undefined && statSync(file).isFile()) : [path];
  if (stats.isDirectory() && isClassicFolder(path)) readClassic(path, draft);
  return files.flatMap((file) => {
    const format = formatOf(file);
    if (format === undefined) { draft.obstacles.push(`${file}: its name tells no format. Known: ${FORMATS.map(({ name }) => name).join(", ")}; a folder of 1999 is given as a folder`); return []; }
    try {
      return [{ format, source: { file, text: readFileSync(file, "utf8"), node: owner ?? null } }];
    } catch (error) {
      draft.obstacles.push(`${file}: ${reasonOf(error)}`);
      return [];
    }
  });
}

const formatOf = (path: string): Format | undefined => FORMATS.find(({ file }) => file.test(basename(path)));

/** Names that no old file said. */
function nameTheRest(draft: Draft): void {
  for (const place of [0, 1] as const) {
    const node = nodeAt(draft, place);
    if (node.name !== null) continue;
    node.name = draft.nodes.some(({ name }) => name === `serv${place + 1}`) ? `node${place + 1}` : `serv${place + 1}`;
    note(draft, "guessed", { file: draft.notes[0]?.file ?? "-", line: 1, directive: `the ${place === 0 ? "first" : "second"} node's name` }, `cluster.conf nodes, ${node.name}`, "no file says it: --node NAME, as `hostname -s` prints it there");
  }
}

/** What `clusterd check` says of them. */
const judge = (files: readonly NewFile[], self: string): Imported["check"] => inFolder(files, (folder) => {
  const { out } = checkCommand({ etc: folder, self, json: true });
  const { ok, problems, warnings } = JSON.parse(out) as { ok: boolean; problems: unknown[]; warnings: unknown[] };
  return { ok, problems, warnings, text: checkCommand({ etc: folder, self }).out.replaceAll(folder, "the new configuration").trimEnd() };
});

/** Written, for as long as they are looked at, to a folder that nobody else can write to. */
export function inFolder<T>(files: readonly NewFile[], look: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-new-"));
  try {
    writeFiles(files, folder);
    return look(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Throws what the system says. */
export function writeFiles(files: readonly NewFile[], folder: string): void {
  for (const { path, text } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true, mode: 0o755 });
    writeFileSync(join(folder, path), text, { mode: 0o644, flag: "wx" });
  }
}

/** Why nothing may be written there; null when it may. */
export function whyNotInto(folder: string): string | null {
  try {
    return readdirSync(folder).length === 0 ? null : `${folder} is not empty: nothing is written over. Name a folder that is empty or not there`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? null : `${folder}: ${reasonOf(error)}`;
  }
}

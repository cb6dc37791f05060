// `clusterd import`: a way in from what runs today. The work is done in clusterd/import/.

import { DRY_RUN, outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";

async function importOld(given: Given): Promise<Outcome> {
  const { importFiles, whyNotInto, writeFiles } = await import("../import/import.ts");
  const to = given.value("to");
  const dryRun = given.flag("dry-run");
  if (to === undefined && !dryRun) return outcome("usage", "where to? --to FOLDER (not /etc/cluster.d itself: look at it first), or --dry-run to see");
  const obstacle = to === undefined ? null : whyNotInto(to);
  if (obstacle !== null) return outcome("refused", obstacle);
  const made = importFiles({ from: given.words, nodes: given.all("node"), name: given.value("name") ?? "imported" });
  if ("obstacles" in made) return outcome("usage", made.obstacles.join("\n"), { obstacles: made.obstacles });
  const { files, draft, report, check } = made;
  const summary = `${report}\n`;
  if (to !== undefined && !dryRun) writeFiles([...files, { path: "README.import", text: summary }], to);
  const text = [
    ...(dryRun ? files.map(({ path, text: content }) => `--- ${path}\n${content}`) : []),
    summary,
    check.text,
    dryRun ? "Nothing was written." : `Written to ${to}; the report above is in README.import there.`,
    ...(check.ok ? [] : ["Fill in the blanks (grep -r BLANK), or import again with --node NAME:KEY=VALUE; then `clusterd check FOLDER`."]),
  ].join("\n");
  const data = { to: to ?? null, dry_run: dryRun, files, notes: draft.notes, check: { ok: check.ok, problems: check.problems, warnings: check.warnings } };
  return outcome(check.ok ? "ok" : "usage", text, data);
}

export const IMPORT_COMMANDS: readonly Command[] = [{
  usage: "import <FILE...>", run: importOld, summary: "make a configuration from ha.cf, haresources, lvs.cf, keepalived.conf, lsyncd.conf or the files of 1999, with a report",
  options: [
    ["--to <folder>", "write the new configuration there: a folder that is empty or not there"],
    ["--node <name:key=value,...>", "what the old files do not know, as in NODE.conf; the first node named is the first of the pair", "many"],
    ["--name <pair>", "what the pair is called (default: as the old files say, or `imported`)"],
    DRY_RUN,
  ],
  examples: [
    ["clusterd import /etc/ha.d --to ./new", "heartbeat's ha.cf, haresources and authkeys, all that is in the folder"],
    ["clusterd import serv1:one/keepalived.conf serv2:two/keepalived.conf serv1:one/lsyncd.conf --dry-run", "the files of both nodes, each with the node whose it is; the new ones are only shown"],
    ["clusterd import lvs.cf --node serv1:MAIN_MACADDR=00:16:3e:00:00:01,REDUNDANT_INTERFACE=eth2 --node serv2 --to ./new", "with what lvs.cf cannot know"],
  ],
  exits: ["ok", "usage", "refused"],
}];

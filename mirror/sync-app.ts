// The command line of 1999: sync-app DESCRIPTION PEER. Mirrors what the description file names to the other node, through
// the same gates as `mirror run`.

import { otherNode } from "../clusterd/config/config.ts";
import { resolve } from "node:path";
import { ETC } from "../clusterd/base/paths.ts";
import { EXIT, exitHelp } from "./exit-codes.ts";
import { runJob } from "./run.ts";
import { settings } from "./settings.ts";
import { runText } from "./text.ts";

const USAGE = `usage: sync-app [--dry-run] [--json] DESCRIPTION PEER
  DESCRIPTION  a mirror description, e.g. ${ETC}/serv1/Flpd
  PEER         the other node's name`;

async function main(argv: readonly string[]): Promise<number> {
  const flags = argv.filter((word) => word.startsWith("-"));
  const [description, peer, ...more] = argv.filter((word) => !word.startsWith("-"));
  if (flags.includes("--help") || flags.includes("-h")) { process.stdout.write(`${USAGE}\n${exitHelp()}`); return EXIT.ok; }
  if (description === undefined || peer === undefined || more.length > 0 || flags.some((flag) => !["--dry-run", "--json"].includes(flag))) return say(EXIT.usage, USAGE);
  const read = await settings();
  if (!read.ok) return say(EXIT.configuration, `the configuration has problems:\n${read.text}`);
  const { config } = read;
  const path = resolve(ETC, description);
  const job = config.jobs.find(({ service, home, name }) => service === null && path === `${ETC}/${config.nodes[home].name}/${name}`);
  if (job === undefined) return say(EXIT.usage, `sync-app: ${path} is no mirror description of this cluster`);
  if (peer !== otherNode(config).name) return say(EXIT.usage, `sync-app: ${peer} is not the other node, ${otherNode(config).name} is`);
  const result = await runJob(config, job, { kind: "normal", dryRun: flags.includes("--dry-run") });
  const { report } = result;
  if (flags.includes("--json")) process.stdout.write(`${JSON.stringify({ ok: report.code === EXIT.ok, job: job.name, ...report })}\n`);
  else (report.code === EXIT.ok ? process.stdout : process.stderr).write(`${runText(job.name, report)}\n`);
  return report.code;
}

const say = (code: number, text: string): number => { process.stderr.write(`${text}\n`); return code; };

process.exitCode = await main(process.argv.slice(2));

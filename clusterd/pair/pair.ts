// `clusterd pair`: look at both, propose, ask, judge, show, do, preflight. The rim: what is decided is in the files beside.

import { readFileSync } from "node:fs";
import { reasonOf } from "../base/errors.ts";
import { ETC, KEYS } from "../base/paths.ts";
import { outcome } from "../commands/command.ts";
import type { Outcome } from "../commands/command.ts";
import { colourWanted } from "../commands/colour.ts";
import type { Config } from "../config/config.ts";
import { formatProblem, loadConfig } from "../config/load.ts";
import { didYouMean } from "../config/suggest.ts";
import { inFolder } from "../import/import.ts";
import { newFiles } from "../import/write.ts";
import { neededPrograms } from "../install/needs.ts";
import { PROGRAMS, SOURCE, wantedThings } from "../install/wanted.ts";
import type { Finding } from "../preflight/checks.ts";
import { preflightText } from "../preflight/text.ts";
import { pinHostKey } from "../../mirror/keys.ts";
import { answersText, readAnswers, saidByFiles, together } from "./answers.ts";
import type { Said } from "./answers.ts";
import { carryOut } from "./carry-out.ts";
import { described } from "./described.ts";
import { planFiles } from "./files.ts";
import type { FilePlan } from "./files.ts";
import { localHost, remoteHost, runJob } from "./host.ts";
import type { Host } from "./host.ts";
import { Login } from "./login.ts";
import type { Target } from "./login.ts";
import { readMachine } from "./machine.ts";
import type { Machine } from "./machine.ts";
import { lacking, needsOf } from "./needed.ts";
import { fallbackOf, propose, whyNot } from "./propose.ts";
import type { Proposal, Question } from "./propose.ts";
import type { Side } from "./step.ts";
import { cableSteps, homeOf, leftToDo, pairSteps } from "./steps.ts";
import type { Setting } from "./steps.ts";
import { ask, askYes, atTerminal } from "./terminal.ts";

export interface PairOptions {
  readonly target: Target;
  readonly identity: string | null;
  readonly answers: string | null;
  readonly packages: boolean;
  readonly replace: boolean;
  readonly dryRun: boolean;
}

/** While it goes on; what comes of it is the outcome's. */
export const say = (line: string): void => void process.stderr.write(`${line}\n`);
export const stampNow = (): string => new Date().toISOString().replace(/[-:]/g, "").replace(/\..*/, "");
const NO_ANSWERS = { said: new Map() as Said, problems: [] };

export async function pair(options: PairOptions): Promise<Outcome> {
  const answers = options.answers === null ? NO_ANSWERS : readAnswersFile(options.answers);
  if (typeof answers === "string") return outcome("usage", answers);
  if (answers.problems.length > 0) return outcome("usage", answers.problems.map(formatProblem).join("\n"));
  const here = await lookAt([localHost, localHost], 0);
  const own = isItself(here, options.target.host);
  if (own !== null) return outcome("usage", own);
  if (here.uid !== 0) return outcome("refused", "run it as root, also with --dry-run: it looks at what only root may see");
  const login = new Login({ target: options.target, identity: options.identity, names: peerNames(here), hostKey: answers.said.get("pair")?.get("host_key") ?? null });
  login.address = privateAddress(here, options.target.host) ?? login.address;
  const hosts = [localHost, remoteHost(() => login.connect(), (client) => login.become(client))] as const;
  try {
    const machines = [here, await lookAt(hosts, 1)] as const;
    return await pairUp(options, answers.said, machines, hosts, login);
  } finally {
    hosts[1].close();
  }
}

function readAnswersFile(file: string): ReturnType<typeof readAnswers> | string {
  try {
    return readAnswers(readFileSync(file, "utf8"), file);
  } catch (error) {
    return `the answers of --answers cannot be read: ${file}: ${reasonOf(error)}. \`clusterd pair --help\` says what belongs there`;
  }
}

/** Throws what a person can act on. */
export async function lookAt(hosts: readonly [Host, Host], at: Side): Promise<Machine> {
  const script = readFileSync(new URL("look.sh", import.meta.url), "utf8");
  const programs = [...neededPrograms("cron").map(([program]) => program), "crond"];
  const { out, err, code } = await runJob(hosts, { at, script: `set -- ${programs.join(" ")}\n${script}` });
  const machine = readMachine(out);
  if (machine === null || machine.nics.length === 0) throw new Error(`what ${at === 0 ? "this machine" : "the other machine"} says of itself cannot be read (exit code ${code}; iproute2 must be installed there): ${err.trim().split("\n").at(-1)}`);
  return machine;
}

/** Said before a host key is asked for that has nothing to do with it. */
export const isItself = ({ name, nics }: Machine, host: string): string | null =>
  [name, "localhost", "127.0.0.1", "::1", ...nics.flatMap(({ addresses }) => addresses.map(({ address }) => address))].includes(host) ? `${host} is this machine: name the other one. Nothing was done.` : null;

/** A node's name may lead to this machine, while its identity is here. */
const privateAddress = (here: Machine, name: string): string | undefined => (name === here.name ? undefined : saidByFiles([here, { ...here, name }]).get(name)?.get("HEARTBEAT_IPADDR"));

const peerNames = (here: Machine): readonly string[] => (saidByFiles([here, here]).get("cluster")?.get("nodes") ?? "").split(/\s+/).filter((name) => name !== "" && name !== here.name);

async function pairUp(options: PairOptions, answers: Said, machines: readonly [Machine, Machine], hosts: readonly [Host, Host], login: Login): Promise<Outcome> {
  const names = [machines[0].name, machines[1].name] as const;
  const stranger = [...answers.keys()].find((section) => !["pair", "cluster", ...names].includes(section));
  if (stranger !== undefined) return outcome("usage", `${options.answers}: there is no [${stranger}]: the sections are [pair], [cluster], and the two machines, [${names.join("] and [")}]. ${didYouMean(stranger, ["pair", "cluster", ...names])}\nNothing was done.`);
  const known = described(machines);
  const early = [...known.problems.map(formatProblem), ...(await lacking(hosts, known.needs)).filter(({ atHome }) => atHome).map(({ missing }) => missing)];
  if (early.length > 0) return outcome("refused", [...early, "Nothing was done."].join("\n"));
  const asked = await settle(machines, answers, saidByFiles(machines), atTerminal() && options.answers === null);
  if ("obstacle" in asked) return outcome("refused", `${asked.obstacle}\nNothing was done.`);
  const { proposal, said } = asked;
  const heading = `Made by \`clusterd pair\` on ${names[0]}, ${new Date().toISOString().slice(0, 10)}.`;
  const plan = planFiles({ machines, proposed: newFiles(proposal.draft, { name: "", times: {}, heading }), answers: said, written: saidByFiles(machines) });
  const loaded = inFolder(plan.files, (folder) => loadConfig({ etc: folder, self: names[0] }));
  if (!loaded.ok) return outcome("refused", `the configuration would have problems:\n${loaded.problems.map(formatProblem).join("\n")}\n${filesText(plan)}\nNothing was done. What is missing can be said in the answer file, or in ${ETC} itself.`);
  if (plan.differences.length > 0 && !options.replace) return outcome("refused", `${plan.differences.join("\n")}\nNothing was done. Make them alike, or say --replace: lines with + take the place of those with -, and the old files are kept as a dated copy.`, { differences: plan.differences });
  const { config } = loaded;
  const missing = await lacking(hosts, ([0, 1] as const).flatMap((at) => needsOf(config, homeOf(machines[at], config), at)));
  const vital = missing.filter(({ atHome }) => atHome);
  if (vital.length > 0) return outcome("refused", [...vital.map((need) => need.missing), "Nothing was done."].join("\n"));
  const packages = machines.map((machine) => missingPackages(machine, config));
  const notes = [...proposal.notes, ...loaded.warnings.map(formatProblem), ...missing.map((need) => need.missing), ...taken(proposal), ...(options.packages ? [] : packages.flatMap((missing, at) => (missing.length === 0 ? [] : [`${names[at]} lacks ${missing.join(" ")}`]))), ...ownLogin(machines[0], config)];
  const setting: Setting = {
    machines, config, writes: plan.writes, source: SOURCE, release: release(), replace: options.replace, stamp: stampNow(),
    packages: options.packages ? [packages[0] ?? [], packages[1] ?? []] : null,
  };
  const [first, steps] = [cableSteps(setting), pairSteps(setting)];
  const carrying = { hosts, names, say };
  for (const note of notes) say(`note: ${note}`);
  if (options.dryRun || (atTerminal() && options.answers === null)) {
    if (plan.writes.length > 0) say(filesText(plan));
    const { changes } = await carryOut([...first, ...steps], { ...carrying, dryRun: true, say: (line) => say(`would: ${line}`) });
    const text = changes.length === 0 ? `Nothing to do: ${names.join(" and ")} are a pair.` : `${changes.length} steps. Nothing was done.`;
    if (options.dryRun && said.size > 0 && options.answers === null) say(`\nWhat you have answered, as a file for --answers:\n${answersText(together(new Map([["pair", new Map([["host_key", login.print]])]]), said))}`);
    if (options.dryRun) return outcome("ok", text, { changes, notes, files: plan.writes.map(({ path, at, text: content }) => ({ node: names[at], path: `${ETC}/${path}`, text: content })), dry_run: true, text });
    if (changes.length > 0 && !await askYes("Do all this?")) return outcome("refused", "Nothing was done.");
  }
  process.once("SIGINT", () => { say("\nBroken off: say it again, what is done stays done; or `clusterd unpair`."); process.exit(130); });
  pin(login, options.target.host, names[1]);
  const cabled = await carryOut(first, { ...carrying, dryRun: false });
  if (cabled.failure === null) await preferPrivate(login, hosts[1], config, names[1]);
  const { warnings, failure, ...done } = cabled.failure === null ? await carryOut(steps, { ...carrying, dryRun: false }) : { ...cabled, changes: [] };
  const changes = [...cabled.changes, ...done.changes];
  if (failure !== null) return outcome("failed", `${failure}\nMend that and say it again: what is done stays done.`, { changes, notes, warnings, failure });
  return preflightOutcome(hosts, { changes, notes, warnings: [...warnings, ...leftToDo(machines, changes)] }, names);
}

type Asked = { readonly proposal: Proposal; readonly said: Said } | { readonly obstacle: string };

/** Asks until nothing is open; an answer can settle further questions, or raise them. */
async function settle(machines: readonly [Machine, Machine], answers: Said, written: Said, interactive: boolean): Promise<Asked> {
  const asked = new Set<Question["key"]>();
  for (let said = answers; ;) {
    const proposal = propose(machines, together(said, written));
    if (proposal.obstacles.length > 0) return { obstacle: proposal.obstacles.join("\n") };
    const open = proposal.questions.find(({ section, key }) => !asked.has(`${section} ${key}`));
    if (!interactive || open === undefined) {
      const missing = proposal.questions.filter(({ required, proposal: proposed }) => required && proposed === null);
      return missing.length === 0 ? { proposal, said } : { obstacle: ["what the machines do not tell must be said, in the file of --answers or in /etc/cluster.d:", ...missing.map(({ section, key, asks }) => `  [${section}] ${key} = …    ${asks}`)].join("\n") };
    }
    const typed = await ask(`${open.key}${open.required ? "" : ` (Enter: ${fallbackOf(open)})`}: ${open.asks}`, open.proposal);
    const wrong = typed === "" ? (open.required ? "this one must be said" : null) : whyNot(machines, open, typed);
    if (wrong !== null) { say(wrong); continue; }
    asked.add(`${open.section} ${open.key}`);
    if (typed !== "") said = together(new Map([[open.section, new Map([[open.key, typed]])]]), said);
  }
}

const taken = ({ questions }: Proposal): readonly string[] =>
  questions.flatMap(({ section, key, proposal, asks }) => (proposal === null ? [] : [`[${section}] ${key} = ${proposal} is taken: ${asks}`]));

function missingPackages({ programs }: Machine, { cluster }: Config): readonly string[] {
  const has = (program: string): boolean => programs.includes(program) || (program === "cron" && programs.includes("crond"));
  return programs.includes("apt-get") ? [...new Set(neededPrograms(cluster.scheduler).filter(([program]) => !has(program)).map(([, debianPackage]) => debianPackage))] : [];
}

/** Whoever is logged in over the main NIC is cut off when clusterd takes it. */
function ownLogin({ name }: Machine, config: Config): readonly string[] {
  const [, , address] = (process.env["SSH_CONNECTION"] ?? "").split(" ");
  return config.nodes.some((node) => node.name === name && node.main.address === address) ? [`you are logged in at ${address}, which goes away for some seconds when clusterd starts: better from the console, over the private cable, or in tmux`] : [];
}

const release = (): readonly { readonly path: string; readonly sha: string }[] =>
  wantedThings({ source: SOURCE, init: "none", scheduler: "builtin", manual: [] })
    .flatMap((wanted) => (wanted.kind === "file" && wanted.path.startsWith(`${PROGRAMS}/`) ? [{ path: wanted.path.slice(PROGRAMS.length + 1), sha: wanted.sha }] : []));

/** What is the same on both is shown once. */
const filesText = ({ writes }: Pick<FilePlan, "writes">): string =>
  [...new Map(writes.map(({ path, text }) => [path, text]))].map(([path, text]) => `--- ${ETC}/${path}\n${text}`).join("\n");

function pin(login: Login, ...names: readonly string[]): void {
  if (login.hostKey === null || login.wasPinned) return;
  const each = [...new Set(names)];
  for (const name of each) pinHostKey(name, login.hostKey);
  say(`pinned the host key of ${each.join(" and ")} in ${KEYS}/known_hosts`);
}

/** The LAN's addresses go away when clusterd starts; the private cable's never do. That the same machine answers there is seen, too. */
export async function preferPrivate(login: Login, host: Host, config: Config, name: string): Promise<void> {
  const given = login.address;
  const address = config.nodes.find((node) => node.name === name)?.heartbeat.address ?? given;
  if (address === given) return;
  host.close();
  login.address = address;
  try {
    (await host.open(":")).stdin.end();
  } catch (error) {
    login.address = given;
    say(`note: ${reasonOf(error)}; so it goes on by ${given}, which may be cut when clusterd starts there`);
  }
}

interface Sofar { readonly changes: readonly string[]; readonly notes: readonly string[]; readonly warnings: readonly string[] }

/** A machine that was busy with all this a moment ago may be late with a heartbeat; a fault is still there the third time. */
async function preflightOutcome(hosts: readonly [Host, Host], sofar: Sofar, names: readonly [string, string]): Promise<Outcome> {
  const { out, err, code } = await runJob(hosts, { at: 0, script: "for pause in 2 4; do if said=$(clusterd preflight --json); then printf '%s\\n' \"$said\"; exit; fi; sleep $pause; done; clusterd preflight --json" });
  const done = sofar.changes.length === 0 ? `Nothing to do: ${names.join(" and ")} are a pair.` : `Done: ${sofar.changes.length} steps. \`clusterd status\` shows the pair; then try \`clusterd switchover\` and \`clusterd failback\`.`;
  try {
    const { findings } = JSON.parse(out) as { readonly findings: readonly Finding[] };
    const text = (quiet: boolean): string => preflightText(findings, { quiet, colour: colourWanted() });
    return { ...outcome(code === 0 ? "ok" : "failed", `${[done, ...sofar.warnings].join("\n")}\nclusterd preflight:\n${text(true) === "" ? text(false).split("\n").at(-1) : text(true)}`, { ...sofar, findings }), code };
  } catch {
    return outcome("failed", `${done}\nclusterd preflight: ${err}${out}`, { ...sofar });
  }
}

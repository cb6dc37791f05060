// `clusterd aliases`, `clusterd login` and `clusterd motd`: services by their names, wherever they are now.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, run } from "../base/exec.ts";
import type { Config } from "../config/config.ts";
import { isHostName } from "../config/kinds.ts";
import { didYouMean } from "../config/suggest.ts";
import { aliasesOf, hostsLines, updateScript, zoneLines } from "../names/aliases.ts";
import { motdText } from "../names/motd.ts";
import { CLIENTS } from "../ssh/certify.ts";
import { candidateLinks, chooseLink } from "../../mirror/links.ts";
import { KNOWN_HOSTS } from "../../mirror/keys.ts";
import { settings } from "../../mirror/settings.ts";
import { DRY_RUN, outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";
import { lookHere, other, seen } from "./look.ts";

type Act = (given: Given, config: Config) => Outcome | Promise<Outcome>;

const configured = (act: Act) => async (given: Given): Promise<Outcome> => {
  const read = await settings();
  return read.ok ? act(given, read.config) : outcome("usage", read.text);
};

// ---- aliases -----------------------------------------------------------------------------------------------------

const TTL = 300;
const NSUPDATE_LIMIT = 30_000;

async function aliases(given: Given, config: Config): Promise<Outcome> {
  const asked = given.value("zone")?.replace(/\.$/, "") ?? null;
  const zone = asked ?? config.cluster.zone;
  const ttl = Number(given.value("ttl") ?? TTL);
  if (zone !== null && !isHostName(zone)) return outcome("usage", `--zone takes the name of a zone, such as example.net, not "${zone}"`);
  if (!Number.isInteger(ttl) || ttl < 0 || ttl > 2 ** 31 - 1) return outcome("usage", `--ttl takes seconds, not ${given.value("ttl")}`);
  if (given.flag("known-hosts")) return knownHosts(config);
  const all = aliasesOf(config);
  if (given.flag("update")) return update(given, all, zone, ttl);
  const format = given.value("format") ?? (asked === null ? "hosts" : "zone");
  if (format !== "hosts" && format !== "zone") return outcome("usage", `--format takes hosts or zone, not ${format}`);
  const text = format === "hosts" ? hostsLines(all, zone) : zoneLines(all, zone, ttl);
  return outcome("ok", all.length === 0 ? "no service has an alias: alias = NAME in [service]" : text, { aliases: all });
}

/** By which clients trust the certificates of `clusterd keys certify`. */
function knownHosts(config: Config): Outcome {
  const lines = existsSync(CLIENTS) ? readFileSync(CLIENTS, "utf8").trim() : "";
  if (lines === "") return outcome("failed", `${config.nodes[config.self].name} has no certificates for its host keys yet: \`clusterd keys certify\` on both nodes makes them`);
  return outcome("ok", lines, { known_hosts: lines });
}

async function update(given: Given, all: ReturnType<typeof aliasesOf>, zone: string | null, ttl: number): Promise<Outcome> {
  if (zone === null) return outcome("usage", "--update needs the zone: --zone example.net, or zone = example.net in cluster.conf");
  if (all.length === 0) return outcome("ok", "no service has an alias: nothing to update", { script: null });
  const server = serverOf(given.value("server"));
  if (server === undefined) return outcome("usage", `--server takes HOST or HOST:PORT, not ${given.value("server")}`);
  const script = updateScript(all, { zone, ttl, server });
  if (given.flag("dry-run")) return outcome("ok", `${script}\nNothing was sent.`, { script, dry_run: true });
  const key = given.value("key");
  const ran = await run(["nsupdate", ...(key === undefined ? [] : ["-k", key])], { input: script, timeout: NSUPDATE_LIMIT });
  if (ran.failure === null) return outcome("ok", `${all.map(({ alias }) => alias).join(", ")}: ${zone} has them`, { script, aliases: all });
  const missing = ran.failure.includes("was not found") ? " (Debian package bind9-dnsutils)" : "";
  return outcome("failed", `${describe(ran)}${missing}`, { script, failure: ran.failure });
}

/** undefined: it is none. Null: none was given, and nsupdate asks the zone's own. */
function serverOf(text: string | undefined): { readonly host: string; readonly port: number } | null | undefined {
  if (text === undefined) return null;
  const [, host = "", port = "53"] = /^([^:]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  return isHostName(host) && Number(port) > 0 && Number(port) < 65_536 ? { host, port: Number(port) } : undefined;
}

// ---- login -------------------------------------------------------------------------------------------------------

async function login(given: Given, config: Config): Promise<Outcome> {
  const [name = "", ...words] = given.words;
  const service = config.services.find((one) => one.name === name || one.alias === name);
  if (service === undefined) return outcome("usage", `there is no service ${name}. ${didYouMean(name, config.services.flatMap((one) => [one.name, ...(one.alias === null ? [] : [one.alias])]))}`);
  const own = await lookHere("this node");
  const status = seen(own);
  if (status === null) return outcome("notRunning", `nobody here says who owns it: ${"unreachable" in own ? own.unreachable : ""}`);
  const { owner, role } = status.core.identities[service.home];
  const self = config.nodes[config.self].name;
  if (role === "owner" || owner === config.self) {
    if (words.length === 0) return outcome("ok", `${self}, this node, owns ${service.name}`, { owner: self });
    return { ...outcome("ok", ""), code: given.flag("dry-run") ? 0 : await inherit(words) };
  }
  if (owner === null) return outcome("refused", `nobody is known to own ${service.name}`);
  const { name: node } = config.nodes[other(config.self)];
  const links = candidateLinks(config, status);
  // The private link last: it is the mirror's.
  const link = await chooseLink([...links.slice(1), ...links.slice(0, 1)], config.cluster.sshPort);
  if (link === null) return outcome("unreachable", `${node} owns ${service.name}, but no sshd answers at ${links.map(({ address }) => address).join(" or ")}, port ${config.cluster.sshPort}`);
  const user = given.value("user");
  const command = ["ssh", ...(words.length === 0 ? [] : process.stdin.isTTY ? ["-t"] : ["-T"]), "-p", String(config.cluster.sshPort), ...hostKey(node), ...(user === undefined ? [] : ["-l", user]), link.address, ...(words.length === 0 ? [] : ["--", words.map(quoted).join(" ")])];
  if (given.flag("dry-run")) return outcome("ok", `${command.join(" ")}\nNothing was done.`, { owner: node, command });
  return { ...outcome("ok", "", { owner: node, command }), code: await inherit(command) };
}

/** The host key pinned for the node counts, whatever address it answers at, which only root can read; or its certificate. */
function hostKey(node: string): readonly string[] {
  const files = [KNOWN_HOSTS, CLIENTS].filter((path) => existsSync(path));
  return ["-o", `HostKeyAlias=${node}`, ...(files.length === 0 ? [] : ["-o", `GlobalKnownHostsFile=/etc/ssh/ssh_known_hosts ${files.join(" ")}`])];
}

/** The far shell splits the line again: each word must stay one. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** A program with our terminal; its exit code, or 128 and the signal's number as a shell has it. */
function inherit([program = "", ...words]: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, words, { stdio: "inherit" });
    child.on("error", (error) => { process.stderr.write(`clusterd: ${program}: ${error.message}\n`); resolve(127); });
    child.on("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 143)));
  });
}

async function motd(_given: Given, config: Config): Promise<Outcome> {
  const own = await lookHere("this node");
  if ("unreachable" in own && own.absent !== true) return outcome("failed", own.unreachable);
  const text = motdText(config, seen(own));
  return outcome("ok", text, { text });
}

export const NAME_COMMANDS: readonly Command[] = [
  {
    usage: "aliases", run: configured(aliases), summary: "the DNS alias of each service and its address, as lines for /etc/hosts or a zone; or put into the zone",
    options: [
      ["--format <format>", "hosts or zone (default: hosts; with --zone: zone)"], ["--zone <zone>", "the zone that the aliases are in (default: `zone` of cluster.conf)"], ["--ttl <seconds>", `how long others may remember it (default ${TTL})`],
      ["--known-hosts", "instead the line for a client's known_hosts: no alarm when another node answers after a takeover (see `clusterd keys certify`)"],
      ["--update", "tell the zone's name server by nsupdate (RFC 2136)"], ["--server <server>", "with --update: HOST or HOST:PORT (default: the zone's own)"], ["--key <file>", "with --update: the TSIG key, as nsupdate -k takes it"], DRY_RUN,
    ],
    examples: [["clusterd aliases >> /etc/hosts", "on a machine without a name server"], ["clusterd aliases --known-hosts | ssh client 'cat >>~/.ssh/known_hosts'", "so that `ssh samba` does not alarm after a takeover"], ["clusterd aliases --update --zone example.net --key /etc/bind/cluster.key", "once, and after each change of an address; a takeover needs none: the address moves"]],
    exits: ["ok", "failed", "usage"],
  },
  {
    usage: "login <SERVICE> [COMMAND...]", run: configured(login), summary: "log in by ssh to the node that owns SERVICE now, or run COMMAND there; the exit code is ssh's",
    options: [["--user <user>", "as this user (default: as ssh would)"], DRY_RUN],
    examples: [["clusterd login samba", "wherever it is"], ["clusterd login samba -- smbstatus --shares", "one command, words with dashes behind --"]],
    exits: ["ok", "usage", "refused", "notRunning", "unreachable"],
  },
  {
    usage: "motd", run: configured(motd), summary: "which services are not on this node now; pam_motd shows it to whoever logs in",
    examples: [["clusterd motd", "empty when everything is here"]], exits: ["ok", "usage", "failed"],
  },
];

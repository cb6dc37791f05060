// `clusterd pair` and `clusterd unpair`: two servers become a pair by one command on one of them. The work is in clusterd/pair/.

import { reasonOf } from "../base/errors.ts";
import { DRY_RUN, outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";

const IDENTITY = ["--identity <file>", "log in there with this private key (default: the agent's, ~/.ssh/id_*, then a password)"] as const;

async function pairCommand(given: Given): Promise<Outcome> {
  const [{ pair }, { readTarget }] = await Promise.all([import("../pair/pair.ts"), import("../pair/login.ts")]);
  const target = readTarget(given.words[0] ?? "");
  if (target === null) return outcome("usage", `${given.words[0]} is no [USER@]HOST[:PORT]`);
  return asRoot(given, () => pair({
    target, identity: given.value("identity") ?? null, answers: given.value("answers") ?? null,
    packages: given.flag("packages"), replace: given.flag("replace"), dryRun: given.flag("dry-run"),
  }));
}

async function unpairCommand(given: Given): Promise<Outcome> {
  const [{ unpair }, { readTarget }] = await Promise.all([import("../pair/unpair.ts"), import("../pair/login.ts")]);
  const [word] = given.words;
  const target = word === undefined ? null : readTarget(word);
  if (word !== undefined && target === null) return outcome("usage", `${word} is no [USER@]HOST[:PORT]`);
  return asRoot(given, () => unpair({ target, identity: given.value("identity") ?? null, hereOnly: given.flag("here-only"), dryRun: given.flag("dry-run"), checked: given.value("yes-i-have-checked") }));
}

/** What the network or the other machine refuses is an outcome too. */
async function asRoot(given: Given, act: () => Promise<Outcome>): Promise<Outcome> {
  if (process.getuid?.() !== 0 && !given.flag("dry-run")) return outcome("refused", "this changes the system: run it as root");
  try {
    return await act();
  } catch (error) {
    return outcome("unreachable", reasonOf(error));
  }
}

export const PAIR_COMMANDS: readonly Command[] = [
  {
    usage: "pair <HOST>", run: pairCommand, summary: "make this server and HOST ([USER@]HOST[:PORT]) a pair, over ssh: files, programs, keys, first mirror, preflight",
    options: [
      ["--answers <file>", "what would be asked: key = value in [cluster], [NODE], and host_key in [pair]; without it a terminal is asked"], IDENTITY,
      ["--no-packages", "install no Debian packages, only say which are missing"], ["--replace", "replace files that differ, as it was shown; the old ones are kept as a dated copy"], DRY_RUN,
    ],
    examples: [
      ["clusterd/bin/clusterd pair --dry-run serv2-private", "from an unpacked release: what it finds, the files, every step on both machines"],
      ["clusterd pair admin@10.50.0.2 --answers pair.ini", "nothing is asked; admin becomes root by sudo"],
      ["clusterd pair serv2", "again, after a fault: what is done stays done; a second run changes nothing"],
    ],
    exits: ["ok", "failed", "usage", "refused", "unreachable"],
  },
  {
    usage: "unpair [HOST]", run: unpairCommand, summary: "undo it on both nodes: stop, uninstall, the boot process as it was; the configuration is kept as a dated copy",
    options: [["--here-only", "the other node is gone: only this one"], IDENTITY, ["--yes-i-have-checked <node>", "for scripts: the other node's name, since clients lose their services"], DRY_RUN],
    examples: [["clusterd unpair --dry-run", "what would be stopped, removed and kept"], ["clusterd unpair --yes-i-have-checked serv2", "in a script"]],
    exits: ["ok", "failed", "usage", "refused", "unreachable"],
  },
];

// `clusterd keys export` and `clusterd keys import`: how the two nodes come to know each other.

import { resolve } from "node:path";
import { reasonOf } from "../base/errors.ts";
import { createSecret } from "../base/files.ts";
import { exportBundle } from "../install/keys.ts";
import { DRY_RUN, outcome } from "./command.ts";
import type { Command, Given, Outcome } from "./command.ts";
import { NODE, ROOT, configOf, peerSteps } from "./install.ts";

function exportKeys(given: Given): Outcome {
  const root = resolve(given.value("root") ?? "/");
  const { node } = configOf(root, given);
  const file = given.words[0] ?? `${node}.keys`;
  const made = exportBundle(root, node);
  if (!made.ok) return outcome("failed", made.text);
  if (given.flag("dry-run")) return outcome("ok", `the public keys and host keys of ${node} and the heartbeat key would be written to ${file}. Nothing was done.`);
  try {
    // Never into a file that others can read already, or through a link.
    createSecret(file, `${JSON.stringify(made.bundle, null, 1)}\n`);
  } catch (error) {
    return outcome("failed", `${file}: ${reasonOf(error)}`);
  }
  return outcome("ok", `${file} holds ${node}'s public keys, its host keys and the heartbeat key, which is a secret: carry it by scp, import it on the other node, delete it.`, { file, node });
}

async function importKeys(given: Given): Promise<Outcome> {
  const root = resolve(given.value("root") ?? "/");
  const { config, problem } = configOf(root, given);
  const planned = peerSteps(given.words[0] ?? "", root, config, problem, given.flag("replace-heartbeat-key"));
  if (!planned.ok) return outcome("refused", planned.text);
  const lines = planned.steps.map(({ what }) => what);
  if (!given.flag("dry-run")) for (const { act } of planned.steps) await act();
  const end = lines.length === 0 ? "Everything in it is known here already." : given.flag("dry-run") ? "Nothing was done." : "Done. Delete the file: it holds the heartbeat key.";
  return outcome("ok", [...lines, end].join("\n"), { changes: lines, dry_run: given.flag("dry-run") });
}

async function certify(given: Given): Promise<Outcome> {
  const root = resolve(given.value("root") ?? "/");
  const { config, problem } = configOf(root, given);
  if (config === null) return outcome("refused", `a certificate says for which names it is good, and that takes a sound configuration:\n${problem ?? ""}`);
  const { certifySteps, foreignCertificates } = await import("../ssh/certify.ts");
  const foreign = root === "/" ? await foreignCertificates() : [];
  if (foreign.length > 0) return outcome("refused", `sshd shows certificates of another authority already: ${foreign.join(", ")}. Let that authority sign for the pair's names; nothing was done`);
  try {
    const steps = certifySteps(root, config);
    const lines = steps.map(({ what }) => what);
    if (!given.flag("dry-run")) for (const { act } of steps) await act();
    const end = lines.length === 0 ? "They are right already." : given.flag("dry-run") ? "Nothing was done." : "Done. The same on the other node; clients get the line of `clusterd aliases --known-hosts`.";
    return outcome("ok", [...lines, end].join("\n"), { changes: lines, dry_run: given.flag("dry-run") });
  } catch (error) {
    return outcome("failed", reasonOf(error));
  }
}

export const KEY_COMMANDS: readonly Command[] = [
  {
    usage: "keys export [FILE]", run: exportKeys, summary: "write what the other node must know of this one (default: NODE.keys), mode 0600",
    options: [DRY_RUN, ROOT, NODE], examples: [["clusterd keys export serv1.keys && scp serv1.keys serv2:", "on serv1"]], exits: ["ok", "failed"],
  },
  {
    usage: "keys import <FILE>", run: importKeys, summary: "take the other node's keys: pin its host keys, allow its two forced commands",
    options: [["--replace-heartbeat-key", "if the two nodes have made one each: take the other's"], DRY_RUN, ROOT, NODE],
    examples: [["clusterd keys import serv1.keys && rm serv1.keys", "on serv2"]], exits: ["ok", "refused"],
  },
  {
    usage: "keys certify", run: certify, summary: "certify this node's ssh host keys for the pair's names and aliases, so that logging in after a takeover does not alarm",
    options: [DRY_RUN, ROOT, NODE], examples: [["clusterd keys certify", "on both nodes, and again after a name, an alias, an address or a host key has changed; `clusterd preflight` says when"]], exits: ["ok", "failed", "refused"],
  },
];

// By which ways people are told, and what is wrong with one of them.
//
// The webhook's address is a secret, as those of most services are: it stands in a file of the keys' folder, is read only by the program
// that asks there, and is in no command line, log or message.

import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { KEYS } from "../base/paths.ts";
import type { Config } from "../config/config.ts";
import { mailText, webhookText } from "./message.ts";
import type { From } from "./message.ts";
import type { Way } from "./notifier.ts";

export const WEBHOOK_FILE = `${KEYS}/webhook.url`;
const SENDMAILS = ["/usr/sbin/sendmail", "/usr/lib/sendmail"];
const LAUNCHER = fileURLToPath(new URL("../bin/clusterd", import.meta.url));

const sendmail = (): string | null => SENDMAILS.find(isProgram) ?? null;

/** Nothing said: root, where the machine has a sendmail. */
const recipients = ({ notifyMail }: Config["cluster"]): readonly string[] => notifyMail ?? (sendmail() === null ? [] : ["root"]);

/** Mail first: it waits in the machine's own queue while the LAN is away. */
export function waysOf({ cluster, nodes, self }: Pick<Config, "cluster" | "nodes" | "self">): readonly Way[] {
  const from: From = { cluster: cluster.name, node: nodes[self].name };
  const to = recipients(cluster);
  return [
    ...(to.length === 0 ? [] : [mailWay(from, to)]),
    ...(cluster.notifyWebhook === "no" ? [] : [webhookWay(from)]),
    ...(cluster.notify.length === 0 ? [] : [commandWay(cluster.notify)]),
  ];
}

/** -i: a dot alone ends nothing; addresses are words behind --, never options. */
export const mailWay = (from: From, to: readonly string[], program = sendmail() ?? SENDMAILS[0] as string): Way =>
  ({ name: `mail to ${to.join(", ")}`, words: () => [program, "-i", "--", ...to], input: (notice) => mailText(from, to, notice, Date.now()) });

export const webhookWay = (from: From): Way =>
  ({ name: "webhook", words: () => [LAUNCHER, "webhook"], input: (notice) => webhookText(from, notice, Date.now()) });

/** `/usr/local/sbin/tell-admin clusterd identity.owner serv1 "the identity is up"` */
export const commandWay = (argv: readonly string[]): Way =>
  ({ name: argv[0] ?? "", words: ({ event, about, because }) => [...argv, event, about, because] });

/** The address, or why there is none; the address itself is in no message. */
export function readWebhook(path = WEBHOOK_FILE): { readonly ok: true; readonly url: URL } | { readonly ok: false; readonly reason: string } {
  const refuse = (reason: string): { readonly ok: false; readonly reason: string } => ({ ok: false, reason: `${path} ${reason}` });
  try {
    const stats = statSync(path);
    if ((stats.mode & 0o077) !== 0) return refuse(`has mode ${(stats.mode & 0o777).toString(8)}, and the address in it is a secret: chmod 600`);
    const url = URL.parse(readFileSync(path, "utf8").trim());
    return url !== null && /^https?:$/.test(url.protocol) ? { ok: true, url } : refuse("does not hold one address that begins with https:// or http://");
  } catch (error) {
    return refuse((error as NodeJS.ErrnoException).code === "ENOENT" ? "is missing: the webhook's address stands in it, mode 600" : "cannot be read");
  }
}

/** What keeps a way that was asked for from working. */
export function wayProblems({ notify, notifyMail, notifyWebhook }: Config["cluster"]): readonly string[] {
  const webhook = notifyWebhook === "no" ? null : readWebhook();
  return [
    ...(notifyMail !== null && notifyMail.length > 0 && sendmail() === null ? [`there is no sendmail (${SENDMAILS.join(", ")}) to send mail to ${notifyMail.join(", ")}`] : []),
    ...(webhook?.ok === false ? [webhook.reason] : []),
    ...(notify[0] === undefined || isProgram(notify[0]) ? [] : [`${notify[0]} is not there, or not executable`]),
  ];
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return existsSync(path);
  } catch {
    return false;
  }
}

// Which programs of the system clusterd works with, and the Debian package of each.

import { accessSync, constants } from "node:fs";
import { join } from "node:path";

const FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

type Need = readonly [program: string, debianPackage: string, without: string];

const NEEDS: readonly Need[] = [
  ["ip", "iproute2", "no identity can be raised"],
  ["perl", "perl-base", "no dead-man can stand by, and the daemon does not start"],
  ["rsync", "rsync", "nothing can be mirrored"],
  ["ssh", "openssh-client", "nothing can be mirrored"],
  ["sshd", "openssh-server", "the other node can neither mirror to this one nor ask it"],
  ["ssh-keygen", "openssh-client", "no keys can be made"],
  ["setpriv", "util-linux", "nothing can be received from the other node"],
  ["nft", "nftables", "there is no kernel lease"],
];

export const neededPrograms = (scheduler: "cron" | "builtin"): readonly Need[] =>
  [...NEEDS, ...(scheduler === "cron" ? [["cron", "cron", "nobody starts the lines of the crontab; or set scheduler = builtin"] as const] : [])];

/** A sentence for each program that is not there. */
export const missingPrograms = (root: string, scheduler: "cron" | "builtin"): readonly string[] =>
  neededPrograms(scheduler)
    .filter(([program]) => !FOLDERS.some((folder) => executable(join(root, folder, program)))
      && !(program === "cron" && FOLDERS.some((folder) => executable(join(root, folder, "crond")))))
    .map(([program, debianPackage, without]) => `${program} is missing (Debian package ${debianPackage}): ${without}`);

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

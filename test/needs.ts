// What a test needs of the machine: root, or a program. Each answer can be given as `skip`: false when it is there, else why
// not, in a sentence. Under CI nothing may be skipped, so there the missing thing is an error.

import { existsSync } from "node:fs";

const FOLDERS = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin"];

export function unless(there: boolean, why: string): string | false {
  if (there) return false;
  if (process.env["CI"] === "true") throw new Error(`must not be skipped under CI: ${why}`);
  return why;
}

/** What only root may do. */
export const needsRoot = (what: string): string | false => unless(process.getuid?.() === 0, `needs root ${what}`);

/** Programs whose Debian packages test/lab/packages names. */
export function lacks(...programs: readonly string[]): string | false {
  const missing = programs.filter((program) => !FOLDERS.some((folder) => existsSync(`${folder}/${program}`)));
  return unless(missing.length === 0, `needs ${missing.join(", ")}: test/lab/setup tests installs it, as root`);
}
